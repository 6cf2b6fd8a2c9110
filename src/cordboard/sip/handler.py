"""Who decides for a session, and the one who decides when nobody does any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.session import Session


class SessionHandler(Protocol):
    """Who decides for a session."""

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """The caller cancelled; the session has ended."""

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Our 2xx, to the INVITE or to a re-INVITE, was acknowledged."""

    def on_no_ack(self, session: Session) -> None:
        """Our 2xx was never acknowledged; the session has ended with BYE."""

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """The far end hung up; the session has ended."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """A request other than BYE came within the dialog, and must be answered."""

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """A re-INVITE that :meth:`on_request` was told of was cancelled, and has been answered 487."""

    def on_gone(self, session: Session, status: int) -> None:
        """The far end has lost the dialog (481), or does not answer any more (408); the session has ended with BYE."""


class Silent:
    """The handler of a session whose call has ended: nobody is told anything any more."""

    def on_cancel(self, session: Session, message: _core.Message) -> None:
        """Nobody to tell."""

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """Nobody to tell."""

    def on_no_ack(self, session: Session) -> None:
        """Nobody to tell."""

    def on_bye(self, session: Session, message: _core.Message) -> None:
        """Nobody to tell."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """Answers that the call is no more."""
        session.respond(event.transaction, 481)

    def on_cancelled_request(self, session: Session, transaction: int) -> None:
        """Nobody to tell."""

    def on_gone(self, session: Session, status: int) -> None:
        """Nobody to tell."""


SILENT: Final = Silent()
"""The one there is: it has no state."""
