"""The ladders of the basic flows, as they go over the wire. Read them: they are the documentation."""

from pathlib import Path

import pytest

from cordboard.model import requests as rq
from cordboard.testkit.ladder import ladder
from cordboard.testkit.phone import Manners

LADDERS = Path(__file__).parent / "ladders"


def basic_call(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)


def busy(centre):
    centre.phones["1502"].manners = Manners(ring=None, reject=(0.1, 486))
    centre.phones["1501"].call("1502")


def cancelled(centre):
    centre.phones["1501"].call("1502", cancel_after=0.5)


def no_answer(centre):
    centre.configure("1502", no_answer_timeout=5.0)
    centre.phones["1502"].manners = Manners(answer=None)
    centre.phones["1501"].call("1502")


def offerless(centre):
    centre.phones["1501"].call("1502", hang_up_after=1, offer=False)


def make_call(centre):
    centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.phones["1502"].manners = Manners(hang_up=1)


@pytest.mark.parametrize("flow", [basic_call, busy, cancelled, no_answer, offerless, make_call])
def test_ladder(centre, flow):
    flow(centre)
    centre.run(10)
    assert ladder(centre.network) == (LADDERS / f"{flow.__name__}.txt").read_text()
