"""The identifiers of a call: ConnID, CallUUID and the switch's CallID.

All three come from one generator. Time and randomness are arguments, so that a test has the same identifiers each run.

    ConnID, 64 bits, printed as 16 hex digits:
        63      56 55                          26 25                      0
        | server  | seconds since 2024, at start  | number of the call      |

A restarted server starts from a later second, and a server number keeps two sites apart, so that a ConnID is not
given twice. The high part moves by itself when the low part is used up.
"""

import base64
from typing import Final, NewType, cast

ConnID = NewType("ConnID", str)
"""64 bits as 16 hex digits, lower case."""

CallUUID = NewType("CallUUID", str)
"""160 bits as 32 characters of base32 (RFC 4648 section 7, the "extended hex" alphabet)."""

EPOCH: Final = 1_704_067_200
"""2024-01-01T00:00:00Z, in seconds of Unix time: where the seconds of a ConnID start."""

_LOW_BITS = 26
_CONN_ID_MARK, _UUID_MARK = 1 << 64, 1 << 48
"""A bit above those that are printed: ``hex`` gives all digits below it, after the three characters ``0x1``."""
_SECONDS_MASK = (1 << 30) - 1


class CallIds:
    """Gives each call its identifiers.

    ``server`` is 0 to 255, different on servers that share desktops. ``started`` is Unix time in seconds. ``seed`` is
    10 or more random bytes, different in every process. ValueError for anything else.
    """

    __slots__ = ("_before", "_number", "_uuid_head")

    def __init__(self, *, started: float, seed: bytes, server: int = 0) -> None:
        if not 0 <= server <= 255:
            raise ValueError(f"server number {server} is not within 0 to 255")
        if len(seed) < 10:
            raise ValueError(f"a seed of {len(seed)} bytes is too short, 10 are needed")
        seconds = max(0, int(started) - EPOCH) & _SECONDS_MASK
        self._before = _CONN_ID_MARK | ((server << 30) | seconds) << _LOW_BITS
        """The ConnID before the first, as a number."""
        self._number = 0
        # 20 characters (100 bits) name the process; the other 12 are the number of the call in hex digits, which are
        # all in the alphabet.
        head = seconds.to_bytes(4, "big") + bytes([server]) + seed
        self._uuid_head = base64.b32hexencode(head[:15]).decode()[:20]

    def next(self) -> tuple[ConnID, CallUUID, int]:
        """The identifiers of a new call: ConnID, CallUUID and CallID (a number that counts from 1)."""
        self._number = number = self._number + 1
        conn_id = hex(self._before + number)[3:]
        uuid = self._uuid_head + hex(_UUID_MARK + number)[3:].upper()
        return cast("tuple[ConnID, CallUUID, int]", (conn_id, uuid, number))
