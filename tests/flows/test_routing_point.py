"""Routing Points: a call waits there until a desktop says where it goes."""

import pytest
from media_house import ask, errors, lines, talk_to_each_other

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, CallState, DNRole
from cordboard.model.errors import Code
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre():
    made = Centre(("1501", "1502", "1503"))
    point(made, "8000")
    yield made
    made.hang_up()
    made.run(100)
    assert made.leftovers() == []
    assert made.switch.points == {}


def point(centre, number, **settings):
    centre.switch.configure(
        DnSettings(
            number=number, address_type=AddressType.ROUTE_DN, **{"router_timeout": 0.0, "max_calls": 0, **settings}
        )
    )


def arrive(centre, by="1501", at="8000"):
    """A call comes to the Routing Point; returns the caller's leg and the ConnID."""
    before = set(centre.switch.calls)
    call = centre.phones[by].call(at)
    centre.run(1)
    (conn_id,) = set(centre.switch.calls) - before
    return call, conn_id


def route(centre, conn_id, to, at="8000", reference=5):
    ask(centre, rq.RouteCall(this_dn=at, conn_id=conn_id, other_dn=to), reference)


def of(centre, kind):
    return [event for event in centre.desktop.events if type(event) is kind]


def test_a_call_is_queued_and_routed(centre):
    a, conn_id = arrive(centre)
    assert a.events[-1] == "180"
    assert lines(centre, "8000") == [
        "Queued 1 INTERNAL DESTINATION other 1501",
        "RouteRequest 1 INTERNAL DESTINATION other 1501",
    ]
    route(centre, conn_id, "1502")
    centre.run(3)
    talk_to_each_other(a, centre.phones["1502"].calls[0])
    (used,), (diverted,), (ringing,) = (
        of(centre, one) for one in (ev.EventRouteUsed, ev.EventDiverted, ev.EventRinging)
    )
    assert (used.this_dn, used.reference_id, used.third_party_dn, used.third_party_dn_role) == (
        "8000",
        5,
        "1502",
        DNRole.DESTINATION,
    )
    assert (diverted.third_party_dn, diverted.reference_id) == ("1502", 0)
    assert (ringing.this_queue, ringing.other_dn, ringing.call_state) == ("8000", "1501", CallState.OK)
    order = [type(event) for event in centre.desktop.events]
    assert order.index(ev.EventRouteUsed) < order.index(ev.EventDiverted) < order.index(ev.EventRinging)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established"]
    # One INVITE to the agent, with the caller's offer: the media was never touched.
    assert b"10.0.1.1" in centre.phones["1502"].calls[0].invite.body


def test_music_on_hold_is_that_of_the_point(centre):
    server = centre.media_server()
    point(centre, "8000", music="music/queue")
    a, conn_id = arrive(centre)
    route(centre, conn_id, "1502")
    centre.run(3)
    centre.phones["1502"].calls[0].hold()
    centre.run(1)
    assert server.asked == ["annc;play=music/queue;repeat=forever"]
    a.hang_up()


def test_the_caller_gives_up(centre):
    a, _ = arrive(centre)
    a.hang_up()
    centre.run(1)
    assert lines(centre, "8000")[2:] == ["Abandoned 1 INTERNAL DESTINATION other 1501"]
    assert centre.desktop.records[0].outcome == "cancelled"


@pytest.mark.parametrize("manners", [Manners(ring=None, reject=(0.1, 486)), Manners(ring=None, reject=(0.1, 404))])
def test_a_route_that_fails_is_no_end(centre, manners):
    a, conn_id = arrive(centre)
    centre.phones["1502"].manners = manners
    route(centre, conn_id, "1502")
    assert errors(centre) == [Code.DN_BUSY if manners.reject[1] == 486 else Code.INVALID_DESTINATION]
    assert of(centre, ev.EventRouteUsed) == []
    assert centre.desktop.events[-1].reference_id == 5
    assert a.events[-1] == "180"
    route(centre, conn_id, "1503", reference=6)
    centre.run(3)
    talk_to_each_other(a, centre.phones["1503"].calls[0])
    # And 1502 may be tried again.
    assert of(centre, ev.EventRouteUsed)[0].reference_id == 6


