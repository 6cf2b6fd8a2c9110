"""A text message from one DN to another (MESSAGE outside a dialog, RFC 3428: page mode).

    A                     switch                     B (each contact)
    | MESSAGE -------------> |                            |        digest as for INVITE
    |                        | MESSAGE -----------------> |        From by trust, as of a call
    | <----------------- 200 | <--------------------- 200 |        the first 2xx of any phone

It is passed on as it is, and nothing of it is kept: neither stored for later, nor written to the log. Forwarding and
do-not-disturb are about calls. It is refused with

- 403: to or from a trunk, from a Voice over IP Service, and when ``sip-pass-messages`` says so
- 404: no such DN, or one without phones of its own
- 413: more than 8 KiB; a phone keeps to 1300 bytes (RFC 3428 section 8), as not every hop controls congestion
- 480: the phones are out of service, or say nothing for ten seconds. Not 408, which would come too late and make the
  sender think us dead (RFC 4320 section 4.2); a message that was slow may have arrived all the same
- 482: to the sender's own DN; a loop through others ends by Max-Forwards
- 503: a thousand messages are under way, or the server drains

What all phones refuse is refused with the best of their answers (RFC 3261 16.7), where that is not between us and them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model.enums import AddressType
from cordboard.sip.routed import Flows, RoutedRequest
from cordboard.switch.features import caller_id
from cordboard.switch.headers import end_to_end, one_hop_less
from cordboard.switch.legs import rank
from cordboard.switch.numbers import number_of
from cordboard.switch.routing import SIPS_NOT_ALLOWED, Outside, Target, is_sips

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.resolver.records import Destination
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer

MOST_BYTES: Final = 8192
"""Of a body."""

MOST_UNDER_WAY: Final = 1000
"""Messages that wait for an answer at once."""

PATIENCE: Final = 10.0
"""Seconds all phones together have for their answer."""

_OURS: Final = frozenset({401, 405, 407, 408, 481, 501, 503})
"""Answers that are between us and one phone; the sender is told 480."""


class MessageRefused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A message that is not passed on."""

    def __init__(self, status: int, reason: str, headers: _core.Headers = ()) -> None:
        self.status = status
        """The answer."""
        self.headers = [("Warning", f'399 cordboard "{reason}"'), *headers]
        """Why, for people."""
        super().__init__(f"{status} {reason}")


def asked_of(methods: Sequence[str]) -> Sequence[str]:
    """Option ``authenticate-requests``: whoever must prove who he is to call must do so to write."""
    return (*methods, "MESSAGE") if any(method.upper() == "INVITE" for method in methods) else methods


def start(server: SipServer, event: _core.RequestEvent) -> None:
    """Takes a MESSAGE: refuses it, or passes it on."""
    try:
        sender, target = _ends(server, event)
        targets = _phones(server, event.message, target)
    except MessageRefused as refused:
        _answer(server, event.transaction, refused.status, refused.headers)
        return
    TextMessage(server, event, sender, target).send(targets)


def _ends(server: SipServer, event: _core.RequestEvent) -> tuple[Extension, Extension]:
    """Whose it is, and for whom. Raises MessageRefused."""
    message = event.message
    sender = server.extensions.get(event.dn or "")
    if server.draining or len(server.messages) >= MOST_UNDER_WAY:
        raise MessageRefused(503, "too many", (("Retry-After", str(server.settings.retry_after)),))
    if not server.settings.pass_messages or sender is None or not _has_phones(sender):
        raise MessageRefused(403, "messages are not passed on from there")
    if len(message.body) > MOST_BYTES:
        raise MessageRefused(413, f"more than {MOST_BYTES} bytes")
    number = event.gruu[0] if event.gruu is not None else number_of(message.uri)
    place = server.find(number) if number else None
    if isinstance(place, Outside) or (place is not None and place.is_trunk):
        raise MessageRefused(403, "messages do not leave by a trunk")
    if place is None or not _has_phones(place):
        raise MessageRefused(404, "no such DN")
    if place is sender:
        raise MessageRefused(482, "the sender's own DN")
    return sender, place


def _has_phones(extension: Extension) -> bool:
    """Whether it is a DN with phones of its own."""
    return extension.settings.address_type in (AddressType.DN, AddressType.POSITION)


