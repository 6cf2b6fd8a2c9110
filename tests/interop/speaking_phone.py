"""Phones of the testkit with a voice: a core of their own on loopback, and real sound as their calls agree on it.

    async with Voices(server) as voices:
        ann = await voices.phone("1501", sound.noise("ann", 1), suite="AES_CM_128_HMAC_SHA1_80")
        call = ann.call("1502")

A phone speaks where the call that is not on hold tells it to, and nowhere while there is none. What it hears is judged
by its party: ``ann.party.settle({"bob"}, ALL)``.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

from cordboard import _core
from cordboard.runtime.loop import LoopClock
from cordboard.sip.media import direction
from cordboard.testkit.live.server import Server
from cordboard.testkit.network import Node
from cordboard.testkit.phone import Phone
from cordboard.testkit.phone_call import PhoneCall
from cordboard.testkit.rtp_party import PCMU, Address, Coding, Impairment, RtpParty
from cordboard.testkit.sound import Voice
from cordboard.testkit.speech import Speech
from cordboard.testkit.srtp_party import SrtpParty
from cordboard.testkit.strangers.ports import free_ports

SECONDS = 20.0
STEP = 0.01


class Voices:
    """A network for the testkit's phones that is the machine's. An asynchronous context manager."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.random = Random(1)
        self.phones: list[SpeakingPhone] = []
        self.clock: LoopClock
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.clock = LoopClock(asyncio.get_running_loop(), self.flush)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def node(self, name: str, host: str, port: int) -> Node:
        """A core that listens there."""
        endpoint = _core.Endpoint.live([("udp", host, port)], realm="phones.test", software=f"testkit {name}")
        self._stack.callback(endpoint.close)
        node = Node(name, (host, port), endpoint)
        loop = asyncio.get_running_loop()
        loop.add_reader(endpoint.fileno(), partial(self._drain, node))
        self._stack.callback(loop.remove_reader, endpoint.fileno())
        return node

    def _drain(self, node: Node) -> None:
        if node.drain is not None:
            node.drain()
        self.flush()

    def flush(self) -> None:
        """Sends what the phones have given to their cores, and has them speak as their calls now say."""
        for phone in self.phones:
            phone.node.endpoint.flush()
            phone.speak()

    async def phone(
        self, number: str, voice: Voice, *, coding: Coding = PCMU, suite: str = "", seed: int = 0
    ) -> "SpeakingPhone":
        """A phone that is registered. ``suite``: of SRTP, which it insists on; ``seed``: of its bad network."""
        impairment = Impairment(loss=0.05, jitter=0.06, seed=seed) if seed else None
        party = (SrtpParty if suite else RtpParty)(voice, coding=coding, impairment=impairment)
        await self._stack.enter_async_context(party)
        phone = SpeakingPhone(self, number, party, suite)
        self.phones.append(phone)
        phone.register()
        await self.until(lambda: phone.registered == 200, f"{number} is not registered")
        return phone

    async def until(self, true: Callable[[], object], failed: str) -> None:
        """Waits until it is so, while the phones do as they are told."""
        end = asyncio.get_running_loop().time() + SECONDS
        while not true():
            assert asyncio.get_running_loop().time() < end, (
                f"{failed}: {[(p, [c.events for c in p.calls]) for p in self.phones]}"
            )
            self.flush()
            await asyncio.sleep(STEP)


class SpeakingPhone(Phone):
    """One of them."""

    def __init__(self, voices: Voices, number: str, party: RtpParty, suite: str) -> None:
        super().__init__(voices, number, "127.0.0.1", voices.server.address, free_ports())  # type: ignore[arg-type]
        self.party = party
        self.suite = suite
        payload = str(party.coding.payload_type)
        self.speech = Speech(srtp="required" if suite else "none", payloads=payload)
        self.describe = self._answer
        self._told = b""
        self._begun = False

    def sdp(self, direction: str = "sendrecv", *, address: str | None = None, port: int | None = None) -> bytes:  # noqa: ARG002
        """What it offers, or answers to the INVITE that rings."""
        ringing = next(
            (call for call in self.calls if call.inbound and call.session is not None and call.session.early), None
        )
        return self._say(direction, ringing.invite.body if ringing is not None and ringing.invite is not None else b"")

    def _answer(self, offer: bytes) -> bytes:
        turned = {"sendonly": "recvonly", "recvonly": "sendonly"}
        return self._say(turned.get(direction(offer), direction(offer)) if offer else "sendrecv", offer)

    def _say(self, way: str, offer: bytes) -> bytes:
        self._versions += 1
        host, port = self.party.address
        coding, key = self.party.coding, ""
        if isinstance(self.party, SrtpParty):
            taken = re.search(rf"^a=crypto:(\d+) {self.suite} ".encode(), offer, re.MULTILINE)
            key = self.party.line(self.suite, int(taken[1]) if taken else 1)
        return (
            f"v=0\r\no={self.number} 1 {self._versions} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} {'RTP/SAVP' if key else 'RTP/AVP'} {coding.payload_type}\r\n{key}a={way}\r\n"
        ).encode()

    def speak(self) -> None:
        """Speaks in the call that is up and not on hold."""
        call = next((call for call in reversed(self.calls) if call.talking and call.bodies and not call.holding), None)
        told = call.bodies[-1] if call is not None else b""
        if told == self._told:
            return
        self._told = told
        place = _place(told)
        if place is None:
            self.party.peer = None
            return
        if isinstance(self.party, SrtpParty):
            self.party.agree(told)
        if self._begun:
            self.party.peer = place
        else:
            self._begun = True
            self.party.talk_to(place)

    async def answered(self, call: PhoneCall) -> None:
        """Waits until the other one has answered."""
        await self.network.until(lambda: call.talking, "is not answered")  # type: ignore[attr-defined]

    async def rings(self, count: int) -> PhoneCall:
        """Waits until so many calls have come in and been answered; the last of them."""
        there = partial(_incoming, self)
        await self.network.until(lambda: len(there()) >= count and there()[-1].talking, "no call comes")  # type: ignore[attr-defined]
        return there()[-1]


def _incoming(phone: Phone) -> list[PhoneCall]:
    return [call for call in phone.calls if call.inbound]


def _place(body: bytes) -> Address | None:
    """Where a description wants to hear, if it does."""
    host, port = re.search(rb"^c=IN IP4 (\S+)", body, re.MULTILINE), re.search(rb"^m=audio (\d+)", body, re.MULTILINE)
    if host is None or port is None or host[1] == b"0.0.0.0" or direction(body) in ("sendonly", "inactive"):
        return None
    return host[1].decode(), int(port[1])
