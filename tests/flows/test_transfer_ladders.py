"""The ladders of hold, of transfers and of conferences, as they go over the wire."""

from pathlib import Path

import pytest

from cordboard.model import requests as rq
from cordboard.testkit.centre import Centre
from cordboard.testkit.ladder import ladder

LADDERS = Path(__file__).parent / "ladders"


def hold(centre):
    call = centre.phones["1501"].call("1502", hang_up_after=4)
    centre.run(2)
    call.hold()
    centre.run(1)
    call.retrieve()


def hold_with_music(centre):
    centre.media_server()
    hold(centre)


def transfer_unattended(centre):
    centre.phones["1501"].call("1502", hang_up_after=5)
    centre.run(2)
    centre.phones["1502"].calls[0].refer("1503")


def transfer_attended(centre):
    centre.phones["1501"].call("1502", hang_up_after=6)
    centre.run(2)
    main = centre.phones["1502"].calls[0]
    main.hold()
    centre.run(1)
    second = centre.phones["1502"].call("1503")
    centre.run(2)
    main.refer("1503", second)


def replaced(centre):
    call = centre.phones["1501"].call("1502", hang_up_after=4)
    centre.run(2)
    taken = centre.phones["1502"].calls[0]
    headers = [("Replaces", taken.replaces()), ("Referred-By", "<sip:1502@centre.example>")]
    centre.phones["1503"].call("1501", headers=headers)
    return call


def _ask(centre, kind, this_dn="1502", **more):
    centre.switch.request("link", kind(this_dn=this_dn, conn_id=next(iter(centre.switch.calls)), **more), 1)


def conference_two_steps(centre):
    centre.media_server()
    call = centre.phones["1501"].call("1502")
    centre.run(2)
    _ask(centre, rq.InitiateConference, other_dn="1503")
    centre.run(4)
    _ask(centre, rq.CompleteConference, conference_conn_id=list(centre.switch.calls)[1])
    centre.run(1)
    call.hang_up()
    centre.run(1)
    centre.phones["1503"].calls[-1].hang_up()


def conference_single_step(centre):
    centre.media_server()
    call = centre.phones["1501"].call("1502")
    centre.run(2)
    _ask(centre, rq.SingleStepConference, other_dn="1503")
    centre.run(4)
    call.hang_up()
    centre.run(1)
    centre.phones["1503"].calls[-1].hang_up()


def held_and_transferred(centre):
    """B holds, A is held by her desktop: B gives A to C, who hears music until A is taken back."""
    centre.media_server()
    centre.phones["1501"].call("1502")
    centre.run(2)
    b = centre.phones["1502"].calls[0]
    b.hold()
    centre.run(1)
    _ask(centre, rq.HoldCall, this_dn="1501")
    centre.run(1)
    b.refer("1503")
    centre.run(3)
    _ask(centre, rq.RetrieveCall, this_dn="1501")
    centre.run(1)
    centre.phones["1503"].calls[-1].hang_up()


@pytest.mark.parametrize(
    "flow",
    [
        hold,
        hold_with_music,
        held_and_transferred,
        transfer_unattended,
        transfer_attended,
        replaced,
        conference_two_steps,
        conference_single_step,
    ],
)
def test_ladder(flow):
    centre = Centre(("1501", "1502", "1503"))
    flow(centre)
    centre.run(10)
    assert ladder(centre.network) == (LADDERS / f"{flow.__name__}.txt").read_text()
