"""Conferences: two-step and single-step, many parties, holds, leaving, and conference servers that die."""

from dataclasses import replace

import pytest
from media_house import ask, at_service, errors, hears_nothing, lines, talk_to_each_other, up

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.errors import Code
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners, Phone


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503", "1504"))
    made.servers = [made.media_server()]
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []
    for server in made.servers:
        assert server.open == []


@pytest.fixture
def talking(centre):
    """1501 called 1502; the events start here."""
    a, b = up(centre)
    centre.desktop.events.clear()
    return centre, a, b, next(iter(centre.switch.calls))


def consult(centre, main, to="1503"):
    """B consults C: both legs, and the ConnID of the consultation."""
    ask(centre, rq.InitiateConference(this_dn="1502", conn_id=main, other_dn=to), 5)
    centre.run(4)
    (conn_id,) = [one for one in centre.switch.calls if one != main]
    return centre.phones["1502"].calls[-1], centre.phones[to].calls[-1], conn_id


@pytest.fixture
def three(talking):
    """A, B and C in a conference of B's, by two steps."""
    centre, a, b, main = talking
    second, c, other = consult(centre, main)
    centre.desktop.events.clear()
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=other), 6)
    centre.run(1)
    assert b.over
    return centre, a, second, c, main


def seat_of(centre, call):
    """The dialog of a conference server that a phone's voice goes to."""
    for server in centre.servers:
        for dialog in server.open:
            if call.hears.startswith(dialog.place + b" "):
                return dialog
    raise AssertionError((call, call.hears))


def all_talk(centre, main, *calls):
    """Each has a seat of its own at one server, in the same conference, both ways; nobody else is there."""
    seats = [seat_of(centre, call) for call in calls]
    for call, seat in zip(calls, seats, strict=True):
        at_service(call, seat)
        assert seat.user == f"conf={main}"
    assert len(set(map(id, seats))) == len(calls)
    assert len({seat.phone.number for seat in seats}) == 1
    assert sum(len(server.open) for server in centre.servers) == len(calls)


def single(centre, main, to="1503", by="1502", reference=5):
    ask(centre, rq.SingleStepConference(this_dn=by, conn_id=main, other_dn=to), reference)
    return centre.phones[to].calls[-1]


def test_two_steps(talking):
    centre, a, b, main = talking
    second, c, other = consult(centre, main)
    assert centre.desktop.told("1502") == ["Held", "Dialing", "Established"]
    centre.desktop.events.clear()
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=other), 6)
    centre.run(1)
    all_talk(centre, main, a, second, c)
    assert b.over
    assert lines(centre, "1502") == [
        "Retrieved 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1501",
        "Released 2 previous 1 CONFERENCED CONSULT ORIGINATION other 1503",
        "PartyAdded 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1503 third 1502 ADDED_BY",
    ]
    assert [event.reference_id for event in centre.desktop.events if event.this_dn == "1502"] == [6, 0, 0]
    assert lines(centre, "1501") == [
        "PartyAdded 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1503 third 1502 ADDED_BY"
    ]
    assert lines(centre, "1503") == [
        "PartyChanged 1 previous 2 CONFERENCED INTERNAL CONFERENCE_MEMBER other None third 1502 CONFERENCED_BY"
    ]
    assert [(record.outcome, record.conn_id) for record in centre.desktop.records] == [("conferenced", other)]


def test_the_one_talked_to_last_may_be_either_and_the_names_too(talking):
    centre, a, b, main = talking
    second, c, other = consult(centre, main)
    ask(centre, rq.AlternateCall(this_dn="1502", conn_id=other, previous_conn_id=main), 6)
    centre.desktop.events.clear()
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=other, conference_conn_id=main), 7)
    centre.run(1)
    all_talk(centre, main, a, b, c)
    assert second.over
    assert centre.desktop.told("1502") == ["Released CONFERENCED", "PartyAdded CONFERENCED"]
    assert centre.desktop.events[0].reference_id == 7


def test_single_step(talking):
    centre, a, b, main = talking
    c = single(centre, main)
    assert lines(centre) == [
        "Ringing 1 INTERNAL CONFERENCE_MEMBER other None",
        "PartyAdded 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1503 third 1502 ADDED_BY",
        "PartyAdded 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1503 third 1502 ADDED_BY",
    ]
    assert [event.this_dn for event in centre.desktop.events] == ["1503", "1501", "1502"]
    assert [event.reference_id for event in centre.desktop.events] == [0, 0, 5]
    centre.run(2)
    all_talk(centre, main, a, b, c)
    assert lines(centre, "1503")[1:] == ["OffHook", "Established 1 INTERNAL CONFERENCE_MEMBER other None"]


