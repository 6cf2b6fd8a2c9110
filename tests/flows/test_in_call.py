"""What phones ask of each other while they talk, and how a dead one is noticed."""

import pytest

from cordboard.switch.settings import DnSettings
from cordboard.testkit.phone import Manners, Phone


@pytest.fixture
def talking(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    assert call.talking
    yield centre, call, b.calls[0]
    call.hang_up()
    centre.run(10)
    assert call.over
    assert b.calls[0].over


def ask(call, method, body=b"", content_type="application/sdp", headers=()):
    answers = []
    call.session.request(
        method, lambda status, event: answers.append((status, event)), body=body, content_type=content_type,
        headers=headers,
    )  # fmt: skip
    return answers


@pytest.mark.parametrize("side", [0, 1])
def test_a_reinvite_reaches_the_other_phone_and_its_answer_comes_back(talking, side):
    centre, *calls = talking
    asker, other = calls[side], calls[1 - side]
    answers = ask(asker, "INVITE", b"v=0 hold")
    centre.run(1)
    ((status, event),) = answers
    assert status == 200
    assert other.bodies[-1] == b"v=0 hold"
    assert other.phone.node.address[0].encode() in event.message.body
    asker.session.ack_again()
    centre.run(1)
    assert other.events[-1] == "acked"


def test_a_reinvite_without_offer_brings_the_answer_in_its_ack(talking):
    centre, a, b = talking
    answers = ask(a, "INVITE")
    centre.run(0.1)
    ((status, event),) = answers
    assert status == 200
    assert b"10.0.1.2" in event.message.body
    a.session.ack_again(b"v=0 answer")
    centre.run(1)
    assert b.bodies[-1] == b"v=0 answer"


def test_a_refused_reinvite_leaves_the_call_up(talking):
    centre, a, b = talking
    b.phone.refused["INVITE"] = 488
    answers = ask(a, "INVITE", b"v=0 video")
    centre.run(1)
    assert answers[0][0] == 488
    assert a.talking
    assert b.talking


def test_glare_is_answered_491_on_both_sides(talking):
    centre, a, b = talking
    from_a = ask(a, "INVITE", b"v=0 a")
    from_b = ask(b, "INVITE", b"v=0 b")
    centre.run(2)
    statuses = [from_a[0][0], from_b[0][0]]
    assert 491 in statuses
    for call, answers in ((a, from_a), (b, from_b)):
        if answers[0][0] == 200:
            call.session.ack_again()
    centre.run(1)
    assert a.talking
    assert b.talking
    again = ask(a, "INVITE", b"v=0 again")
    centre.run(1)
    assert again[0][0] == 200
    a.session.ack_again()
    centre.run(1)


def test_a_cancelled_reinvite_leaves_the_call_up(talking):
    centre, a, b = talking
    b.phone.deaf_to.add("INVITE")
    answers = []
    pending = a.session.request("INVITE", lambda status, _: answers.append(status), body=b"v=0 x")
    centre.run(0.1)
    pending.cancel()
    centre.run(1)
    assert answers == [487]
    assert a.talking
    assert b.events[-1] == "re-invite cancelled"
    b.phone.deaf_to.clear()
    again = ask(a, "INVITE", b"v=0 again")
    centre.run(1)
    assert again[0][0] == 200
    a.session.ack_again()
    centre.run(1)


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "MESSAGE"])
def test_requests_that_pass(talking, method):
    centre, a, b = talking
    answers = ask(a, method, b"Signal=5\r\n", "application/dtmf-relay", [("X-Key", "1")])
    centre.run(1)
    assert answers[0][0] == 200
    assert b.phone.seen == [method]
    sent = [
        p for p in centre.network.packets if p.target == b.phone.node.address and p.data.startswith(method.encode())
    ]
    assert b"application/dtmf-relay" in sent[0].data
    assert b"X-Key: 1" in sent[0].data
    assert sent[0].data.endswith(b"Signal=5\r\n")


@pytest.mark.parametrize(("method", "status"), [("REFER", 400), ("NOTIFY", 489), ("FOO", 405), ("OPTIONS", 200)])
def test_requests_that_do_not_pass(talking, method, status):
    centre, a, b = talking
    answers = ask(a, method)
    centre.run(1)
    assert answers[0][0] == status
    assert b.phone.seen == []
    assert a.talking


def test_a_phone_that_died_is_noticed_by_the_audit(centre):
    for number in ("1501", "1502"):
        centre.configure(number, session_audit_interval=30.0)
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    centre.network.remove(b.node)
    centre.run(70)
    assert call.events == ["180", "answered", "bye"]
    (record,) = centre.desktop.records
    assert (record.released_by, record.reason) == ("server", "far end gone (408)")
    assert centre.desktop.told("1502")[-2:] == ["Released", "OnHook"]
    assert centre.switch.lost == 1
    b.calls[0].end("unplugged")
    b.dispatcher.dialogs.clear()
    b.dispatcher.transactions.clear()


def test_a_phone_that_lost_the_call_is_noticed_by_the_audit(centre):
    centre.configure("1502", session_audit_interval=20.0)
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    b.refused["OPTIONS"] = 481
    centre.run(30)
    assert call.events == ["180", "answered", "bye"]
    assert b.calls[0].events[-1] == "bye"
    assert centre.desktop.records[0].reason == "far end gone (481)"


def test_phones_that_refuse_the_audit_are_alive(centre):
    centre.configure("1501", session_audit_interval=5.0)
    a, b = centre.phones["1501"], centre.phones["1502"]
    a.refused["OPTIONS"] = b.refused["OPTIONS"] = 405
    call = a.call("1502")
    centre.run(60)
    assert call.talking
    assert len(a.seen) >= 10
    call.hang_up()


def test_a_request_the_dead_phone_does_not_answer_ends_the_call(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    b.refused["INFO"] = 481
    answers = ask(call, "INFO", b"x")
    centre.run(5)
    assert answers[0][0] == 500
    assert call.over
    assert b.calls[0].over


@pytest.mark.parametrize("method", ["INFO", "MESSAGE"])
def test_a_request_that_passes_is_answered_when_its_receiver_leaves_the_call(centre, method):
    third = Phone(centre.network, "1503", "10.0.1.3", centre.node.address)
    centre.phones["1503"] = third
    centre.switch.configure(DnSettings(number="1503", contact=third.contact))
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    b.deaf_to.add(method)
    answers = ask(call, method, b"x")
    centre.run(1)
    assert answers == []
    b.calls[0].refer("1503")
    centre.run(4)
    assert b.calls[0].over
    assert [status for status, _ in answers] == [500]
    assert call.talking
    call.hang_up()


def test_requests_before_the_answer(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(answer=None)
    call = a.call("1502", cancel_after=5)
    centre.run(1)
    (dialog,) = a.dispatcher.dialogs
    sent = {m: a.node.endpoint.send_in_dialog(dialog, m) for m in ("OPTIONS", "UPDATE", "INFO", "INVITE")}
    statuses = {}

    class Keep:
        def __init__(self, method):
            self.method = method

        def on_response(self, event):
            statuses[self.method] = event.status

    for method, transaction in sent.items():
        a.dispatcher.transactions[transaction] = Keep(method)
    centre.run(2)
    for transaction in sent.values():
        del a.dispatcher.transactions[transaction]
    assert statuses == {"OPTIONS": 200, "UPDATE": 200, "INFO": 480, "INVITE": 500}
    centre.run(10)
    assert call.events == ["180", "cancel sent", "487"]
