"""A leg told to send and to expect nothing: an offer that leads nowhere (``0.0.0.0``, inactive) in a re-INVITE.

The one form of hold that every phone understands (RFC 3264 8.4, RFC 3725 section 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.media import dead_answer
from cordboard.switch.services.alone import Alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow

TRIES: Final = 8
"""How often a phone that is busy is asked again."""


def quiet_answer(session: Session, event: _core.RequestEvent) -> None:
    """Answers an offer of a phone so that it sends to nobody, and takes what it said for said."""
    offer = event.message.body
    session.media.continued = True
    answer = session.media.next(dead_answer(offer, session.dialog)) if offer else session.media.said
    if offer:
        session.media.heard = offer
    session.media.said = answer
    session.respond(event.transaction, 200, body=answer)


class Quieting:
    """Such a re-INVITE. ``done`` is told its final status; 491 when the phone was busy all the time.

    Without ``done`` nobody waits for it: a phone that will not be quiet hears what it likes.

    ``asking``: the offer is the phone's, and the answer leads nowhere. So one learns what its user wants: a phone
    that holds by its own key offers ``sendonly`` or ``inactive``. ``stopped`` is told in place of ``done`` when it is
    stopped before that.
    """

    __slots__ = ("_asking", "_done", "_flow", "_stopped", "_timer", "_told", "_tries", "over", "session")

    def __init__(
        self,
        flow: CallFlow,
        session: Session,
        done: Callable[[int], None] | None = None,
        *,
        asking: bool = False,
        stopped: Callable[[], None] | None = None,
    ) -> None:
        self._flow = flow
        self._asking = asking
        self.session = session
        self._done = done
        self._stopped = stopped
        self._timer: Timer | None = None
        self._tries = 0
        self._told = b""
        self.over = False
        session.media.continued = True

    def start(self) -> None:
        """Sends it, at a good moment."""
        self._timer = None
        session = self.session
        if session.over:
            self._finish(487)
        elif session.busy:
            self._wait()
        else:
            if not self._asking:
                self._told = session.media.next(dead_answer(session.media.heard, session.dialog))
            session.request("INVITE", self._answered, body=self._told)

    def stop(self) -> None:
        """Nobody waits for it any more. One under way is brought to its end."""
        before, self.over = self.over, True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not before and self._stopped is not None:
            self._stopped()

    def _wait(self) -> None:
        self._tries += 1
        if self._tries > TRIES:
            self._finish(491)
            return
        delay = max(self.session.glare_delay(self._flow.server.random), 0.05)
        self._timer = self._flow.server.clock.call_later(delay, self.start)

    def _answered(self, status: int, event: _core.ResponseEvent | None) -> None:
        session = self.session
        if event is not None and status < 300:
            session.media.heard = event.message.body
            if self._asking:
                self._told = session.media.next(dead_answer(event.message.body, session.dialog))
            session.media.said = self._told
            session.ack_again(self._told if self._asking else b"")
        elif status == 491 and not self.over:
            self._wait()
            return
        if not self.over:
            self._finish(status)

    def _finish(self, status: int) -> None:
        self.over = True
        if self._done is not None:
            self._done(status)


class Quiet(Alone):
    """Handler of a leg that hears nothing. Its phone is asked whether it lives, as in a bridge."""

    __slots__ = ("_interval", "_timer")

    def __init__(self, flow: CallFlow, leg: Session) -> None:
        super().__init__(flow, leg)
        self._interval = flow.audit_interval()
        self._timer: Timer | None = None
        leg.handler = self
        self._wait()

    def _wait(self) -> None:
        if self._interval > 0:
            self._timer = self.flow.server.clock.call_later(self._interval, self._ask)

    def _ask(self) -> None:
        self._wait()
        self.leg.probe()

    def close(self) -> None:
        """Asks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
