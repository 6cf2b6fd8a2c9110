"""A request of ours within the dialog of a session, until its final response (RFC 3261 section 12.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.session import Session


class Pending:
    """A request of ours within a dialog, until its final response."""

    __slots__ = ("_done", "method", "session", "transaction")

    def __init__(
        self,
        session: Session,
        transaction: int,
        method: str,
        done: Callable[[int, _core.ResponseEvent | None], None],
    ) -> None:
        self.session = session
        self.transaction = transaction
        self.method = method
        self._done = done

    def cancel(self, done: Callable[[int, _core.ResponseEvent | None], None] | None = None) -> None:
        """Cancels a re-INVITE of ours. ``done``: who is told from now on in place of who was to be."""
        self._done = done or self._done
        self.session._dispatcher.endpoint.cancel(self.transaction)  # noqa: SLF001 - the same usage

    def on_response(self, event: _core.ResponseEvent) -> None:
        """A response; provisional ones do not matter within a dialog."""
        status = event.status
        if status < 200:
            return
        session = self.session
        session.settled(self)
        if session.over:
            # The call ended meanwhile; a 2xx to a re-INVITE still wants its ACK (RFC 3261 13.2.2.4).
            if self.method == "INVITE" and status < 300:
                session.ack_again()
            return
        try:
            self._done(status, event)
        except Exception:
            if self.method == "INVITE" and status < 300:
                session.ack_again()
            raise
        # A NOTIFY refused ends the subscription only (RFC 5057 5.3): the call is another use of the dialog.
        if status in (408, 481) and self.method != "NOTIFY":
            session.lost(status)

    def on_failed(self, event: _core.FailedEvent) -> None:
        """No response."""
        session = self.session
        session.settled(self)
        if session.over:
            return
        status = 408 if event.failure == "timeout" else 503
        self._done(status, None)
        if self.method != "NOTIFY":
            session.lost(status)

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Never comes: it is we who sent the request."""