def test_the_same_number_may_be_tried_again(centre):
    a, conn_id = arrive(centre)
    centre.phones["1502"].manners = Manners(ring=None, reject=(0.1, 486))
    route(centre, conn_id, "1502")
    centre.phones["1502"].manners = Manners()
    route(centre, conn_id, "1502", reference=6)
    centre.run(3)
    talk_to_each_other(a, centre.phones["1502"].calls[1])


def test_once_it_has_rung_the_route_is_used(centre):
    a, conn_id = arrive(centre)
    centre.phones["1502"].manners = Manners(ring=0.1, reject=(0.5, 486))
    route(centre, conn_id, "1502")
    centre.run(2)
    assert a.events[-1] == "486"
    assert centre.desktop.told("8000") == ["Queued", "RouteRequest", "RouteUsed", "Diverted"]


def test_what_is_wrong(centre):
    point(centre, "8001")
    a, conn_id = arrive(centre)
    route(centre, conn_id, "9999")
    route(centre, conn_id, "8000")
    assert errors(centre) == [Code.INVALID_DESTINATION, Code.SAME_DN]
    ask(centre, rq.RouteCall(this_dn="8001", conn_id=conn_id, other_dn="1502"))
    ask(centre, rq.RouteCall(this_dn="1501", conn_id=conn_id, other_dn="1502"))
    ask(centre, rq.RouteCall(this_dn="8000", conn_id=conn_id, other_dn="1502", location="other"))
    assert errors(centre)[2:] == [Code.NO_SUCH_PARTY, Code.WRONG_STATE, Code.UNSUPPORTED]
    centre.phones["1502"].manners = Manners(ring=None, answer=None)
    route(centre, conn_id, "1502")
    route(centre, conn_id, "1503")
    assert errors(centre)[5:] == [Code.WRONG_STATE]
    a.hang_up()


def test_nobody_routes_it(centre):
    point(centre, "8000", router_timeout=10.0)
    a, _ = arrive(centre)
    centre.run(8.5)
    assert a.events[-1] == "180"
    centre.run(2)
    assert a.events[-1] == "480"
    assert centre.desktop.told("8000") == ["Queued", "RouteRequest", "Released"]
    assert centre.desktop.records[0].reason == "not routed"


def test_nobody_routes_it_and_there_is_a_default(centre):
    point(centre, "8000", router_timeout=5.0, default_dn="1503")
    a, _ = arrive(centre)
    centre.run(8)
    talk_to_each_other(a, centre.phones["1503"].calls[0])
    assert centre.desktop.told("8000") == ["Queued", "RouteRequest", "RouteUsed", "Diverted"]


@pytest.mark.parametrize("default", ["", "91234"])
def test_who_came_by_a_trunk_is_sent_out_by_another(default):
    """It is the desktop, or the configuration, that says where the call goes: not a stranger."""
    made = Centre(["1501", "in", "out"])
    made.trunk(made.phones["in"])
    made.trunk(made.phones["out"], prefix="9", replace_prefix="")
    point(made, "8000", router_timeout=1.5 if default else 0.0, default_dn=default)
    a, conn_id = arrive(made, by="in")
    if not default:
        route(made, conn_id, "91234")
    made.run(3)
    (b,) = made.phones["out"].calls
    assert b.invite.uri.startswith("sip:1234@")
    talk_to_each_other(a, b)
    a.hang_up()
    for number in ("in", "out"):
        made.configure(number, oos_check=0.0)
    made.run(100)
    assert made.leftovers() == []
    assert {trunk.calls for trunk in made.switch.trunks.values()} == {0}


def test_the_default_does_not_answer_either(centre):
    point(centre, "8000", router_timeout=5.0, default_dn="1503")
    centre.phones["1503"].manners = Manners(ring=None, reject=(0.1, 486))
    a, _ = arrive(centre)
    centre.run(8)
    assert a.events[-1] == "486"
    assert centre.desktop.told("8000") == ["Queued", "RouteRequest", "Released"]


