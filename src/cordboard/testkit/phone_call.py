"""A call as its phone sees it, with the keys a person has: hold, retrieve, transfer, hang up."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from cordboard.sip.media import direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.outgoing import Outgoing
    from cordboard.sip.session import Session
    from cordboard.testkit.phone import Phone

_ANSWERS = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
"""What a phone that holds nobody answers to each direction (RFC 3264 6.1)."""

_HOLDING = {"sendrecv": "sendonly", "sendonly": "inactive", "recvonly": "sendonly", "inactive": "inactive"}
"""What one that holds answers (RFC 6337 5.3)."""


def identity(message: _core.Message, *, ours: str) -> tuple[str, str, str]:
    """Call-ID, our tag and theirs, from a message whose From or To (``ours``) is us; tags empty while there is none."""
    theirs = "To" if ours == "From" else "From"
    tags = []
    for name in (ours, theirs):
        address = message.address(name)
        tags.append(address[2].get("tag", "") if address is not None else "")
    return message.call_id, tags[0], tags[1]


@dataclass(eq=False)
class PhoneCall:
    """A call as its phone saw it."""

    phone: Phone
    inbound: bool
    number: str
    """The other number: dialled, or shown by From."""
    events: list[str] = field(default_factory=list)
    """What happened, in order: ``invite``, ``180``, ``answered``, ``acked``, ``bye``, ``cancelled``, ``486`` ..."""
    session: Session | None = None
    outgoing: Outgoing | None = None
    invite: _core.Message | None = None
    """The INVITE that came in."""
    answer: _core.Message | None = None
    """The 2xx that came back."""
    bodies: list[bytes] = field(default_factory=list)
    """Bodies received: offer or answer, early media, those of re-INVITEs and ACKs."""
    sent: bytes = b""
    """The last answer it gave to an offer, or offer it was asked for."""
    over: bool = False
    timers: list[Timer] = field(default_factory=list)
    identity: tuple[str, str, str] = ("", "", "")
    """Call-ID, own tag and the switch's, once known."""
    holding: bool = False
    """Whether it holds the other party, by its own key."""
    progress: list[str] = field(default_factory=list)
    """What it was told of transfers it asked for: answers to REFER, and the status lines of NOTIFYs."""
    subscription: str = ""
    """Subscription-State of the last NOTIFY."""
    leaves: str | None = None
    """When it hangs up by itself after REFER: at ``202``, at ``100``, ``180`` or ``200``; None for never."""

    def note(self, what: str) -> None:
        """Keeps what happened."""
        self.events.append(what)

    @property
    def talking(self) -> bool:
        """Whether it is answered and not ended."""
        return not self.over and self.session is not None and self.session.confirmed

    @property
    def hears(self) -> bytes:
        """The address and port its voice goes to, and the direction, as it was last told."""
        body = self.bodies[-1] if self.bodies else b""
        address = port = b""
        for line in body.split(b"\r\n"):
            if line.startswith((b"c=IN IP4 ", b"c=IN IP6 ")):
                address = line[9:]
            elif line.startswith(b"m=audio "):
                port = line.split()[1]
        return b"%s:%s %s" % (address, port, direction(body).encode())

    def end(self, what: str) -> None:
        """It has ended."""
        self.note(what)
        self.over = True
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()

    def answer_to(self, offer: bytes) -> bytes:
        """What it answers to an offer, or offers when it is asked to."""
        if self.phone.describe is not None:
            self.sent = self.phone.describe(offer)
        elif not offer:
            self.sent = self.phone.sdp("sendonly" if self.holding else "sendrecv")
        else:
            self.sent = self.phone.sdp((_HOLDING if self.holding else _ANSWERS)[direction(offer)])
        return self.sent

    def ask_early(self, method: str, body: bytes = b"", dialog: int = 0, kind: str = "application/sdp") -> None:
        """Asks for something before the answer; what comes back is noted, and its body kept."""
        session = self.session
        dialog = dialog or (session.dialog if session is not None else 0)
        transaction = self.phone.node.endpoint.send_in_dialog(dialog, method, body=body, content_type=kind)
        self.phone.dispatcher.transactions[transaction] = _Early(self, transaction, method.lower())

    # Keys

    def hang_up(self) -> None:
        """Presses the red key."""
        if self.over:
            return
        if self.outgoing is not None and not self.outgoing.settled:
            self.outgoing.cancel()
            self.note("cancel sent")
        elif self.session is not None:
            early = self.session.early
            self.session.end(603)
            self.end("603 sent" if early else "bye sent")

    def hold(self, how: str = "sendonly", method: str = "INVITE") -> None:
        """Holds the other party: by a direction, by ``0.0.0.0`` or by ``port 0``."""
        if how == "0.0.0.0":  # noqa: S104 - in a description
            self._offer(method, True, lambda: self.phone.sdp(address=how))
        elif how == "port 0":
            self._offer(method, True, lambda: self.phone.sdp(port=0))
        else:
            self._offer(method, True, lambda: self.phone.sdp(how))

    def retrieve(self, method: str = "INVITE") -> None:
        """Takes the other party back."""
        self._offer(method, False, self.phone.sdp)

    def _offer(self, method: str, holding: bool, describe: Callable[[], bytes], tries: int = 5) -> None:
        session = self.session
        if session is None or self.over:
            return
        if session.busy:
            self._again(method, holding, describe, tries)
            return
        session.request(method, partial(self._offered, method, holding, describe, tries), body=describe())

    def _again(self, method: str, holding: bool, describe: Callable[[], bytes], tries: int) -> None:
        network = self.phone.network
        if tries and self.session is not None:
            delay = self.session.glare_delay(network.random.random)
            self.timers.append(
                network.clock.call_later(delay, partial(self._offer, method, holding, describe, tries - 1))
            )

    def _offered(
        self,
        method: str,
        holding: bool,
        describe: Callable[[], bytes],
        tries: int,
        status: int,
        event: _core.ResponseEvent | None,
    ) -> None:
        session = self.session
        self.note(f"{'hold' if holding else 'retrieve'} {status}")
        if event is not None and status < 300 and session is not None:
            self.holding = holding
            self.bodies.append(event.message.body)
            if method == "INVITE":
                session.ack_again()
        elif status == 491:
            self._again(method, holding, describe, tries)

    def replaces(self) -> str:
        """The Replaces that names this call to the switch (RFC 3891)."""
        call_id, ours, theirs = self.identity
        return f"{call_id};to-tag={theirs};from-tag={ours}"

    def refer(
        self,
        number: str,
        replacing: PhoneCall | None = None,
        *,
        leaves: str | None = None,
        headers: _core.Headers = (),
        target: str | None = None,
    ) -> None:
        """Transfers the other party to a number, or into the place this phone has in another call of its own."""
        if self.session is None or self.over:
            return
        self.leaves = leaves
        if target is None:
            host, port = self.phone.switch
            after = f"?Replaces={quote(replacing.replaces(), safe='')}" if replacing is not None else ""
            target = f"<sip:{number}@{host}:{port}{after}>"
        self.session.request("REFER", self._referred, headers=[("Refer-To", target), *headers])

    def _referred(self, status: int, event: _core.ResponseEvent | None) -> None:  # noqa: ARG002
        self.progress.append(str(status))
        if status == 202 and self.leaves == "202":
            self.hang_up()

    def notified(self, message: _core.Message) -> None:
        """How the transfer goes (RFC 3515)."""
        line = message.body.split(b"\r\n")[0].decode()
        self.progress.append(line.removeprefix("SIP/2.0 "))
        self.subscription = message.header("Subscription-State") or ""
        if self.leaves is not None and self.progress[-1].startswith(self.leaves):
            self.hang_up()


class _Early:
    """A request before the answer."""

    def __init__(self, call: PhoneCall, transaction: int, method: str) -> None:
        self.call = call
        self.transaction = transaction
        self.method = method

    def on_response(self, event: _core.ResponseEvent) -> None:
        if event.status >= 200:
            del self.call.phone.dispatcher.transactions[self.transaction]
            self.call.note(f"{self.method} {event.status}")
            if event.message.body:
                self.call.bodies.append(event.message.body)

    def on_failed(self, event: _core.FailedEvent) -> None:
        del self.call.phone.dispatcher.transactions[self.transaction]
        self.call.note(f"{self.method} {event.failure}")

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Does not come."""
