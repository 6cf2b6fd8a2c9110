"""A party that is only voice: says a known sound over RTP and keeps what it hears.

    async with RtpParty(ann) as party, RtpParty(bob) as other:
        party.talk_to(other.address)
        await other.settle({"ann"}, [ann, bob])

Sound goes in frames of 20 ms on the machine's clock; a frame that is late is sent late, its timestamp stays true. What
arrives is laid out by its timestamps, so that a machine that was busy looks like jitter, not like a gap. An
:class:`Impairment` spoils what is sent as a network would, the same way each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from cordboard.testkit import sound
from cordboard.testkit.strangers import g711

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cordboard.testkit.sound import Samples, Voice

Address = tuple[str, int]

FRAME_SECONDS = 0.02
EVENT_TYPE = 101
"""Payload type of telephone events."""
SETTLE_SECONDS = 20.0
KEYS = "0123456789*#ABCD"
"""By their event code (RFC 4733 3.2)."""
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_LONGEST_SECONDS = 600.0
_LOOK_BACK_SECONDS = 3.0
"""A busy machine lets a second of sound take longer."""


@dataclass(frozen=True)
class Coding:
    """How samples become payloads."""

    payload_type: int
    rate: int
    clock: int
    """Ticks of the timestamp a second."""
    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes], Samples]


def _g711(kind: int) -> Coding:
    codes = np.frombuffer(g711.encode(kind, range(-32_768, 32_768)), np.uint8)
    values = np.array(g711.decode(kind, bytes(range(256))), np.int16)
    return Coding(
        kind,
        8_000,
        8_000,
        lambda samples: codes[samples.astype(np.int32) + 32_768].tobytes(),
        lambda payload: values[np.frombuffer(payload, np.uint8)],
    )


PCMU, PCMA = _g711(g711.PCMU), _g711(g711.PCMA)


def l16(payload_type: int, rate: int) -> Coding:
    """Linear samples of 16 bits (RFC 3551 4.5.11)."""
    return Coding(
        payload_type,
        rate,
        rate,
        lambda samples: samples.astype(">i2").tobytes(),
        lambda payload: np.frombuffer(payload[: len(payload) // 2 * 2], dtype=">i2").astype(np.int16),
    )


@dataclass
class Impairment:
    """What a network does to packets: loses some, delays each by a time of its own, so that some overtake others."""

    loss: float = 0.0
    """Share that is lost."""
    jitter: float = 0.0
    """Greatest delay, seconds; all up to it are equally likely."""
    seed: int = 1
    lost: int = 0
    """How many were lost so far."""
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - nothing to guard

    def delay(self) -> float | None:
        """The delay of the next packet; None if it is lost."""
        lost, delay = self._random.random() < self.loss, self._random.random() * self.jitter
        self.lost += lost
        return None if lost else delay


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet as it came."""

    at: float
    """Seconds of the monotonic clock."""
    source: Address
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class RtpParty(asyncio.DatagramProtocol):
    """One socket, one stream out, any number in."""

    def __init__(
        self,
        voice: Voice | None = None,
        *,
        coding: Coding = PCMU,
        host: str = "127.0.0.1",
        impairment: Impairment | None = None,
        event_type: int = EVENT_TYPE,
    ) -> None:
        if voice is not None and voice.rate != coding.rate:
            raise ValueError(f"{voice.name} says {voice.rate} samples a second, the coding wants {coding.rate}")
        self.voice = voice
        """What it says; None while it is silent, when nothing is sent."""
        self.coding = coding
        self.impairment = impairment or Impairment()
        self.event_type = event_type
        self.arrivals: list[Arrival] = []
        """All RTP that came, in the order in which it came."""
        self.said = 0
        """Samples of its stream so far: where in the voice the next frame begins."""
        self.peer: Address | None = None
        self._host = host
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._marker = True
        self._keys: list[tuple[int, int]] = []
        """Pressed and not sent yet: event code, frames."""
        self._key: tuple[int, int, int] | None = None
        """The key that is down: code, its frames, frames sent."""
        self._came = asyncio.Event()
        self._up = asyncio.Event()
        """No key is down or waits to be."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._transport.close()

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def talk_to(self, peer: Address) -> None:
        """Sends to that address from now on."""
        begun, self.peer = self.peer is not None, peer
        if not begun:
            task = asyncio.get_running_loop().create_task(self._talk(), name="rtp party")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def press(self, digits: str, milliseconds: int = 100) -> None:
        """Presses keys one after the other; they go as telephone events, with 60 ms between (RFC 4733)."""
        frames = max(1, round(milliseconds / 1000 / FRAME_SECONDS))
        self._up.clear()
        self._keys += [(KEYS.index(digit), frames) for digit in digits]

    async def pressed(self) -> None:
        """Waits until the last key is up again."""
        async with asyncio.timeout(SETTLE_SECONDS + len(self._keys)):
            await self._up.wait()

    async def arrived(self, count: int, *, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until so many packets have come in all; TimeoutError if they do not."""
        async with asyncio.timeout(seconds):
            while len(self.arrivals) < count:
                self._came.clear()
                await self._came.wait()

    def heard(self, *, since: float = 0.0) -> Samples:
        """What came since a moment of the monotonic clock, laid out by its timestamps; lost packets are silence.

        A new source is laid behind the one before. Of packets of other payload types nothing is heard.
        """
        streams: dict[int, dict[int, Arrival]] = {}
        for arrival in self.arrivals:
            if arrival.at >= since and arrival.payload_type == self.coding.payload_type:
                streams.setdefault(arrival.ssrc, {}).setdefault(arrival.sequence, arrival)
        parts = [self._lay_out(list(stream.values())) for stream in streams.values()]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _lay_out(self, stream: list[Arrival]) -> Samples:
        first = stream[0].timestamp
        starts = [((a.timestamp - first + (1 << 31)) % (1 << 32)) - (1 << 31) for a in stream]
        origin = min(starts)
        places = [(start - origin) * self.coding.rate // self.coding.clock for start in starts]
        sounds = [self.coding.decode(a.payload) for a in stream]
        length = max(place + one.size for place, one in zip(places, sounds, strict=True))
        if length > _LONGEST_SECONDS * self.coding.rate:
            raise ValueError(f"the stream's timestamps jump: {length / self.coding.rate:.0f} s from first to last")
        whole = np.zeros(length, np.int16)
        for place, one in zip(places, sounds, strict=True):
            whole[place : place + one.size] = one
        return whole

    def digits(self) -> str:
        """The telephone events that came, each once: one event is one source and timestamp (RFC 4733 2.5.1.2)."""
        events: dict[tuple[int, int], str] = {}
        for arrival in self.arrivals:
            if arrival.payload_type == self.event_type and len(arrival.payload) >= _EVENT.size:
                code = arrival.payload[0]
                if code < len(KEYS):
                    events.setdefault((arrival.ssrc, arrival.timestamp), KEYS[code])
        return "".join(events.values())

    async def settle(self, hearing: set[str], voices: Iterable[Voice], *, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until a second of sound holds exactly these voices, or nothing at all comes for a second.

        Only what is said after this is called is judged. Raises AssertionError with what was heard at last.
        """
        voices, start = list(voices), time.monotonic()
        while True:
            now = time.monotonic()
            latest = self.heard(since=max(start, now - _LOOK_BACK_SECONDS))[-self.coding.rate :]
            names = {hearing.voice for hearing in sound.identify(latest, voices)}
            quiet = now - max(start, self.arrivals[-1].at if self.arrivals else start) >= 1.0
            if (quiet and not hearing) or (latest.size == self.coding.rate and not quiet and names == hearing):
                return
            if now - start > seconds:
                raise AssertionError(
                    f"hears {sorted(names) or 'nobody'}, not {sorted(hearing) or 'nobody'}, after {seconds:g} s; "
                    f"{len(self.arrivals)} packets came in all"
                )
            # A stream that stopped must be noticed too.
            with contextlib.suppress(TimeoutError):
                await self.arrived(len(self.arrivals) + 10, seconds=0.25)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Keeps RTP; RTCP and what is neither is passed over."""
        if len(data) < _HEADER.size or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
            return
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10 and len(data) >= start + 4:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        end = len(data) - (data[-1] if first & 0x20 else 0)
        source = (str(addr[0]), int(addr[1]))
        self.arrivals.append(
            Arrival(time.monotonic(), source, second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[start:end])
        )
        self._came.set()

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        start, frame = loop.time(), 0
        while True:
            self._say(loop)
            frame += 1
            await asyncio.sleep(max(0.0, start + frame * FRAME_SECONDS - loop.time()))

    def _say(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sends what belongs to this frame: an event while a key is down, otherwise sound."""
        ticks = round(self.coding.clock * FRAME_SECONDS)
        if self._key is None and self._keys:
            self._key = (*self._keys.pop(0), 0)
        if self._key is not None:
            self._send_event(loop, *self._key, ticks)
        elif self.voice is not None:
            count = round(self.coding.rate * FRAME_SECONDS)
            payload = self.coding.encode(self.voice.samples(self.said, count))
            self._send(loop, self.coding.payload_type, self._marker, self._timestamp, payload)
            self._marker = False
        else:
            self._marker = True
        self.said += round(self.coding.rate * FRAME_SECONDS)
        self._timestamp = (self._timestamp + ticks) % (1 << 32)

    def _send_event(self, loop: asyncio.AbstractEventLoop, code: int, frames: int, sent: int, ticks: int) -> None:
        """Updates while the key is down, the end three times, then a pause."""
        down = min(sent + 1, frames)
        last = sent >= frames - 1
        if sent <= frames + 1:
            began = (self._timestamp - sent * ticks) % (1 << 32)
            payload = _EVENT.pack(code, (_END if last else 0) | _VOLUME, down * ticks)
            self._send(loop, self.event_type, sent == 0, began, payload)
        # Two frames repeat the end, three are the pause.
        self._key = (code, frames, sent + 1) if sent < frames + 4 else None
        if self._key is None and not self._keys:
            self._up.set()

    def _send(self, loop: asyncio.AbstractEventLoop, kind: int, marker: bool, timestamp: int, payload: bytes) -> None:
        header = _HEADER.pack(0x80, kind | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) % (1 << 16)
        delay = self.impairment.delay()
        if delay is None or self.peer is None:
            return
        if delay == 0.0:
            self._transport.sendto(header + payload, self.peer)
        else:
            loop.call_later(delay, self._later, header + payload, self.peer)

    def _later(self, packet: bytes, peer: Address) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(packet, peer)
