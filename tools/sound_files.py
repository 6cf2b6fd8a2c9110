"""What the tools that make sound share: mu-law by ITU-T G.711 and a WAV file of it."""

import struct
from array import array
from pathlib import Path

RATE = 16000
"""Samples a second."""

_BIAS = 132
_CLIP = 32635


def _mu_law(sample: int) -> int:
    """One 16-bit sample (G.711 section 3, table 2a)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


def write_mu_law(path: Path, samples: array) -> None:
    """Writes 16-bit samples as a mono WAV file of format 7."""
    data = bytes(map(_mu_law, samples))
    padding = b"\0" * (len(data) % 2)
    form = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<I", len(data))
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body for name, body in ((b"fmt ", form), (b"fact", fact), (b"data", data))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(padding)) + b"WAVE" + chunks + padding)
