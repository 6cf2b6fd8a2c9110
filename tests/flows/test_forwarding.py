"""Forwarding and do-not-disturb: set by the desktop or done by the phone, graded at every end."""

import pytest

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import CallState, DNRole, ForwardMode
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre(make_centre):
    return make_centre(["1501", "1502", "1503", "1504"])


def ask(centre, request, reference_id=7):
    return [type(e).__name__ for e in centre.switch.request("link", request, reference_id)]


def forward(centre, number, to, mode=ForwardMode.UNCONDITIONAL):
    assert ask(centre, rq.CallSetForward(this_dn=number, other_dn=to, forward_mode=mode)) == []
    centre.desktop.events.clear()


def calls_of(centre, number):
    return [call.events for call in centre.phones[number].calls]


def events(centre, name, dn):
    return [e for e in centre.desktop.events if type(e).__name__ == f"Event{name}" and e.this_dn == dn]


def outcome(centre):
    (record,) = centre.desktop.records
    return record.outcome, record.status, record.reason


# Setting and cancelling.


def test_set_and_cancelled_with_events_and_shown_to_who_registers(centre):
    assert ask(centre, rq.CallSetForward(this_dn="1502", other_dn="1503")) == []
    (event,) = centre.desktop.events
    assert isinstance(event, ev.EventForwardSet)
    assert (event.this_dn, event.other_dn, event.forward_mode) == ("1502", "1503", ForwardMode.UNCONDITIONAL)
    assert event.reference_id == 7
    assert centre.desktop.links == ["link"]
    (info,) = centre.switch.request("link", rq.QueryAddress(this_dn="1502"), 1)
    assert info.extensions["fwd"] == "1503"
    assert ask(centre, rq.CallCancelForward(this_dn="1502"), 8) == []
    cancelled = centre.desktop.events[-1]
    assert isinstance(cancelled, ev.EventForwardCancel)
    assert cancelled.reference_id == 8
    (info,) = centre.switch.request("link", rq.QueryAddress(this_dn="1502"), 1)
    assert "fwd" not in info.extensions


def test_each_condition_has_its_own_destination(centre):
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY)
    forward(centre, "1502", "1504", ForwardMode.ON_NO_ANSWER)
    (info,) = centre.switch.request("link", rq.QueryAddress(this_dn="1502"), 1)
    assert (info.extensions["fwd-busy"], info.extensions["fwd-no-answer"]) == ("1503", "1504")
    ask(centre, rq.CallCancelForward(this_dn="1502", forward_mode=ForwardMode.ON_BUSY))
    (info,) = centre.switch.request("link", rq.QueryAddress(this_dn="1502"), 1)
    assert "fwd-busy" not in info.extensions
    assert info.extensions["fwd-no-answer"] == "1504"