def _phones(server: SipServer, message: _core.Message, target: Extension) -> Sequence[Target]:
    """The contacts it goes to. Raises MessageRefused."""
    known = server.targets(target) if target.dn.in_service else ()
    if not known:
        raise MessageRefused(480, "out of service")
    if not is_sips(message.uri):
        return known
    secure = [one for one in known if one.secure]
    if not secure:
        raise MessageRefused(480, "no TLS to there", SIPS_NOT_ALLOWED)
    return secure


def _answer(server: SipServer, transaction: int, status: int, headers: _core.Headers) -> None:
    server.meters.message_passed(status)
    server.dispatcher.endpoint.respond(transaction, status, headers=headers)


class TextMessage:
    """One on its way, until the sender has his answer."""

    __slots__ = ("_answered", "_best", "_event", "_open", "_sender", "_server", "_target", "_timer")

    def __init__(self, server: SipServer, event: _core.RequestEvent, sender: Extension, target: Extension) -> None:
        self._server = server
        self._event = event
        self._sender = sender
        self._target = target
        self._open: list[_ToPhone] = []
        self._best: tuple[int, _core.Message | None] = (408, None)
        self._answered = False
        self._timer: Timer | None = None

    def send(self, targets: Sequence[Target]) -> None:
        """Sends it to each contact."""
        server, message = self._server, self._event.message
        settings = self._target.settings
        identity = self._sender.who.withheld() if caller_id.wants_privacy(message) else self._sender.who
        from_, told = identity.shown_to(settings)
        passed = end_to_end(message)
        if identity.anonymous and not settings.trusted:
            passed = caller_id.without_revealing(passed)
        headers = [*passed, *told, ("Max-Forwards", one_hop_less(message.header("Max-Forwards")))]
        body, kind = message.content
        server.messages.add(self)
        self._timer = server.clock.call_later(PATIENCE, self._too_late)
        for target in targets:
            sent = partial(self._sent, target, from_, headers, body, kind)
            self._open.append(_ToPhone(server, target, sent, self._final))

    def _sent(
        self, target: Target, from_: str, headers: _core.Headers, body: bytes, kind: str, to: Target | Destination
    ) -> int:
        return self._server.dispatcher.endpoint.send(
            "MESSAGE",
            target.uri,
            from_=from_,
            to=self._target.target_uri,
            transport=to.transport,
            remote=to.remote,
            connection=to.connection if isinstance(to, Target) else 0,
            headers=[*headers, ("Route", ", ".join(target.path))] if target.path else headers,
            body=body,
            content_type=kind,
        )

    def _final(self, phone: _ToPhone, status: int, message: _core.Message | None) -> None:
        self._open.remove(phone)
        if status < 300:
            self._done(status, message)
        elif rank(status) < rank(self._best[0]) or self._best[1] is None:
            self._best = (status, message)
        if not self._open:
            status, message = self._best
            self._done(480 if message is None or status in _OURS or status < 400 else status, message)

    def _too_late(self) -> None:
        self._timer = None
        for phone in self._open:
            phone.request.cancel()
        self._open.clear()
        self._done(480, None)

    def _done(self, status: int, message: _core.Message | None) -> None:
        """The sender has his answer; phones that have not answered yet may still do so."""
        if not self._answered:
            self._answered = True
            _answer(self._server, self._event.transaction, status, end_to_end(message) if message is not None else ())
            log = self._server.log
            if log.debugging:
                call_id = self._event.message.call_id
                sender, to = self._sender.dn.number, self._target.dn.number
                log.debug("message", call_id=call_id, sender=sender, to=to, status=status)
        if not self._open:
            self._server.messages.discard(self)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None


class _ToPhone:
    """It on its way to one contact."""

    __slots__ = ("_final", "request")

    def __init__(
        self,
        server: SipServer,
        target: Target,
        send: Callable[[Target | Destination], int],
        final: Callable[[_ToPhone, int, _core.Message | None], None],
    ) -> None:
        self._final = final
        flows = (target, *target.others)

        def to(destination: Destination) -> int:
            return send(destination if target.route is not None else flows[int(destination.name)])

        route = target.route or Flows(server.clock, [(flow.transport, flow.remote) for flow in flows])
        self.request = RoutedRequest(server.clock, server.dispatcher, self, route, to, patience=PATIENCE / 3)

    def on_final(self, status: int, message: _core.Message | None) -> None:
        """The phone's answer, or none."""
        self._final(self, status, message)
