"""MakeCall by flow 2 of RFC 3725, and the other requests of a desktop about calls."""

import pytest

from cordboard.model import requests as rq
from cordboard.model.enums import CallState
from cordboard.model.errors import Code
from cordboard.testkit.phone import Manners

LINK = "desktop"


def make(centre, this="1501", other="1502", reference=7, **more):
    return centre.switch.request(LINK, rq.MakeCall(this_dn=this, other_dn=other, **more), reference)


def errors(centre):
    return [
        (e.error_code, e.reference_id, link)
        for e, link in zip(centre.desktop.events, centre.desktop.links, strict=True)
        if type(e).__name__ == "EventError"
    ]


def references(centre):
    return [
        (type(e).__name__, e.reference_id, link)
        for e, link in zip(centre.desktop.events, centre.desktop.links, strict=True)
        if e.reference_id
    ]


def test_both_phones_are_called_and_joined(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    assert make(centre, user_data={"account": "7"}) == ()
    centre.run(1.05)
    assert centre.desktop.told() == ["OffHook", "Dialing"]  # only once A has answered
    centre.run(4)
    at_a, at_b = a.calls[0], b.calls[0]
    assert at_a.talking
    assert at_b.talking
    assert at_a.events == ["invite", "ringing", "answer sent", "acked", "re-invite", "acked"]
    assert at_b.events == ["invite", "ringing", "answer sent", "acked"]
    # A: first the black hole, then B's offer. B: no offer, then A's answer in the ACK.
    assert b"0.0.0.0" in at_a.bodies[0]
    assert b"10.0.1.2" in at_a.bodies[1]
    assert b"o=cordboard 1 1 IN IP4 0.0.0.0" in at_a.bodies[0]
    assert b"o=cordboard 1 2 IN IP4 0.0.0.0" in at_a.bodies[1]
    assert at_b.invite.body == b""
    assert b"10.0.1.1" in at_b.bodies[0]
    assert at_a.invite.address("From")[:2] == ("Phone 1502", "sip:1502@10.0.0.1")
    assert at_b.invite.address("From")[:2] == ("Phone 1501", "sip:1501@10.0.0.1")
    at_b.hang_up()
    centre.run(2)
    assert at_a.events[-1] == "bye"
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]
    assert references(centre) == [("EventDialing", 7, LINK)]
    assert {str(e.user_data) for e in centre.desktop.events if hasattr(e, "conn_id")} == {"{'account': '7'}"}
    (record,) = centre.desktop.records
    assert (record.requested, record.outcome, record.released_by) == (True, "answered", "callee")


@pytest.mark.parametrize(
    ("this", "other", "more", "code"),
    [
        ("9999", "1502", {}, Code.DN_NOT_CONFIGURED),
        ("1501", "9999", {}, Code.INVALID_DESTINATION),
        ("1501", "1501", {}, Code.SAME_DN),
        ("1501", "1502", {"location": "other"}, Code.UNSUPPORTED),
        ("1501", "1502", {"user_data": {"": "x"}}, Code.USER_DATA),
    ],
)
def test_what_is_wrong_from_the_start(centre, this, other, more, code):
    (error,) = make(centre, this, other, **more)
    assert (error.error_code, error.reference_id, error.this_dn) == (code, 7, this)
    centre.run(2)
    assert centre.desktop.events == []
    assert centre.phones["1501"].calls == []


def test_caller_out_of_service(centre):
    centre.configure("1501", contact="")
    (error,) = make(centre)
    assert error.error_code == Code.OUT_OF_SERVICE


def test_the_callers_phone_refuses(centre):
    centre.phones["1501"].manners = Manners(reject=(0.5, 486))
    make(centre)
    centre.run(5)
    assert errors(centre) == [(Code.PHONE_REFUSED, 7, LINK)]
    assert centre.desktop.told() == ["Error"]
    assert centre.phones["1502"].calls == []
    assert centre.desktop.records[0].outcome == "busy"


def test_the_callers_phone_is_not_answered(centre):
    centre.configure("1501", no_answer_timeout=5.0)
    a = centre.phones["1501"]
    a.manners = Manners(answer=None)
    make(centre)
    centre.run(10)
    assert errors(centre) == [(Code.PHONE_NO_ANSWER, 7, LINK)]
    assert a.calls[0].events == ["invite", "ringing", "cancelled"]


