"""Transfers and consultations from a desktop: events as in T-Library's tables, and who talks to whom in the end."""

import pytest
from media_house import ask, at_service, errors, hears_nothing, lines, talk_to_each_other, up

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners

SLOW = Manners(answer=6.0)


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503", "1504"))
    made.server = made.media_server()
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []
    assert made.server.open == []


@pytest.fixture
def talking(centre):
    """1501 called 1502; the events start here."""
    a, b = up(centre)
    centre.desktop.events.clear()
    return centre, a, b, next(iter(centre.switch.calls))


def initiate(centre, main, kind=rq.InitiateTransfer, to="1503", seconds=4, **more):
    """B consults C; returns the legs of both, and the ConnID of the consultation."""
    ask(centre, kind(this_dn="1502", conn_id=main, other_dn=to, **more), 5)
    centre.run(seconds)
    found = [conn_id for conn_id in centre.switch.calls if conn_id != main]
    return centre.phones["1502"].calls[-1], centre.phones[to].calls[-1], found[0] if found else None


def references(centre, dn):
    return [(type(event).__name__, event.reference_id) for event in centre.desktop.events if event.this_dn == dn]


def test_two_steps(talking):
    centre, a, b, main = talking
    centre.switch.request("x", rq.AttachUserData(this_dn="1502", conn_id=main, user_data={"case": "17"}), 1)
    centre.desktop.events.clear()
    second, c, consult = initiate(centre, main, user_data={"note": "asks"})
    at_service(a, centre.server.open[0])
    hears_nothing(b)
    talk_to_each_other(second, c)
    ringing = next(event for event in centre.desktop.events if isinstance(event, ev.EventRinging))
    assert ringing.user_data == {"case": "17", "note": "asks"}
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=consult), 6)
    assert b.over
    assert second.over
    talk_to_each_other(a, c)
    assert centre.server.open == []
    assert lines(centre, "1502") == [
        "Held 1 INTERNAL DESTINATION other 1501",
        "Dialing 2 previous 1 CONSULT ORIGINATION other 1503",
        "Established 2 previous 1 CONSULT ORIGINATION other 1503",
        "Released 2 previous 1 TRANSFERRED CONSULT ORIGINATION other 1503 third 1501 ORIGINATION",
        "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
        "OnHook",
    ]
    assert [number for _, number in references(centre, "1502")] == [0, 5, 0, 6, 0, 0]
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503 third 1502 TRANSFERRED_BY"
    ]
    assert lines(centre, "1503") == [
        "Ringing 2 previous 1 CONSULT DESTINATION other 1502",
        "OffHook",
        "Established 2 previous 1 CONSULT DESTINATION other 1502",
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL DESTINATION other 1501 third 1502 TRANSFERRED_BY",
    ]


def test_the_calls_may_be_named_either_way_round_and_be_alternated_before(talking):
    centre, a, b, main = talking
    second, c, consult = initiate(centre, main)
    ask(centre, rq.AlternateCall(this_dn="1502", conn_id=consult, previous_conn_id=main), 7)
    talk_to_each_other(a, b)
    at_service(c, centre.server.open[0])
    hears_nothing(second)
    assert references(centre, "1502")[-2:] == [("EventHeld", 7), ("EventRetrieved", 0)]
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=consult, transfer_conn_id=main), 6)
    talk_to_each_other(a, c)
    assert list(centre.switch.calls) == [main]


def test_completed_before_the_answer(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = SLOW
    second, c, consult = initiate(centre, main, seconds=1.5)
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=consult), 6)
    assert b.over
    assert second.over
    assert not c.over
    assert lines(centre, "1503") == [
        "Ringing 2 previous 1 CONSULT DESTINATION other 1502",
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL DESTINATION other 1501 third 1502 TRANSFERRED_BY",
    ]
    centre.run(6)
    talk_to_each_other(a, c)
    assert lines(centre, "1503")[-1] == "Established 1 INTERNAL DESTINATION other 1501"


def test_the_one_consulted_does_not_answer_and_the_caller_gives_up(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(answer=None)
    _, c, consult = initiate(centre, main, seconds=1.5)
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=consult), 6)
    a.hang_up()
    centre.run(1)
    assert c.over
    assert lines(centre, "1503")[-1].startswith("Abandoned 1")
    assert b.over


def test_reconnect_takes_the_caller_back(talking):
    centre, a, b, main = talking
    second, c, consult = initiate(centre, main)
    ask(centre, rq.ReconnectCall(this_dn="1502", conn_id=consult, previous_conn_id=main), 8)
    talk_to_each_other(a, b)
    assert second.over
    assert c.over
    assert references(centre, "1502")[-2:] == [("EventReleased", 8), ("EventRetrieved", 0)]


def test_reconnect_while_the_one_consulted_still_rings(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = SLOW
    second, c, consult = initiate(centre, main, seconds=1.5)
    ask(centre, rq.ReconnectCall(this_dn="1502", conn_id=consult, previous_conn_id=main), 8)
    talk_to_each_other(a, b)
    assert second.over
    assert c.over
    assert lines(centre, "1503")[-1].startswith("Abandoned 2")


def test_a_phone_that_refuses_the_second_call_keeps_the_first(talking):
    centre, a, b, main = talking
    centre.phones["1502"].manners = Manners(reject=(0.1, 486))
    ask(centre, rq.InitiateTransfer(this_dn="1502", conn_id=main, other_dn="1503"), 5)
    centre.run(3)
    talk_to_each_other(a, b)
    assert [name for name, _ in references(centre, "1502")] == ["EventHeld", "EventError", "EventRetrieved"]
    assert errors(centre) == [Code.PHONE_REFUSED]
    assert list(centre.switch.calls) == [main]


def test_a_busy_target_leaves_the_caller_on_hold(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(reject=(0.1, 486))
    second, _, _ = initiate(centre, main)
    assert "DestinationBusy BUSY" in centre.desktop.told("1502")
    at_service(a, centre.server.open[0])
    ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=main), 9)
    talk_to_each_other(a, b)
    assert second.phone.number == "1502"


