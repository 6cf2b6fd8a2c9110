"""Calls through trunks: which is taken, what is dialled, what comes next when one fails, and who may come in."""

import pytest

from cordboard.model import requests as rq
from cordboard.model.enums import CallType, DNRole
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


@pytest.fixture
def centre():
    made = Centre(["1501", "1502", "t1", "t2", "t3"])
    made.trunk(made.phones["t1"], prefix="9", replace_prefix="")
    made.trunk(made.phones["t2"], prefix="9", replace_prefix="", priority=5)
    made.trunk(made.phones["t3"], prefix="900", replace_prefix="+")
    yield made
    for number in ("t1", "t2", "t3"):
        made.configure(number, oos_check=0.0)
    made.run(100)
    assert made.leftovers() == []
    assert {trunk.calls for trunk in made.switch.trunks.values()} == {0}


def dialled(centre, trunk):
    return [call.invite.uri.partition(":")[2].partition("@")[0] for call in centre.phones[trunk].calls]


def through(centre, number="91234", run=5, **more):
    call = centre.phones["1501"].call(number, **({"hang_up_after": 1} | more))
    centre.run(run)
    return call


def outcome(centre):
    (record,) = centre.desktop.records
    return record.outcome, record.status, record.reason


# Choosing.


def test_a_call_outside_with_its_events(centre):
    call = through(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert dialled(centre, "t1") == ["1234"]
    assert centre.phones["t1"].calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == [
        "OffHook",
        "Dialing",
        "NetworkReached",
        "Established",
        "Released",
        "OnHook",
    ]
    assert centre.desktop.told() == centre.desktop.told("1501")
    calls = [e for e in centre.desktop.events if hasattr(e, "conn_id")]
    assert {e.call_type for e in calls} == {CallType.OUTBOUND}
    assert {(e.other_dn, e.other_dn_role, e.this_dn_role) for e in calls} == {
        ("91234", DNRole.DESTINATION, DNRole.ORIGINATION)
    }
    assert outcome(centre) == ("answered", 200, "BYE")
    assert call.answer.header("P-Asserted-Identity") == "<sip:91234@10.0.0.1>"


@pytest.mark.parametrize(
    ("number", "trunk", "sent"), [("91234", "t1", "1234"), ("90049", "t3", "+49"), ("9001", "t3", "+1")]
)
def test_the_longest_prefix_wins_and_is_replaced(centre, number, trunk, sent):
    through(centre, number)
    assert {name: dialled(centre, name) for name in ("t1", "t2", "t3") if dialled(centre, name)} == {trunk: [sent]}


def test_without_replacement_the_number_goes_as_it_is(centre):
    centre.configure("t1", replace_prefix=None)
    through(centre)
    assert dialled(centre, "t1") == ["91234"]


@pytest.mark.parametrize("number", ["81234", "9 1234;x", "nobody"])
def test_what_no_trunk_takes_is_unknown(centre, number):
    call = through(centre, number.replace(" ", "%20").replace(";", "%3B"))
    assert call.events == ["404"]
    assert centre.desktop.told("1501")[2] == "DestinationBusy SIT_INVALID_NUMBER"


def test_a_dn_comes_before_a_prefix(centre):
    centre.configure("t1", prefix="15")
    through(centre, "1502")
    assert dialled(centre, "t1") == []
    assert len(centre.phones["1502"].calls) == 1


def test_a_full_trunk_is_passed_over(centre):
    centre.configure("t1", capacity=1)
    first = through(centre, hang_up_after=10)
    second = centre.phones["1502"].call("95678", hang_up_after=1)
    centre.run(5)
    assert (dialled(centre, "t1"), dialled(centre, "t2")) == (["1234"], ["5678"])
    centre.run(10)
    assert first.over
    assert second.over
    through(centre, "94444")
    assert dialled(centre, "t1") == ["1234", "4444"]


def test_when_all_are_full_the_caller_is_told(centre):
    for trunk in ("t1", "t2"):
        centre.configure(trunk, capacity=1)
        centre.phones["1502"].call("91", hang_up_after=10)
        centre.run(2)
    call = through(centre)
    assert call.events == ["480"]
    assert centre.desktop.told("1501")[2] == "DestinationBusy GENERAL_ERROR"
    centre.run(10)


def test_calls_that_come_in_count_for_the_capacity(centre):
    centre.configure("t1", capacity=1)
    first = centre.phones["t1"].call("1502", hang_up_after=5)
    centre.run(1)
    second = centre.phones["t1"].call("1501", hang_up_after=5)
    centre.run(20)
    assert first.events == ["180", "answered", "bye sent"]
    assert second.events == ["486"]


# Failing.


@pytest.mark.parametrize("status", [500, 502, 503, 504, 600, 603, 606, 408])
def test_the_next_trunk_is_tried(centre, status):
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, status))
    call = through(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert dialled(centre, "t1") == dialled(centre, "t2") == ["1234"]
    assert centre.desktop.told("1501") == [
        "OffHook",
        "Dialing",
        "NetworkReached",
        "Established",
        "Released",
        "OnHook",
    ]


@pytest.mark.parametrize(("status", "told"), [(404, "404"), (486, "486"), (403, "403"), (484, "484")])
def test_what_the_number_is_to_blame_for_ends(centre, status, told):
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, status))
    call = through(centre)
    assert call.events == [told]
    assert dialled(centre, "t2") == []


