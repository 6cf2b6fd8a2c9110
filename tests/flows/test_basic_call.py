"""A call between two phones, in all its outcomes, graded at both ends, in the events and in the record."""

import pytest

from cordboard.model.enums import CallState, CallType, DNRole
from cordboard.testkit.phone import Manners


def outcome(centre):
    (record,) = centre.desktop.records
    return record.outcome, record.status, record.released_by


def test_answered_and_hung_up_by_the_caller(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", hang_up_after=5)
    centre.run(3)
    assert call.talking
    assert b.calls[0].talking
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]
    assert outcome(centre) == ("answered", 200, "caller")
    (record,) = centre.desktop.records
    assert record.reason == "BYE"
    assert record.created_at < record.ringing_at < record.answered_at < record.ended_at
    assert record.caller_call_id == call.answer.call_id
    assert record.callee_call_id == b.calls[0].invite.call_id
    assert record.caller_call_id != record.callee_call_id
    assert centre.tally.outcomes == {"answered": 1}


def test_answered_and_hung_up_by_the_callee(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(hang_up=5)
    call = a.call("1502")
    centre.run(10)
    assert call.events == ["180", "answered", "bye"]
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye sent"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]
    assert outcome(centre) == ("answered", 200, "callee")
    # Of an unordered pair, the one who hung up is told first.
    released = [e.this_dn for e in centre.desktop.events if type(e).__name__ == "EventReleased"]
    assert released == ["1502", "1501"]


def test_events_carry_their_attributes(centre):
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    calls = [e for e in centre.desktop.events if hasattr(e, "conn_id")]
    assert len({(e.conn_id, e.call_uuid, e.call_id) for e in calls}) == 1
    assert {e.call_type for e in calls} == {CallType.INTERNAL}
    assert {(e.dnis, e.ani) for e in calls} == {("1502", "1501")}
    seen = {(e.this_dn, e.this_dn_role, e.other_dn, e.other_dn_role) for e in calls}
    assert seen == {
        ("1501", DNRole.ORIGINATION, "1502", DNRole.DESTINATION),
        ("1502", DNRole.DESTINATION, "1501", DNRole.ORIGINATION),
    }
    assert centre.switch.reporter.emitted == len(centre.desktop.events) == 10
    assert {e.server for e in centre.desktop.events} == {"sips"}
    assert {e.reference_id for e in centre.desktop.events} == {0}


def test_offer_and_answer_pass_untouched(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", hang_up_after=1)
    centre.run(5)
    (offer,) = b.calls[0].bodies
    (answer,) = call.bodies
    assert b"10.0.1.1" in offer
    assert b"10.0.1.2" in answer


def test_an_invite_without_offer_passes_without_one(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", hang_up_after=2, offer=False)
    centre.run(3)
    assert b.calls[0].invite.body == b""
    assert b"10.0.1.2" in call.bodies[0]
    (answer,) = b.calls[0].bodies
    assert b"10.0.1.1" in answer
    centre.run(5)
    assert outcome(centre) == ("answered", 200, "caller")


def test_early_media_reaches_the_caller(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(ring_status=183, early_media=True)
    call = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events == ["183", "answered", "bye sent"]
    assert len(call.bodies) == 2
    assert centre.desktop.told("1502")[0] == "Ringing"


def test_an_answer_without_ringing_still_gives_ringing(centre):
    centre.phones["1502"].manners = Manners(ring=None, answer=0.0)
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]


@pytest.mark.parametrize(
    ("status", "told", "recorded", "state"),
    [
        (486, 486, "busy", CallState.BUSY),
        (600, 600, "busy", CallState.BUSY),
        (603, 603, "rejected", CallState.BUSY),
        (488, 488, "rejected", CallState.GENERAL_ERROR),
        (403, 403, "rejected", CallState.GENERAL_ERROR),
        (480, 480, "no-answer", CallState.NO_ANSWER),
        (404, 404, "unknown-number", CallState.SIT_INVALID_NUMBER),
        (408, 480, "unreachable", CallState.GENERAL_ERROR),
        (503, 480, "unreachable", CallState.GENERAL_ERROR),
        (302, 480, "rejected", CallState.GENERAL_ERROR),
        (407, 480, "rejected", CallState.GENERAL_ERROR),
        (500, 500, "failed", CallState.SYSTEM_ERROR),
    ],
)
@pytest.mark.parametrize("rings", [False, True])
def test_refused(centre, status, told, recorded, state, rings):
    centre.phones["1502"].manners = Manners(ring=0.1 if rings else None, reject=(1.0, status))
    call = centre.phones["1501"].call("1502")
    centre.run(5)
    assert call.events == [*(["180"] if rings else []), str(told)]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", f"DestinationBusy {state.name}", "Released", "OnHook"]
    assert centre.desktop.told("1502") == (["Ringing", f"Released {state.name}"] if rings else [])
    assert outcome(centre) == (recorded, told, "callee")


def test_unknown_number(centre):
    call = centre.phones["1501"].call("9999")
    centre.run(5)
    assert call.events == ["404"]
    assert centre.desktop.told("1501") == [
        "OffHook", "Dialing", "DestinationBusy SIT_INVALID_NUMBER", "Released", "OnHook",
    ]  # fmt: skip
    assert {e.other_dn for e in centre.desktop.events if hasattr(e, "conn_id")} == {"9999"}
    assert outcome(centre)[:2] == ("unknown-number", 404)


def test_dn_out_of_service(centre):
    centre.configure("1502", contact="")
    call = centre.phones["1501"].call("1502")
    centre.run(5)
    assert call.events == ["480"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "DestinationBusy GENERAL_ERROR", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["DNOutOfService"]
    assert outcome(centre) == ("unreachable", 480, "server")


def test_no_answer_takes_the_call_back(centre):
    centre.configure("1502", no_answer_timeout=10.0)
    b = centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502")
    centre.run(9)
    assert call.events == ["180"]
    centre.run(3)
    assert call.events == ["180", "480"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "DestinationBusy NO_ANSWER", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Released NO_ANSWER"]
    assert outcome(centre) == ("no-answer", 480, "server")


def test_a_dead_phone_is_unreachable(centre):
    centre.network.remove(centre.phones["1502"].node)
    call = centre.phones["1501"].call("1502")
    centre.run(40)
    assert call.events == ["480"]
    assert outcome(centre)[:2] == ("unreachable", 480)
    assert centre.desktop.told("1502") == []


def test_sip_invite_timeout_gives_up_a_silent_phone_sooner(centre):
    centre.configure("1502", sip_invite_timeout=3.0)
    centre.network.remove(centre.phones["1502"].node)
    call = centre.phones["1501"].call("1502")
    centre.run(4)
    assert call.events == ["480"]
    assert outcome(centre)[:2] == ("unreachable", 480)


def test_a_phone_that_says_100_has_all_the_time_it_needs(centre):
    # A phone of the testkit says 100 at once, as its core does.
    centre.phones["1502"].manners = Manners(ring=20.0, answer=25.0)
    call = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(30)
    assert call.events == ["180", "answered", "bye sent"]


def test_a_phone_that_wakes_up_too_late_does_not_ring_on(centre):
    b = centre.phones["1502"]
    b.manners = Manners(ring=0.1, answer=None)
    centre.network.filter = lambda packet: packet.source != b.node.address
    call = centre.phones["1501"].call("1502")
    centre.run(4.5)
    assert call.events == ["480"]
    assert b.calls[0].events == ["invite", "ringing"]
    centre.network.filter = None
    b.calls[0].session.progress(180)
    centre.run(2)
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]


def test_an_answer_that_comes_too_late_is_ended(centre):
    b = centre.phones["1502"]
    b.manners = Manners(ring=0.1, answer=None)
    centre.network.filter = lambda packet: packet.source != b.node.address
    call = centre.phones["1501"].call("1502")
    centre.run(4.5)
    centre.network.filter = None
    b.calls[0].session.answer(body=b.sdp())
    centre.run(2)
    assert call.events == ["480"]
    assert b.calls[0].events == ["invite", "ringing", "acked", "bye"]


def test_caller_gives_up_while_it_rings(centre):
    b = centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502", cancel_after=2)
    centre.run(5)
    assert call.events == ["180", "cancel sent", "487"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]
    assert outcome(centre) == ("cancelled", 487, "caller")


def test_caller_gives_up_before_it_rings(centre):
    b = centre.phones["1502"]
    b.manners = Manners(ring=None, answer=None)
    call = centre.phones["1501"].call("1502", cancel_after=0.01)
    centre.run(5)
    assert call.events == ["cancel sent", "487"]
    # The phone had sent nothing: RFC 3261 9.1 holds the CANCEL back until its 100 or 180.
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Released", "OnHook"]
    assert centre.desktop.told("1502") == []
    b.calls[0].hang_up()


def test_caller_says_bye_in_the_early_dialog(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = a.call("1502")
    centre.run(1)
    (dialog,) = a.dispatcher.dialogs
    a.node.endpoint.send_in_dialog(dialog, "BYE")
    centre.run(5)
    assert call.events == ["180", "487"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]
    assert outcome(centre) == ("cancelled", 487, "caller")


def test_the_callee_is_busy_when_it_has_as_many_calls_as_it_may(centre):
    centre.configure("1502", max_calls=1)
    a, b = centre.phones["1501"], centre.phones["1502"]
    first = a.call("1502")
    centre.run(3)
    second = a.call("1502")
    centre.run(3)
    assert first.talking
    assert second.events == ["486"]
    assert len(b.calls) == 1
    first.hang_up()
    centre.run(1)
    assert sorted(r.outcome for r in centre.desktop.records) == ["answered", "busy"]


def test_call_waiting_and_the_hook_follows_the_last_call(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    first = a.call("1502")
    centre.run(3)
    second = a.call("1502")
    centre.run(3)
    assert [c.talking for c in b.calls] == [True, True]
    first.hang_up()
    centre.run(1)
    second.hang_up()
    centre.run(1)
    told = centre.desktop.told("1502")
    assert told == ["Ringing", "OffHook", "Established", "Ringing", "Established", "Released", "Released", "OnHook"]


def test_a_phone_that_calls_itself_is_busy(centre):
    call = centre.phones["1501"].call("1501")
    centre.run(3)
    assert call.events == ["486"]


def test_the_callee_sees_who_calls_and_nothing_of_the_other_leg(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    sent = [("Subject", "Lunch"), ("X-Tag", "7"), ("Proxy-Require", "x"), ("Max-Forwards", "20")]
    call = a.call("1502", hang_up_after=1, headers=sent)
    centre.run(5)
    invite = b.calls[0].invite
    name, uri, _ = invite.address("From")
    assert (name, uri) == ("Phone 1501", "sip:1501@10.0.0.1")
    assert invite.header("P-Asserted-Identity") == '"Phone 1501" <sip:1501@10.0.0.1>'
    assert (invite.header("Subject"), invite.header("X-Tag")) == ("Lunch", "7")
    assert invite.header("Proxy-Require") is None
    assert invite.header("Max-Forwards") == "19"
    assert "testkit 1501" not in (invite.header("User-Agent") or "")
    wire = invite.to_bytes()
    assert call.answer.call_id.encode() not in wire
    _, _, parameters = call.answer.address("From")
    assert parameters["tag"].encode() not in wire
    assert b"10.0.1.1:5060" not in wire
    assert call.answer.header("P-Asserted-Identity") == '"Phone 1502" <sip:1502@10.0.0.1>'


def test_a_loop_through_the_switch_ends(centre):
    # The fixed contact of 1502 is 1502 at the switch itself.
    centre.configure("1502", contact="sip:1502@10.0.0.1:5060", no_answer_timeout=0.0)
    centre.configure("1502", peers=("10.0.0.1",))
    call = centre.phones["1501"].call("1502")
    centre.run(60)
    assert call.over
    assert call.events[-1] in ("480", "482", "483", "486", "500")


def test_a_stranger_is_refused(centre):
    a = centre.phones["1501"]
    centre.switch.unconfigure("1501")
    call = a.call("1502")
    centre.run(5)
    assert call.events in (["403"], ["404"])
    assert centre.desktop.records == []


def test_nothing_is_built_when_nobody_listens(centre):
    centre.desktop.deaf = True
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert centre.desktop.events == []
    assert centre.switch.reporter.emitted == 0
    assert outcome(centre) == ("answered", 200, "caller")