@pytest.mark.parametrize(
    ("to", "code"), [("1999", Code.INVALID_DESTINATION), ("1502", Code.SAME_DN), ("1501", Code.INVALID_DESTINATION)]
)
@pytest.mark.parametrize("kind", [rq.InitiateTransfer, rq.MuteTransfer])
def test_a_target_that_makes_no_sense_is_refused_before_anything_happens(talking, kind, to, code):
    centre, a, b, main = talking
    ask(centre, kind(this_dn="1502", conn_id=main, other_dn=to), 5)
    assert errors(centre) == [code]
    talk_to_each_other(a, b)
    assert centre.desktop.told() == ["Error"]


def test_mute_transfer(talking):
    centre, a, b, main = talking
    second, c, _ = initiate(centre, main, rq.MuteTransfer)
    assert b.over
    assert second.over
    talk_to_each_other(a, c)
    assert references(centre, "1502") == [
        ("EventHeld", 0),
        ("EventDialing", 5),
        ("EventReleased", 0),
        ("EventReleased", 0),
        ("EventOnHook", 0),
    ]
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503 third 1502 TRANSFERRED_BY"
    ]
    assert lines(centre, "1503")[-1] == "Established 1 INTERNAL DESTINATION other 1501"


def test_mute_transfer_to_a_phone_that_never_rings_but_answers(talking):
    centre, a, _, main = talking
    centre.phones["1503"].manners = Manners(ring=None, answer=0.2)
    _, c, _ = initiate(centre, main, rq.MuteTransfer)
    talk_to_each_other(a, c)
    assert list(centre.switch.calls) == [main]


def test_single_step(talking):
    centre, a, b, main = talking
    ask(centre, rq.SingleStepTransfer(this_dn="1502", conn_id=main, other_dn="1503"), 5)
    c = centre.phones["1503"].calls[-1]
    assert b.over
    centre.run(2)
    talk_to_each_other(a, c)
    assert lines(centre, "1502") == [
        "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
        "OnHook",
    ]
    assert references(centre, "1502")[0] == ("EventReleased", 5)
    assert lines(centre, "1503") == [
        "Ringing 1 TRANSFERRED INTERNAL DESTINATION other 1501",
        "OffHook",
        "Established 1 INTERNAL DESTINATION other 1501",
    ]
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503 third 1502 TRANSFERRED_BY"
    ]


@pytest.mark.parametrize(
    ("to", "code"), [("1999", Code.INVALID_DESTINATION), ("1501", Code.DN_BUSY), ("1503", Code.DN_BUSY)]
)
def test_single_step_to_who_will_not_leaves_the_call_as_it_was(talking, to, code):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(ring=None, reject=(0.1, 486))
    ask(centre, rq.SingleStepTransfer(this_dn="1502", conn_id=main, other_dn=to), 5)
    assert errors(centre) == [code]
    talk_to_each_other(a, b)


def test_clear_call(talking):
    centre, a, b, main = talking
    ask(centre, rq.ClearCall(this_dn="1501", conn_id=main), 5)
    assert a.over
    assert b.over
    assert references(centre, "1501")[0] == ("EventReleased", 5)


def test_a_request_that_comes_with_the_answer_waits_for_the_media(centre):
    """A desktop that holds as soon as it hears EventEstablished: no re-INVITE crosses another, nothing is refused."""
    centre.switch.request("x", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    for _ in range(4000):
        centre.run(0.001)
        if "Established" in centre.desktop.told("1501"):
            break
    (main,) = centre.switch.calls
    assert not centre.switch.calls[main].settled
    ask(centre, rq.HoldCall(this_dn="1502", conn_id=main), 2)
    assert errors(centre) == []
    assert centre.desktop.told("1502")[-1] == "Held"
    at_service(centre.phones["1501"].calls[-1], centre.server.open[0])


def test_wrong_states_harm_nothing(talking):
    centre, a, b, main = talking
    other = centre.phones["1503"].call("1504")
    centre.run(3)
    strange = next(conn_id for conn_id in centre.switch.calls if conn_id != main)
    centre.desktop.events.clear()
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=strange))
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id=main))
    ask(centre, rq.CompleteTransfer(this_dn="1502", conn_id=main, transfer_conn_id="none"))
    ask(centre, rq.AlternateCall(this_dn="1502", conn_id=main, previous_conn_id=strange))
    ask(centre, rq.ReconnectCall(this_dn="1502", conn_id=main, previous_conn_id=strange))
    assert errors(centre) == [
        Code.NO_SUCH_PARTY,
        Code.INVALID_ATTRIBUTE,
        Code.INVALID_CALL,
        Code.NO_SUCH_PARTY,
        Code.NO_SUCH_PARTY,
    ]
    talk_to_each_other(a, b)
    assert other.talking