def test_a_dead_trunk_is_passed_over_after_its_timeout(centre):
    centre.configure("t1", sip_invite_timeout=2.0)
    centre.network.remove(centre.phones["t1"].node)
    call = through(centre, run=10)
    assert call.events == ["180", "answered", "bye sent"]


def test_a_trunk_that_cannot_be_reached_is_passed_over(centre):
    centre.network.remove(centre.phones["t1"].node)
    call = centre.phones["1501"].call("91234", hang_up_after=1)
    centre.run(1)
    centre.node.endpoint.transport_failed("udp", centre.phones["t1"].node.address, centre.clock.now())
    centre.run(5)
    assert call.events == ["180", "answered", "bye sent"]


def test_when_all_fail_the_last_is_told(centre):
    for trunk in ("t1", "t2"):
        centre.phones[trunk].manners = Manners(ring=None, reject=(0.1, 500))
    call = through(centre)
    assert call.events == ["500"]
    assert outcome(centre) == ("failed", 500, "answered 500")


def test_a_trunk_that_failed_is_left_out_for_a_while(centre):
    centre.configure("t1", recovery_timeout=30.0)
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, 503))
    through(centre)
    centre.phones["t1"].manners = Manners()
    through(centre)
    assert dialled(centre, "t1") == ["1234"]
    assert dialled(centre, "t2") == ["1234", "1234"]
    centre.run(30)
    through(centre)
    assert dialled(centre, "t1") == ["1234", "1234"]


def test_the_caller_gives_up_between_two_trunks(centre):
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.5, 503))
    centre.phones["t2"].manners = Manners(answer=None)
    call = through(centre, cancel_after=2, hang_up_after=None)
    assert call.events == ["180", "cancel sent", "487"]
    assert centre.phones["t2"].calls[0].events == ["invite", "ringing", "cancelled"]


# 3xx.


def test_a_redirection_is_followed_in_the_order_of_q(centre):
    target = centre.phones["t3"].contact.replace("t3@", "555@")
    gone = "sip:1@10.9.9.9:5060"
    centre.configure("t1", sip_invite_timeout=2.0)
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, 302), contact=f"<{target}>;q=0.2, <{gone}>;q=0.9")
    call = through(centre, run=15)
    assert call.events == ["180", "answered", "bye sent"]
    assert dialled(centre, "t3") == ["555"]
    assert dialled(centre, "t2") == []


def test_redirections_in_a_circle_end(centre):
    one, three = centre.phones["t1"], centre.phones["t3"]
    one.manners = Manners(ring=None, reject=(0.1, 302), contact=f"<{three.contact}>")
    three.manners = Manners(ring=None, reject=(0.1, 302), contact=f"<{one.contact}>")
    centre.phones["t2"].manners = Manners(ring=None, reject=(0.1, 486))
    call = through(centre)
    assert call.events == ["486"]
    assert len(one.calls) == 2
    assert len(three.calls) == 1


@pytest.mark.parametrize("contact", ["", "<tel:123>", "<sip:>", "<*>", "<sip:1@[::>"])
def test_a_redirection_to_nowhere_is_a_failure(centre, contact):
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, 302), contact=contact)
    call = through(centre)
    assert call.events == ["180", "answered", "bye sent"]
    assert dialled(centre, "t2") == ["1234"]


