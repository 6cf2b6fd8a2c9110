"""A phone without a person: it does what it was told to, made on the same core as the switch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.outgoing import Invite, Outgoing
from cordboard.sip.session import Session
from cordboard.sip.session_timer import interval_of
from cordboard.testkit.phone_call import PhoneCall, identity
from cordboard.testkit.speech import Speech

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.testkit.network import Node, VirtualNetwork


ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, MESSAGE, NOTIFY"


@dataclass(frozen=True, slots=True)
class Manners:
    """What a phone does with a call that comes in. Times are seconds from its INVITE; None for never."""

    ring: float | None = 0.1
    """When it says 180."""
    ring_status: int = 180
    """What it says instead of 180."""
    early_media: bool = False
    """Whether that carries SDP."""
    reliable: bool = False
    """Whether it wants a PRACK for that (RFC 3262), where the caller supports it."""
    answer: float | None = 1.0
    """When it says 200."""
    reject: tuple[float, int] | None = None
    """When it refuses, and how."""
    contact: str = ""
    """Contact of that refusal, for a 3xx."""
    headers: tuple[tuple[str, str], ...] = ()
    """What it adds to 180 and 200."""
    hang_up: float | None = None
    """When, after its answer, it says BYE."""


class Phone:
    """A phone. Calls are kept in :attr:`calls`, so that a test can grade both ends."""

    def __init__(
        self, network: VirtualNetwork, number: str, host: str, switch: _core.Address, port: int = 5060
    ) -> None:
        self.network = network
        self.number = number
        self.switch = switch
        self.node: Node = network.node(number, host, port)
        self.dispatcher = Dispatcher(self.node.endpoint, self)
        self.node.drain = self.dispatcher.drain
        self.node.endpoint.set_policy(allow=ALLOW, registration_expires=300, retry_after=5)
        self.node.endpoint.set_dn("switch", registers=False, peers=[switch[0]])
        self.manners = Manners()
        """What it does with calls that come in."""
        self.choose: Callable[[_core.Message], Manners] | None = None
        """Chooses by the INVITE instead, if set."""
        self.describe: Callable[[bytes], bytes] | None = None
        """Makes the descriptions it answers offers with, if set."""
        self.speech = Speech()
        """What its media is like. Another one's description that does not fit is refused (488)."""
        self.calls: list[PhoneCall] = []
        self.faults: list[Exception] = []
        self.refused: dict[str, int] = {}
        """Methods within a dialog it refuses, and how."""
        self.least = 0
        """The shortest session timer it takes, in seconds (RFC 4028)."""
        self.pracks_with = b""
        """What its next PRACK offers, if anything."""
        self.deaf_to: set[str] = set()
        """Methods within a dialog it never answers."""
        self.hesitates = 0.0
        """Seconds it takes to answer a re-INVITE."""
        self.says: _core.Headers = ()
        """What it adds to each INVITE of a new call and to each response to one."""
        self.seen: list[str] = []
        """Methods of the requests within dialogs that came."""
        self.texts: list[_core.Message] = []
        """Text messages that came, outside calls."""
        self.answers: list[int] = []
        """How those it sent were answered."""
        self.registered = 0
        """Status of the last REGISTER."""
        self._versions = 0

    def __repr__(self) -> str:
        return f"<Phone {self.number}>"

    @property
    def contact(self) -> str:
        """Its own address."""
        host, port = self.node.address
        return f"sip:{self.number}@{host}:{port}"

    def sdp(self, direction: str = "sendrecv", *, address: str | None = None, port: int | None = None) -> bytes:
        """A description of its media; each differs, so that a test can tell whose it is."""
        self._versions += 1
        host = self.speech.host or self.node.address[0]
        origin = f"{self.number} 1 {self._versions} IN {'IP6' if ':' in host else 'IP4'} {host}"
        port = 20000 + self._versions * 2 if port is None else port
        return self.speech.says(origin, direction, address or host, port)

    def register(self, expires: int = 300) -> None:
        """Registers, or with 0 takes the registration back."""
        host = self.switch[0]
        transaction = self.node.endpoint.send(
            "REGISTER",
            f"sip:{host}",
            from_=f"<sip:{self.number}@{host}>",
            to=f"<sip:{self.number}@{host}>",
            transport="udp",
            remote=self.switch,
            headers=[("Contact", f"<{self.contact}>"), ("Expires", str(expires))],
        )
        self.dispatcher.transactions[transaction] = _Asked(self, transaction, partial(setattr, self, "registered"))

    def write(self, number: str, text: bytes, headers: _core.Headers = ()) -> None:
        """Sends a text message, outside any call."""
        host = self.switch[0]
        transaction = self.node.endpoint.send(
            "MESSAGE",
            f"sip:{number}@{host}",
            from_=f"<sip:{self.number}@{host}>",
            to=f"<sip:{number}@{host}>",
            transport="udp",
            remote=self.switch,
            headers=headers,
            body=text,
            content_type="text/plain",
        )
        self.dispatcher.transactions[transaction] = _Asked(self, transaction, self.answers.append)

    def call(
        self,
        number: str,
        *,
        cancel_after: float | None = None,
        hang_up_after: float | None = None,
        offer: bool = True,
        headers: _core.Headers = (),
    ) -> PhoneCall:
        """Calls a number. ``cancel_after`` counts from now, ``hang_up_after`` from the answer."""
        host, port = self.switch
        call = PhoneCall(self, inbound=False, number=number)
        self.calls.append(call)
        handler = _Caller(call, hang_up_after, offered=offer)
        call.outgoing = Outgoing(
            self.dispatcher,
            handler,
            handler,
            Invite(
                f'"Phone {self.number}" <sip:{self.number}@{host}>',
                f"<sip:{number}@{host}>",
                self.number,
                (*headers, *self.says),
                self.sdp() if offer else b"",
            ),
            f"sip:{number}@{host}:{port}",
            "udp",
            self.switch,
        )
        if cancel_after is not None:
            call.timers.append(self.network.clock.call_later(cancel_after, call.hang_up))
        return call

    @property
    def idle(self) -> bool:
        """Whether nothing is left: no call that goes on, no transaction or dialog anybody waits for."""
        return (
            all(call.over for call in self.calls) and not self.dispatcher.dialogs and not self.dispatcher.transactions
        )

    # Dispatcher's User

    def on_new_request(self, event: _core.RequestEvent) -> None:
        """A call comes in."""
        message = event.message
        if message.method == "MESSAGE" and message.method not in self.deaf_to:
            self.texts.append(message)
            self.node.endpoint.respond(event.transaction, self.refused.get("MESSAGE", 200))
            return
        if message.method == "MESSAGE":
            return
        if message.method != "INVITE" or event.dialog is None:
            self.node.endpoint.respond(event.transaction, 405)
            return
        if 0 < interval_of(message) < self.least:
            self.node.endpoint.respond(event.transaction, 422, headers=[("Min-SE", str(self.least))])
            return
        address = message.address("From")
        number = address[1].partition(":")[2].partition("@")[0] if address is not None else ""
        call = PhoneCall(self, inbound=True, number=number, invite=message)
        call.note("invite")
        if message.body:
            call.bodies.append(message.body)
        self.calls.append(call)
        if message.body and not self.speech.takes(message.body):
            self.node.endpoint.respond(event.transaction, 488)
            call.end("488 sent")
            return
        handler = _Callee(call, offered=bool(message.body))
        call.session = Session(self.dispatcher, event.dialog, handler, transaction=event.transaction)
        if self.choose is not None:
            handler.manners = self.choose(message)
        manners = handler.manners
        later = self.network.clock.call_later
        if manners.ring is not None:
            call.timers.append(later(manners.ring, handler.ring))
        if manners.reject is not None:
            call.timers.append(later(manners.reject[0], handler.reject))
        elif manners.answer is not None:
            call.timers.append(later(manners.answer, handler.answer))

    def on_binding(self, event: _core.BindingEvent) -> None:
        """Nobody registers with a phone."""

    def on_fault(self, event: _core.Event, owner: object | None, error: Exception) -> None:  # noqa: ARG002
        """A mistake of the test or of the testkit."""
        self.faults.append(error)


