"""REFER with Replaces: consult, then give the call to whom was asked; before he answered, too."""

import pytest
from transfer_house import held_up, lines, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503", "1504"), hang_up=True)


@pytest.fixture
def held(centre):
    """1501 called 1502, who holds; the events start here."""
    return centre, *held_up(centre)


def consult(centre, caller="1502", callee="1503", seconds=3):
    call = centre.phones[caller].call(callee)
    centre.run(seconds)
    return call, centre.phones[callee].calls[-1]


def test_the_events_are_those_of_the_two_step_transfer(held):
    centre, a, b = held
    second, c = consult(centre)
    b.refer("1503", second)
    centre.run(5)
    assert b.progress == ["202", "100 Trying", "200 OK"]
    assert b.over
    assert second.over
    talk_to_each_other(a, c)
    assert lines(centre, "1502") == [
        "Held 1 INTERNAL DESTINATION other 1501",
        "Dialing 2 previous 1 CONSULT ORIGINATION other 1503",
        "Established 2 previous 1 CONSULT ORIGINATION other 1503",
        "Released 2 previous 1 TRANSFERRED CONSULT ORIGINATION other 1503 third 1501 ORIGINATION",
        "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
        "OnHook",
    ]
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1503 third 1502 TRANSFERRED_BY"
    ]
    assert lines(centre, "1503") == [
        "Ringing 2 previous 1 CONSULT DESTINATION other 1502",
        "OffHook",
        "Established 2 previous 1 CONSULT DESTINATION other 1502",
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL DESTINATION other 1501 third 1502 TRANSFERRED_BY",
    ]
    centre.desktop.events.clear()
    c.hang_up()
    centre.run(2)
    assert a.events[-1] == "bye"
    assert lines(centre, "1503") == ["Released 1 INTERNAL DESTINATION other 1501", "OnHook"]
    outcomes = [(r.outcome, r.caller, r.callee) for r in centre.desktop.records]
    assert outcomes == [("transferred", "1502", "1503"), ("answered", "1501", "1502")]


def test_the_refer_may_come_within_the_consultation(held):
    centre, a, b = held
    second, c = consult(centre)
    second.refer("1501", b)
    centre.run(5)
    assert second.progress[-1] == "200 OK"
    talk_to_each_other(a, c)
    assert lines(centre, "1503")[-1] == (
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL DESTINATION other 1501 third 1502 TRANSFERRED_BY"
    )
    assert b.over
    assert second.over


def test_two_calls_that_are_no_consultation(centre):
    a, b = up(centre)
    d, second = up(centre, "1504", "1502")
    centre.desktop.events.clear()
    b.refer("1504", second)
    centre.run(5)
    talk_to_each_other(a, d)
    assert lines(centre, "1501") == [
        "PartyChanged 1 previous 1 TRANSFERRED INTERNAL ORIGINATION other 1504 third 1502 TRANSFERRED_BY"
    ]
    assert lines(centre, "1504") == [
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL ORIGINATION other 1501 third 1502 TRANSFERRED_BY"
    ]


def test_both_sides_held_are_joined_both_ways(held):
    centre, a, b = held
    second, c = consult(centre)
    second.hold("inactive")
    centre.run(1)
    b.refer("1503", second)
    centre.run(5)
    talk_to_each_other(a, c)


def test_a_party_that_holds_by_itself_goes_on_holding(held):
    centre, a, b = held
    second, c = consult(centre)
    a.hold()
    centre.run(1)
    b.refer("1503", second)
    centre.run(5)
    assert c.hears.endswith(b"sendonly")
    a.retrieve()
    centre.run(1)
    talk_to_each_other(a, c)
    assert lines(centre, "1501")[-1].startswith("Retrieved 1")


@pytest.mark.parametrize("leaves", ["202", "100", "200"])
@pytest.mark.parametrize("both", [True, False])
def test_the_transferors_bye_never_hurts_the_pair_that_is_left(held, leaves, both):
    centre, a, b = held
    second, c = consult(centre)
    b.refer("1503", second, leaves=leaves)
    if both:
        centre.clock.call_later(0.004, second.hang_up)
    centre.run(5)
    assert b.over
    assert second.over
    talk_to_each_other(a, c)
    assert a.talking
    assert c.talking


def test_user_data_is_inherited_and_the_main_calls_wins(centre):
    _, b = up(centre)
    (main,) = centre.switch.calls
    centre.switch.request("x", rq.AttachUserData(this_dn="1502", conn_id=main, user_data={"k": "main", "m": 1}), 1)
    b.hold()
    centre.run(1)
    second, _ = consult(centre)
    other = next(conn for conn in centre.switch.calls if conn != main)
    assert centre.switch.calls[other].call.user_data == {"k": "main", "m": 1}
    centre.switch.request("x", rq.AttachUserData(this_dn="1503", conn_id=other, user_data={"k": "c", "n": 2}), 2)
    b.refer("1503", second)
    centre.run(5)
    assert centre.switch.calls[main].call.user_data == {"k": "main", "m": 1, "n": 2}
    assert centre.desktop.events[-1].user_data == {"k": "main", "m": 1, "n": 2}