@pytest.mark.parametrize(
    ("status", "state"), [(486, CallState.BUSY), (404, CallState.SIT_INVALID_NUMBER), (480, CallState.NO_ANSWER)]
)
@pytest.mark.parametrize("rings", [False, True])
def test_the_callee_refuses(centre, status, state, rings):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(ring=0.1 if rings else None, reject=(1.0, status))
    make(centre)
    centre.run(5)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", f"DestinationBusy {state.name}", "Released", "OnHook"]
    assert centre.desktop.told("1502") == (["Ringing", f"Released {state.name}"] if rings else [])
    assert a.calls[0].events[-1] == "bye"
    assert errors(centre) == []


def test_the_callee_does_not_answer(centre):
    centre.configure("1502", no_answer_timeout=5.0)
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(answer=None)
    make(centre)
    centre.run(10)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "DestinationBusy NO_ANSWER", "Released", "OnHook"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]
    assert a.calls[0].events[-1] == "bye"


def test_the_callee_is_out_of_service(centre):
    centre.configure("1502", contact="")
    make(centre)
    centre.run(5)
    assert centre.desktop.told("1501")[2:] == ["DestinationBusy GENERAL_ERROR", "Released", "OnHook"]
    assert centre.phones["1501"].calls[0].events[-1] == "bye"


def test_the_caller_hangs_up_while_the_callee_rings(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(answer=None)
    make(centre)
    centre.run(3)
    a.calls[0].hang_up()
    centre.run(3)
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]
    assert b.calls[0].events == ["invite", "ringing", "cancelled"]