def test_a_guest_who_does_not_answer_leaves_the_two_as_they_were(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(answer=None)
    centre.configure("1503", no_answer_timeout=5.0)
    single(centre, main)
    centre.run(8)
    talk_to_each_other(a, b)
    assert lines(centre, "1502")[-1] == ("PartyDeleted 1 INTERNAL CONFERENCE_MEMBER other 1503 third 1502 DELETED_BY")
    assert lines(centre, "1503")[-1].startswith("Released 1 NO_ANSWER")


@pytest.mark.parametrize(("to", "code"), [("1503", Code.DN_BUSY), ("1999", Code.INVALID_DESTINATION)])
def test_a_guest_who_refuses_at_once_was_never_there(talking, to, code):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(ring=None, reject=(0.1, 486))
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=main, other_dn=to), 5)
    centre.run(2)
    assert errors(centre) == [code]
    assert centre.desktop.told() == ["Error"]
    talk_to_each_other(a, b)


def test_a_guest_is_taken_out_again_before_he_answers(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(answer=None)
    c = single(centre, main)
    ask(centre, rq.DeleteFromConference(this_dn="1502", conn_id=main, other_dn="1503"), 8)
    centre.run(1)
    assert c.over
    talk_to_each_other(a, b)
    deleted = [event for event in centre.desktop.events if isinstance(event, ev.EventPartyDeleted)]
    assert [(event.this_dn, event.reference_id) for event in deleted] == [("1501", 0), ("1502", 8)]


def test_the_one_who_asked_leaves_while_the_guest_rings(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(answer=4.0)
    c = single(centre, main)
    b.hang_up()
    centre.run(6)
    talk_to_each_other(a, c)


def test_nobody_is_left_when_the_guest_would_answer(talking):
    centre, a, b, main = talking
    centre.phones["1503"].manners = Manners(answer=4.0)
    c = single(centre, main)
    b.hang_up()
    a.hang_up()
    centre.run(2)
    assert c.over
    assert lines(centre, "1503")[-1].startswith("Abandoned 1")


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_one_of_three_hangs_up_and_two_talk_directly(three, leaver):
    centre, *calls, _ = three
    centre.desktop.events.clear()
    gone = calls.pop(leaver)
    gone.hang_up()
    centre.run(1)
    talk_to_each_other(*calls)
    assert centre.servers[0].open == []
    number = gone.phone.number
    assert lines(centre, number) == [
        "Released 1 INTERNAL CONFERENCE_MEMBER other None",
        "OnHook",
    ]
    for call in calls:
        assert lines(centre, call.phone.number) == [
            f"PartyDeleted 1 INTERNAL CONFERENCE_MEMBER other {number} third {number} DELETED_BY"
        ]
    calls[0].hang_up()
    centre.run(1)
    assert calls[1].over
    assert centre.desktop.told(calls[1].phone.number)[1:] == ["Released", "OnHook"]


def test_the_last_two_stay_where_the_option_says_so(three):
    centre, a, b, c, main = three
    centre.switch.set_settings(replace(centre.switch.settings, two_party_mcu=True))
    c.hang_up()
    centre.run(1)
    all_talk(centre, main, a, b)
    a.hang_up()
    centre.run(1)
    assert b.over


def test_a_desktop_leaves_and_another_is_taken_out(three):
    centre, a, b, c, main = three
    d = single(centre, main, "1504", by="1501")
    centre.run(2)
    all_talk(centre, main, a, b, c, d)
    centre.desktop.events.clear()
    ask(centre, rq.DeleteFromConference(this_dn="1502", conn_id=main, other_dn="1503"), 8)
    assert c.over
    assert "PartyDeleted 1 CONFERENCED INTERNAL CONFERENCE_MEMBER other 1503 third 1502 DELETED_BY" in lines(
        centre, "1502"
    )
    ask(centre, rq.ReleaseCall(this_dn="1502", conn_id=main), 9)
    centre.run(1)
    assert b.over
    talk_to_each_other(a, d)
    mine = [(type(event).__name__, event.reference_id) for event in centre.desktop.events if event.this_dn == "1502"]
    assert mine == [("EventPartyDeleted", 8), ("EventReleased", 9), ("EventOnHook", 0)]


def test_clear_call_ends_it_for_all(three):
    centre, a, b, c, main = three
    ask(centre, rq.ClearCall(this_dn="1501", conn_id=main), 8)
    assert [a.over, b.over, c.over] == [True] * 3


@pytest.mark.parametrize("by_key", [True, False])
def test_a_member_who_holds_leaves_the_mix_and_comes_back(three, by_key):
    centre, a, b, c, main = three
    centre.desktop.events.clear()
    if by_key:
        c.hold()
    else:
        ask(centre, rq.HoldCall(this_dn="1503", conn_id=main), 7)
    centre.run(1)
    hears_nothing(c)
    all_talk(centre, main, a, b)
    if by_key:
        c.retrieve()
    else:
        ask(centre, rq.RetrieveCall(this_dn="1503", conn_id=main), 8)
    centre.run(1)
    all_talk(centre, main, a, b, c)
    assert centre.desktop.told() == ["Held", "Retrieved"]


def test_a_member_on_hold_when_two_are_left_leaves_music_to_the_other(three):
    centre, a, b, c, _ = three
    c.hold()
    centre.run(1)
    b.hang_up()
    centre.run(1)
    at_service(a, centre.servers[0].open[0])
    assert centre.servers[0].open[0].user == "annc"
    c.retrieve()
    centre.run(1)
    talk_to_each_other(a, c)


def test_a_party_that_holds_by_its_key_comes_in_when_it_retrieves(talking):
    centre, a, _b, main = talking
    a.hold()
    centre.run(1)
    second, c, other = consult(centre, main)
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=other), 6)
    centre.run(1)
    all_talk(centre, main, second, c)
    a.retrieve()
    centre.run(1)
    all_talk(centre, main, a, second, c)


