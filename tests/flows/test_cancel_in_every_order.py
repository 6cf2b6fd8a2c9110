"""CANCEL, 200 and BYE that cross each other (RFC 3261 9.1, 9.2, 15)."""

import pytest

from cordboard.testkit.phone import Manners

GIVEN_UP = ["OffHook", "Dialing", "Released", "OnHook"]


def hold(centre, start, end):
    """Keeps the switch's decisions waiting for a while, so that events of both legs stand in one queue."""

    def begin():
        centre.node.held = True

    def finish():
        centre.node.held = False

    centre.clock.call_later(start, begin)
    centre.clock.call_later(end, finish)


def record(centre):
    (only,) = centre.desktop.records
    return only


def test_cancel_stands_before_the_answer_in_the_queue(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", cancel_after=0.95)
    hold(centre, 0.9, 1.2)
    centre.run(10)
    assert call.events == ["180", "cancel sent", "487"]
    # The answer crossed: it is acknowledged, and hung up.
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == GIVEN_UP
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]
    assert record(centre).outcome == "cancelled"


def test_cancel_stands_after_the_answer_in_the_queue(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502", cancel_after=1.05)
    hold(centre, 0.9, 1.2)
    centre.run(10)
    # The core had answered 487 before the answer could be passed on.
    assert call.events == ["180", "cancel sent", "487"]
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert centre.desktop.told("1502") == ["Ringing", "OffHook", "Established", "Released", "OnHook"]
    assert record(centre).released_by == "caller"


def test_cancel_comes_after_the_answer_was_passed_on(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    # The 200 to A leaves at 1.003 and is there at 1.004; A cancels between the two.
    call = a.call("1502", cancel_after=1.0035)
    centre.run(10)
    assert call.events == ["180", "cancel sent", "200"]
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert centre.desktop.told("1501") == ["OffHook", "Dialing", "Established", "Released", "OnHook"]
    assert record(centre).outcome == "answered"


def test_cancel_and_refusal_cross(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(reject=(1.0, 486))
    call = a.call("1502", cancel_after=0.95)
    hold(centre, 0.9, 1.2)
    centre.run(10)
    assert call.events == ["180", "cancel sent", "487"]
    assert b.calls[0].events == ["invite", "ringing", "486 sent"]
    assert centre.desktop.told("1501") == GIVEN_UP
    assert centre.desktop.told("1502") == ["Ringing", "Abandoned"]


def test_refusal_stands_before_the_cancel_in_the_queue(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(reject=(1.0, 486))
    call = a.call("1502", cancel_after=1.05)
    hold(centre, 0.9, 1.2)
    centre.run(10)
    assert call.events == ["180", "cancel sent", "487"]
    assert record(centre).outcome == "busy"


def test_cancel_before_any_response_of_the_callee(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.node.held = True
    call = a.call("1502", cancel_after=0.0005)
    centre.run(1)
    b.node.held = False
    centre.run(10)
    assert call.events == ["cancel sent", "487"]
    assert b.calls[0].over
    assert centre.desktop.told("1502") == []


def test_no_answer_and_answer_cross(centre):
    centre.configure("1502", no_answer_timeout=1.004)
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(answer=1.003)
    call = a.call("1502")
    centre.run(10)
    assert call.events == ["180", "480"]
    assert b.calls[0].events == ["invite", "ringing", "answer sent", "acked", "bye"]
    assert record(centre).outcome == "no-answer"


@pytest.mark.parametrize("last", ["a", "b"])
def test_both_hang_up_at_once(centre, last):
    a, b = centre.phones["1501"], centre.phones["1502"]
    call = a.call("1502")
    centre.run(3)
    first, second = (b.calls[0], call) if last == "a" else (call, b.calls[0])
    first.hang_up()
    second.hang_up()
    centre.run(5)
    assert call.events[-1] == "bye sent"
    assert b.calls[0].events[-1] == "bye sent"
    assert len(centre.desktop.records) == 1
    assert centre.desktop.told("1501").count("Released") == 1
    assert centre.desktop.told("1502").count("Released") == 1


def test_callee_hangs_up_before_the_caller_acknowledged(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    b.manners = Manners(hang_up=0.0001)
    lost = []

    def lose_the_first_acks(packet):
        if packet.source == a.node.address and packet.data.startswith(b"ACK") and len(lost) < 2:
            lost.append(packet)
            return False
        return True

    centre.network.filter = lose_the_first_acks
    call = a.call("1502")
    centre.run(20)
    assert len(lost) == 2
    assert call.events == ["180", "answered", "bye"]
    # The BYE to the caller came only after its ACK.
    to_a = [p for p in centre.network.packets if p.target == a.node.address and p.data.startswith(b"BYE")]
    acks = [p for p in centre.network.packets if p.source == a.node.address and p.data.startswith(b"ACK")]
    assert to_a[0].sent >= acks[2].sent


def test_caller_that_never_acknowledges_is_given_up(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    centre.network.filter = lambda p: not (p.source == a.node.address and p.data.startswith(b"ACK"))
    call = a.call("1502")
    centre.run(60)
    assert call.events == ["180", "answered", "bye"]
    assert b.calls[0].events[-1] == "bye"
    assert record(centre).reason == "no ACK"
    assert record(centre).released_by == "server"
    assert centre.desktop.told("1501")[-2:] == ["Released", "OnHook"]