@pytest.mark.parametrize(
    "request_",
    [
        rq.CallSetForward(this_dn="1502", other_dn="1502"),
        rq.CallSetForward(this_dn="1502", other_dn="9999"),
        rq.CallSetForward(this_dn="1502", other_dn="x y"),
        rq.CallSetForward(this_dn="1502", other_dn="1503", forward_mode=ForwardMode.NONE),
        rq.CallSetForward(this_dn="9999", other_dn="1503"),
        rq.CallCancelForward(this_dn="1502"),
        rq.SetDNDOff(this_dn="1502"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(centre, request_):
    assert ask(centre, request_) == ["EventError"]
    assert centre.desktop.events == []
    assert centre.switch.extensions["1502"].dn.features.empty


def test_what_is_in_force_is_handed_over_to_be_kept_and_comes_back(centre):
    kept = {}
    centre.switch.features = type("Store", (), {"keep": lambda _, number, features: kept.update({number: features})})()
    ask(centre, rq.CallSetForward(this_dn="1502", other_dn="1503", forward_mode=ForwardMode.ON_BUSY_AND_NO_ANSWER))
    ask(centre, rq.SetDNDOn(this_dn="1502"))
    again = Centre(["1501"])
    again.switch.restore("1502", kept["1502"])
    again.switch.configure(centre.switch.extensions["1502"].settings)
    features = again.switch.extensions["1502"].dn.features
    assert (features.dnd, features.busy, features.no_answer, features.always) == (True, "1503", "1503", "")
    assert again.desktop.events == []


# Unconditional.


def test_unconditional_goes_on_without_ringing_the_first(centre):
    forward(centre, "1502", "1503")
    call = centre.phones["1501"].call("1502", hang_up_after=2)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert calls_of(centre, "1502") == []
    assert calls_of(centre, "1503") == [["invite", "ringing", "answer sent", "acked", "bye"]]
    assert centre.desktop.told("1502") == []
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "OffHook", "Established", "Released", "OnHook"]
    (ringing,) = events(centre, "Ringing", "1503")
    assert (ringing.other_dn, ringing.other_dn_role) == ("1501", DNRole.ORIGINATION)
    assert (ringing.dnis, ringing.ani) == ("1502", "1501")
    (established,) = events(centre, "Established", "1501")
    assert established.other_dn == "1503"
    assert call.answer.header("P-Asserted-Identity") == '"Phone 1503" <sip:1503@10.0.0.1>'
    assert outcome(centre) == ("answered", 200, "BYE")


def test_the_way_is_told_in_diversion_and_history_info(centre):
    forward(centre, "1502", "1503")
    forward(centre, "1503", "1504", ForwardMode.ON_BUSY)
    centre.phones["1503"].manners = Manners(ring=None, reject=(0.1, 486))
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    invite = centre.phones["1504"].calls[0].invite
    assert invite.headers("Diversion") == [
        "<sip:1503@10.0.0.1>;reason=user-busy;counter=1",
        "<sip:1502@10.0.0.1>;reason=unconditional;counter=1",
    ]
    assert invite.headers("History-Info") == [
        "<sip:1502@10.0.0.1?Reason=SIP%3Bcause%3D302>;index=1",
        "<sip:1503@10.0.0.1;cause=302>;index=1.1;mp=1",
        "<sip:1504@10.0.0.1;cause=486>;index=1.1.1;mp=1.1",
    ]
    assert centre.desktop.told("1503") == []


def test_what_came_before_is_kept(centre):
    forward(centre, "1502", "1503")
    sent = [("Diversion", "<sip:999@a.example>;reason=no-answer;counter=2"), ("History-Info", "<sip:999@a>;index=1")]
    centre.phones["1501"].call("1502", hang_up_after=1, headers=sent)
    centre.run(10)
    invite = centre.phones["1503"].calls[0].invite
    assert invite.headers("Diversion") == [
        "<sip:1502@10.0.0.1>;reason=unconditional;counter=1",
        "<sip:999@10.0.0.1>;reason=no-answer;counter=2",
    ]
    assert invite.headers("History-Info") == [
        "<sip:999@10.0.0.1>;index=1",
        "<sip:1503@10.0.0.1;cause=302>;index=1.1;mp=1",
    ]


# Busy.


@pytest.mark.parametrize("status", [486, 600, 603])
@pytest.mark.parametrize("rings", [False, True])
def test_busy_goes_on(centre, status, rings):
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY)
    centre.phones["1502"].manners = Manners(ring=0.1 if rings else None, reject=(1.0, status))
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    # A second 180 says nothing new.
    assert call.events == ["180", "answered", "bye sent"]
    assert calls_of(centre, "1502") == [["invite", *(["ringing"] if rings else []), f"{status} sent"]]
    assert centre.desktop.told("1502") == (["Ringing", "Released FORWARDED"] if rings else [])
    assert centre.desktop.told("1503")[0] == "Ringing FORWARDED"
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    if rings:
        (released,) = events(centre, "Released", "1502")
        assert (released.third_party_dn, released.third_party_dn_role) == ("1503", DNRole.DESTINATION)
        assert released.other_dn == "1501"


def test_a_dn_with_as_many_calls_as_it_may_have_is_busy(centre):
    centre.configure("1502", max_calls=1)
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY)
    centre.phones["1504"].call("1502", hang_up_after=5)
    centre.run(2)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert len(calls_of(centre, "1503")) == 1


def test_busy_without_forwarding_for_busy_stays_busy(centre):
    forward(centre, "1502", "1503", ForwardMode.ON_NO_ANSWER)
    centre.phones["1502"].manners = Manners(ring=None, reject=(0.1, 486))
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events == ["486"]
    assert calls_of(centre, "1503") == []


# No answer.