def test_a_member_consults_and_brings_a_fourth(three):
    centre, a, b, c, main = three
    _, d, other = consult(centre, main, "1504")
    second = centre.phones["1502"].calls[-1]
    hears_nothing(b)
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=other), 7)
    centre.run(1)
    all_talk(centre, main, a, second, c, d)
    assert b.over
    assert lines(centre, "1504")[-1] == (
        "PartyChanged 1 previous 3 CONFERENCED INTERNAL CONFERENCE_MEMBER other None third 1502 CONFERENCED_BY"
    )


def test_a_stranger_by_a_trunk_takes_part_and_his_line_is_free_afterwards(centre):
    carrier = Phone(centre.network, "9000", "10.0.3.1", centre.node.address)
    centre.phones["9000"] = carrier
    centre.switch.configure(DnSettings(number="9000", contact=carrier.contact))
    centre.trunk(carrier, prefix="0", contact=carrier.contact)
    a, b = up(centre)
    main = next(iter(centre.switch.calls))
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=main, other_dn="0401"), 5)
    centre.run(3)
    c = carrier.calls[-1]
    all_talk(centre, main, a, b, c)
    assert centre.switch.trunks["9000"].calls == 1
    assert "PartyAdded CONFERENCED" in centre.desktop.told("1501")
    c.hang_up()
    centre.run(1)
    assert centre.switch.trunks["9000"].calls == 0
    talk_to_each_other(a, b)


def test_no_conference_without_a_server(centre):
    centre.switch.unconfigure("ms")
    a, b = up(centre)
    main = next(iter(centre.switch.calls))
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=main, other_dn="1503"), 5)
    assert errors(centre) == [Code.NO_SERVICE]
    talk_to_each_other(a, b)
    assert centre.phones["1503"].calls == []


def second_server(centre):
    centre.servers.append(centre.media_server("ms2", "10.0.2.2"))


def test_all_go_to_another_server_when_theirs_dies(three):
    centre, a, b, c, main = three
    second_server(centre)
    for number in ("ms", "ms2"):
        centre.configure(number, oos_check=5.0, session_audit_interval=0)
    centre.run(6)
    centre.network.remove(centre.servers.pop(0).node)
    centre.run(60)
    all_talk(centre, main, a, b, c)
    for number in ("ms", "ms2"):
        centre.switch.unconfigure(number)
    centre.phones.pop("ms")
    a.hang_up()
    b.hang_up()


def test_one_dialog_lost_is_made_again_at_the_same_server(three):
    centre, a, b, c, main = three
    second_server(centre)
    seat_of(centre, a).hang_up()
    centre.run(1)
    all_talk(centre, main, a, b, c)
    assert centre.servers[1].media == []


def test_a_server_that_takes_nobody_any_more_loses_all(three):
    centre, a, b, c, main = three
    second_server(centre)
    centre.servers[0].refuse["conf"] = 503
    seat_of(centre, a).hang_up()
    centre.run(1)
    all_talk(centre, main, a, b, c)
    assert centre.servers[0].open == []


