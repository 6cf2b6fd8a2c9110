"""The core's door as the flows see it, and the way of each event to its owner.

Three things have this face: the live core, the virtual core of the testkit, and a scripted one for unit tests.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cordboard import _core
    from cordboard.sip.outgoing import Outgoing
    from cordboard.sip.session_timer import SessionTimers


class Endpoint(Protocol):
    """The part of ``cordboard._core.Endpoint`` that decisions need. See there for each call."""

    def events(self) -> list[_core.Event]:
        """Takes all waiting events."""

    def set_dn(
        self,
        dn: str,
        *,
        ha1: Sequence[tuple[str, str]] = (),
        authenticate: Sequence[str] = (),
        registers: bool = True,
        peers: Sequence[str] = (),
    ) -> None:
        """Declares a DN."""

    def set_credentials(
        self,
        realm: str,
        username: str,
        *,
        ha1: Sequence[tuple[str, str]] = (),
        password: str | None = None,
        host: str = "",
    ) -> None:
        """Gives an account of ours with somebody else."""

    def remove_credentials(self, realm: str, username: str, *, host: str = "") -> None:
        """Takes an account back."""

    def remove_dn(self, dn: str) -> None:
        """Takes a DN back."""

    def set_policy(
        self,
        *,
        allow: str,
        registration_expires: int,
        retry_after: int,
        path_needs_support: bool = False,
        service_route: str = "",
        flow_timer: int = 120,
        nat_keep_alive: int = 0,
    ) -> None:
        """Says what is served, how long a registration lasts that asks for nothing, and when to come back after 503."""

    def refuse_new(self, part: float) -> None:
        """Answers a part of new calls, 0 to 1, 503 with Retry-After by itself, and hands the others over."""

    def set_options_headers(self, headers: _core.Headers) -> None:
        """Says what answers to OPTIONS outside a dialog, which the core gives by itself, say besides."""

    def respond(
        self,
        transaction: int,
        status: int,
        *,
        reason: str | None = None,
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        reliable: bool = False,
    ) -> None:
        """Answers a request."""

    def send(
        self,
        method: str,
        uri: str,
        *,
        from_: str,
        to: str,
        transport: _core.TransportName,
        remote: _core.Address,
        connection: int = 0,
        contact_user: str = "",
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        patience: float = 0.0,
    ) -> int:
        """Sends a request outside any dialog."""

    def send_in_dialog(
        self,
        dialog: int,
        method: str,
        *,
        headers: _core.Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> int:
        """Sends a request within a dialog."""

    def ack(
        self, dialog: int, *, headers: _core.Headers = (), body: bytes = b"", content_type: str = "application/sdp"
    ) -> None:
        """Acknowledges the 2xx of a dialog."""

    def cancel(self, transaction: int, *, headers: _core.Headers = ()) -> None:
        """Cancels an INVITE."""

    def forget(self, dialog: int) -> None:
        """Forgets a dialog."""


class TransactionOwner(Protocol):
    """Who is told of a transaction: of a request we sent, or of a CANCEL for one we serve."""

    def on_response(self, event: _core.ResponseEvent) -> None:
        """A response came."""

    def on_failed(self, event: _core.FailedEvent) -> None:
        """There will be no response."""

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """The request we serve was cancelled, and has been answered 487.

        Or its caller left a reliable response without PRACK, and has been answered 504. The event's message is the
        CANCEL or the INVITE.
        """


class DialogOwner(Protocol):
    """Who is told of a dialog."""

    def on_request(self, event: _core.RequestEvent) -> None:
        """A request within the dialog, which must be answered."""

    def on_ack(self, event: _core.AckEvent) -> None:
        """A 2xx of ours was acknowledged."""

    def on_no_ack(self, event: _core.NoAckEvent) -> None:
        """A 2xx of ours was never acknowledged."""


class User(Protocol):
    """Who is told of all that has no owner yet."""

    def on_new_request(self, event: _core.RequestEvent) -> None:
        """A request outside any dialog, which must be answered."""

    def on_binding(self, event: _core.BindingEvent) -> None:
        """The registrations of a DN changed."""

    def on_fault(self, event: _core.Event, owner: object | None, error: Exception) -> None:
        """Handling an event failed with an error that nobody foresaw. The request, if it is one, was answered 500."""


class Dispatcher:
    """Takes the events of an endpoint and gives each to its owner."""

    __slots__ = ("_routes", "_user", "dialogs", "endpoint", "on_leg", "strays", "timers", "transactions")

    def __init__(self, endpoint: Endpoint, user: User) -> None:
        self.endpoint = endpoint
        self._user = user
        self.transactions: dict[int, TransactionOwner] = {}
        """Owners of the transactions that somebody waits for."""
        self.dialogs: dict[int, DialogOwner] = {}
        """Owners of the dialogs that somebody knows."""
        self.timers: SessionTimers | None = None
        """What is wanted of session timers; None for nothing."""
        self.strays = 0
        """Events that had no owner."""
        self.on_leg: Callable[[Outgoing, str], None] | None = None
        """Is told of each INVITE of ours when its Call-ID becomes known."""
        dialogs, transactions = (self.dialogs, attrgetter("dialog")), (self.transactions, attrgetter("transaction"))
        # By name, so that the core of the testkit need not be the compiled one.
        self._routes: dict[str, tuple[Mapping[Any, Any], Callable[[Any], Any], Callable[[Any, Any], None]]] = {
            "RequestEvent": (*dialogs, self._request),
            "ResponseEvent": (*transactions, self._response),
            "AckEvent": (*dialogs, self._ack),
            "CancelledEvent": (*transactions, self._cancelled),
            "FailedEvent": (*transactions, self._failed),
            "NoAckEvent": (*dialogs, self._no_ack),
            "NoPrackEvent": (*transactions, self._no_prack),
            "BindingEvent": ({}, attrgetter("dn"), lambda event, _: user.on_binding(event)),
        }
        """Of each event: among whom its owner is, by which number, and what becomes of it."""

    def drain(self) -> int:
        """Handles all events that wait now, and returns how many there were."""
        events = self.endpoint.events()
        for event in events:
            self.handle(event)
        return len(events)

    def handle(self, event: _core.Event) -> None:
        """Handles one event. An error nobody foresaw ends nothing but the call it happened to."""
        kind = type(event).__name__
        owners, named, handler = self._routes[kind]
        owner = owners.get(named(event))
        try:
            handler(event, owner)
        except Exception as error:
            if kind == "RequestEvent":
                self.endpoint.respond(event.transaction, 500)  # type: ignore[union-attr]
            self._user.on_fault(event, owner or self._new_owner(event), error)

    def _new_owner(self, event: _core.Event) -> object | None:
        """Whom an event belongs to that had no owner before it was handled."""
        owner: object | None = self.dialogs.get(getattr(event, "dialog", None) or 0)
        return owner if owner is not None else self.transactions.get(getattr(event, "transaction", 0))

    def _request(self, event: _core.RequestEvent, owner: DialogOwner | None) -> None:
        if owner is not None:
            owner.on_request(event)
        elif not event.in_dialog:
            self._user.on_new_request(event)
        else:
            self.strays += 1
            self.endpoint.respond(event.transaction, 481)

    def _response(self, event: _core.ResponseEvent, owner: TransactionOwner | None) -> None:
        if owner is not None:
            owner.on_response(event)
            return
        message = event.message
        if message.method == "INVITE" and 200 <= event.status < 300 and event.dialog is not None:
            # One more fork answered after the call was settled, or our CANCEL came too late (RFC 3261 13.2.2.4, 9.1).
            self.strays += 1
            self.endpoint.ack(event.dialog)
            self.endpoint.send_in_dialog(event.dialog, "BYE")
        else:
            self.strays += 1

    def _ack(self, event: _core.AckEvent, owner: DialogOwner | None) -> None:
        if owner is not None:
            owner.on_ack(event)
        else:
            self.strays += 1

    def _cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent, owner: TransactionOwner | None) -> None:
        if owner is not None:
            owner.on_cancelled(event)
        else:
            self.strays += 1

    def _no_prack(self, event: _core.NoPrackEvent, owner: TransactionOwner | None) -> None:
        # RFC 3262 section 3: the INVITE is refused with a 5xx. For its owner that is a caller who has gone.
        self.endpoint.respond(event.transaction, 504)
        self._cancelled(event, owner)

    def _failed(self, event: _core.FailedEvent, owner: TransactionOwner | None) -> None:
        if owner is not None:
            owner.on_failed(event)

    def _no_ack(self, event: _core.NoAckEvent, owner: DialogOwner | None) -> None:
        if owner is not None:
            owner.on_no_ack(event)
        else:
            self.strays += 1
            self.endpoint.send_in_dialog(event.dialog, "BYE")
