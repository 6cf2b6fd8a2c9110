"""The INVITE usage of one dialog (RFC 3261 sections 13 to 15), seen from the one who decides.

Inbound, a call that came to us:

    RECEIVED --PROGRESS--> PROGRESSING --ANSWER--> ANSWERED --ACK--> CONFIRMED --BYE, HANG_UP, GONE--> TERMINATED
        |                       |                   |    '--HANG_UP--> CLOSING --ACK, NO_ACK--> TERMINATED (BYE sent)
        '-----REJECT, CANCELLED, BYE----> TERMINATED <--BYE, NO_ACK, CANCELLED--'

Outbound, made by :class:`cordboard.sip.outgoing.Outgoing` from a 2xx:

    ACCEPTED --SEND_ACK--> CONFIRMED --BYE, HANG_UP, GONE--> TERMINATED
        '-----HANG_UP (ACK and BYE sent), BYE, GONE-----------^

A BYE must not be sent between our 2xx and its ACK (RFC 3261 section 15): that is what CLOSING is for. CANCELLED in
ANSWERED is a CANCEL that won against a 2xx of ours which had not reached the core yet. Inputs that come to a session
already TERMINATED are late, and mean nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.sip.machine import Table
from cordboard.sip.media import Media
from cordboard.sip.pending import Pending
from cordboard.sip.session_timer import MIN_SE, too_short

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.session_timer import SessionTimer, Terms


class State(Enum):
    """Where a session is."""

    RECEIVED = "received"
    PROGRESSING = "progressing"
    ANSWERED = "answered"
    CLOSING = "closing"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"

    __hash__ = object.__hash__


class Input(Enum):
    """What can happen to a session."""

    PROGRESS = "progress"
    ANSWER = "answer"
    REJECT = "reject"
    CANCELLED = "cancelled"
    ACK = "ack"
    NO_ACK = "no ack"
    SEND_ACK = "send ack"
    HANG_UP = "hang up"
    BYE = "bye"
    GONE = "gone"

    __hash__ = object.__hash__


_S = State
_I = Input

TABLE: Final = Table(
    "session",
    {
        (_S.RECEIVED, _I.PROGRESS): _S.PROGRESSING,
        (_S.RECEIVED, _I.ANSWER): _S.ANSWERED,
        (_S.RECEIVED, _I.REJECT): _S.TERMINATED,
        (_S.RECEIVED, _I.CANCELLED): _S.TERMINATED,
        (_S.RECEIVED, _I.BYE): _S.TERMINATED,
        (_S.PROGRESSING, _I.PROGRESS): _S.PROGRESSING,
        (_S.PROGRESSING, _I.ANSWER): _S.ANSWERED,
        (_S.PROGRESSING, _I.REJECT): _S.TERMINATED,
        (_S.PROGRESSING, _I.CANCELLED): _S.TERMINATED,
        (_S.PROGRESSING, _I.BYE): _S.TERMINATED,
        (_S.ANSWERED, _I.ACK): _S.CONFIRMED,
        (_S.ANSWERED, _I.NO_ACK): _S.TERMINATED,
        (_S.ANSWERED, _I.HANG_UP): _S.CLOSING,
        (_S.ANSWERED, _I.BYE): _S.TERMINATED,
        (_S.ANSWERED, _I.CANCELLED): _S.TERMINATED,
        (_S.CLOSING, _I.ACK): _S.TERMINATED,
        (_S.CLOSING, _I.NO_ACK): _S.TERMINATED,
        (_S.CLOSING, _I.BYE): _S.TERMINATED,
        (_S.CLOSING, _I.CANCELLED): _S.TERMINATED,
        (_S.CLOSING, _I.HANG_UP): _S.CLOSING,
        (_S.ACCEPTED, _I.SEND_ACK): _S.CONFIRMED,
        (_S.ACCEPTED, _I.HANG_UP): _S.TERMINATED,
        (_S.ACCEPTED, _I.BYE): _S.TERMINATED,
        (_S.ACCEPTED, _I.GONE): _S.TERMINATED,
        (_S.CONFIRMED, _I.ACK): _S.CONFIRMED,
        (_S.CONFIRMED, _I.NO_ACK): _S.TERMINATED,
        (_S.CONFIRMED, _I.HANG_UP): _S.TERMINATED,
        (_S.CONFIRMED, _I.BYE): _S.TERMINATED,
        (_S.CONFIRMED, _I.GONE): _S.TERMINATED,
        (_S.TERMINATED, _I.ACK): _S.TERMINATED,
        (_S.TERMINATED, _I.NO_ACK): _S.TERMINATED,
        (_S.TERMINATED, _I.HANG_UP): _S.TERMINATED,
        (_S.TERMINATED, _I.CANCELLED): _S.TERMINATED,
        (_S.TERMINATED, _I.GONE): _S.TERMINATED,
    },
)
"""Where each input leads from each state. No entry: MachineError."""

# By names of their own: before Python 3.12 asking an enumeration for a member costs more than calling a function.
_RECEIVED, _PROGRESSING, _CLOSING = _S.RECEIVED, _S.PROGRESSING, _S.CLOSING
_ACCEPTED, _CONFIRMED, _TERMINATED = _S.ACCEPTED, _S.CONFIRMED, _S.TERMINATED
_PROGRESS, _ANSWER, _ACK = _I.PROGRESS, _I.ANSWER, _I.ACK
_SEND_ACK, _HANG_UP, _BYE = _I.SEND_ACK, _I.HANG_UP, _I.BYE


class Session:
    """One INVITE dialog. Ends itself in the dispatcher when it is over."""

    __slots__ = (
        "_asking",
        "_dispatcher",
        "_serving",
        "_terms",
        "call_id",
        "dialog",
        "handler",
        "media",
        "pracked",
        "referrals",
        "source",
        "state",
        "timer",
        "transaction",
    )

    def __init__(
        self,
        dispatcher: Dispatcher,
        dialog: int,
        handler: SessionHandler,
        transaction: int = 0,
        source: str = "",
        call_id: str = "",
    ) -> None:
        """With the ``transaction`` of an INVITE received, an inbound session; without, an outbound one."""
        self._dispatcher = dispatcher
        self.dialog = dialog
        self.handler = handler
        self.transaction = transaction
        self.source = source
        """The address the far end is called at, or called from; empty for unknown."""
        self.call_id = call_id
        """Its Call-ID; empty where nobody needs it."""
        self.state = _RECEIVED if transaction else _ACCEPTED
        self._serving = 0
        """Server transaction of the re-INVITE being served; 0 for none."""
        self._asking: Pending | None = None
        """The re-INVITE of ours that is under way."""
        self.media = Media()
        """What was said and heard of media: a state of its own, beside that of the signalling."""
        self.pracked: Callable[[_core.RequestEvent], bool] | None = None
        """Who is told of each PRACK first, and whether he answers it."""
        self.referrals = 0
        """REFERs taken within this dialog so far."""
        self._terms: dict[int, Terms] = {}
        """The session timer that requests not answered yet come to, by transaction."""
        self.timer: SessionTimer | None = None
        """Watches whether the far end lives, if it was agreed (RFC 4028)."""
        dispatcher.dialogs[dialog] = self
        if transaction:
            dispatcher.transactions[transaction] = self

    def __repr__(self) -> str:
        return f"<Session {self.dialog} {'in' if self.inbound else 'out'}bound {self.state.value}>"

    @property
    def inbound(self) -> bool:
        """Whether it came to us."""
        return self.transaction != 0

    @property
    def over(self) -> bool:
        """Whether it has ended, or only waits for an ACK to do so."""
        return self.state is _TERMINATED or self.state is _CLOSING

    @property
    def early(self) -> bool:
        """Whether it is inbound and not answered yet."""
        return self.state is _RECEIVED or self.state is _PROGRESSING

    @property
    def confirmed(self) -> bool:
        """Whether it is up: answered, and acknowledged."""
        return self.state is _CONFIRMED

    @property
    def accepted(self) -> bool:
        """Whether it is outbound and answered, and its ACK is owed."""
        return self.state is _ACCEPTED

    def _step(self, what: Input) -> State:
        """Takes an input and returns the state it came in."""
        before = self.state
        after = TABLE[before, what]
        self.state = after
        if after is _TERMINATED and before is not _TERMINATED:
            if self.timer is not None:
                self.timer.stop()
                self.timer = None
            dispatcher = self._dispatcher
            if self._asking is not None:
                # A phone that said 100 may forget the rest with the call: a CANCEL bounds the wait (RFC 3261 9.1).
                dispatcher.endpoint.cancel(self._asking.transaction)
            dispatcher.dialogs.pop(self.dialog, None)
            if self.transaction:
                dispatcher.transactions.pop(self.transaction, None)
            if self._serving:
                dispatcher.transactions.pop(self._serving, None)
                dispatcher.endpoint.respond(self._serving, 487)
                self._serving = 0
        return before

    # What the one who decides asks for.

    def progress(
        self,
        status: int,
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        *,
        reliable: bool = False,
    ) -> None:
        """Sends a provisional response. ``reliable``: it is repeated until its PRACK comes (RFC 3262)."""
        self._step(_PROGRESS)
        self._dispatcher.endpoint.respond(
            self.transaction, status, headers=headers, body=body, content_type=content_type, reliable=reliable
        )

    def answer(
        self, headers: _core.Headers = (), body: bytes = b"", content_type: str = "application/sdp", status: int = 200
    ) -> None:
        """Accepts the call."""
        self._step(_ANSWER)
        if self._terms:
            headers = [*headers, *self._agreed(self.transaction, status)]
        self._dispatcher.endpoint.respond(
            self.transaction, status, headers=headers, body=body, content_type=content_type
        )

    def reject(self, status: int, headers: _core.Headers = (), reason: str | None = None) -> None:
        """Refuses the call."""
        self._step(Input.REJECT)
        self._dispatcher.endpoint.respond(self.transaction, status, reason=reason, headers=headers)

    def ack(self, body: bytes = b"", content_type: str = "application/sdp") -> None:
        """Acknowledges the 2xx that made this outbound session."""
        self._step(_SEND_ACK)
        self._dispatcher.endpoint.ack(self.dialog, body=body, content_type=content_type)

    def abandon(self) -> None:
        """The INVITE has been answered already, by a refusal of its session timer: there is no session."""
        self._step(Input.CANCELLED)

    def hang_up(self, headers: _core.Headers = ()) -> None:
        """Ends a session that was answered, at once or as soon as the ACK has come. Harmless when it is over."""
        before = self._step(_HANG_UP)
        endpoint = self._dispatcher.endpoint
        if before is _ACCEPTED:
            endpoint.ack(self.dialog)
            endpoint.send_in_dialog(self.dialog, "BYE", headers=headers)
        elif before is _CONFIRMED:
            endpoint.send_in_dialog(self.dialog, "BYE", headers=headers)

    def end(self, status: int = 480, headers: _core.Headers = ()) -> None:
        """Ends the session by what its state asks for: ``status`` if it was not answered yet, BYE if it was."""
        if self.state is _TERMINATED:
            return
        if self.early:
            self.reject(status, headers)
        else:
            self.hang_up(headers)

    def request(
        self,
        method: str,
        done: Callable[[int, _core.ResponseEvent | None], None],
        *,
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Pending:
        """Sends a request within the dialog, and tells ``done`` its final status, with the response.

        No answer is status 408, a transport that failed 503, both without a response (RFC 3261 8.1.3.1). After 408,
        481 or 503 the session is gone (RFC 3261 12.2.1.2): the handler's ``on_gone`` follows ``done``. A 2xx to a
        re-INVITE must be acknowledged with :meth:`ack_again`.
        """
        transaction = self._dispatcher.endpoint.send_in_dialog(
            self.dialog, method, headers=headers, body=body, content_type=content_type
        )
        pending = Pending(self, transaction, method, done)
        if method == "INVITE":
            self._asking = pending
        self._dispatcher.transactions[transaction] = pending
        return pending

    def probe(self) -> None:
        """Asks whether the far end lives, if the session is up: any answer will do, and a missing one ends it."""
        if self.confirmed:
            self.request("OPTIONS", lambda *_: None)

    def settled(self, pending: Pending) -> None:
        """A request of ours has had its final response, or will have none."""
        self._dispatcher.transactions.pop(pending.transaction, None)
        if self._asking is pending:
            self._asking = None

    def ack_again(self, body: bytes = b"", content_type: str = "application/sdp") -> None:
        """Acknowledges the 2xx to a re-INVITE of ours."""
        self._dispatcher.endpoint.ack(self.dialog, body=body, content_type=content_type)

    def respond(
        self,
        transaction: int,
        status: int,
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        """Answers a request that came within the dialog."""
        if transaction == self._serving and status >= 200:
            self._dispatcher.transactions.pop(transaction, None)
            self._serving = 0
        if self._terms and status >= 200:
            headers = [*headers, *self._agreed(transaction, status)]
        self._dispatcher.endpoint.respond(transaction, status, headers=headers, body=body, content_type=content_type)

    def _agreed(self, transaction: int, status: int) -> _core.Headers:
        """A final response: a 2xx makes the terms of the request's session timer hold, and says them."""
        terms = self._terms.pop(transaction, None)
        timers = self._dispatcher.timers
        if terms is None or timers is None or status >= 300:
            return ()
        timers.agreed(self, terms)
        return terms.headers

    @property
    def serving(self) -> bool:
        """Whether a re-INVITE of the far end waits for its answer."""
        return self._serving != 0

    @property
    def busy(self) -> bool:
        """Whether no re-INVITE of ours may start now: not up, or one is under way either way (RFC 3261 14.1)."""
        return self.state is not _CONFIRMED or self._serving != 0 or self._asking is not None

    def glare_delay(self, random: Callable[[], float]) -> float:
        """Seconds to wait after a 491 (RFC 3261 14.1): 2.1 to 4 when we made the Call-ID, else up to 2, by 10 ms.

        ``random`` gives a number from 0 to 1.
        """
        return round(random() * 2.0, 2) if self.inbound else round(2.1 + random() * 1.9, 2)

    # What the core tells.

    def on_request(self, event: _core.RequestEvent) -> None:
        """A request within the dialog."""
        message = event.message
        method = message.method
        endpoint = self._dispatcher.endpoint
        if method == "BYE":
            endpoint.respond(event.transaction, 200)
            before = self._step(_BYE)
            if before is _RECEIVED or before is _PROGRESSING:
                endpoint.respond(self.transaction, 487)
            if before is not _CLOSING:
                self.handler.on_bye(self, message)
        elif self.state is _CLOSING:
            endpoint.respond(event.transaction, 481)
        elif method == "PRACK" and self.pracked is not None and self.pracked(event):
            return
        elif method == "PRACK" and not message.body:
            # A mere acknowledgement, which the core has matched already (RFC 3262 section 3).
            endpoint.respond(event.transaction, 200)
        elif method == "INVITE":
            if self._serving or self.early:
                # RFC 3261 14.2: a second INVITE before the first was answered.
                endpoint.respond(event.transaction, 500, headers=(("Retry-After", "2"),))
                return
            if self.state is not _CONFIRMED or self._asking is not None:
                endpoint.respond(event.transaction, 491)
                return
            if self.refuses_timer(event, 0):
                return
            self._serving = event.transaction
            self._dispatcher.transactions[event.transaction] = self
            self.handler.on_request(self, event)
        elif method != "UPDATE" or not self.refuses_timer(event, 0):
            self.handler.on_request(self, event)

    def on_ack(self, event: _core.AckEvent) -> None:
        """The ACK for a 2xx of ours."""
        before = self._step(_ACK)
        if self.timer is not None:
            self.timer.start()
        if before is _CLOSING:
            self._dispatcher.endpoint.send_in_dialog(self.dialog, "BYE")
        elif before is not _TERMINATED:
            self.handler.on_ack(self, event.message)

    def on_no_ack(self, event: _core.NoAckEvent) -> None:  # noqa: ARG002
        """No ACK for a 2xx of ours (RFC 3261 13.3.1.4)."""
        before = self._step(Input.NO_ACK)
        if before is _TERMINATED:
            return
        self._dispatcher.endpoint.send_in_dialog(self.dialog, "BYE")
        if before is not _CLOSING:
            self.handler.on_no_ack(self)

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """A CANCEL took effect, for the INVITE or for a re-INVITE."""
        if event.transaction == self._serving:
            self._dispatcher.transactions.pop(event.transaction, None)
            self._terms.pop(event.transaction, None)
            self._serving = 0
            self.handler.on_cancelled_request(self, event.transaction)
            return
        before = self._step(Input.CANCELLED)
        if before is not _CLOSING and before is not _TERMINATED:
            self.handler.on_cancel(self, event.message)

    def on_response(self, event: _core.ResponseEvent) -> None:
        """Never comes: requests of ours have an owner of their own, :class:`Pending`."""

    def on_failed(self, event: _core.FailedEvent) -> None:
        """Never comes, as :meth:`on_response`."""

    def refuses_timer(self, event: _core.RequestEvent, wanted: int) -> bool:
        """Whether a request is refused because of its session timer (422); what it comes to else waits for its 2xx.

        ``wanted``: the interval we want ourselves, in seconds.
        """
        if self._dispatcher.timers is None:
            return False
        if too_short(event.message):
            self._dispatcher.endpoint.respond(event.transaction, 422, headers=[("Min-SE", str(MIN_SE))])
            return True
        self.takes_timer(event, wanted)
        return False

    def takes_timer(self, event: _core.RequestEvent, wanted: int) -> None:
        """The same of a request whose interval is known not to be too short."""
        timers = self._dispatcher.timers
        terms = timers.terms(self, event.message, wanted) if timers is not None else None
        if terms is not None:
            self._terms[event.transaction] = terms

    def lost(self, status: int) -> None:
        """The far end has lost the dialog. A BYE is sent all the same: it may have lost less than it says."""
        if self.over:
            return
        before = self._step(Input.GONE)
        if before is _ACCEPTED:
            self._dispatcher.endpoint.ack(self.dialog)
        self._dispatcher.endpoint.send_in_dialog(self.dialog, "BYE")
        self.handler.on_gone(self, status)