def test_semi_attended_waits_for_the_answer(held):
    centre, a, b = held
    centre.phones["1503"].manners = Manners(answer=3.0)
    second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(1)
    assert b.progress == ["202", "100 Trying", "180 Ringing"]
    assert b.talking
    centre.run(5)
    assert b.progress[-1] == "200 OK"
    assert b.over
    assert second.events[-1] == "487"
    talk_to_each_other(a, c)
    assert lines(centre, "1503") == [
        "Ringing 2 previous 1 CONSULT DESTINATION other 1502",
        "PartyChanged 1 previous 2 TRANSFERRED INTERNAL DESTINATION other 1501 third 1502 TRANSFERRED_BY",
        "OffHook",
        "Established 1 INTERNAL DESTINATION other 1501",
    ]
    assert lines(centre, "1502")[2:] == [
        "Released 2 previous 1 TRANSFERRED CONSULT ORIGINATION other 1503 third 1501 ORIGINATION",
        "Released 1 TRANSFERRED INTERNAL DESTINATION other 1501 third 1503 DESTINATION",
        "OnHook",
    ]


@pytest.mark.parametrize("desktop", [False, True])
def test_semi_attended_and_not_to_be_joined_the_transferor_is_put_through(held, desktop):
    centre, a, b = held
    a.phone.refused["INVITE"] = 488
    centre.phones["1503"].manners = Manners(answer=4.0)
    if desktop:
        centre.switch.request("link", rq.MakeCall(this_dn="1502", other_dn="1503"), 7)
        centre.run(2)
        second, c = centre.phones["1502"].calls[-1], centre.phones["1503"].calls[-1]
    else:
        second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(8)
    assert b.progress[-1] == "488 Not Acceptable Here"
    assert b.talking
    talk_to_each_other(second, c)
    # MakeCall of somebody who holds is a call like any other; his phone's key makes it a consultation.
    said = "INTERNAL" if desktop else "previous 1 CONSULT"
    assert lines(centre, "1502")[-1] == f"Established 2 {said} ORIGINATION other 1503"
    assert lines(centre, "1503")[-1] == f"Established 2 {said} DESTINATION other 1502"
    assert lines(centre, "1501") == []
    a.phone.refused.clear()
    b.refer("1503", second)
    centre.run(5)
    talk_to_each_other(a, c)


def test_semi_attended_the_phone_has_given_the_consultation_up_and_they_are_not_joined(held):
    centre, a, b = held
    a.phone.refused["INVITE"] = 488
    centre.phones["1503"].manners = Manners(answer=3.0)
    second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(0.5)
    second.hang_up()
    centre.run(5)
    assert b.progress[-1] == "488 Not Acceptable Here"
    assert c.events[-1] == "bye"
    assert second.over
    a.phone.refused.clear()
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


def test_blind_the_transferor_hangs_up_while_it_rings(held):
    centre, a, b = held
    centre.phones["1503"].manners = Manners(answer=3.0)
    second, c = consult(centre, seconds=1)
    b.refer("1503", second, leaves="180")
    centre.run(1)
    assert b.over
    assert second.over
    assert lines(centre, "1503")[-1].startswith("PartyChanged 1 previous 2 TRANSFERRED")
    assert lines(centre, "1501")[-1].startswith("PartyChanged 1 previous 1 TRANSFERRED")
    centre.run(5)
    talk_to_each_other(a, c)
    assert lines(centre, "1503")[-1] == "Established 1 INTERNAL DESTINATION other 1501"


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize(
    ("manners", "told"),
    [(Manners(reject=(3.0, 486)), "486 Busy Here"), (Manners(answer=None), "480 Temporarily Unavailable")],
)
def test_semi_attended_and_the_target_does_not_answer(held, manners, told, gone):
    centre, a, b = held
    centre.configure("1503", no_answer_timeout=6.0)
    centre.phones["1503"].manners = manners
    second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(0.5)
    if gone:
        # The phone gives the consultation up by itself: the target rings on.
        second.hang_up()
        centre.run(0.5)
        assert not c.over
    centre.run(10)
    assert b.progress[-1] == told
    assert second.over
    assert c.over
    b.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)
    names = [line.split()[0] for line in lines(centre, "1502")]
    assert names[-1] == "Retrieved"
    assert lines(centre, "1501") == []


def test_the_transferred_party_hangs_up_while_the_consultation_rings(held):
    centre, a, b = held
    centre.phones["1503"].manners = Manners(answer=3.0)
    second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(1)
    a.hang_up()
    centre.run(5)
    # The consultation is a call of its own, and goes on.
    assert b.over
    assert second.talking
    assert c.talking
    talk_to_each_other(second, c)


