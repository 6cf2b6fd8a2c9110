"""Two sessions joined into a call: what one phone asks within its dialog, the other is asked in its own.

Bodies pass as they are. A request that the other phone refuses is refused with the same status, and the call lives.

- re-INVITE: the answer goes back, and the ACK is passed on at once, or, when the offer was in the 2xx, with the answer
  from the first phone's ACK. Both phones asking at once is a glare: 491 (RFC 3261 14.1).
- UPDATE with a body (RFC 3311), INFO, MESSAGE: passed. An UPDATE without one is between us and one phone: 200.
- REFER: for the owner. OPTIONS: answered here. NOTIFY, SUBSCRIBE: 489. PRACK: 481. Others: 405.
- BYE, a dialog the phone has lost, an ACK that never comes: the owner of the bridge is told, who ends both.

An offer of a phone's own that stops its speech, or lets it flow again, is told to the owner: hold and retrieve
(RFC 6337 5.3). An answer is not, for it can only follow its offer.

The audit: while the call is up each phone is asked by OPTIONS within the dialog, every ``session-audit-interval``,
whether it is still there. Any answer will do, but 481 and 408 (RFC 3261 12.2.1.2).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from cordboard.sip.media import dead_answer, is_sdp
from cordboard.switch.headers import end_to_end

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.pending import Pending
    from cordboard.sip.session import Session
    from cordboard.switch.barrier import GuardedClock
    from cordboard.switch.features.sdp_origin import Origin
    from cordboard.switch.timeouts import Queue

RELAYED: Final = frozenset({"UPDATE", "INFO", "MESSAGE"})
"""Requests within a dialog that pass to the other phone."""

REFUSED: Final = {"NOTIFY": 489, "SUBSCRIBE": 489, "PRACK": 481}
"""Requests within a dialog that do not pass, and their answer."""

OURS: Final = frozenset({401, 407, 408, 481, 503})
"""Refusals that are between us and one phone: of a password the other cannot know, or of the dialog as such. The other
phone is told 500; the call lives or ends by what they mean to us."""

ALLOW: Final = (("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER"),)

LATER: Final = (("Retry-After", "2"),)

GOES_ON: Final = 500
"""What the asker is told of a request passed on to one who has gone, while its own dialog goes on."""
ENDS: Final = 481
"""The same, where its dialog ends as well."""


def leave(asker: Session, transaction: int, status: int) -> None:
    """Answers a request that was passed on to somebody who has gone without an answer.

    487 to one who has left its own dialog meanwhile (RFC 3261 15.1.2). Otherwise ``status``: 481 where the dialog ends
    as well; 500 where it goes on, for 408 and 481 would end it (RFC 3261 12.2.1.2).
    """
    if asker.over:
        asker.respond(transaction, 487)
    else:
        asker.respond(transaction, status, LATER if status == GOES_ON else ())


class Change(Protocol):
    """A change of a call's media that the switch makes by itself."""

    def stop(self) -> None:
        """Asks nothing more. What is under way is brought to its end."""


AnyChange = TypeVar("AnyChange", bound=Change)


class BridgeHandler(Protocol):
    """Who owns the call."""

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """A phone sent BYE. Its session has ended; the other has not."""

    def on_lost(self, session: Session, reason: str) -> None:
        """A phone is gone. Its session has ended; the other has not."""

    def on_media(self, session: Session, change: str) -> None:
        """A phone has put the other on hold (``held``) or taken it back (``retrieved``), and the other agreed."""

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether the owner has its own way with an offer (or a request for one) of a phone, and answers it."""

    def on_refer(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone asks for a transfer; to be answered."""