# Coming in, and passing through.


def test_a_call_from_outside(centre):
    call = centre.phones["t1"].call("1502", hang_up_after=2)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    ringing = next(e for e in centre.desktop.events if type(e).__name__ == "EventRinging")
    assert (ringing.call_type, ringing.ani, ringing.other_dn) == (CallType.INBOUND, "t1", "t1")
    assert centre.desktop.told() == ["Ringing", "OffHook", "Established", "Released", "OnHook"]


def test_who_comes_from_outside_does_not_get_out_again(centre):
    call = centre.phones["t1"].call("90049")
    centre.run(5)
    assert call.events == ["404"]
    assert dialled(centre, "t3") == []


def test_unless_a_dn_forwards_him(centre):
    centre.switch.request("link", rq.CallSetForward(this_dn="1502", other_dn="90049"), 1)
    call = centre.phones["t1"].call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events == ["180", "answered", "bye sent"]
    assert dialled(centre, "t3") == ["+49"]
    assert "1502" in centre.phones["t3"].calls[0].invite.header("Diversion")


def test_forwarded_outside_the_first_is_released(centre):
    centre.configure("1502", no_answer_timeout=3.0)
    centre.phones["1502"].manners = Manners(answer=None)
    centre.switch.request("link", rq.CallSetForward(this_dn="1502", other_dn="90049", forward_mode=3), 1)
    call = through(centre, "1502", run=10)
    assert call.events == ["180", "answered", "bye sent"]
    assert centre.desktop.told("1502") == ["ForwardSet", "Ringing", "Released FORWARDED"]
    assert centre.desktop.told("1501") == [
        "OffHook",
        "Dialing",
        "NetworkReached",
        "Established",
        "Released",
        "OnHook",
    ]


def test_a_desktop_calls_outside(centre):
    centre.phones["t1"].manners = Manners(hang_up=1)
    assert centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="91234"), 4) == ()
    centre.run(10)
    assert centre.desktop.told("1501") == [
        "OffHook",
        "Dialing",
        "NetworkReached",
        "Established",
        "Released",
        "OnHook",
    ]
    assert {e.call_type for e in centre.desktop.events if hasattr(e, "conn_id")} == {CallType.OUTBOUND}


# Dial plan.


def test_the_dial_plan_changes_what_is_dialled(centre):
    rules = ("5XX => 1${DIGITS}", "00Z. => 900${DIGITS:2}; clir=true", "77. => ${DIGITS:2}; trunk=t2")
    centre.configure("1502", dial_plan=rules)
    through(centre, "502")
    assert len(centre.phones["1502"].calls) == 1
    through(centre, "00441")
    assert dialled(centre, "t3") == ["+441"]
    assert centre.phones["t3"].calls[0].invite.address("From")[1] == "sip:anonymous@anonymous.invalid"
    through(centre, "775")
    assert dialled(centre, "t2") == ["5"]


# Tests of the device.


def test_a_device_that_stops_answering_is_out_of_service_until_it_answers(centre):
    centre.configure("t1", oos_check=10.0, oos_force=4.0)
    centre.run(30)
    assert centre.desktop.told("t1") == []
    node = centre.phones["t1"].node
    centre.network.remove(node)
    centre.run(30)
    assert centre.desktop.told("t1") == ["DNOutOfService"]
    through(centre)
    assert dialled(centre, "t2") == ["1234"]
    centre.network._nodes[node.address] = node
    centre.run(60)
    assert centre.desktop.told("t1") == ["DNOutOfService", "DNBackInService"]
    through(centre)
    assert dialled(centre, "t1") == ["1234"]


def test_an_answer_ends_the_recovery_of_a_trunk(centre):
    centre.configure("t1", recovery_timeout=3600.0, oos_check=10.0)
    centre.phones["t1"].manners = Manners(ring=None, reject=(0.1, 503))
    through(centre)
    centre.phones["t1"].manners = Manners()
    centre.run(20)
    through(centre)
    assert dialled(centre, "t1") == ["1234", "1234"]


def test_a_number_with_a_sign_that_no_uri_may_hold_is_escaped(centre):
    through(centre, "9%2A21%23")
    (call,) = centre.phones["t1"].calls
    assert call.invite.uri.startswith("sip:*21%23@")
