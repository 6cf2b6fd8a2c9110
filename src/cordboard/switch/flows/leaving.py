"""Legs with nobody at the other end.

:class:`Leaving`: of a phone that is no longer in a call, until its dialogs are gone: it gets BYE, and its own BYE hurts
nobody. :class:`Alone`: of a phone that waits for somebody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.bridge import ALLOW, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow


def answer_alone(session: Session, event: _core.RequestEvent) -> None:
    """Answers a request within a dialog whose other end is nobody's, for now or for good."""
    method = event.message.method
    if method == "OPTIONS" or (method == "UPDATE" and not event.message.body):
        session.respond(event.transaction, 200, headers=ALLOW)
    elif method in ("INVITE", "UPDATE", "REFER"):
        session.respond(event.transaction, 491)
    elif method in ("INFO", "MESSAGE"):
        session.respond(event.transaction, 480)
    else:
        session.respond(event.transaction, REFUSED.get(method, 405), headers=ALLOW)


class Leaving:
    """Handler of sessions whose call goes on without them."""

    __slots__ = ("asked", "sessions")

    def __init__(self, asked: Session, sessions: Sequence[Session]) -> None:
        """``asked``: the one on which the phone is still being told what it asked; when it ends, all may end."""
        self.asked = asked
        self.sessions = sessions
        for session in sessions:
            session.handler = self

    def end(self, status: int = 487) -> None:
        """Ends those that have not ended yet; ``status`` is for an INVITE not answered so far."""
        for session in self.sessions:
            session.end(status)

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """It asks for something: there is nobody to ask any more."""
        answer_alone(session, event)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """It gave up a call it was still placing."""

    def on_bye(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """It hung up."""
        if session is self.asked:
            self.end()

    def on_gone(self, session: Session, status: int) -> None:  # noqa: ARG002
        """It has lost the dialog."""
        if session is self.asked:
            self.end()

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """It acknowledged what it was answered while it was still in the call."""

    def on_no_ack(self, session: Session) -> None:
        """It never did."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """It took a re-INVITE back."""


class Alone:
    """Handler of a leg that is up while there is nobody at the other end yet."""

    __slots__ = ("_hung_up", "_lost", "flow")

    def __init__(
        self,
        flow: CallFlow,
        hung_up: Callable[[Session, _core.Message], object],
        lost: Callable[[Session, str], object],
    ) -> None:
        """``hung_up``: called with its BYE or CANCEL. ``lost``: with the reason why it is gone."""
        self.flow = flow
        """The call it waits in, or for."""
        self._hung_up = hung_up
        self._lost = lost

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """It asks for something while there is nobody to ask."""
        answer_alone(session, event)

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """It hung up."""
        self._hung_up(session, message)

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """A CANCEL that won against our 2xx."""
        self._hung_up(session, message)

    def on_gone(self, session: Session, status: int) -> None:
        """It has lost the dialog."""
        self._lost(session, f"far end gone ({status})")

    def on_no_ack(self, session: Session) -> None:
        """It never acknowledged."""
        self._lost(session, "no ACK")

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Of something before."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Of something before."""
