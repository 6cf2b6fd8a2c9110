"""One INVITE of ours until it is settled (RFC 3261 13.2), with all the early dialogs it may make.

CALLING --PROVISIONAL--> PROCEEDING --SUCCESS, FAILURE--> SETTLED
|                         |
'---------CANCEL----------'--> CANCELLED --SUCCESS (ACK and BYE), FAILURE--> SETTLED
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec.structs import replace

from cordboard.sip.machine import Table
from cordboard.sip.session import Session
from cordboard.sip.session_timer import interval_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler


class State(Enum):
    """Where an INVITE of ours is."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    CANCELLED = "cancelled"
    SETTLED = "settled"

    __hash__ = object.__hash__


class Input(Enum):
    """What can happen to it."""

    PROVISIONAL = "provisional"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCEL = "cancel"

    __hash__ = object.__hash__


_S = State
_I = Input

TABLE: Final = Table(
    "INVITE",
    {
        (_S.CALLING, _I.PROVISIONAL): _S.PROCEEDING,
        (_S.CALLING, _I.SUCCESS): _S.SETTLED,
        (_S.CALLING, _I.FAILURE): _S.SETTLED,
        (_S.CALLING, _I.CANCEL): _S.CANCELLED,
        (_S.PROCEEDING, _I.PROVISIONAL): _S.PROCEEDING,
        (_S.PROCEEDING, _I.SUCCESS): _S.SETTLED,
        (_S.PROCEEDING, _I.FAILURE): _S.SETTLED,
        (_S.PROCEEDING, _I.CANCEL): _S.CANCELLED,
        (_S.CANCELLED, _I.PROVISIONAL): _S.CANCELLED,
        (_S.CANCELLED, _I.SUCCESS): _S.SETTLED,
        (_S.CANCELLED, _I.FAILURE): _S.SETTLED,
        (_S.CANCELLED, _I.CANCEL): _S.CANCELLED,
        (_S.SETTLED, _I.CANCEL): _S.SETTLED,
    },
)
"""Where each input leads. Responses cannot come to a settled one: it has left the dispatcher."""

# By names of their own: see :mod:`cordboard.sip.session`.
_CALLING, _PROCEEDING, _CANCELLED, _SETTLED = _S.CALLING, _S.PROCEEDING, _S.CANCELLED, _S.SETTLED
_PROVISIONAL, _SUCCESS = _I.PROVISIONAL, _I.SUCCESS


class Invite(msgspec.Struct, frozen=True):
    """What an INVITE of ours says, wherever it goes."""

    from_: str
    to: str
    contact_user: str = ""
    headers: _core.Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    patience: float = 0.0
    """Seconds without any response, even 100, after which it has failed with 408; 0 for timer B."""


class OutgoingHandler(Protocol):
    """Who decides for an INVITE of ours."""

    def on_progress(self, outgoing: Outgoing, event: _core.ResponseEvent) -> None:
        """A provisional response other than 100."""

    def on_answer(self, outgoing: Outgoing, session: Session, event: _core.ResponseEvent) -> None:
        """The first 2xx. The session's ACK is owed; its handler is the one given to :class:`Outgoing`."""

    def on_reject(self, outgoing: Outgoing, status: int, event: _core.ResponseEvent | None) -> None:
        """The call failed: a final response from 300, or 408 (no answer) or 503 (transport) without one."""

    def on_cancelled(self, outgoing: Outgoing, status: int) -> None:
        """An INVITE that was given up has ended, with that status; an answer that crossed the CANCEL was hung up."""


