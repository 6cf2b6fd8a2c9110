"""What arrives at the ears of phones, taken off the wire while they talk.

Each phone says its own sine all the time. The sound that reaches a phone's RTP ports is decoded (G.711), and each
packet is put down to the phone whose voice it is, to nobody, or to silence. So it can be said who hears whom now:

    ears.settle({"ann": "cyd", "cyd": "ann", "bob": None})

waits until, over one and the same stretch of time, Ann hears Cyd and nobody else, Cyd hears Ann and nobody else, and
nothing at all reaches Bob. Of a conference ``"bob+cyd"``, in the order of the phones, is both at once. A phone's own
recording cannot say that: baresip's stops when a call was on hold, and none keeps time while nothing comes.
"""

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cordboard.testkit.strangers import g711
from cordboard.testkit.strangers.pcapng import Datagram, Reader
from cordboard.testkit.strangers.program import POLL_SECONDS, StrangerError
from cordboard.testkit.strangers.tone import FLOOR_DBFS, FULL_SCALE
from cordboard.testkit.strangers.tshark import Capture

WINDOW_SECONDS = 0.8
"""The stretch of time that is judged."""
HEARD_SECONDS = 0.5
"""How much of a voice must be heard within it: a busy machine sends late."""
NOISE_SECONDS = 0.15
"""How much sound within it may be nobody's voice: where a sine starts or jumps."""
PURITY = 0.8
"""Share of a packet's energy that must lie at a voice's frequency, or at those of several together."""
AUDIBLE = 0.15
"""Share of it from which on one of several counts."""
SETTLE_SECONDS = 20.0
NOISE = "noise"
"""The name of sound that is nobody's voice."""
_RATE = 8000
_RTP_HEADER = 12


class Speaker(Protocol):
    """What must be known of a phone."""

    hertz: float
    """Its voice; a multiple of 50, so that whole periods fit into a packet of 20 ms."""
    rtp_ports: range
    """Where it listens."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One packet that reached an ear and was not silent."""

    at: float
    """Seconds of the capture's clock."""
    seconds: float
    who: str


class Ears:
    """The ears of some phones, from the beginning of a capture to its end."""

    def __init__(
        self, capture: Capture, phones: Mapping[str, Speaker], sounds: Mapping[str, float] | None = None
    ) -> None:
        """``capture``: one that takes in the phones' ports; ``phones``: by the names used in what is asked.

        ``sounds``: what else may be heard, as music on hold, with its frequency.
        """
        self._capture = capture
        self._reader = Reader(capture.file)
        voices = {name: phone.hertz for name, phone in phones.items()} | dict(sounds or {})
        self._voices = tuple(voices.items())
        self._sounds: dict[str, list[Sound]] = {name: [] for name in phones}
        self._by_port = {port: name for name, phone in phones.items() for port in phone.rtp_ports}
        self._clock = 0.0

    def settle(self, hearing: Mapping[str, str | None], *, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until everybody named hears whom he should, and nobody else. None: nothing.

        Judged is what is said after this is called. Raises StrangerError, which says who heard whom at last.
        """
        deadline = time.monotonic() + seconds
        start = self._now()
        while True:
            now = self._now()
            heard = {name: self._between(name, now - WINDOW_SECONDS, now) for name in hearing}
            if now - start >= WINDOW_SECONDS and all(_is(heard[name], who) for name, who in hearing.items()):
                return
            if time.monotonic() > deadline:
                story = "; ".join(f"{name} hears {_words(heard[name])}, not {who}" for name, who in hearing.items())
                raise StrangerError("ears", f"not as expected within {seconds:g} s: {story}")
            time.sleep(POLL_SECONDS)

    def ever(self, name: str) -> set[str]:
        """Whom a phone has heard at any time since the beginning, if only for a packet."""
        self._now()
        return {sound.who for sound in self._sounds[name]} - {NOISE}

    def _between(self, name: str, start: float, end: float) -> dict[str, float]:
        heard: dict[str, float] = {}
        for sound in reversed(self._sounds[name]):
            if sound.at < start:
                break
            if sound.at <= end:
                heard[sound.who] = heard.get(sound.who, 0.0) + sound.seconds
        return heard

    def _now(self) -> float:
        """The capture's clock at a moment up to which all has been read."""
        self._capture.mark()
        for datagram in self._reader.read():
            if datagram.port == self._capture.marker:
                self._clock = datagram.at
            elif datagram.port in self._by_port:
                self._hear(self._by_port[datagram.port], datagram)
        return self._clock

    def _hear(self, name: str, datagram: Datagram) -> None:
        packet = datagram.payload
        # RTCP (RFC 5761 section 4) and whatever is no RTP of version 2 has no sound.
        if len(packet) <= _RTP_HEADER or packet[0] >> 6 != 2 or 192 <= packet[1] <= 223:
            return
        header = _RTP_HEADER + 4 * (packet[0] & 0x0F)
        if packet[0] & 0x10 and len(packet) >= header + 4:
            header += 4 + 4 * int.from_bytes(packet[header + 2 : header + 4])
        who = whose(packet[1] & 0x7F, packet[header:], self._voices)
        if who is not None:
            self._sounds[name].append(Sound(datagram.at, (len(packet) - header) / _RATE, who))


@functools.lru_cache(maxsize=4096)
def whose(payload_type: int, payload: bytes, voices: tuple[tuple[str, float], ...]) -> str | None:
    """Whose voice it is, ``ann+bob`` for two at once, ``NOISE`` for sound that is nobody's, None for silence."""
    samples = g711.decode(payload_type, payload)
    if not samples:
        return None
    energy = float(sum(value * value for value in samples))
    if energy < len(samples) * (FULL_SCALE * 10 ** (FLOOR_DBFS / 20)) ** 2:
        return None
    shares: dict[str, float] = {}
    for name, hertz in voices:
        # Goertzel's filter.
        coefficient = 2 * math.cos(2 * math.pi * hertz / _RATE)
        previous = before = 0.0
        for value in samples:
            previous, before = value + coefficient * previous - before, previous
        power = previous * previous + before * before - coefficient * previous * before
        shares[name] = 2 * power / (len(samples) * energy)
        if shares[name] >= PURITY:
            return name
    heard = [name for name, share in shares.items() if share >= AUDIBLE]
    return "+".join(heard) if sum(shares[name] for name in heard) >= PURITY else NOISE


def _is(heard: Mapping[str, float], who: str | None) -> bool:
    if who is None:
        return not heard
    return (
        heard.get(who, 0.0) >= HEARD_SECONDS and heard.get(NOISE, 0.0) <= NOISE_SECONDS and set(heard) <= {who, NOISE}
    )


def _words(heard: Mapping[str, float]) -> str:
    return " and ".join(f"{who} for {length:.2f} s" for who, length in heard.items()) or "nothing"