class _Asked:
    """A request outside any dialog on its way: REGISTER, MESSAGE."""

    def __init__(self, phone: Phone, transaction: int, told: Callable[[int], None]) -> None:
        self.phone = phone
        self.transaction = transaction
        self.told = told

    def on_response(self, event: _core.ResponseEvent) -> None:
        if event.status >= 200:
            self.told(event.status)
            del self.phone.dispatcher.transactions[self.transaction]

    def on_failed(self, event: _core.FailedEvent) -> None:  # noqa: ARG002
        self.told(408)
        del self.phone.dispatcher.transactions[self.transaction]

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Does not come."""


class _InCall:
    """What both ends of a call do with it once it is up."""

    def __init__(self, call: PhoneCall) -> None:
        self.call = call

    def on_cancel(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        self.call.end("cancelled")

    def on_no_ack(self, session: Session) -> None:  # noqa: ARG002
        self.call.end("no ack")

    def on_bye(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        self.call.end("bye")

    def on_ack(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        self.call.note("acked")
        if not self.call.identity[0]:
            self.call.identity = identity(message, ours="To")
        if message.body:
            self.call.bodies.append(message.body)

    def on_gone(self, session: Session, status: int) -> None:  # noqa: ARG002
        self.call.end(f"gone {status}")

    def on_cancelled_request(self, session: Session, transaction: int) -> None:  # noqa: ARG002
        self.call.note("re-invite cancelled")

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        phone = self.call.phone
        message = event.message
        method = message.method
        phone.seen.append(method)
        if method in phone.deaf_to:
            return
        if method in phone.refused:
            session.respond(event.transaction, phone.refused[method])
            return
        if method == "INVITE":
            self.call.note("re-invite")
            if message.body:
                self.call.bodies.append(message.body)
            if phone.hesitates:
                later = partial(self.take, session, event)
                self.call.timers.append(phone.network.clock.call_later(phone.hesitates, later))
            else:
                self.take(session, event)
        elif method in ("UPDATE", "PRACK") and message.body[:2] == b"v=":
            self.call.note(method.lower())
            self.call.bodies.append(message.body)
            # The PRACK of a call that came without an offer has the answer.
            answers = method == "PRACK" and not (self.call.invite is not None and self.call.invite.body)
            session.respond(event.transaction, 200, body=b"" if answers else self.call.answer_to(message.body))
        elif method == "NOTIFY":
            session.respond(event.transaction, 200)
            self.call.notified(message)
        else:
            session.respond(event.transaction, 200)

    def take(self, session: Session, event: _core.RequestEvent) -> None:
        """Answers a re-INVITE, unless it has been cancelled meanwhile."""
        if session.serving and not session.over:
            body = event.message.body
            if body and not self.call.phone.speech.takes(body):
                self.call.note("488 sent")
                session.respond(event.transaction, 488)
                return
            session.respond(event.transaction, 200, body=self.call.answer_to(event.message.body))


class _Caller(_InCall):
    """The calling end."""

    def __init__(self, call: PhoneCall, hang_up_after: float | None, *, offered: bool) -> None:
        super().__init__(call)
        self.hang_up_after = hang_up_after
        self.offered = offered

    def on_progress(self, outgoing: Outgoing, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        self.call.note(str(event.status))
        self.call.identity = identity(event.message, ours="From")
        if event.message.body:
            self.call.bodies.append(event.message.body)
        if event.message.header("RSeq") is not None and event.dialog is not None:
            phone = self.call.phone
            body, phone.pracks_with = phone.pracks_with, b""
            if event.message.body and not self.offered:
                body = phone.sdp()
            self.call.ask_early("PRACK", body, event.dialog)

    def on_answer(self, outgoing: Outgoing, session: Session, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        call = self.call
        call.note("answered")
        call.identity = identity(event.message, ours="From")
        call.session = session
        call.answer = event.message
        if event.message.body:
            call.bodies.append(event.message.body)
        session.ack(b"" if self.offered else call.phone.sdp())
        if self.hang_up_after is not None:
            call.timers.append(call.phone.network.clock.call_later(self.hang_up_after, call.hang_up))

    def on_reject(self, outgoing: Outgoing, status: int, event: _core.ResponseEvent | None) -> None:  # noqa: ARG002
        self.call.end(str(status))

    def on_cancelled(self, outgoing: Outgoing, status: int) -> None:  # noqa: ARG002
        self.call.end(str(status))


class _Callee(_InCall):
    """The called end."""

    def __init__(self, call: PhoneCall, *, offered: bool) -> None:
        super().__init__(call)
        self.offered = offered
        self.manners = call.phone.manners
        self.described = False
        """Whether it has described itself in a response that is sure to arrive."""

    def ring(self) -> None:
        session = self.call.session
        manners = self.manners
        if session is not None and session.early:
            body = self.call.phone.sdp() if manners.early_media else b""
            self.described = manners.reliable and manners.early_media and self.takes_reliable
            headers = (*manners.headers, *self.call.phone.says)
            session.progress(manners.ring_status, headers, body=body, reliable=manners.reliable)
            self.call.note("ringing")

    @property
    def takes_reliable(self) -> bool:
        """Whether the caller takes reliable provisional responses."""
        invite = self.call.invite
        return invite is not None and invite.supports("100rel")

    def answer(self) -> None:
        session = self.call.session
        phone = self.call.phone
        if session is not None and session.early:
            # RFC 3262 section 5: what was said reliably is not said again.
            session.answer((*self.manners.headers, *phone.says), body=b"" if self.described else phone.sdp())
            self.call.note("answer sent")
            if self.manners.hang_up is not None:
                self.call.timers.append(phone.network.clock.call_later(self.manners.hang_up, self.call.hang_up))

    def reject(self) -> None:
        session = self.call.session
        manners = self.manners
        if session is not None and session.early and manners.reject is not None:
            contact = (("Contact", manners.contact),) if manners.contact else ()
            session.reject(manners.reject[1], (*contact, *self.call.phone.says))
            self.call.end(f"{manners.reject[1]} sent")
