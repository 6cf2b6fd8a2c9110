"""G.711 as ITU-T writes it, to 16 bit samples and back: what phones send when they agree on nothing better."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

PCMU, PCMA = 0, 8
"""RTP payload types (RFC 3551 table 4)."""


def _mu_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _a_law(code: int) -> int:
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = step + 8 if segment == 0 else (step + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


_TABLES = {PCMU: [_mu_law(code) for code in range(256)], PCMA: [_a_law(code) for code in range(256)]}


def decode(payload_type: int, payload: bytes) -> "array[int] | None":
    """The samples, 8000 a second; None for another payload type, such as telephone events."""
    table = _TABLES.get(payload_type)
    return None if table is None else array("h", [table[code] for code in payload])


def _nearest(table: list[int]) -> bytes:
    """The code whose sample lies nearest, for each sample from -32768 up."""
    codes = sorted(range(256), key=table.__getitem__)
    # Between two neighbouring values the middle decides.
    limits = [(table[low] + table[high]) / 2 for low, high in pairwise(codes)]
    return bytes(codes[bisect_left(limits, sample)] for sample in range(-32768, 32768))


_CODES = {kind: _nearest(table) for kind, table in _TABLES.items()}


def encode(payload_type: int, samples: Iterable[int]) -> bytes:
    """The payload of samples, 8000 a second; KeyError for a payload type that is not of G.711."""
    codes = _CODES[payload_type]
    return bytes(codes[sample + 32768] for sample in samples)