def test_without_any_server_it_is_silent_until_there_is_one_again(three):
    centre, a, b, c, main = three
    centre.servers[0].refuse["conf"] = 503
    for call in (a, b, c):
        seat_of(centre, call).hang_up()
    centre.run(2)
    for call in (a, b, c):
        assert call.talking
        hears_nothing(call)
    centre.servers[0].refuse.clear()
    centre.run(60)
    all_talk(centre, main, a, b, c)


def test_wrong_states_harm_nothing(three):
    centre, a, b, c, main = three
    centre.desktop.events.clear()
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=main, other_dn="1503"))
    ask(centre, rq.DeleteFromConference(this_dn="1502", conn_id=main, other_dn="1504"))
    ask(centre, rq.SingleStepTransfer(this_dn="1502", conn_id=main, other_dn="1504"))
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=main))
    assert errors(centre) == [Code.WRONG_STATE, Code.NO_SUCH_PARTY, Code.WRONG_STATE, Code.INVALID_ATTRIBUTE]
    c.refer("1504")
    centre.run(1)
    assert c.progress == ["403"]
    all_talk(centre, main, a, b, c)


def test_two_hundred_parties():
    numbers = [str(2000 + index) for index in range(200)]
    centre = Centre(numbers)
    centre.servers = [centre.media_server()]
    up(centre, "2000", "2001")
    main = next(iter(centre.switch.calls))
    for number in numbers[2:]:
        for event in centre.switch.request(
            "x", rq.SingleStepConference(this_dn="2000", conn_id=main, other_dn=number), 1
        ):
            raise AssertionError(event)
        centre.run(0.05)
    centre.run(5)
    calls = [centre.phones[number].calls[-1] for number in numbers]
    all_talk(centre, main, *calls)
    for call in calls[:-2]:
        call.hang_up()
    centre.run(2)
    talk_to_each_other(*calls[-2:])
    calls[-1].hang_up()
    centre.run(100)
    assert centre.leftovers() == []
    assert centre.servers[0].open == []


def test_a_number_that_forwards_to_a_member_is_not_let_in_a_second_time(three):
    centre, a, b, c, main = three
    centre.switch.request("x", rq.CallSetForward(this_dn="1504", other_dn="1503"), 1)
    centre.desktop.events.clear()
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=main, other_dn="1504"), 9)
    centre.run(5)
    assert errors(centre) == [Code.DN_BUSY]
    all_talk(centre, main, a, b, c)
    assert len(centre.phones["1503"].calls) == 1


@pytest.mark.parametrize("rings", [0.1, 2.5], ids=["rings", "is called"])
def test_a_number_that_forwards_to_a_guest_is_not_let_in_a_second_time(three, rings):
    centre, a, b, c, main = three
    b.hang_up()
    centre.run(1)
    centre.phones["1504"].manners = Manners(ring=rings, answer=4.0)
    centre.switch.request("x", rq.SingleStepConference(this_dn="1501", conn_id=main, other_dn="1504"), 8)
    centre.run(1.5)
    centre.switch.request("x", rq.CallSetForward(this_dn="1502", other_dn="1504"), 1)
    centre.desktop.events.clear()
    ask(centre, rq.SingleStepConference(this_dn="1501", conn_id=main, other_dn="1502"), 9)
    centre.run(1)
    assert errors(centre) == [Code.DN_BUSY]
    centre.run(5)
    (guest,) = centre.phones["1504"].calls
    all_talk(centre, main, a, c, guest)
    assert [line.split()[0] for line in lines(centre, "1504")][-2:] == ["OffHook", "Established"]
    assert sum(line.startswith("Ringing") for line in lines(centre, "1504")) == (rings > 2)


@pytest.mark.parametrize("rings", [0.1, 2.5], ids=["rings", "is called"])
def test_who_is_being_called_into_it_is_not_brought_in_by_another(centre, rings):
    up(centre)
    (main,) = centre.switch.calls
    centre.phones["1503"].manners = Manners(ring=0.1, answer=0.2)
    ask(centre, rq.InitiateConference(this_dn="1502", conn_id=main, other_dn="1503"), 5)
    centre.run(2)
    (other,) = [one for one in centre.switch.calls if one != main]
    centre.phones["1503"].manners = Manners(ring=rings, answer=4.0)
    centre.switch.request("x", rq.SingleStepConference(this_dn="1501", conn_id=main, other_dn="1503"), 6)
    centre.run(1)
    centre.desktop.events.clear()
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=other), 7)
    assert errors(centre) == [Code.WRONG_STATE]
    centre.run(5)
    assert [line.split()[0] for line in lines(centre, "1503")].count("Ringing") == (rings > 2)
