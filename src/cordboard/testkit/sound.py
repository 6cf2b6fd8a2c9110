"""Known sounds, and who is heard in what arrived.

Each party says a sound of its own, over and over: :func:`noise` for conferences and wherever several may be heard at
once, :func:`chirp` and :func:`tone` where one is enough. Then

    heard = identify(samples, voices)

says of a second of sound which voices are in it, how loud each is and at which place of its period the second begins,
from which follows how late it is. ``follow`` goes through a whole reception of one voice and counts what a listener
would notice: gaps, frames that are something else, and jumps in time.

All is done by correlation, so it holds through codecs, resampling and other people's talk. Needs numpy
(``cordboard[testkit]``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

Samples = NDArray[np.int16]
_Floats = NDArray[np.floating[Any]]

RATE = 8_000
"""Samples a second, where nothing else is said."""
FULL_SCALE = 32768.0
FLOOR_DBOV = -60.0
"""Below this a stretch is silent."""
LEAST_SHARE = 0.01
"""A voice with less of the energy of what is heard is not told from chance."""
_BAND = (300.0, 2_700.0)
"""What every codec of telephony passes, hertz."""


@dataclass(frozen=True)
class Voice:
    """A sound that goes on for ever."""

    name: str
    rate: int
    period: Samples
    """What is repeated."""

    def samples(self, start: int, count: int) -> Samples:
        """So many samples from the given one on."""
        return np.take(self.period, np.arange(start, start + count), mode="wrap")


def likeness(piece: Samples, whole: Samples) -> float:
    """How like a stretch of sound is to the place of another where it fits best: 0.0 nothing of it, 1.0 the same."""
    short, long = piece.astype(float), whole.astype(float)
    size, places = len(long) + len(short), len(long) - len(short) + 1
    alike = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)[:places]
    sums = np.concatenate(([0.0], np.cumsum(long**2)))
    energy = (sums[len(short) :] - sums[: -len(short)]) * float(np.sum(short**2))
    return float(np.max(alike / np.sqrt(np.maximum(energy, 1.0)), initial=0.0))


def noise(name: str, seed: int, *, dbov: float = -20.0, rate: int = RATE) -> Voice:
    """Pseudo-noise of a second: as unlike any other seed's as can be, and unlike itself at any shift.

    Every frequency of the band is equally strong, with a phase drawn for it.
    """
    phases = np.random.default_rng(seed).uniform(0.0, math.tau, rate // 2 + 1)
    hertz = np.arange(rate // 2 + 1)
    spectrum = np.where((hertz >= _BAND[0]) & (hertz <= _BAND[1]), np.exp(1j * phases), 0.0)
    return _voice(name, np.fft.irfft(spectrum, rate), dbov, rate)


def chirp(name: str, low: float = 300.0, high: float = 2_700.0, *, dbov: float = -20.0, rate: int = RATE) -> Voice:
    """A second in which the frequency rises evenly from low to high; the other way round it falls."""
    t = np.arange(rate) / rate
    return _voice(name, np.sin(math.tau * (low * t + (high - low) * t * t / 2)), dbov, rate)


def tone(name: str, hertz: int, *, dbov: float = -20.0, rate: int = RATE) -> Voice:
    """A sine of a whole number of hertz. It says nothing about delay."""
    return _voice(name, np.sin(math.tau * hertz * np.arange(rate) / rate), dbov, rate)


def _voice(name: str, shape: _Floats, dbov: float, rate: int) -> Voice:
    scaled = shape * (FULL_SCALE * 10 ** (dbov / 20) / math.sqrt(float(np.mean(shape**2))))
    return Voice(name, rate, np.clip(np.rint(scaled), -32768, 32767).astype(np.int16))


def level(samples: Samples) -> float:
    """Mean power in dBov: 0 is a square wave at full scale, a sine there has -3. Never below -127."""
    power = float(np.mean((samples.astype(np.float64) / FULL_SCALE) ** 2)) if samples.size else 0.0
    return max(-127.0, 10 * math.log10(power)) if power > 0 else -127.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """A voice within a stretch of sound."""

    voice: str
    dbov: float
    """How loud this voice is in it."""
    share: float
    """Of the stretch's energy, 0 to 1."""
    place: int
    """Where in the voice's period the stretch begins, samples."""

    def delay(self, said: int, period: int = RATE) -> int:
        """By how many samples the voice is late, where it would begin at ``said`` if it were not; up to a period."""
        return (said - self.place) % period


def identify(samples: Samples, voices: Iterable[Voice], *, least_share: float = LEAST_SHARE) -> list[Hearing]:
    """Which voices are heard, the loudest first.

    Each is taken out before the next is looked for, so that a faint one beside a loud one is found. Half a second is
    enough for one voice, a second for a mix; the voice must not jump in time within it.
    """
    left = samples.astype(np.float64)
    energy = float(np.sum(left**2))
    if level(samples) < FLOOR_DBOV:
        return []
    waiting = list(voices)
    heard: list[Hearing] = []
    while waiting:
        found = [(*_place(left, voice), voice) for voice in waiting]
        place, gain, best = max(found, key=lambda f: abs(f[1]) * math.sqrt(float(np.mean(_double(f[2]) ** 2))))
        part = gain * _double(best)[(place + np.arange(left.size)) % best.period.size]
        share = float(np.sum(part**2)) / energy
        if share < least_share:
            break
        heard.append(Hearing(best.name, 10 * math.log10(float(np.mean(part**2)) / FULL_SCALE**2), share, place))
        left = left - part
        waiting.remove(best)
    return sorted(heard, key=lambda h: -h.share)