def test_replaces_of_a_call_that_is_not_there(held):
    centre, a, b = held
    second, c = consult(centre)
    second.identity = ("gone", "x", "y")
    b.refer("1503", second)
    centre.run(2)
    assert b.progress == ["202", "100 Trying", "481 Call/Transaction Does Not Exist"]
    for call in (a, b, second, c):
        assert call.talking


def test_replaces_of_somebody_elses_call(held):
    centre, a, b = held
    d, c = up(centre, "1504", "1503")
    b.refer("1503", c)
    centre.run(2)
    assert b.progress == ["403"]
    for call in (a, b, c, d):
        assert call.talking


def test_two_refers_for_the_same_consultation(held):
    centre, a, b = held
    centre.phones["1503"].manners = Manners(answer=3.0)
    second, c = consult(centre, seconds=1)
    b.refer("1503", second)
    centre.run(0.1)
    b.refer("1503", second)
    centre.run(0.5)
    assert b.progress.count("491") == 1
    centre.run(5)
    talk_to_each_other(a, c)


def test_a_desktop_made_the_consultation(held):
    centre, a, b = held
    centre.phones["1503"].manners = Manners(answer=4.0)
    centre.switch.request("link", rq.MakeCall(this_dn="1502", other_dn="1503"), 7)
    centre.run(2)
    second = centre.phones["1502"].calls[-1]
    b.refer("1503", second)
    centre.run(8)
    assert b.progress[-1] == "200 OK"
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
    assert second.over


def test_a_phone_that_answers_the_rejoining_one_way_is_asked_again(held):
    centre, a, b = held
    second, c = consult(centre)
    # Held by the other, this phone would only listen, even when asked for a new offer.
    stuck = [True]

    def describe(offer):
        if not offer:
            stuck.pop()
            return a.phone.sdp("recvonly")
        return a.phone.sdp()

    a.phone.describe = describe
    b.refer("1503", second)
    centre.run(5)
    assert stuck == []
    talk_to_each_other(a, c)


@pytest.mark.parametrize("who", ["a", "c"])
def test_glare_while_they_are_joined(held, who):
    centre, a, b = held
    second, c = consult(centre)
    mover = a if who == "a" else c
    b.refer("1503", second)
    centre.clock.call_later(0.003, mover.hold)
    centre.run(10)
    assert mover.holding
    other = c if who == "a" else a
    assert other.hears.endswith(b"sendonly")
    mover.retrieve()
    centre.run(5)
    talk_to_each_other(a, c)


@pytest.mark.parametrize("who", ["a", "c"])
@pytest.mark.parametrize("after", [0.001, 0.003, 0.005, 0.008])
def test_one_of_the_pair_hangs_up_while_they_are_joined(held, who, after):
    centre, a, b = held
    second, c = consult(centre)
    b.refer("1503", second)
    centre.clock.call_later(after, (a if who == "a" else c).hang_up)
    centre.run(40)
    if second.over and b.over:
        # It came after the transfer.
        assert a.over
        assert c.over
    elif who == "a":
        assert a.over
        talk_to_each_other(second, c)
    else:
        assert b.progress[-1] == "487 Request Terminated"
        b.retrieve()
        centre.run(5)
        talk_to_each_other(a, b)


@pytest.mark.parametrize("status", [404, 486, 488, 500, 603])
@pytest.mark.parametrize("who", ["a", "c"])
@pytest.mark.parametrize("music", [False, True])
def test_one_who_will_not_be_joined_leaves_the_transferor_both_his_calls(centre, who, status, music):
    if music:
        server = centre.media_server()
    a, b = up(centre)
    b.hold()
    centre.run(1)
    second, c = consult(centre)
    centre.desktop.events.clear()
    refusing = a if who == "a" else c
    refusing.phone.refused["INVITE"] = status
    b.refer("1503", second)
    centre.clock.call_later(0.02, refusing.phone.refused.clear)
    centre.run(10)
    assert b.progress == ["202", "100 Trying", "488 Not Acceptable Here"]
    talk_to_each_other(second, c)
    if music:
        assert a.hears == server.open[0].place + b" sendrecv"
    second.hang_up()
    b.retrieve()
    centre.run(5)
    talk_to_each_other(a, b)
    assert centre.desktop.told("1501") == []
    assert centre.desktop.told("1502") == ["Released", "Retrieved"]
    assert c.over


def test_the_same_origin_is_shown_to_each_phone_all_along(held):
    centre, a, b = held
    second, c = consult(centre)
    b.refer("1503", second)
    centre.run(5)
    for call in (a, c):
        origins = [line for body in call.bodies for line in body.split(b"\r\n") if line.startswith(b"o=")]
        assert len({(line.split()[0], line.split()[1]) for line in origins}) == 1
        versions = [int(line.split()[2]) for line in origins]
        assert versions == sorted(versions)
