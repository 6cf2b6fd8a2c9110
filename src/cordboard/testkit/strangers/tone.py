"""Is a tone heard in a recording? A WAV reader that forgives unfinished headers, and Goertzel's filter.

Phones play a sine into a call; the recording at the far ear is cut into blocks of 50 ms, and in each block the filter
tells which share of the energy lies at the tone's frequency. A sine through G.711 keeps more than 0.95 of it; silence,
noise, another tone and a stutter do not.
"""

import math
import struct
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

BLOCK_SECONDS = 0.05
PURITY = 0.9
"""Share of a block's energy that must lie at the frequency for the block to count as the tone."""
FLOOR_DBFS = -50.0
"""Mean level under which a block is silence."""
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples of one channel, 16 bit."""

    rate: int
    """Samples a second."""
    samples: "array[int]"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a tone a recording holds."""

    hertz: float
    seconds: float
    """Time during which the tone is heard."""
    share: float
    """That time as a share of the time from the first to the last block that is not silent."""
    dbfs: float
    """Mean level of the tone's blocks, relative to full scale; -inf when there are none."""


class NotHeardError(AssertionError):
    """The tone is missing, too short, too faint or broken up."""

    def __init__(self, path: Path, heard: Heard, wanted: str) -> None:
        """Keeps what was heard beside what was wanted."""
        super().__init__(
            f"{path.name}: {heard.hertz:g} Hz heard for {heard.seconds:.2f} s, {heard.share:.0%} of the sound, "
            f"{heard.dbfs:.1f} dBFS; wanted {wanted}"
        )
        self.path = path
        self.heard = heard


def write_sine(
    path: Path, hertz: float, seconds: float, *, rate: int = 8000, channels: int = 1, dbfs: float = -9.0
) -> None:
    """Writes a sine as 16 bit WAV, the same on each channel."""
    peak = FULL_SCALE * 10 ** (dbfs / 20) * math.sqrt(2)
    step = 2 * math.pi * hertz / rate
    count = round(seconds * rate)
    # A second holds whole periods of a whole number of hertz.
    once = min(count, rate) if hertz == round(hertz) else count
    period = array("h", (round(peak * math.sin(step * i)) for i in range(once)))
    samples = (period * -(-count // once))[:count] if once else period
    if channels > 1:
        samples = array("h", (value for value in samples for _ in range(channels)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


def read(path: Path) -> Recording:
    """Reads the first channel of a 16 bit PCM WAV file.

    A data length that is wrong, as in a file still being written, is taken as "to the end". Raises ValueError when the
    file is something else.
    """
    data = path.read_bytes()
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError(f"{path}: no WAV file")
    channels = rate = bits = 0
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
            if kind not in (1, 0xFFFE) or bits != 16 or not channels or not rate:
                raise ValueError(f"{path}: not 16 bit PCM (format {kind}, {bits} bit)")
        elif name == b"data":
            if not rate:
                break
            end = at + length if 0 < length <= len(data) - at else len(data)
            end -= (end - at) % (2 * channels)
            samples = array("h", data[at:end])
            return Recording(rate, samples[::channels] if channels > 1 else samples)
        at += length + (length & 1)
    raise ValueError(f"{path}: no samples")


def measure(recording: Recording, hertz: float, *, purity: float = PURITY) -> Heard:
    """How much of the recording is a tone of that frequency; with less ``purity`` it may be one of several."""
    size = round(recording.rate * BLOCK_SECONDS)
    # A whole number of the tone's periods need not fit into a block; over 50 ms the error is under 2 per cent.
    coefficient = 2 * math.cos(2 * math.pi * hertz / recording.rate)
    floor = size * (FULL_SCALE * 10 ** (FLOOR_DBFS / 20)) ** 2
    loud: list[int] = []
    tone: list[float] = []
    for number, start in enumerate(range(0, len(recording.samples) - size + 1, size)):
        block = recording.samples[start : start + size]
        energy = float(sum(value * value for value in block))
        if energy < floor:
            continue
        loud.append(number)
        previous = before = 0.0
        for value in block:
            previous, before = value + coefficient * previous - before, previous
        power = previous * previous + before * before - coefficient * previous * before
        if 2 * power / (size * energy) >= purity:
            tone.append(energy / size)
    span = loud[-1] - loud[0] + 1 if loud else 0
    level = 10 * math.log10(sum(tone) / len(tone) / FULL_SCALE**2) if tone else -math.inf
    return Heard(hertz, len(tone) * BLOCK_SECONDS, len(tone) / span if span else 0.0, level)


def assert_heard(path: Path, hertz: float, *, seconds: float = 1.0, share: float = 0.9, dbfs: float = -30.0) -> Heard:
    """Judges a recording by how long, how steadily and how loud the tone is heard.

    Wanted: the tone for at least ``seconds``, for at least ``share`` of the time in which there is any sound, at
    ``dbfs`` or louder. Raises NotHeardError.
    """
    heard = measure(read(path), hertz)
    if heard.seconds < seconds or heard.share < share or heard.dbfs < dbfs:
        raise NotHeardError(path, heard, f"{seconds:g} s, {share:.0%}, {dbfs:g} dBFS")
    return heard
