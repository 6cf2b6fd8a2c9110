"""A load over TLS, which Debian's sipp does not speak: phones that keep their connections.

``register-tls``: each phone refreshes its registration on the connection it has. ``call-tls``: one phone calls another,
which answers at once; both legs are on connections that are there. Runs in a process of its own on the load's core:
``python -m bench.harness.tls_load FIGURE PORT CA RATE SECONDS``; the last line is one line of JSON.
"""

import asyncio
import contextlib
import json
import os
import re
import ssl
import sys
import time
from collections.abc import Callable
from typing import Final

from bench.harness.measure import LOAD_CORE

PHONES: Final = 50
"""Connections of ``register-tls``."""
TICK: Final = 0.01
PATIENCE: Final = 20.0
"""Seconds for what is still under way at the end."""
SDP: Final = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\n"

_LENGTH: Final = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


class Phone(asyncio.Protocol):
    """One connection; whole heads of messages come out."""

    def __init__(self, user: str, heard: Callable[["Phone", str], None]) -> None:
        self.user = user
        self.port = 0
        self._heard = heard
        self._transport: asyncio.Transport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        """Cuts the stream into messages."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < whole:
                return
            head, self._data = self._data[:end].decode(), self._data[whole:]
            self._heard(self, head)

    def say(self, *lines: str, body: str = "") -> None:
        """Sends a message."""
        assert self._transport is not None
        kind = ("Content-Type: application/sdp",) if body else ()
        text = "\r\n".join((*lines, *kind, f"Content-Length: {len(body)}"))
        self._transport.write(f"{text}\r\n\r\n{body}".encode())

    def request(self, method: str, uri: str, to: str, call_id: str, cseq: int, tag: str = "", body: str = "") -> None:
        """Sends a request."""
        self.say(
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/TLS 127.0.0.1:{self.port};rport;branch=z9hG4bK{call_id}{method}{cseq}",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@127.0.0.1>;tag=f",
            f"To: <sip:{to}@127.0.0.1>{tag}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@127.0.0.1:{self.port};transport=tls>",
            body=body,
        )


class Load:
    """Counts what comes back."""

    def __init__(self, port: int, ca: str) -> None:
        self.port = port
        self.started = self.good = self.bad = 0
        self._wanted = 0
        self._reached = asyncio.Event()
        self._context = ssl.create_default_context(cafile=ca)

    async def phone(self, user: str) -> Phone:
        """A phone that is registered."""
        loop = asyncio.get_running_loop()
        _, phone = await loop.create_connection(
            lambda: Phone(user, self.heard), "127.0.0.1", self.port, ssl=self._context, server_hostname="127.0.0.1"
        )
        phone.request("REGISTER", "sip:127.0.0.1", user, f"first-{user}", 1)
        await self.reach(self.good + 1)
        return phone

    async def reach(self, count: int) -> None:
        """Waits until that many operations have come to an end. Raises TimeoutError."""
        self._wanted = count
        self._reached.clear()
        if self.good + self.bad < count:
            async with asyncio.timeout(PATIENCE):
                await self._reached.wait()

    def count(self, *, good: bool) -> None:
        """One has."""
        self.good += good
        self.bad += not good
        if self.good + self.bad >= self._wanted:
            self._reached.set()

    def heard(self, phone: Phone, head: str) -> None:
        """A message; what is not for us to answer counts."""
        raise NotImplementedError

    def one(self) -> None:
        """Begins one operation."""
        raise NotImplementedError

    async def begin(self) -> None:
        """Brings up the phones."""
        raise NotImplementedError

    async def run(self, rate: float, seconds: float) -> dict[str, float]:
        """The load for that long; what became of it."""
        await self.begin()
        self.good = self.bad = 0
        print("ready", flush=True)
        sys.stdin.readline()
        count = round(rate * seconds)
        begun = time.monotonic()
        while self.started < count:
            due = min(count, round((time.monotonic() - begun) * rate) + 1)
            while self.started < due:
                self.started += 1
                self.one()
            await asyncio.sleep(TICK)
        with contextlib.suppress(TimeoutError):
            await self.reach(count)
        elapsed = time.monotonic() - begun
        return {"operations": self.good, "failed": count - self.good, "rate": min(rate, self.good / elapsed)}


class Register(Load):
    """Refreshes."""

    async def begin(self) -> None:
        """Brings up the phones."""
        self._phones = [await self.phone(f"u{n:04d}") for n in range(PHONES)]

    def one(self) -> None:
        """Begins one."""
        phone = self._phones[self.started % PHONES]
        phone.request("REGISTER", "sip:127.0.0.1", phone.user, f"first-{phone.user}", self.started + 1)

    def heard(self, phone: Phone, head: str) -> None:  # noqa: ARG002
        """The answer to one."""
        self.count(good=head.startswith("SIP/2.0 200"))


class Call(Load):
    """INVITE, 180, 200, ACK, BYE, 200 on both legs."""

    async def begin(self) -> None:
        """Brings up the phones."""
        self._called = await self.phone("1000")
        self._caller = await self.phone("caller")

    def one(self) -> None:
        """Begins one. A call of another run is another call, not this one merged (RFC 3261 8.2.2.2)."""
        self._caller.request("INVITE", "sip:1000@127.0.0.1", "1000", f"call-{os.getpid()}-{self.started}", 1, body=SDP)

    def heard(self, phone: Phone, head: str) -> None:
        """A message of either leg."""
        if head.startswith(("INVITE ", "BYE ")):
            self._answer(phone, head)
        elif head.startswith("SIP/2.0 200"):
            self._answered(phone, head)
        elif head.startswith("SIP/2.0") and int(head[8:11]) >= 300:
            self.count(good=False)

    def _answered(self, phone: Phone, head: str) -> None:
        method = _value(head, "CSeq").split()[1]
        if method != "INVITE":
            self.count(good=True)
            return
        to = _value(head, "To")
        tag = to[to.index(";tag=") :]
        target = re.split("[<>]", _value(head, "Contact"))[1]
        call_id = _value(head, "Call-ID")
        phone.request("ACK", target, "1000", call_id, 1, tag)
        phone.request("BYE", target, "1000", call_id, 2, tag)

    def _answer(self, phone: Phone, head: str) -> None:
        copied = [line for line in head.split("\r\n") if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:"))]
        to = _value(head, "To")
        contact = f"Contact: <sip:1000@127.0.0.1:{phone.port};transport=tls>"
        if head.startswith("BYE "):
            phone.say("SIP/2.0 200 OK", *copied, f"To: {to}")
            return
        phone.say("SIP/2.0 180 Ringing", *copied, f"To: {to};tag=t", contact)
        phone.say("SIP/2.0 200 OK", *copied, f"To: {to};tag=t", contact, body=SDP)


def _value(head: str, name: str) -> str:
    start = head.index(f"\r\n{name}:") + len(name) + 3
    end = head.find("\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


FIGURES: Final = {"register-tls": Register, "call-tls": Call}


def main() -> None:
    """The load of a figure."""
    figure, port, ca, rate, seconds = sys.argv[1:]
    os.sched_setaffinity(0, {LOAD_CORE})
    load = FIGURES[figure](int(port), ca)
    print(json.dumps(asyncio.run(load.run(float(rate), float(seconds)))), flush=True)


if __name__ == "__main__":
    main()
