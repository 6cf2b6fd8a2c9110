"""Tones from a Media Server: ringback while a call made by a desktop rings, busy when it comes to nothing."""

from pathlib import Path

import pytest
from media_house import ask, at_service, errors, hears_nothing, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.enums import CallState
from cordboard.testkit.centre import Centre
from cordboard.testkit.ladder import ladder
from cordboard.testkit.phone import Manners

RINGBACK = "annc;play=music/ring_back;repeat=forever"
BUSY = "annc;play=music/busy_5sec;duration=5000"
FAST_BUSY = "annc;play=music/atb_5sec;duration=5000"
LADDERS = Path(__file__).parent / "ladders"


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503"))
    made.server = made.media_server()
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []
    assert made.server.open == []


def make(centre, other="1502", seconds=4.0):
    ask(centre, rq.MakeCall(this_dn="1501", other_dn=other), 7)
    centre.run(seconds - 1)
    return centre.phones["1501"].calls[-1]


def callee(centre, **manners):
    centre.phones["1502"].manners = Manners(**manners)
    return centre.phones["1502"]


def origins(call):
    """Version of the session description in each that a phone was told, all of one session."""
    lines = [line for body in call.bodies for line in body.split(b"\r\n") if line.startswith(b"o=")]
    assert len({line.split()[1] for line in lines}) == 1, lines
    return [int(line.split()[2]) for line in lines]


def test_the_caller_hears_ringback_until_the_callee_answers(centre):
    callee(centre, ring=0.5, answer=6.0)
    a = make(centre)
    at_service(a, centre.server.open[0])
    assert centre.server.asked == [RINGBACK]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing"]
    centre.run(6)
    talk_to_each_other(a, centre.phones["1502"].calls[0])
    assert centre.server.open == []
    assert centre.desktop.told("1501")[2:] == ["Established"]
    assert origins(a) == [1, 2, 3]


def test_ladder(centre):
    callee(centre, ring=0.5, answer=3.0, hang_up=1.0)
    make(centre, seconds=8)
    assert ladder(centre.network) == (LADDERS / "make_call_with_ringback.txt").read_text()


@pytest.mark.parametrize("answer", [0.02, 0.05, 0.1, 0.15, 0.3])
def test_an_answer_while_the_tone_is_on_its_way(centre, answer):
    callee(centre, ring=0.01, answer=answer)
    a = make(centre)
    talk_to_each_other(a, centre.phones["1502"].calls[0])
    assert centre.server.open == []


def test_no_tone_before_the_callee_rings(centre):
    callee(centre, ring=None, answer=6.0)
    a = make(centre)
    assert centre.server.asked == []
    hears_nothing(a)


@pytest.mark.parametrize("where", ["dn", "switch"])
def test_without_ringback_wanted(centre, where):
    if where == "dn":
        centre.configure("1501", ring_tone_on_make_call=False)
    else:
        centre.settings(ring_tone_on_make_call=False)
    callee(centre, answer=6.0)
    a = make(centre)
    assert centre.server.asked == []
    hears_nothing(a)
    centre.run(6)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


def test_the_switch_does_not_want_it_but_the_dn_does(centre):
    centre.settings(ring_tone_on_make_call=False, ring_tone="tone/ringback/de")
    centre.configure("1501", ring_tone_on_make_call=True)
    callee(centre, answer=6.0)
    make(centre)
    assert centre.server.asked == ["annc;play=tone/ringback/de;repeat=forever"]


def test_a_server_that_refuses_is_no_harm(centre):
    centre.server.refuse["annc"] = 404
    callee(centre, answer=6.0)
    a = make(centre)
    centre.run(6)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


def test_a_server_that_hangs_up_is_replaced(centre):
    other = centre.media_server("ms2", "10.0.2.2")
    callee(centre, answer=8.0)
    a = make(centre)
    first, second = (centre.server, other) if centre.server.open else (other, centre.server)
    first.open[0].hang_up()
    centre.run(1)
    at_service(a, second.open[0])
    centre.run(6)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