def test_from_point_to_point(centre):
    point(centre, "8001")
    a, conn_id = arrive(centre)
    route(centre, conn_id, "8001")
    assert centre.desktop.told("8000")[2:] == ["RouteUsed", "Diverted"]
    assert centre.desktop.told("8001") == ["Queued", "RouteRequest"]
    route(centre, conn_id, "1502", at="8001")
    centre.run(3)
    talk_to_each_other(a, centre.phones["1502"].calls[0])
    assert of(centre, ev.EventRinging)[0].this_queue == "8001"


def test_two_points_that_are_each_others_default_end(centre):
    point(centre, "8000", router_timeout=1.0, default_dn="8001")
    point(centre, "8001", router_timeout=1.0, default_dn="8000")
    a, _ = arrive(centre)
    centre.run(200)
    assert a.over


def test_a_point_may_be_full(centre):
    point(centre, "8000", max_calls=1)
    a, _ = arrive(centre)
    second = centre.phones["1503"].call("8000")
    centre.run(1)
    assert second.events[-1] == "486"
    a.hang_up()


def test_the_router_lets_it_go(centre):
    a, conn_id = arrive(centre)
    ask(centre, rq.ReleaseCall(this_dn="8000", conn_id=conn_id), 9)
    assert a.events[-1] == "603"
    released = of(centre, ev.EventReleased)[0]
    assert (released.this_dn, released.reference_id) == ("8000", 9)


def test_a_desktop_calls_a_point(centre):
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="8000"), 3)
    centre.run(2)
    (conn_id,) = centre.switch.calls
    assert centre.desktop.told("8000") == ["Queued", "RouteRequest"]
    route(centre, conn_id, "1502")
    centre.run(3)
    talk_to_each_other(centre.phones["1501"].calls[0], centre.phones["1502"].calls[0])


def test_an_agent_transfers_to_a_point(centre):
    a = centre.phones["1501"].call("1502")
    centre.run(3)
    (conn_id,) = centre.switch.calls
    ask(centre, rq.SingleStepTransfer(this_dn="1502", conn_id=conn_id, other_dn="8000"), 4)
    assert centre.phones["1502"].calls[0].over
    assert centre.desktop.told("8000")[:2] == ["Queued TRANSFERRED", "RouteRequest TRANSFERRED"]
    route(centre, conn_id, "1503")
    centre.run(3)
    talk_to_each_other(a, centre.phones["1503"].calls[0])


def test_the_point_is_taken_out_while_a_call_waits(centre):
    a, conn_id = arrive(centre)
    centre.switch.unconfigure("8000")
    route(centre, conn_id, "1502")
    centre.run(3)
    talk_to_each_other(a, centre.phones["1502"].calls[0])


def test_what_a_point_says_of_itself(centre):
    (event,) = centre.switch.request("x", rq.QueryAddress(this_dn="8000"), 1)
    assert (event.address_type, event.extensions["in-service"]) == (AddressType.ROUTE_DN, 1)
    a, conn_id = arrive(centre)
    (event,) = centre.switch.request("x", rq.QueryCall(this_dn="8000", conn_id=conn_id), 1)
    assert event.party_state == "queued"
    a.hang_up()


def test_an_agent_consults_a_point_and_transfers_to_it(centre):
    a = centre.phones["1501"].call("1502")
    centre.run(3)
    (main,) = centre.switch.calls
    b = centre.phones["1502"]
    b.calls[0].hold()
    centre.run(1)
    second, consult = arrive(centre, by="1502")
    b.calls[0].refer("x", second, leaves="202")
    centre.run(3)
    assert second.over
    assert centre.desktop.told("8000")[:3] == ["Queued", "RouteRequest", "PartyChanged TRANSFERRED"]
    assert list(centre.switch.calls) == [main]
    assert consult != main
    route(centre, main, "1503")
    centre.run(4)
    talk_to_each_other(a, centre.phones["1503"].calls[0])