def _double(voice: Voice) -> _Floats:
    return voice.period.astype(np.float64)


def _place(samples: _Floats, voice: Voice) -> tuple[int, float]:
    """The shift at which the voice fits best, and the factor with which it does."""
    period = _double(voice)
    size = 1 << (samples.size + period.size - 1).bit_length()
    # The product at every shift at once: a circular correlation of the stretch with the voice, repeated.
    repeated = np.resize(period, size)
    repeated[samples.size + period.size :] = 0.0
    products = np.fft.irfft(np.fft.rfft(repeated) * np.conj(np.fft.rfft(samples, size)), size)[: period.size]
    place = int(np.argmax(products))
    energy = float(np.sum(period[(place + np.arange(samples.size)) % period.size] ** 2))
    return place, float(products[place]) / energy if energy else 0.0


@dataclass(frozen=True, slots=True)
class Slip:
    """A place where the voice jumped in time."""

    at: int
    """The first sample after it."""
    samples: int
    """What was left out; negative: what was heard twice."""


@dataclass
class Account:
    """What a listener had of one voice."""

    voice: str
    begins: int = 0
    """The first sample that is the voice."""
    heard: int = 0
    """Samples that were the voice."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Silence within it: first sample, length."""
    glitches: list[tuple[int, int]] = field(default_factory=list)
    """Something else within it, such as a concealed loss: first sample, length."""
    slips: list[Slip] = field(default_factory=list)
    place: int = 0
    """Where in its period the voice would have been at sample 0, as it was heard at last."""

    @property
    def broken(self) -> int:
        """Samples between the voice's beginning and end that were not it."""
        return sum(length for _, length in self.gaps + self.glitches)


_BLOCK_SECONDS = 0.01
_LIKENESS = 0.7
"""A block whose correlation with the voice is less is something else."""
_WINDOW_BLOCKS = 20


def follow(samples: Samples, voice: Voice) -> Account:
    """Goes through a reception of one voice and nothing else, in blocks of 10 ms."""
    block = int(voice.rate * _BLOCK_SECONDS)
    period = voice.period.size
    blocks = samples[: samples.size // block * block].astype(np.float64).reshape(-1, block)
    offsets = _offsets(samples, voice, block)
    account = Account(voice.name)
    run: list[int] = []
    offset: int | None = None
    for index, sound in enumerate(blocks):
        start = index * block
        silent = 10 * math.log10(float(np.mean(sound**2)) / FULL_SCALE**2 + 1e-13) < FLOOR_DBOV
        near = {o for window in offsets[max(0, index - 1) : index + 2] for o in window} | (
            set() if offset is None else {offset}
        )
        fits = {o: _likeness(sound, voice, start + o) for o in near} if not silent else {}
        best = max(fits, key=lambda o: (fits[o], o == offset), default=None)
        if best is None or fits[best] < _LIKENESS:
            run.append(-start - 1 if silent else start + 1)
            continue
        if offset is not None and fits.get(offset, 0.0) > fits[best] - 0.05:
            best = offset
        if offset is None:
            account.begins = start
        else:
            _account_for(run, account, block)
            jump = (best - offset + period // 2) % period - period // 2
            if jump:
                account.slips.append(Slip(start, jump))
        run = []
        offset = best
        account.heard += block
    account.place = offset or 0
    return account


def _offsets(samples: Samples, voice: Voice, block: int) -> list[set[int]]:
    """For each block, where in the period sample 0 would be by the windows the block lies in."""
    window = _WINDOW_BLOCKS * block
    found: list[set[int]] = [set() for _ in range(samples.size // block + 1)]
    for first in range(0, max(1, samples.size - window // 2), window // 2):
        stretch = samples[first : first + window].astype(np.float64)
        if stretch.size < window // 4:
            continue
        offset = (_place(stretch, voice)[0] - first) % voice.period.size
        for index in range(first // block, min(len(found), (first + window) // block)):
            found[index].add(offset)
    return found


def _likeness(sound: _Floats, voice: Voice, at: int) -> float:
    expected = voice.samples(at, sound.size).astype(np.float64)
    scale = math.sqrt(float(np.sum(sound**2)) * float(np.sum(expected**2)))
    return float(np.sum(sound * expected)) / scale if scale else 0.0


def _account_for(run: list[int], account: Account, block: int) -> None:
    """Puts blocks that were not the voice down as gaps (written as negative numbers) and glitches."""
    for mark in run:
        start, stretches = abs(mark) - 1, account.gaps if mark < 0 else account.glitches
        if stretches and sum(stretches[-1]) == start:
            stretches[-1] = (stretches[-1][0], stretches[-1][1] + block)
        else:
            stretches.append((start, block))
