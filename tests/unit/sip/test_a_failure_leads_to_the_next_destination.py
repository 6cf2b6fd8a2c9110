"""RFC 3263 4.3: whatever way a destination fails, the request goes on to the next, and it is remembered how."""

from types import SimpleNamespace

import pytest

pytest.importorskip("cordboard._core")

from cordboard.sip.resolver.failover import Cause
from cordboard.sip.routed import Flows, RoutedInvite
from cordboard.testkit.clock import VirtualClock


class Handler:
    """Notes what it is told."""

    def __init__(self):
        self.told = []

    def on_next(self, _outgoing):
        self.told.append("next")

    def on_reject(self, outgoing, status, _event):
        self.told.append((status, outgoing.failed.reason))


@pytest.mark.parametrize(
    ("failure", "reason", "status"),
    [("tls", "certificate not trusted", 503), ("transport", "unreachable", 503), ("timeout", "no response", 408)],
)
def test_the_next_is_tried_and_the_last_one_is_what_the_caller_hears_of(failure, reason, status):
    clock, handler, sent = VirtualClock(), Handler(), []

    def send(_owner, destination):
        sent.append((destination, SimpleNamespace(call_id="", failed=None, cancel=lambda _: None)))
        return sent[-1][1]

    route = Flows(clock, [("tls", ("192.0.2.1", 5061)), ("tls", ("192.0.2.2", 5061))])
    invite = RoutedInvite(clock, handler, route, send)
    for number in range(2):
        destination, outgoing = sent[number]
        assert route.health.cause(destination) is None
        outgoing.failed = SimpleNamespace(failure=failure, reason=reason)
        invite.on_reject(outgoing, status, None)
        assert route.health.cause(destination) is Cause(failure)
    assert [destination.host for destination, _ in sent] == ["192.0.2.1", "192.0.2.2"]
    assert handler.told == ["next", (status, reason)]


def test_a_late_word_of_a_destination_that_was_left_changes_nothing():
    clock, handler, sent = VirtualClock(), Handler(), []

    def send(_owner, _destination):
        sent.append(SimpleNamespace(call_id="", failed=None, cancel=lambda _: None))
        return sent[-1]

    route = Flows(clock, [("udp", ("192.0.2.1", 5060)), ("udp", ("192.0.2.2", 5060))])
    invite = RoutedInvite(clock, handler, route, send)
    sent[0].failed = SimpleNamespace(failure="timeout", reason="no response")
    invite.on_reject(sent[0], 408, None)
    invite.on_reject(sent[0], 486, None)
    assert handler.told == ["next"]
    assert len(sent) == 2