def test_no_answer_goes_on_after_the_time_of_the_dn(centre):
    centre.configure("1502", no_answer_timeout=5.0)
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY_AND_NO_ANSWER)
    centre.phones["1502"].manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(15)
    assert call.events == ["180", "answered", "bye sent"]
    assert calls_of(centre, "1502") == [["invite", "ringing", "cancelled"]]
    assert centre.desktop.told("1502") == ["Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "OffHook", "Established", "Released", "OnHook"]
    released = events(centre, "Released", "1503")[0]
    assert released.other_dn == "1501"


def test_a_dn_out_of_service_counts_as_no_answer(centre):
    centre.configure("1502", contact="")
    forward(centre, "1502", "1503", ForwardMode.ON_NO_ANSWER)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert "unavailable" in centre.phones["1503"].calls[0].invite.header("Diversion")


def test_the_caller_gives_up_while_the_second_rings(centre):
    forward(centre, "1502", "1503")
    centre.phones["1503"].manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502", cancel_after=2)
    centre.run(10)
    assert call.events == ["180", "cancel sent", "487"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "Abandoned"]
    assert calls_of(centre, "1503") == [["invite", "ringing", "cancelled"]]


def test_nobody_answers_in_the_end(centre):
    centre.configure("1502", no_answer_timeout=3.0)
    centre.configure("1503", no_answer_timeout=3.0)
    forward(centre, "1502", "1503", ForwardMode.ON_NO_ANSWER)
    for number in ("1502", "1503"):
        centre.phones[number].manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502")
    centre.run(15)
    assert call.events == ["180", "480"]
    assert centre.desktop.told("1502") == ["Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "Released NO_ANSWER"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "DestinationBusy NO_ANSWER", "Released", "OnHook"]


# Loops.


@pytest.mark.parametrize("way", [["1502", "1503"], ["1502", "1503", "1504"]])
def test_a_loop_ends(centre, way):
    for number, to in zip(way, [*way[1:], way[0]], strict=True):
        forward(centre, number, to)
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events == ["482"]
    assert centre.desktop.told("1501")[2] == "DestinationBusy GENERAL_ERROR"
    assert outcome(centre) == ("unreachable", 482, "forwarding loop")


def test_a_phone_that_forwards_back_ends(centre):
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY)
    forward(centre, "1503", "1502", ForwardMode.ON_BUSY)
    for number in ("1502", "1503"):
        centre.phones[number].manners = Manners(reject=(0.5, 486))
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events == ["180", "482"]
    assert centre.desktop.told("1502") == ["Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "Released GENERAL_ERROR"]


def test_hops_of_other_servers_count(centre):
    forward(centre, "1502", "1503")
    sent = [("Diversion", "<sip:999@a.example>;reason=no-answer;counter=5")]
    call = centre.phones["1501"].call("1502", headers=sent)
    centre.run(10)
    assert call.events == ["482"]


def test_a_dn_that_forwards_to_its_caller_does_not_ring_him(centre):
    forward(centre, "1502", "1501")
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events == ["486"]
    assert [c.inbound for c in centre.phones["1501"].calls] == [False]


# The phone does it itself.


def test_302_is_followed(centre):
    centre.phones["1502"].manners = Manners(reject=(1.0, 302), contact="<sip:1503@10.0.0.1>;q=0.5, <sip:1504@x>")
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert calls_of(centre, "1503") == []
    assert centre.desktop.told("1502") == ["Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1504")[0] == "Ringing FORWARDED"
    assert "deflection" in centre.phones["1504"].calls[0].invite.header("Diversion")


@pytest.mark.parametrize(("contact", "status"), [("<sip:1502@10.0.0.1>", 482), ("<sip:7777@10.0.0.1>", 404), ("", 480)])
def test_302_that_leads_nowhere_ends(centre, contact, status):
    centre.phones["1502"].manners = Manners(ring=None, reject=(0.1, 302), contact=contact)
    call = centre.phones["1501"].call("1502")
    centre.run(10)
    assert call.events == [str(status)]


# Do not disturb.


def test_do_not_disturb_refuses_and_ends(centre):
    assert ask(centre, rq.SetDNDOn(this_dn="1502"), 3) == []
    assert isinstance(centre.desktop.events[0], ev.EventDNDOn)
    assert ask(centre, rq.SetDNDOn(this_dn="1502")) == ["EventError"]
    call = centre.phones["1501"].call("1502")
    centre.run(5)
    assert call.events == ["486"]
    assert calls_of(centre, "1502") == []
    assert centre.desktop.told("1502") == ["DNDOn"]
    (busy,) = events(centre, "DestinationBusy", "1501")
    assert (busy.call_state, busy.other_dn) == (CallState.BUSY, "1502")
    assert outcome(centre) == ("busy", 486, "do not disturb")
    assert ask(centre, rq.SetDNDOff(this_dn="1502")) == []
    assert isinstance(centre.desktop.events[-1], ev.EventDNDOff)
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert len(calls_of(centre, "1502")) == 1


def test_who_is_not_to_be_disturbed_may_forward_and_may_call(centre):
    forward(centre, "1502", "1503", ForwardMode.ON_BUSY)
    ask(centre, rq.SetDNDOn(this_dn="1502"))
    first = centre.phones["1501"].call("1502", hang_up_after=1)
    second = centre.phones["1502"].call("1504", hang_up_after=1)
    centre.run(10)
    assert first.events == second.events == ["180", "answered", "bye sent"]
    assert "do-not-disturb" in centre.phones["1503"].calls[0].invite.header("Diversion")


def test_a_desktops_call_is_forwarded_too(centre):
    centre.configure("1502", no_answer_timeout=3.0)
    forward(centre, "1502", "1503", ForwardMode.ON_NO_ANSWER)
    centre.phones["1502"].manners = Manners(answer=None)
    centre.phones["1503"].manners = Manners(hang_up=2)
    assert ask(centre, rq.MakeCall(this_dn="1501", other_dn="1502"), 9) == []
    centre.run(20)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "OffHook", "Established", "Released", "OnHook"]


def test_a_desktop_releases_the_one_that_rings(centre):
    forward(centre, "1502", "1503")
    centre.phones["1503"].manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502")
    centre.run(2)
    (ringing,) = events(centre, "Ringing", "1503")
    assert ask(centre, rq.ReleaseCall(this_dn="1503", conn_id=ringing.conn_id)) == []
    centre.run(5)
    assert call.events == ["180", "603"]
    assert centre.desktop.told("1503") == ["Ringing FORWARDED", "Released"]
