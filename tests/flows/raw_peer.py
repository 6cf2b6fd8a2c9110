"""A SIP element of which nothing but the wire is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cordboard._core import Message

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.testkit.centre import Centre

SWITCH = ("10.0.0.1", 5060)


class Mute:
    """In the place of a core: says nothing by itself."""

    def receive(self, *args: object) -> None:
        """Leaves the message to the test."""

    def advance(self, now: float) -> None:
        """Has no timers."""

    def next_timeout(self) -> float | None:
        """Never."""
        return None

    def transmits(self) -> list[object]:
        """Nothing."""
        return []


class Raw:
    """A SIP element made of nothing but an address: what it sends is written by the test."""

    def __init__(self, centre: Centre, host: str) -> None:
        self.centre = centre
        self.node = centre.network.node(host, host)
        self.node.endpoint = cast("_core.Endpoint", Mute())

    def send(self, text: str, body: str = "") -> None:
        """Sends a message to the switch and lets it act."""
        network = self.centre.network
        network._send(self.node.address, SWITCH, (text.replace("\n", "\r\n") + body).encode())
        network.run(0.1)

    def reply(self, request: Message, status: str, headers: str = "") -> None:
        """Answers a request: ``200 OK``, with further headers."""
        self.send(
            f"SIP/2.0 {status}\n"
            + "".join(f"{name}: {request.header(name)}\n" for name in ("Via", "From", "Call-ID", "CSeq"))
            + f"To: {request.header('To')};tag=raw\n{headers}Content-Length: 0\n\n"
        )

    def heard(self, method: str = "") -> list[Message]:
        """What reached it, requests of a method or all messages."""
        got = [p.data for p in self.centre.network.packets if p.target == self.node.address and not p.lost]
        found = [Message.parse(data) for data in got if data.strip()]
        return [m for m in found if not method or (m.is_request and m.method == method)]

    def register(self, headers: str, *, via: str = "", cseq: int = 1, call_id: str = "r") -> Message:
        """Registers 1502 and returns the answer."""
        via = via or f"SIP/2.0/UDP {self.node.address[0]};branch=z9hG4bK{call_id}{cseq}"
        self.send(
            f"REGISTER sip:10.0.0.1 SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:1502@10.0.0.1>;tag=f\n"
            f"To: <sip:1502@10.0.0.1>\nCall-ID: {call_id}@{self.node.address[0]}\nCSeq: {cseq} REGISTER\n{headers}\n"
            "Content-Length: 0\n\n"
        )
        return self.heard()[-1]