class Bridge:
    """Two answered sessions, one call. Handler of both."""

    __slots__ = (
        "_asked",
        "_audit",
        "_awaiting",
        "_clock",
        "_dissolved",
        "_engaged",
        "_interval",
        "_open",
        "_passed",
        "a",
        "b",
        "origin",
        "owner",
    )

    def __init__(self, clock: GuardedClock, handler: BridgeHandler, a: Session, b: Session, audit: float) -> None:
        """``audit``: seconds between two questions whether the phones live; 0 for none."""
        self._clock = clock
        self.owner = handler
        self._interval = audit
        self.a = a
        self.b = b
        self._awaiting: Session | None = None
        """Whose ACK carries the answer that the other one's ACK must bring."""
        self._open: Pending | None = None
        """The re-INVITE or UPDATE that passes."""
        self._asked: tuple[Session, int] | None = None
        """Whose it is, and the transaction to answer."""
        self._passed: dict[int, Session] = {}
        """Whose requests pass that change no media, by the transaction to answer."""
        self._dissolved = False
        self._engaged: Change | None = None
        """The joining of both, while it is not done."""
        self.origin: Origin | None = None
        """The origin line of what ``a`` is told, if the first it was told came from us."""
        a.handler = self
        b.handler = self
        self._audit: Queue | None = clock.limit(audit, self) if audit > 0 else None
        """Where it waits until it asks."""

    def engage(self, change: AnyChange) -> AnyChange:
        """Until :meth:`disengage` neither phone may change its media by itself."""
        self._engaged = change
        return change

    def disengage(self) -> None:
        """The change is done."""
        self._engaged = None

    @property
    def settled(self) -> bool:
        """Whether no exchange of media is under way."""
        return self._engaged is None and self._open is None and self._awaiting is None

    def expect_answer(self, session: Session) -> None:
        """The 2xx given to that session carried an offer: the answer is in its ACK, and is for the other's ACK."""
        self._awaiting = session

    def other(self, session: Session) -> Session:
        """The session at the other end."""
        return self.b if session is self.a else self.a

    def stop(self, status: int = ENDS) -> None:
        """Ends what runs by itself, and answers what passes. The sessions are their owner's to end."""
        if self._engaged is not None:
            self._engaged.stop()
            self._engaged = None
        if self._audit is not None:
            self._audit.take_back(self)
            self._audit = None
        if self._passed:
            passed, self._passed = self._passed, {}
            for transaction, asker in passed.items():
                leave(asker, transaction, status)
        if self._asked is not None and self._open is not None and self._open.method == "UPDATE":
            # A re-INVITE ends with its session.
            leave(*self._asked, status)
            self._asked = None

    def dissolve(self) -> None:
        """Lets both sessions go on without each other. An exchange under way is brought to an end that does no harm."""
        self.stop(GOES_ON)
        self._dissolved = True
        if self._asked is not None:
            asker, transaction = self._asked
            self._asked = None
            if not asker.over:
                asker.respond(transaction, 491)
        if self._awaiting is not None:
            other = self.other(self._awaiting)
            self._awaiting = None
            if not other.over:
                self._acknowledge(other, dead_answer(other.media.heard, other.dialog))

    def on_limit(self) -> None:
        """It is time to ask whether the phones live."""
        self._audit = self._clock.limit(self._interval, self)
        for session in (self.a, self.b):
            session.probe()

    def _body_for(self, session: Session, message: _core.Message) -> tuple[bytes, str]:
        """The body of a message of one phone, as the other is to get it."""
        body, kind = message.content
        if body and is_sdp(kind):
            if self.origin is not None and session is self.a:
                return self.origin.put(body, kind), kind
            return session.media.next(body), kind
        return body, kind

    # SessionHandler

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone asks for something within its dialog."""
        message = event.message
        method = message.method
        if method == "INVITE":
            self._reinvite(session, event)
        elif method == "UPDATE" and not message.body:
            session.respond(event.transaction, 200, headers=ALLOW)
        elif method in RELAYED:
            self._relay(session, event)
        elif method == "REFER":
            self.owner.on_refer(session, event)
        elif method == "OPTIONS":
            session.respond(event.transaction, 200, headers=ALLOW)
        else:
            session.respond(event.transaction, REFUSED.get(method, 405), headers=ALLOW)

    def _reinvite(self, session: Session, event: _core.RequestEvent) -> None:
        other = self.other(session)
        if not self.settled or other.busy:
            session.respond(event.transaction, 491)
            return
        if self.owner.takes_offer(session, event):
            return
        message = event.message
        body, kind = self._body_for(other, message)
        self._asked = (session, event.transaction)
        self._open = other.request(
            "INVITE",
            partial(self._reinvited, session, event.transaction, message.body, body),
            headers=end_to_end(message),
            body=body,
            content_type=kind,
        )

    def _relay(self, session: Session, event: _core.RequestEvent) -> None:
        other = self.other(session)
        message = event.message
        body, kind = self._body_for(other, message)
        offering = message.method == "UPDATE" and is_sdp(kind)
        if offering and not self.settled:
            # RFC 3311 5.2: 500 for a second one of the same phone, 491 for a glare.
            if self._asked is not None and self._asked[0] is session:
                session.respond(event.transaction, 500, LATER)
            else:
                session.respond(event.transaction, 491)
            return
        if not other.confirmed:
            session.respond(event.transaction, 491)
            return
        if offering and self.owner.takes_offer(session, event):
            return
        if offering:
            done = partial(self._updated, session, event.transaction, message.body, body)
        else:
            done = partial(self._relayed, session, event.transaction)
            self._passed[event.transaction] = session
        pending = other.request(message.method, done, headers=end_to_end(message), body=body, content_type=kind)
        if offering:
            self._open = pending
            self._asked = (session, event.transaction)

    def _relayed(self, asker: Session, transaction: int, status: int, event: _core.ResponseEvent | None) -> None:
        if self._passed.pop(transaction, None) is not None:
            self._answer(asker, transaction, status, event)

    def _answer(self, asker: Session, transaction: int, status: int, event: _core.ResponseEvent | None) -> None:
        if event is None or status in OURS:
            asker.respond(transaction, 500)
            return
        body, kind = self._body_for(asker, event.message)
        asker.respond(transaction, status, headers=end_to_end(event.message), body=body, content_type=kind)

    def _updated(
        self,
        asker: Session,
        transaction: int,
        offer: bytes,
        told: bytes,
        status: int,
        event: _core.ResponseEvent | None,
    ) -> None:
        self._open = self._asked = None
        if self._dissolved:
            if event is not None and status < 300:
                self._took(self.other(asker), told, event.message.body)
            return
        self._answer(asker, transaction, status, event)
        if event is not None and status < 300:
            self._exchanged(asker, offer, told, event.message)

    def _reinvited(
        self,
        asker: Session,
        transaction: int,
        offer: bytes,
        told: bytes,
        status: int,
        event: _core.ResponseEvent | None,
    ) -> None:
        self._open = self._asked = None
        other = self.other(asker)
        if event is None or status >= 300:
            if not self._dissolved and asker.serving:
                asker.respond(transaction, 500 if event is None or status in OURS else status)
            return
        answer = event.message.body
        if self._dissolved or not asker.serving:
            # Cancelled, too late, or no longer together: the phone has changed its media for nothing, and the next
            # offer it is made will tell.
            if told:
                self._took(other, told, answer)
                other.ack_again()
            else:
                other.media.heard = answer
                other.ack_again(dead_answer(answer, other.dialog))
            return
        body, kind = self._body_for(asker, event.message)
        if offer:
            other.ack_again()
        else:
            self._awaiting = asker
        asker.respond(transaction, status, headers=end_to_end(event.message), body=body, content_type=kind)
        if offer:
            self._exchanged(asker, offer, told, event.message, body)
        else:
            other.media.heard = answer
            asker.media.said = body

    def _exchanged(
        self, asker: Session, offer: bytes, told: bytes, message: _core.Message, body: bytes | None = None
    ) -> None:
        """Offer and answer have passed: both are what counts from now on."""
        change = asker.media.change(offer)
        asker.media.heard = offer
        self._took(self.other(asker), told, message.body)
        if message.body:
            asker.media.said = body if body is not None else self._body_for(asker, message)[0]
        if change != "none":
            self.owner.on_media(asker, change)

    @staticmethod
    def _took(session: Session, told: bytes, answer: bytes) -> None:
        """A phone answered what it was told."""
        session.media.said = told
        if answer:
            session.media.heard = answer

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """A phone acknowledged; its answer may be awaited at the other end."""
        if self._awaiting is not session:
            return
        self._awaiting = None
        other = self.other(session)
        body, kind = self._body_for(other, message)
        first = other.accepted
        self._acknowledge(other, body, kind)
        change = "none" if first else session.media.answered(session.media.said, message.body)
        if message.body:
            session.media.heard = message.body
            other.media.said = body
        if change != "none":
            self.owner.on_media(session, change)

    @staticmethod
    def _acknowledge(session: Session, body: bytes, kind: str = "application/sdp") -> None:
        if session.accepted:
            session.ack(body, kind)
        else:
            session.ack_again(body, kind)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:  # noqa: ARG002
        """A phone took its re-INVITE back."""
        self._asked = None
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