def test_the_callers_phone_refuses_the_callees_media(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    a.refused["INVITE"] = 488
    make(centre)
    centre.run(5)
    assert a.calls[0].events[-1] == "bye"
    assert b.calls[0].events[-1] == "bye"
    (record,) = centre.desktop.records
    assert (record.outcome, record.released_by) == ("failed", "server")
    assert centre.desktop.told("1502")[-2:] == ["Released", "OnHook"]


def test_a_glare_with_the_callers_phone_is_tried_again(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    a.refused["INVITE"] = 491
    make(centre)
    centre.run(2.5)
    del a.refused["INVITE"]
    centre.run(5)
    assert a.calls[0].talking
    assert b.calls[0].talking
    assert a.seen == ["INVITE", "INVITE"]
    a.calls[0].hang_up()


def test_an_endless_glare_ends_the_call(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    a.refused["INVITE"] = 491
    make(centre)
    centre.run(20)
    assert a.seen == ["INVITE"] * 4
    assert a.calls[0].over
    assert b.calls[0].over


def test_the_caller_hangs_up_while_its_media_is_being_changed(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    a.deaf_to.add("INVITE")
    make(centre)
    centre.run(3)
    assert a.seen == ["INVITE"]
    a.calls[0].hang_up()
    centre.run(40)
    assert b.calls[0].events[-1] == "bye"


def test_a_later_change_of_media_keeps_the_origin_of_the_first(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    make(centre)
    centre.run(5)
    for version in (3, 4):
        b.calls[0].session.request("INVITE", lambda *_: b.calls[0].session.ack_again(), body=b.sdp())
        centre.run(1)
        assert b"o=cordboard 1 %d IN IP4 0.0.0.0" % version in a.calls[0].bodies[-1]
        assert b"10.0.1.2" in a.calls[0].bodies[-1]
    answers = []

    def answered(_, event):
        answers.append(event.message.body)
        a.calls[0].session.ack_again()

    a.calls[0].session.request("INVITE", answered, body=a.sdp())
    centre.run(1)
    assert b"o=cordboard 1 5 IN" in answers[0]
    assert b"o=1501 " in b.calls[0].bodies[-1]
    b.calls[0].hang_up()


def test_a_mistake_in_a_request_is_an_error_of_ours(centre, monkeypatch):
    monkeypatch.setattr(centre.switch.reporter, "server", None)
    monkeypatch.setattr(type(centre.switch.extensions["1501"].dn), "extensions", lambda _: 1 / 0)
    (error,) = centre.switch.request(LINK, rq.QueryAddress(this_dn="1501"), 3)
    assert (error.error_code, error.reference_id) == (Code.INTERNAL, 3)
    centre.switch.faults = 0


def test_release_call_by_either_party(centre):
    for this in ("1501", "1502"):
        centre.desktop.events.clear()
        centre.desktop.links.clear()
        call = centre.phones["1501"].call("1502")
        centre.run(3)
        (conn_id,) = centre.switch.calls
        assert centre.switch.request(LINK, rq.ReleaseCall(this_dn=this, conn_id=conn_id), 9) == ()
        centre.run(2)
        assert call.events[-1] == "bye"
        assert centre.phones["1502"].calls[-1].events[-1] == "bye"
        assert references(centre) == [("EventReleased", 9, LINK)]
        assert next(e for e in centre.desktop.events if e.reference_id == 9).this_dn == this


def test_release_call_while_it_rings_by_the_caller(centre):
    b = centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502")
    centre.run(2)
    (conn_id,) = centre.switch.calls
    centre.switch.request(LINK, rq.ReleaseCall(this_dn="1501", conn_id=conn_id), 9)
    centre.run(2)
    assert call.events == ["180", "487"]
    assert b.calls[0].events[-1] == "cancelled"
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]


def test_release_call_while_it_rings_by_the_callee(centre):
    b = centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = centre.phones["1501"].call("1502")
    centre.run(2)
    (conn_id,) = centre.switch.calls
    centre.switch.request(LINK, rq.ReleaseCall(this_dn="1502", conn_id=conn_id), 9)
    centre.run(2)
    assert call.events == ["180", "603"]
    assert b.calls[0].events[-1] == "cancelled"
    assert centre.desktop.told("1502") == ["Ringing", "Released"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "DestinationBusy BUSY", "Released", "OnHook"]


def test_release_call_of_a_caller_whose_phone_still_rings(centre):
    centre.phones["1501"].manners = Manners(answer=None)
    make(centre)
    centre.run(1)
    (conn_id,) = centre.switch.calls
    (error,) = centre.switch.request(LINK, rq.ReleaseCall(this_dn="1501", conn_id=conn_id), 9)
    assert error.error_code == Code.NO_SUCH_PARTY
    centre.switch.shut_down()
    centre.run(2)
    assert errors(centre) == [(Code.PHONE_NO_ANSWER, 7, LINK)]


def test_requests_about_what_is_not_there(centre):
    ask = centre.switch.request
    (no_call,) = ask(LINK, rq.ReleaseCall(this_dn="1501", conn_id="0" * 16), 1)
    (no_dn,) = ask(LINK, rq.RegisterAddress(this_dn="9999"), 2)
    (unsupported,) = ask(LINK, rq.AnswerCall(this_dn="1501", conn_id="0" * 16), 3)
    assert (no_call.error_code, no_call.conn_id) == (Code.INVALID_CALL, "0" * 16)
    assert (no_dn.error_code, no_dn.this_dn) == (Code.DN_NOT_CONFIGURED, "9999")
    assert (unsupported.error_code, unsupported.reference_id) == (Code.UNSUPPORTED, 3)


def test_queries_and_user_data(centre):
    ask = centre.switch.request
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    (conn_id,) = centre.switch.calls
    (registered,) = ask(LINK, rq.RegisterAddress(this_dn="1502"), 1)
    assert type(registered).__name__ == "EventRegistered"
    assert registered.extensions == {
        "in-service": 1, "off-hook": 1, "conn-1": conn_id, "ct-1": 1, "ps-1": "established",
    }  # fmt: skip
    (info,) = ask(LINK, rq.QueryCall(this_dn="1502", conn_id=conn_id), 2)
    assert (info.party_state, info.parties, info.other_dn) == ("established", ["1501", "1502"], "1501")
    centre.desktop.events.clear()
    centre.desktop.links.clear()
    assert ask(LINK, rq.AttachUserData(this_dn="1502", conn_id=conn_id, user_data={"a": "1", "b": 2}), 3) == ()
    assert ask(LINK, rq.UpdateUserData(this_dn="1502", conn_id=conn_id, user_data={"a": "3"}), 4) == ()
    assert ask(LINK, rq.DeletePair(this_dn="1502", conn_id=conn_id, key="b"), 5) == ()
    (error,) = ask(LINK, rq.DeletePair(this_dn="1502", conn_id=conn_id, key="b"), 6)
    assert error.error_code == Code.USER_DATA
    changes = [(e.this_dn, e.third_party_dn, e.user_data, e.reference_id) for e in centre.desktop.events]
    assert changes == [
        ("1501", "1502", {"a": "1", "b": 2}, 0),
        ("1502", "1502", {"a": "1", "b": 2}, 3),
        ("1501", "1502", {"a": "3", "b": 2}, 0),
        ("1502", "1502", {"a": "3", "b": 2}, 4),
        ("1501", "1502", {"a": "3"}, 0),
        ("1502", "1502", {"a": "3"}, 5),
    ]
    snapshot = centre.switch.snapshot("1501")
    assert [type(e).__name__ for e in snapshot] == ["EventAddressInfo", "EventPartyInfo"]
    assert snapshot[1].user_data == {"a": "3"}
    assert centre.switch.snapshot("9999") == ()
    call.hang_up()
