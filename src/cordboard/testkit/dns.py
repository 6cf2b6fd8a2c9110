"""A DNS server on 127.0.0.1, UDP and TCP on one port, that answers and fails as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum
from typing import Final, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA: Final = "ns.example. admin.example. 1 3600 600 86400 60"
TRIES: Final = 20
"""How often a port free for UDP is tried for TCP too."""


class Mishap(Enum):
    """What may happen to a question."""

    SILENCE = "silence"
    """No answer."""
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    """Over UDP only; TCP has the whole answer."""
    WRONG_ID = "wrong id"
    """An answer with another identifier comes first; the right one never."""
    FORGED_FIRST = "forged first"
    """An answer with another identifier and other content comes first, then the right one."""
    GARBAGE = "garbage"
    """Octets that are no DNS."""


class DnsServer(asyncio.DatagramProtocol):
    """The server. ``async with DnsServer() as server``; ask at ``server.address``."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._names: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self.address = ("127.0.0.1", 0)
        self.mishaps: dict[tuple[str, str] | None, list[Mishap]] = {}
        """What happens to the next questions, by name and type, or to all (None); the last one for ever."""
        self.soa = True
        """Whether a negative answer has an SOA; its negative TTL is 60 s."""
        self.asked: list[tuple[str, str, str]] = []
        """Transport, name and type of each question."""

    def add(self, name: str, kind: str, *data: str, ttl: int = 300) -> None:
        """Records of a name, as in a zone file."""
        self._records[name, kind] = dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *data)
        self._names.add(name)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for attempt in range(TRIES):
            transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
            port = transport.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", port)
            except OSError:
                transport.close()
                if attempt == TRIES - 1:
                    raise
                continue
            self._transport = transport
            self.address = ("127.0.0.1", port)
            break
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A question over UDP."""
        if self._transport is not None:
            for answer in self._answers(data, "udp"):
                self._transport.sendto(answer, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                for answer in self._answers(await reader.readexactly(length), "tcp"):
                    writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        writer.close()

    def _mishap(self, name: str, kind: str) -> Mishap | None:
        for key in ((name, kind), None):
            waiting = self.mishaps.get(key)
            if waiting:
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return None

    def _answers(self, data: bytes, transport: str) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((transport, name, kind))
        answer = dns.message.make_response(query)
        mishap = self._mishap(name, kind)
        match mishap:
            case Mishap.SILENCE:
                return []
            case Mishap.GARBAGE:
                return [b"\x00garbage"]
            case Mishap.SERVFAIL | Mishap.REFUSED:
                answer.set_rcode(dns.rcode.SERVFAIL if mishap is Mishap.SERVFAIL else dns.rcode.REFUSED)
                return [answer.to_wire(max_size=65_535)]
            case Mishap.TRUNCATED if transport == "udp":
                answer.flags |= dns.flags.TC
                return [answer.to_wire(max_size=65_535)]
            case _:
                pass
        self._fill(answer, name, kind)
        if mishap is Mishap.WRONG_ID:
            answer.id = (answer.id + 1) & 0xFFFF
        elif mishap is Mishap.FORGED_FIRST:
            forged = dns.message.make_response(query)
            forged.id = (answer.id + 1) & 0xFFFF
            forged.answer.append(dns.rrset.from_text(question.name, 300, "IN", "A", "192.0.2.66"))
            return [forged.to_wire(), answer.to_wire(max_size=65_535)]
        return [answer.to_wire(max_size=65_535)]

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(8):
            alias = self._records.get((name, "CNAME"))
            if alias is None or kind == "CNAME":
                break
            answer.answer.append(alias)
            name = alias[0].to_text().rstrip(".").lower()
        found = self._records.get((name, kind))
        if found is not None:
            answer.answer.append(found)
            return
        if name not in self._names and not any(known.endswith(f".{name}") for known in self._names):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if self.soa:
            zone = dns.name.from_text(name.split(".")[-1])
            answer.authority.append(dns.rrset.from_text(zone, 3600, "IN", "SOA", SOA))
