"""Whom the switch itself calls, before the answer: who waits for him hears him, when he says reliably where he is."""

from dataclasses import replace

import pytest
from media_house import ask, at_service, lines, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, TreatmentType
from cordboard.switch.settings import DnSettings
from cordboard.testkit.phone import Manners

HEARD = Manners(ring=0.1, ring_status=183, early_media=True, reliable=True, answer=4.0)


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503", "1504"), hang_up=True)


def last(centre, number):
    return centre.phones[number].calls[-1]


class Once(dict):
    """What a phone refuses, and then no more."""

    def __getitem__(self, method):
        return self.pop(method)


def hears(call, host):
    return call.hears.startswith(host.encode())


def to(call):
    """Where a phone was told to send, of all it was told."""
    return [body for body in call.bodies if b"m=audio" in body]


# MakeCall


def make(centre, seconds=2.0, other="1502"):
    ask(centre, rq.MakeCall(this_dn="1501", other_dn=other), 7)
    centre.run(seconds - 1)
    return last(centre, "1501")


def test_the_caller_of_a_desktop_hears_the_callee_before_the_answer(centre):
    centre.phones["1502"].manners = HEARD
    a = make(centre)
    b = last(centre, "1502")
    assert hears(a, "10.0.1.2")
    assert hears(b, "10.0.1.1"), "the answer is in the PRACK"
    assert not b.talking
    said = len(to(a)), len(to(b))
    centre.run(5)
    assert (len(to(a)), len(to(b))) == said, "nothing is left to agree on"
    talk_to_each_other(a, b)
    a.hold()
    centre.run(1)
    a.retrieve()
    centre.run(1)
    talk_to_each_other(a, b)


def test_one_who_says_it_unreliably_is_heard_when_he_answers(centre):
    centre.phones["1502"].manners = replace(HEARD, reliable=False)
    a = make(centre)
    assert len(to(a)) == 1, "the black hole it was called with"
    centre.run(5)
    talk_to_each_other(a, last(centre, "1502"))


def test_early_media_take_the_place_of_ringback(centre):
    server = centre.media_server()
    centre.phones["1502"].manners = replace(HEARD, ring_status=180, reliable=False, early_media=False)
    a = make(centre)
    at_service(a, server.open[0])
    b = last(centre, "1502")
    b.session.progress(183, body=b.phone.sdp(), reliable=True)
    centre.run(1)
    assert hears(a, "10.0.1.2")
    assert server.open == []
    centre.run(5)
    talk_to_each_other(a, b)


@pytest.mark.parametrize("status", [488, 0])
def test_a_caller_who_will_not_hear_them_has_ringback_and_is_joined_at_the_answer(centre, status):
    server = centre.media_server()
    centre.phones["1501"].describe = lambda _: centre.phones["1501"].sdp()
    centre.phones["1502"].manners = replace(HEARD, ring=1.0, answer=20.0)
    a = make(centre, 1.2)
    if status:
        a.phone.refused = Once(INVITE=status)
    else:
        a.phone.deaf_to.add("INVITE")
    centre.run(1)
    a.phone.deaf_to.clear()
    centre.run(14)
    at_service(a, server.open[0])
    centre.run(25)
    talk_to_each_other(a, last(centre, "1502"))


def test_an_answer_while_the_early_media_are_being_agreed(centre):
    # This phone does not wait for its PRACK, as it should.
    centre.phones["1502"].manners = replace(HEARD, ring=1.0, answer=1.3)
    a = make(centre, 1.2)
    a.phone.hesitates = 1.0
    centre.run(1)
    b = last(centre, "1502")
    centre.run(10)
    a.phone.hesitates = 0.0
    assert a.talking
    assert b.talking
    talk_to_each_other(a, b)


@pytest.mark.parametrize("reliable", [True, False])
def test_the_next_destination_is_heard_when_the_first_does_not_answer(centre, reliable):
    centre.phones["1502"].manners = replace(HEARD, answer=None, reject=(2.0, 486))
    centre.phones["1503"].manners = replace(HEARD, reliable=reliable)
    dn = centre.switch.extensions["1502"].dn
    dn.features = replace(dn.features, busy="1503")
    a = make(centre, 2.0)
    assert hears(a, "10.0.1.2")
    centre.run(2)
    assert hears(a, "10.0.1.3") is reliable
    centre.run(5)
    talk_to_each_other(a, last(centre, "1503"))


def test_the_callers_own_phone_describes_itself_before_it_answers(centre):
    centre.phones["1501"].manners = replace(HEARD, answer=1.0)
    centre.phones["1502"].manners = replace(HEARD, answer=1.0)
    a = make(centre, 5)
    talk_to_each_other(a, last(centre, "1502"))


