"""G.711 as ITU-T writes it, decoded to 16 bit samples: what phones send when they agree on nothing better."""

from array import array

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
