"""Seats of those who do not talk yet, so that who calls hears who is called before the answer, through the room.

    caller A               switch                  service                    callee B
    |                        | INVITE (no offer) --> |                          |
    |                        | <------- 200 (offer)  |                          |
    |                        | ACK (leads nowhere)-> |                          |        SeatAhead: JOINING
    |                        | INVITE (the service's offer) ------------------> |
    |                        | <------------------------------ 183 (answer) --- |
    |                        | re-INVITE ----------> | <- 200 (the same offer)  |
    |                        | ACK (B's answer) ---> |                          |        SeatAhead: UP
    |                        | INVITE (A's offer) -> |                          |
    | <-------- 183 (answer) | <------ 200 (answer)  |                          |        SeatEarly: UP
    | <----------------- RTP, through the room -------------------------------> |
    |                        | <------------------------------ 200 ------------ |
    | <-------- 200 (answer) |                       |                          |        both go on as Seats

The service's 2xx cannot wait for B (RFC 3261 13.3.1.4), so its offer is answered at once and leads nowhere; asked anew
it says the same (RFC 3264 8), which by then B has answered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.sip import likeness
from cordboard.sip.media import Media, dead_answer
from cordboard.switch.services.limb import Input, State
from cordboard.switch.services.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.likeness import Likeness
    from cordboard.sip.session import Session


class Ahead:
    """Stands for the leg of one who is being called, until he answers."""

    __slots__ = ("dialog", "handler", "like", "media", "source")

    early = False
    over = False
    state = None

    def __init__(self, like: Likeness, source: str) -> None:
        """``like``: what is known of his media. ``source``: the address he is called at."""
        self.like = like
        self.source = source
        self.handler: SessionHandler | None = None
        self.media = Media()
        self.dialog = 0
        """The early dialog in which he said where he receives; 0 for none."""


class _Alone(Seat):
    """Such a seat: nobody's phone is joined to it, so that what the service asks is answered here."""

    __slots__ = ()

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """One of them asks for something."""
        if session is not self.media or event.message.method != "INFO" or not self.takes_info(session, event):
            super().on_request(session, event)

    def _part(self) -> None:
        if self.bridge is not None:
            super()._part()

    def _lost(self, *, died: bool = False) -> None:
        if self.bridge is not None:
            super()._lost(died=died)
        else:
            # What a phone has been told of one service is no good at another.
            self._fail(Input.EXHAUSTED if self.state is State.CALLING else Input.REFUSED)


class SeatEarly(_Alone):
    """That of a caller who is not answered: a provisional response tells him where the room is."""

    __slots__ = ("tell",)

    tell: Callable[[bytes], None]
    """Has the service's answer, for the caller."""

    def start(self) -> None:
        """See Limb. What the caller does remains his call's matter."""
        self._call()

    def _answer(self, media: Session, body: bytes) -> None:
        leg = self.leg
        leg.media.continued = media.media.continued = True
        leg.media.said, media.media.said = body, leg.media.heard
        media.ack()
        self.tell(body)
        self._step(Input.JOINED)
        self._tried.clear()
        self._up()

    def answered(self, headers: _core.Headers) -> None:
        """The call is answered, and so is he, by what he was told before (RFC 3261 13.2.1)."""
        assert self.media is not None  # noqa: S101 - it is up
        self.leg.answer(headers, self.leg.media.said)
        self._bridge(self.media)


class SeatAhead(_Alone):
    """That of one who is called with the offer of a service."""

    __slots__ = ("_ahead", "_said", "offered")

    offered: Callable[[bytes], None]
    """Has the service's offer, for whoever is called; nothing if there is none."""

    def start(self) -> None:
        """See Limb."""
        self._ahead: Ahead | None = self.leg  # type: ignore[assignment]
        self._said = b""
        """What he has said of his media last."""
        super().start()

    def _headers(self) -> _core.Headers:
        like = str(self._ahead.like) if self._ahead is not None else ""
        return [*super()._headers(), (likeness.HEADER, like)] if like else super()._headers()

    def _swing(self, media: Session, offer: bytes, body: bytes) -> None:
        if self._ahead is None:
            super()._swing(media, offer, body)
            return
        media.ack(dead_answer(offer, media.dialog) if offer else b"")
        self.offered(body)

    def described(self, dialog: int, body: bytes) -> None:
        """He says where he receives, before the answer."""
        ahead = self._ahead
        if ahead is not None and self.media is not None and ahead.dialog != dialog:
            ahead.dialog = dialog
            self._tell(body)

    def take(self, session: Session, body: bytes) -> bool:
        """He has answered. Whether it goes on with that leg; else he is as good as never offered anything."""
        ahead, media = self._ahead, self.media
        said = body or (self._said if ahead is not None and ahead.dialog == session.dialog else b"")
        if ahead is None or media is None or not said:
            return False
        self._ahead = None
        session.ack()
        session.media.said, session.media.heard = media.media.heard, said
        session.media.continued = media.media.continued = True
        session.handler = self
        self.leg = session
        if said != self._said:
            self._tell(said)
        self._settle()
        return True

    def _fail(self, what: Input) -> None:
        before = self.state
        super()._fail(what)
        if before is State.CALLING:
            self.offered(b"")

    def _tell(self, body: bytes) -> None:
        """Tells the service where he receives."""
        self._said = body
        if self.media is not None and not self.media.busy:
            self.media.request("INVITE", partial(self._asked, body))

    def _asked(self, body: bytes, status: int, event: _core.ResponseEvent | None) -> None:
        media = self.media
        if media is None:
            return
        if event is None or status >= 300:
            self._part()
            self._fail(Input.REFUSED)
            return
        media.ack_again(body)
        media.media.said, media.media.heard = body, event.message.body
        if body != self._said:
            self._tell(self._said)
            return
        if self.state is State.JOINING:
            self._step(Input.JOINED)
            self._tried.clear()
            self._up()
        self._settle()

    def _settle(self) -> None:
        """Once he has answered and the service knows where he is, they are joined as any phone and service are."""
        if self._ahead is None and self.bridge is None and self.media is not None and not self.media.busy:
            self._bridge(self.media)
