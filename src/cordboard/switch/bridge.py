"""Two sessions joined into a call: what one phone asks within its dialog, the other is asked in its own.

Bodies pass as they are. A request that the other phone refuses is refused with the same status, and the call lives.

- re-INVITE: the answer goes back, and the ACK is passed on at once, or, when the offer was in the 2xx, with the answer
  from the first phone's ACK. Both phones asking at once is a glare: 491 (RFC 3261 14.1).
- UPDATE, INFO, MESSAGE: passed. OPTIONS: answered here. NOTIFY, SUBSCRIBE: 489. REFER: 403, PRACK: 481. Others: 405.
- BYE, a dialog the phone has lost, an ACK that never comes: the owner of the bridge is told, who ends both.

The audit: while the call is up each phone is asked by OPTIONS within the dialog, every ``session-audit-interval``,
whether it is still there. Any answer will do, but 481 and 408 (RFC 3261 12.2.1.2).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.switch.headers import body_of, end_to_end

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.clock import Clock, Timer
    from cordboard.sip.session import Pending, Session
    from cordboard.switch.features.sdp_origin import Origin

RELAYED: Final = frozenset({"UPDATE", "INFO", "MESSAGE"})
"""Requests within a dialog that pass to the other phone."""

REFUSED: Final = {"NOTIFY": 489, "SUBSCRIBE": 489, "REFER": 403, "PRACK": 481}
"""Requests within a dialog that do not pass, and their answer."""

OURS: Final = frozenset({401, 407, 408, 481, 503})
"""Refusals that are between us and one phone: of a password the other cannot know, or of the dialog as such. The other
phone is told 500; the call lives or ends by what they mean to us."""

ALLOW: Final = (("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE"),)


class BridgeHandler(Protocol):
    """Who owns the call."""

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """A phone sent BYE. Its session has ended; the other has not."""

    def on_lost(self, session: Session, reason: str) -> None:
        """A phone is gone. Its session has ended; the other has not."""


class Bridge:
    """Two answered sessions, one call. Handler of both."""

    __slots__ = ("_audit", "_awaiting", "_clock", "_interval", "_open", "a", "b", "origin", "owner")

    def __init__(self, clock: Clock, handler: BridgeHandler, a: Session, b: Session, audit: float) -> None:
        """``audit``: seconds between two questions whether the phones live; 0 for none."""
        self._clock = clock
        self.owner = handler
        self._interval = audit
        self.a = a
        self.b = b
        self._awaiting: Session | None = None
        """Whose ACK carries the answer that the other one's ACK must bring."""
        self._open: Pending | None = None
        """The re-INVITE that passes."""
        self.origin: Origin | None = None
        """The origin line of what ``a`` is told, if the first it was told came from us."""
        a.handler = self
        b.handler = self
        self._audit: Timer | None = clock.call_later(audit, self._ask) if audit > 0 else None

    def expect_answer(self, session: Session) -> None:
        """The 2xx given to that session carried an offer: the answer is in its ACK, and is for the other's ACK."""
        self._awaiting = session

    def other(self, session: Session) -> Session:
        """The session at the other end."""
        return self.b if session is self.a else self.a

    def stop(self) -> None:
        """Ends what runs by itself. The sessions are their owner's to end."""
        if self._audit is not None:
            self._audit.cancel()
            self._audit = None

    def _ask(self) -> None:
        self._audit = self._clock.call_later(self._interval, self._ask)
        for session in (self.a, self.b):
            if session.state.value == "confirmed":
                session.request("OPTIONS", _heard)

    def _body_for(self, session: Session, message: _core.Message) -> tuple[bytes, str]:
        """The body of a message of one phone, as the other is to get it."""
        body, kind = body_of(message)
        if self.origin is not None and session is self.a and body:
            return self.origin.put(body, kind), kind
        return body, kind

    # SessionHandler

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone asks for something within its dialog."""
        message = event.message
        method = message.method
        other = self.other(session)
        if method == "INVITE":
            if self._open is not None or self._awaiting is not None or other.serving or other.over:
                session.respond(event.transaction, 491)
                return
            body, kind = self._body_for(other, message)
            self._open = other.request(
                "INVITE",
                partial(self._reinvited, session, event.transaction, offerless=not body),
                headers=end_to_end(message),
                body=body,
                content_type=kind,
            )
        elif method in RELAYED:
            if other.over or other.state.value != "confirmed":
                session.respond(event.transaction, 491)
                return
            body, kind = self._body_for(other, message)
            other.request(
                method,
                partial(self._relayed, session, event.transaction),
                headers=end_to_end(message),
                body=body,
                content_type=kind,
            )
        elif method == "OPTIONS":
            session.respond(event.transaction, 200, headers=ALLOW)
        else:
            session.respond(event.transaction, REFUSED.get(method, 405), headers=ALLOW)

    def _relayed(self, asker: Session, transaction: int, status: int, event: _core.ResponseEvent | None) -> None:
        if event is None or status in OURS:
            asker.respond(transaction, 500)
            return
        body, kind = self._body_for(asker, event.message)
        asker.respond(transaction, status, headers=end_to_end(event.message), body=body, content_type=kind)

    def _reinvited(
        self, asker: Session, transaction: int, status: int, event: _core.ResponseEvent | None, *, offerless: bool
    ) -> None:
        self._open = None
        other = self.other(asker)
        if event is None or status >= 300:
            if asker.serving:
                asker.respond(transaction, 500 if event is None or status in OURS else status)
            return
        if not asker.serving:
            # Cancelled, too late: the phone has changed its media for nothing, and its next re-INVITE will tell.
            other.ack_again()
            return
        body, kind = self._body_for(asker, event.message)
        if offerless:
            self._awaiting = asker
        else:
            other.ack_again()
        asker.respond(transaction, status, headers=end_to_end(event.message), body=body, content_type=kind)

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """A phone acknowledged; its answer may be awaited at the other end."""
        if self._awaiting is not session:
            return
        self._awaiting = None
        other = self.other(session)
        body, kind = self._body_for(other, message)
        if other.state.value == "accepted":
            other.ack(body, kind)
        else:
            other.ack_again(body, kind)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:  # noqa: ARG002
        """A phone took its re-INVITE back."""
        if self._open is not None:
            self._open.cancel()

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """A phone hung up."""
        self.owner.on_hang_up(session, message)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """A CANCEL that won against our 2xx."""
        self.owner.on_hang_up(session, message)

    def on_no_ack(self, session: Session) -> None:
        """A phone never acknowledged."""
        self.owner.on_lost(session, "no ACK")

    def on_gone(self, session: Session, status: int) -> None:
        """A phone has lost the call."""
        self.owner.on_lost(session, f"far end gone ({status})")


def _heard(status: int, event: _core.ResponseEvent | None) -> None:
    """Any answer to an audit will do; a missing one is told through ``on_gone``."""
