"""Digits in INFO: ``application/dtmf-relay`` (``Signal=5``, ``Duration=160``) and ``application/dtmf``, one alone.

Neither is a standard; both are what phones and gateways send.
"""

from __future__ import annotations

from typing import Final

from cordboard.sip.numbers import whole_number

RELAY: Final = "application/dtmf-relay"
PLAIN: Final = "application/dtmf"
TYPES: Final = frozenset({RELAY, PLAIN})

DIGITS: Final = "0123456789*#ABCD"

_EVENTS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Event numbers some phones send in place of the sign (RFC 4733 table 3)."""

_LENGTH: Final = 100
"""Milliseconds of a digit that does not say."""


TWICE: Final = 1.0
"""Seconds within which the same digit by INFO and in RTP is one."""

TELL: Final = "X-Cordboard-Digits"
"""Header of an INVITE to a Media Server: ``info`` has it tell the digits it hears by INFO, in the leg's dialog."""


class Once:
    """Counts a digit once that a phone sends both in INFO and in RTP."""

    __slots__ = ("_late",)

    def __init__(self) -> None:
        self._late: list[tuple[str, bool, float]] = []
        """Digits of late: which, whether by INFO, and when."""

    def counts(self, digit: str, now: float, *, by_info: bool) -> bool:
        """Whether a digit that comes now is not the twin of one that came the other way."""
        self._late = [one for one in self._late if now - one[2] < TWICE]
        for index, (late, by, _) in enumerate(self._late):
            if (late, by) == (digit, not by_info):
                del self._late[index]
                return False
        self._late.append((digit, by_info, now))
        return True


def parse(body: bytes, content_type: str) -> tuple[str, int]:
    """The digit of an INFO and its length in ms; empty for none that is known."""
    text = body[:200].decode("ascii", "replace")
    values: dict[str, str] = {}
    if content_type == RELAY:
        for line in text.splitlines():
            name, _, value = line.partition("=")
            values[name.strip().lower()] = value.strip()
    else:
        values["signal"] = text.strip()
    signal = values.get("signal", "").upper()
    digit = _EVENTS.get(signal, signal)
    duration = whole_number(values.get("duration"), 99_999)
    if duration is None:
        duration = _LENGTH
    return (digit if len(digit) == 1 and digit in DIGITS else ""), duration


def relay(digit: str, duration: int) -> bytes:
    """The body of an INFO ``application/dtmf-relay``."""
    return f"Signal={digit}\r\nDuration={duration}\r\n".encode()