def test_the_caller_gives_up(centre):
    callee(centre, answer=None)
    a = make(centre)
    a.hang_up()
    centre.run(1)
    assert centre.server.open == []
    assert centre.desktop.told("1501")[2:] == ["Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]
    (record,) = centre.desktop.records
    assert (record.outcome, record.status, record.released_by) == ("cancelled", 487, "caller")


@pytest.mark.parametrize(
    ("status", "tone", "state", "outcome"),
    [
        (486, BUSY, CallState.BUSY, "busy"),
        (600, BUSY, CallState.BUSY, "busy"),
        (404, FAST_BUSY, CallState.SIT_INVALID_NUMBER, "unknown-number"),
        (480, FAST_BUSY, CallState.NO_ANSWER, "no-answer"),
        (500, FAST_BUSY, CallState.SYSTEM_ERROR, "failed"),
    ],
)
@pytest.mark.parametrize("rings", [False, True])
def test_the_caller_hears_why_there_is_nobody(centre, status, tone, state, outcome, rings):
    callee(centre, ring=0.2 if rings else None, reject=(1.0, status))
    a = make(centre)
    at_service(a, centre.server.open[0])
    assert centre.server.asked[-1] == tone
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", f"DestinationBusy {state.name}"]
    centre.run(6)
    assert a.events[-1] == "bye"
    assert centre.desktop.told("1501")[3:] == ["Released", "OnHook"]
    (record,) = centre.desktop.records
    assert (record.outcome, record.reason) == (outcome, f"answered {status}")


def test_who_hears_busy_hangs_up(centre):
    callee(centre, ring=None, reject=(0.1, 486))
    a = make(centre)
    a.hang_up()
    centre.run(1)
    assert centre.server.open == []
    assert centre.desktop.told("1501")[3:] == ["Released", "OnHook"]
    (record,) = centre.desktop.records
    assert (record.outcome, record.status, record.released_by) == ("busy", 486, "callee")


def test_the_desktop_releases_who_hears_busy(centre):
    callee(centre, ring=None, reject=(0.1, 486))
    a = make(centre)
    (conn_id,) = centre.switch.calls
    ask(centre, rq.ReleaseCall(this_dn="1501", conn_id=conn_id), 9)
    assert a.events[-1] == "bye"
    assert errors(centre) == []
    assert [event.reference_id for event in centre.desktop.events if event.this_dn == "1501"][3:] == [9, 0]
    assert centre.desktop.records[0].outcome == "busy"


def test_a_server_that_never_stops_is_left(centre):
    centre.server.endless = True
    callee(centre, ring=None, reject=(0.1, 486))
    a = make(centre)
    centre.run(5)
    assert a.over
    assert centre.server.open == []


def test_busy_is_not_heard_for_no_time(centre):
    centre.settings(busy_tone_time=0.0)
    callee(centre, ring=None, reject=(0.1, 486))
    a = make(centre)
    assert a.over
    assert centre.server.asked == []


def test_a_transferred_party_hears_that_the_target_rings(centre):
    a = centre.phones["1501"].call("1502")
    centre.run(3)
    b = centre.phones["1502"].calls[0]
    centre.phones["1503"].manners = Manners(ring=0.5, answer=5.0)
    b.refer("1503", leaves="202")
    centre.run(3)
    assert b.over
    at_service(a, centre.server.open[0])
    assert centre.server.asked == [RINGBACK]
    centre.run(4)
    talk_to_each_other(a, centre.phones["1503"].calls[0])


def test_a_transferred_party_hears_it_when_the_transferor_leaves_late(centre):
    a = centre.phones["1501"].call("1502")
    centre.run(3)
    b = centre.phones["1502"].calls[0]
    centre.phones["1503"].manners = Manners(ring=0.1, answer=8.0)
    b.refer("1503")
    centre.run(2)
    assert centre.server.asked == []
    b.hang_up()
    centre.run(1)
    at_service(a, centre.server.open[0])
    a.hang_up()
    centre.run(1)
    assert centre.server.open == []
    assert centre.desktop.told("1503") == ["Ringing TRANSFERRED", "Abandoned"]


def test_a_call_that_still_rings_is_not_transferred_to_another(centre):
    other, _ = up(centre, "1501", "1503")
    callee(centre, ring=0.5, answer=None)
    a = make(centre)
    at_service(a, centre.server.open[0])
    a.refer("x", other)
    centre.run(1)
    assert a.progress == ["491"]
    assert other.talking
    at_service(a, centre.server.open[0])


def test_nobody_is_transferred_to_a_busy_tone(centre):
    a = centre.phones["1501"].call("1503")
    centre.run(3)
    a.hold()
    centre.run(1)
    callee(centre, ring=None, reject=(0.1, 486))
    second = make(centre)
    a.refer("x", second)
    centre.run(2)
    assert a.progress == ["403"]
    assert second.talking
    centre.run(5)
    a.retrieve()
    centre.run(2)
    talk_to_each_other(a, centre.phones["1503"].calls[0])


def test_nobody_takes_the_place_of_one_who_waits(centre):
    callee(centre, ring=0.5, answer=None)
    a = make(centre)
    headers = [("Replaces", a.replaces()), ("Referred-By", "<sip:1501@centre.example>")]
    newcomer = centre.phones["1503"].call("1502", headers=headers)
    centre.run(1)
    assert newcomer.events == ["491"]
    at_service(a, centre.server.open[0])
