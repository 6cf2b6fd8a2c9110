"""A call as ``cordboard trace`` shows it: all legs and all its events in one ladder."""

from pathlib import Path

import pytest

from cordboard.model import requests as rq
from cordboard.ops.ladder import Ladder, ladder
from cordboard.ops.trace import Trace
from cordboard.testkit.phone import Manners
from cordboard.testkit.tracing import trace_of

LADDERS = Path(__file__).parent / "ladders"


def trace_of_a_call(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)


def trace_of_no_answer(centre):
    centre.configure("1502", no_answer_timeout=5.0)
    centre.phones["1502"].manners = Manners(answer=None)
    centre.phones["1501"].call("1502")


def trace_of_make_call(centre):
    centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.phones["1502"].manners = Manners(hang_up=1)


@pytest.mark.parametrize("flow", [trace_of_a_call, trace_of_no_answer, trace_of_make_call])
def test_ladder(centre, flow):
    flow(centre)
    centre.run(10)
    assert ladder(trace_of(centre)) == (LADDERS / f"{flow.__name__}.txt").read_text()


def test_a_ladder_that_grows_ends_as_one_drawn_at_once(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)
    drawn, rows, done = Ladder(), [], Trace([], [], [], [], live=True)
    for _ in range(40):
        centre.run(0.1)
        whole = trace_of(centre)
        messages, steps = whole.messages[len(done.messages) :], whole.steps[len(done.steps) :]
        rows += drawn.add(Trace(whole.conn_ids, [], messages, steps, live=True))
        done = whole
    assert "\n".join([*drawn.heading(), *drawn.lines(rows)]) + "\n" == ladder(done)


def test_a_repeated_message_is_told_from_the_first(centre):
    lost = []

    def lose_first_180(packet):
        if b"SIP/2.0 180" in packet.data or lost or b"SIP/2.0 200" not in packet.data:
            return True
        lost.append(packet)
        return False

    centre.network.filter = lose_first_180
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert lost
    assert " 200 INVITE +sdp again " in ladder(trace_of(centre))


def test_each_message_and_event_is_shown_in_full_when_asked_for(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    text = ladder(trace_of(centre), details=True)
    assert "            INVITE sip:1502@10.0.0.1:5060 SIP/2.0\n" in text
    assert "            m=audio" in text
    assert '"Event":"EventEstablished"' in text
