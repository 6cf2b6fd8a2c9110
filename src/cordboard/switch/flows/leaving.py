"""A phone that is no longer in a call, until its dialogs are gone: it gets BYE, and its own BYE hurts nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.bridge import ALLOW, REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.sip.session import Session


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
