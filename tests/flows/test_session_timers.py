"""Session timers (RFC 4028): agreed per leg, refreshed by whoever is to, and the end of a phone that died silently."""

import pytest

from cordboard.testkit.phone import Manners


@pytest.fixture
def centre(centre):
    for number in ("1501", "1502"):
        centre.configure(number, session_audit_interval=0.0)
    return centre


def asked(**more):
    return [("Session-Expires", more.get("interval", "120") + more.get("refresher", "")), ("Supported", "timer")]


def test_a_caller_asks_and_is_to_refresh(centre):
    call = centre.phones["1501"].call("1502", headers=asked())
    centre.run(3)
    assert call.answer.header("Session-Expires") == "120;refresher=uac"
    assert "timer" in call.answer.headers("Require")
    centre.run(90)
    assert call.over  # it never refreshed: the session is lost a third before its end, at most 32 s
    assert centre.desktop.records[0].reason == "far end gone (408)"


def test_each_refresh_of_the_phone_starts_the_interval_anew(centre):
    call = centre.phones["1501"].call("1502", headers=asked())
    centre.run(3)
    for method in ("UPDATE", "INVITE", "UPDATE"):
        answers = []
        call.session.request(
            method,
            lambda status, event, answers=answers: answers.append((status, event)),
            headers=[("Session-Expires", "120;refresher=uac"), ("Supported", "timer")],
            body=call.phone.sdp() if method == "INVITE" else b"",
        )
        centre.run(1)
        ((status, event),) = answers
        assert status == 200
        assert event.message.header("Session-Expires") == "120;refresher=uac"
        if method == "INVITE":
            call.session.ack_again()
        centre.run(59)
        assert call.talking
    call.hang_up()


def test_an_interval_too_short_is_refused(centre):
    call = centre.phones["1501"].call("1502", headers=asked(interval="30"))
    centre.run(1)
    assert call.events == ["180"]
    refusal = centre.network.packets[1].data
    assert refusal.startswith(b"SIP/2.0 422")
    assert b"Min-SE: 90" in refusal
    assert b"Session-Expires: 90\r\n" in centre.network.packets[3].data
    call.hang_up()


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_we_refresh_where_it_is_ours_to_do(centre, method):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    if method == "INVITE":
        b.refused["UPDATE"] = 405
    call = a.call("1502")
    centre.run(3)
    invite = b.calls[0].invite
    assert invite.header("Session-Expires") == "100"
    centre.run(400)
    assert call.talking
    assert b.seen.count(method) >= 6 if method == "UPDATE" else b.seen.count(method) >= 5
    assert "UPDATE" not in a.seen
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established"]
    call.hang_up()


def test_a_phone_that_died_is_noticed_at_the_refresh(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    call = a.call("1502")
    centre.run(3)
    b.refused["UPDATE"] = 481
    centre.run(60)
    assert call.over
    assert b.calls[0].over


def test_a_callee_that_wants_a_longer_interval_is_called_again(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    b.least = 600
    b.manners = Manners()
    call = a.call("1502", hang_up_after=1)
    centre.run(5)
    assert call.events[:2] == ["180", "answered"]
    assert b.calls[-1].invite.header("Session-Expires") == "600"


def both_refresh_at_once(centre):
    """A call whose callee refreshes, and takes that over, while the refresh of the server is on its way to it."""
    b = centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    call = centre.phones["1501"].call("1502")
    centre.run(3)
    packets = centre.network.packets
    while not packets[-1].data.startswith(b"UPDATE"):
        centre.run(0.001)
    b.refused["UPDATE"] = 491
    answers = []
    refresh(b.calls[0].session, answers)
    centre.run(0.1)
    assert answers == [200]
    assert b.seen == ["UPDATE"]
    return call, b


def refresh(session, answers):
    session.request(
        "UPDATE",
        lambda status, _: answers.append(status),
        headers=[("Session-Expires", "100;refresher=uac"), ("Supported", "timer")],
    )


def test_a_refresh_refused_does_not_take_back_what_the_phone_agreed_meanwhile(centre):
    call, b = both_refresh_at_once(centre)
    answers = []
    for _ in range(4):
        centre.run(50)
        refresh(b.calls[0].session, answers)
    centre.run(1)
    assert answers == [200] * 4
    assert b.seen == ["UPDATE"]  # it is the phone that refreshes now
    assert call.talking
    call.hang_up()


def test_who_took_the_refreshing_over_and_dies_is_noticed(centre):
    call, _ = both_refresh_at_once(centre)
    centre.run(60)
    assert call.talking
    centre.run(10)
    assert call.over


def test_a_change_refused_for_glare_is_no_refresh(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", headers=asked())
    centre.run(3)
    b.hesitates = 200.0
    centre.run(10)
    answers = []

    def change():
        call.session.request("INVITE", lambda status, _: answers.append(status), headers=asked(), body=a.sdp())

    change()
    centre.run(1)
    change()  # before the first is answered: RFC 3261 14.2
    centre.run(1)
    assert answers == [500]
    centre.run(80)
    assert call.over  # neither counts: the first has no answer yet, the second was refused


@pytest.mark.parametrize("interval", ["\u00b2", "\u0661\u0662\u0660", "1" * 5000])
def test_an_interval_that_is_no_number_is_none(centre, interval):
    call = centre.phones["1501"].call("1502", headers=asked(interval=interval))
    centre.run(3)
    assert call.talking
    assert call.answer.header("Session-Expires") is None
    call.hang_up()


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_refused_for_good_is_given_up_and_the_call_goes_on(centre, method):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    b.refused = {"UPDATE": 603} if method == "UPDATE" else {"UPDATE": 405, "INVITE": 603}
    call = a.call("1502")
    centre.run(1000)
    assert call.talking
    assert b.seen.count(method) in (6, 5)  # of the six tries one was the UPDATE it does not know
    call.hang_up()


def test_a_refresh_refused_for_a_while_is_made_up_for(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.configure("1502", session_refresh_interval=100.0)
    b.refused["UPDATE"] = 500
    call = a.call("1502")
    centre.run(60)
    refused = b.seen.count("UPDATE")
    assert refused >= 2
    b.refused.clear()
    centre.run(400)
    assert call.talking
    assert b.seen.count("UPDATE") - refused >= 7
    call.hang_up()