def test_a_callee_who_offers_nothing_at_all_is_offered_to(centre):
    # Neither its 183 nor its 200 has a description: a fault of its, which costs nobody the call.
    b = centre.phones["1502"]
    b.manners = replace(HEARD, early_media=False, answer=1.0)
    make(centre, 1.5)
    last(centre, "1502").session.answer()
    centre.run(3)
    assert last(centre, "1501").talking
    talk_to_each_other(last(centre, "1501"), last(centre, "1502"))


# Transfers


@pytest.mark.parametrize("how", ["202", "180", "desktop"])
def test_who_is_transferred_blindly_hears_the_target(centre, how):
    a, b = up(centre)
    centre.phones["1503"].manners = HEARD
    if how == "desktop":
        ask(centre, rq.SingleStepTransfer(this_dn="1502", other_dn="1503", conn_id=next(iter(centre.switch.calls))))
    else:
        b.refer("1503", leaves=how)
    centre.run(1.5)
    assert b.over
    c = last(centre, "1503")
    assert not c.talking
    talk_to_each_other(a, c)
    assert ("update" in c.events) is (how == "180"), "one who left late leaves what was agreed"
    said = len(to(a)), len(to(c))
    centre.run(5)
    assert c.talking
    assert (len(to(a)), len(to(c))) == said, "nothing is left to agree on"
    talk_to_each_other(a, c)
    assert lines(centre, "1503")[-1].startswith("Established 1")


def test_a_transferor_who_waits_is_joined_with_nobody_before_the_answer(centre):
    a, b = up(centre)
    centre.phones["1503"].manners = HEARD
    b.refer("1503")
    centre.run(1.5)
    c = last(centre, "1503")
    assert c.hears.startswith(b"0.0.0.0:"), "its offer is answered, so that it may go on"
    talk_to_each_other(a, b)
    centre.run(5)
    assert b.over
    talk_to_each_other(a, c)


def test_a_transferred_party_who_hangs_up_while_it_hears_the_target(centre):
    a, b = up(centre)
    centre.phones["1503"].manners = HEARD
    b.refer("1503", leaves="202")
    centre.run(1.5)
    a.hang_up()
    centre.run(2)
    assert last(centre, "1503").events[-1] == "cancelled"


def test_who_is_heard_by_a_transferred_party_does_not_answer(centre):
    a, b = up(centre)
    centre.phones["1503"].manners = replace(HEARD, answer=None, reject=(2.0, 480))
    b.refer("1503", leaves="202")
    centre.run(5)
    assert a.events[-1] == "bye"


@pytest.mark.parametrize("takes", [True, False])
def test_a_target_that_rang_for_the_transferor_rings_for_who_is_left(centre, takes):
    a, b = up(centre)
    b.hold()
    centre.run(1)
    centre.phones["1503"].manners = replace(HEARD, answer=6.0)
    second = centre.phones["1502"].call("1503", headers=[("Supported", "100rel")])
    centre.run(1)
    c = last(centre, "1503")
    if not takes:
        c.phone.refused["UPDATE"] = 405
    b.refer("1503", second, leaves="100")
    centre.run(2)
    assert b.over
    assert "UPDATE" in c.phone.seen
    assert hears(a, "10.0.1.3") is takes
    centre.run(6)
    talk_to_each_other(a, c)


# Where nobody waits for what comes before the answer


def test_a_caller_at_a_routing_point_who_heard_a_treatment(centre):
    server = centre.media_server()
    centre.switch.configure(
        DnSettings(number="8000", address_type=AddressType.ROUTE_DN, router_timeout=30.0, max_calls=0)
    )
    centre.phones["1502"].manners = HEARD
    a = centre.phones["1501"].call("8000", headers=[("Supported", "100rel")])
    centre.run(1)
    conn_id = next(iter(centre.switch.calls))
    ask(centre, rq.ApplyTreatment(this_dn="8000", conn_id=conn_id, treatment_type=TreatmentType.MUSIC))
    at_service(a, server.open[0])
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502"))
    centre.run(1)
    assert hears(a, "10.0.1.2")
    centre.run(5)
    talk_to_each_other(a, last(centre, "1502"))


def test_a_media_service_that_describes_itself_before_it_answers(centre):
    server = centre.media_server()
    server.reliable = True
    a, b = up(centre)
    b.hold()
    centre.run(2)
    at_service(a, server.open[0])
    b.retrieve()
    centre.run(2)
    talk_to_each_other(a, b)
    assert server.open == []


def test_somebody_called_into_a_conference_describes_himself_before_he_answers(centre):
    server = centre.media_server()
    up(centre)
    centre.phones["1503"].manners = replace(HEARD, answer=2.0)
    conn_id = next(iter(centre.switch.calls))
    ask(centre, rq.SingleStepConference(this_dn="1502", other_dn="1503", conn_id=conn_id))
    centre.run(4)
    c = last(centre, "1503")
    assert c.talking
    assert any(c.hears.startswith(one.place) for one in server.open)
