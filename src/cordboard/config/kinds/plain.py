"""Switches, numbers, times, words and lines of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cordboard.config.kinds.kind import CONTROL, BadValueError, Kind, Native

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|min|m|h|d)?")

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Boolean(Kind[bool]):
    """True or false."""

    label = "boolean"

    @property
    def allowed(self) -> str:
        """Name both words."""
        return "true or false"

    def parse(self, text: str) -> bool:
        """Read true/false, and yes/no, on/off, 1/0 as found in existing configurations."""
        word = text.strip().lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise BadValueError(text)

    def text(self, value: bool) -> str:
        """Print in lower case."""
        return "true" if value else "false"

    def native(self, value: bool) -> Native:
        """Return it as it is."""
        return bool(value)


@dataclass(frozen=True, slots=True)
class Integer(Kind[int]):
    """A whole number within bounds, both included."""

    low: int
    high: int
    label = "integer"

    @property
    def allowed(self) -> str:
        """Name the bounds."""
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        """Read decimal digits."""
        text = text.strip()
        if not _NUMBER.fullmatch(text):
            raise BadValueError(text)
        value = int(text)
        if not self.low <= value <= self.high:
            raise BadValueError(text)
        return value

    def native(self, value: int) -> Native:
        """Return it as it is."""
        return value


@dataclass(frozen=True, slots=True)
class Duration(Kind[float]):
    """A time in seconds, to the millisecond, within bounds, both included."""

    low: float
    high: float
    label = "duration"

    @property
    def allowed(self) -> str:
        """Name the bounds and the units."""
        return (
            f"seconds from {self._short(self.low)} to {self._short(self.high)} (or with a unit: 500ms, 30s, 5m, 1h, 1d)"
        )

    @staticmethod
    def _short(value: float) -> str:
        return f"{value:.3f}".rstrip("0").rstrip(".")

    def parse(self, text: str) -> float:
        """Read a number of seconds, or a number with a unit."""
        match = _DURATION.fullmatch(text.strip().lower())
        if not match:
            raise BadValueError(text)
        value = round(float(match[1]) * _UNITS[match[2] or "s"], 3)
        if not self.low <= value <= self.high:
            raise BadValueError(text)
        return value

    def text(self, value: float) -> str:
        """Print seconds without needless digits."""
        return self._short(value)

    def native(self, value: float) -> Native:
        """Return a whole number where it is one."""
        return int(value) if value == int(value) else value


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """One line of text. Control characters are refused: the text may end up in a SIP header."""

    limit: int = 1024
    label = "text"

    @property
    def allowed(self) -> str:
        """Name the limit."""
        return f"one line of text of at most {self.limit} characters"

    def parse(self, text: str) -> str:
        """Read the line, without the spaces round it."""
        text = text.strip()
        if len(text) > self.limit or CONTROL.search(text):
            raise BadValueError(text)
        return text


@dataclass(frozen=True, slots=True)
class Choice(Kind[str]):
    """One of a few words."""

    choices: tuple[str, ...]
    label = "choice"

    @property
    def allowed(self) -> str:
        """Name the words."""
        return "one of " + ", ".join(self.choices)

    def parse(self, text: str) -> str:
        """Read a word in any case."""
        word = text.strip().lower()
        if word not in self.choices:
            raise BadValueError(text)
        return word