class Outgoing:
    """An INVITE of ours. Further 2xx of other forks are ended by the dispatcher."""

    __slots__ = (
        "_connection",
        "_dispatcher",
        "_early",
        "_invite",
        "_transport",
        "_uri",
        "call_id",
        "failed",
        "guest",
        "handler",
        "remote",
        "session_handler",
        "state",
        "transaction",
    )

    def __init__(
        self,
        dispatcher: Dispatcher,
        handler: OutgoingHandler,
        session_handler: SessionHandler,
        invite: Invite,
        uri: str,
        transport: _core.TransportName,
        remote: _core.Address,
        connection: int = 0,
    ) -> None:
        self._dispatcher = dispatcher
        self.handler = handler
        self.session_handler = session_handler
        self.state = _CALLING
        self._early: list[int] = []
        self.call_id = ""
        """Call-ID of its leg, known from the first response on."""
        self.failed: _core.FailedEvent | None = None
        """Why there was no final response, if there was none."""
        self.guest: Callable[[_core.RequestEvent], bool] | None = None
        """Who is told first of requests within an early dialog, and whether he answers them."""
        self.remote = remote
        """Where it is sent."""
        self._uri = uri
        self._transport = transport
        self._connection = connection
        self._invite = invite
        self._send()

    def __repr__(self) -> str:
        return f"<Outgoing {self.transaction} {self.state.value}>"

    def _send(self) -> None:
        dispatcher, invite = self._dispatcher, self._invite
        self.transaction = transaction = dispatcher.endpoint.send(
            "INVITE",
            self._uri,
            from_=invite.from_,
            to=invite.to,
            transport=self._transport,
            remote=self.remote,
            connection=self._connection,
            contact_user=invite.contact_user,
            headers=invite.headers,
            body=invite.body,
            content_type=invite.content_type,
            patience=invite.patience,
        )
        dispatcher.transactions[transaction] = self

    @property
    def settled(self) -> bool:
        """Whether it needs no more care: it has ended, or was cancelled and will end by itself."""
        return self.state is _SETTLED or self.state is _CANCELLED

    def cancel(self, headers: _core.Headers = ()) -> None:
        """Gives up. Should it be answered all the same, the session is ended. Harmless when it is settled."""
        before = self.state
        self.state = TABLE[before, Input.CANCEL]
        if before is _CALLING or before is _PROCEEDING:
            self._dispatcher.endpoint.cancel(self.transaction, headers=headers)

    def _settle(self) -> None:
        dispatcher = self._dispatcher
        dispatcher.transactions.pop(self.transaction, None)
        for dialog in self._early:
            if dispatcher.dialogs.get(dialog) is self:
                del dispatcher.dialogs[dialog]

    def on_response(self, event: _core.ResponseEvent) -> None:
        """A response to the INVITE."""
        status, dialog = event.status, event.dialog
        before = self.state
        if not self.call_id:
            self._is_leg(event.message.call_id)
        if status < 200:
            self.state = TABLE[before, _PROVISIONAL]
            if dialog is not None and dialog not in self._early:
                self._early.append(dialog)
                self._dispatcher.dialogs[dialog] = self
            if before is not _CANCELLED:
                self.handler.on_progress(self, event)
        elif status < 300:
            self.state = TABLE[before, _SUCCESS]
            self._settle()
            if dialog is None:
                return
            if before is _CANCELLED:
                endpoint = self._dispatcher.endpoint
                endpoint.ack(dialog)
                endpoint.send_in_dialog(dialog, "BYE")
                self.handler.on_cancelled(self, status)
                return
            session = Session(self._dispatcher, dialog, self.session_handler, 0, self.remote[0], self.call_id)
            if self._dispatcher.timers is not None:
                self._dispatcher.timers.answered(session, event.message, self._interval())
            try:
                self.handler.on_answer(self, session, event)
            except Exception:
                # Nobody takes the call; its 2xx wants an ACK and a BYE all the same (RFC 3261 13.2.2.4, 15.1.1).
                session.hang_up()
                raise
        elif status == 422 and before is not _CANCELLED and self._longer(event):
            return
        else:
            self.state = TABLE[before, Input.FAILURE]
            self._settle()
            if before is _CANCELLED:
                self.handler.on_cancelled(self, status)
            else:
                self.handler.on_reject(self, status, event)

    def _is_leg(self, call_id: str) -> None:
        """Its Call-ID has become known."""
        self.call_id = call_id
        if self._dispatcher.on_leg is not None:
            self._dispatcher.on_leg(self, call_id)

    def _interval(self) -> int:
        """The session timer we ask for, in seconds; 0 for none."""
        for name, value in self._invite.headers:
            if name == "Session-Expires":
                return int(value)
        return 0

    def _longer(self, event: _core.ResponseEvent) -> bool:
        """Asks again with the longer session timer that a 422 wants (RFC 4028 7.3). Whether it does."""
        least, asked = interval_of(event.message, "Min-SE"), self._interval()
        if not 0 < asked < least:
            return False
        self._settle()
        self._early.clear()
        kept = [pair for pair in self._invite.headers if pair[0] not in ("Session-Expires", "Min-SE")]
        longer = [*kept, ("Session-Expires", str(least)), ("Min-SE", str(least))]
        self._invite = replace(self._invite, headers=longer)
        self.call_id = ""
        self._send()
        return True

    def on_failed(self, event: _core.FailedEvent) -> None:
        """The INVITE got no final response."""
        self.failed = event
        if not self.call_id and event.call_id:
            self._is_leg(event.call_id)
        before = self.state
        self.state = TABLE[before, Input.FAILURE]
        self._settle()
        status = 408 if event.failure == "timeout" else 503
        if before is _CANCELLED:
            self.handler.on_cancelled(self, status)
        else:
            self.handler.on_reject(self, status, None)

    def on_request(self, event: _core.RequestEvent) -> None:
        """A request within an early dialog. Nothing in a call that is not answered yet can be asked of its caller."""
        if self.guest is not None and self.guest(event):
            return
        endpoint = self._dispatcher.endpoint
        method = event.message.method
        if method == "BYE" or method == "OPTIONS":
            # A callee must not send BYE before it answered (RFC 3261 15); answered, its INVITE transaction still ends.
            endpoint.respond(event.transaction, 200)
        elif method in ("INVITE", "UPDATE"):
            endpoint.respond(event.transaction, 491)
        else:
            endpoint.respond(event.transaction, 405)

    def on_ack(self, event: _core.AckEvent) -> None:
        """Never comes: we answered no INVITE in this dialog."""

    def on_no_ack(self, event: _core.NoAckEvent) -> None:
        """Never comes, as :meth:`on_ack`."""

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Never comes: it is we who sent the INVITE."""
