"""Grammars of digits (RFC 5707 9.6.5 ``pattern``): what a row of digits is to a pattern.

``moml+digits``   ``12x#``: these keys, ``x`` any of 0 to 9; ``length=4``; ``min=1;max=10;rtk=#``, where the return key
                  ends the row and is not part of what was collected
``mgcp``          a digit map (RFC 3435 2.1.5): ``(0T|00T|[1-7]xxx|8x.#|*xx)``; ``T`` waits for the timer
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from cordboard.sip.bodies.msml.model import MsmlError, Pattern, Response
from cordboard.sip.numbers import whole_number

LONGEST: Final = 128
"""Most digits that are collected."""

_KEYS: Final = frozenset("0123456789*#ABCD")
_ANY: Final = frozenset("0123456789")
_PLAIN: Final = re.compile(r"[0-9*#A-Da-dXx]{1,128}")
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_MOST_PATTERN: Final = 512


class Fit(Enum):
    """What a row of digits is to a pattern."""

    NO = "no"
    """It does not match, whatever follows."""
    PARTLY = "partly"
    """More is needed."""
    MATCH = "match"
    """It matches, and could go on."""
    WHOLE = "whole"
    """It matches, and nothing can follow."""


class Grammar(Protocol):
    """A pattern that has been read."""

    def fit(self, digits: str) -> Fit:
        """What these digits are to it; before the first one, PARTLY."""

    def timed_out(self, digits: str) -> bool:
        """Whether these digits match now that no more have come for a while."""

    def collected(self, digits: str) -> str:
        """Those of the digits that count."""


@dataclass(frozen=True, slots=True)
class Range:
    """``min=1;max=10;rtk=#``."""

    least: int
    most: int
    return_key: str = ""

    def fit(self, digits: str) -> Fit:
        """See :class:`Grammar`."""
        if self.return_key and self.return_key in digits:
            ends = digits.index(self.return_key) == len(digits) - 1
            return Fit.WHOLE if ends and len(digits) > self.least else Fit.NO
        if len(digits) > self.most:
            return Fit.NO
        if len(digits) == self.most:
            return Fit.WHOLE
        return Fit.MATCH if digits and len(digits) >= self.least else Fit.PARTLY

    def timed_out(self, digits: str) -> bool:
        """See :class:`Grammar`."""
        return self.fit(digits) in (Fit.MATCH, Fit.WHOLE)

    def collected(self, digits: str) -> str:
        """See :class:`Grammar`."""
        return digits.removesuffix(self.return_key) if self.return_key else digits


@dataclass(frozen=True, slots=True)
class _Place:
    """One place of a row."""

    keys: frozenset[str]
    """Which keys may be there; none for the timer."""
    repeats: bool = False
    """Any number of times, or none at all."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Any of some rows of places."""

    rows: tuple[tuple[_Place, ...], ...]

    def _reached(self, digits: str) -> list[tuple[tuple[_Place, ...], int]]:
        """The rows that fit so far, each with every place it may have come to."""
        found: list[tuple[tuple[_Place, ...], int]] = []
        for row in self.rows:
            at = _skipped(row, {0})
            for digit in digits:
                ahead = {place if row[place].repeats else place + 1 for place in at if _takes(row, place, digit)}
                at = _skipped(row, ahead)
            found += [(row, place) for place in sorted(at)]
        return found

    def fit(self, digits: str) -> Fit:
        """See :class:`Grammar`."""
        reached = self._reached(digits)
        if not reached or len(digits) > LONGEST:
            return Fit.NO
        if not digits or not any(place == len(row) for row, place in reached):
            return Fit.PARTLY
        return Fit.MATCH if any(place < len(row) for row, place in reached) else Fit.WHOLE

    def timed_out(self, digits: str) -> bool:
        """See :class:`Grammar`."""
        return bool(digits) and any(
            place == len(row) or (place == len(row) - 1 and not row[place].keys) for row, place in self._reached(digits)
        )

    def collected(self, digits: str) -> str:
        """See :class:`Grammar`."""
        return digits


def _takes(row: tuple[_Place, ...], place: int, digit: str) -> bool:
    return place < len(row) and digit in row[place].keys


def _skipped(row: tuple[_Place, ...], at: set[int]) -> set[int]:
    """Those places, and what follows the ones that may be left out."""
    found = set(at)
    for place in range(len(row)):
        if place in found and row[place].repeats:
            found.add(place + 1)
    return found


def grammar(pattern: Pattern) -> Grammar:
    """Reads a pattern. Raises MsmlError."""
    text = pattern.digits.strip()
    if not text or len(text) > _MOST_PATTERN:
        raise _unreadable(text)
    if pattern.format == "mgcp":
        return _digit_map(text)
    if "=" in text:
        return _range(text)
    if _PLAIN.fullmatch(text) is None:
        raise _unreadable(text)
    return Rows((tuple(_Place(_ANY if key == "X" else frozenset(key)) for key in text.upper()),))


def _unreadable(text: str) -> MsmlError:
    return MsmlError(Response.INVALID_VALUE, f"pattern not understood: {text[:60]!r}")


def _range(text: str) -> Range:
    values: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name in values or name not in ("min", "max", "length", "rtk"):
            raise _unreadable(text)
        values[name] = value
    key = values.pop("rtk", "").upper()
    if any(_NUMBER.fullmatch(value) is None for value in values.values()):
        raise _unreadable(text)
    counts = {name: int(value) for name, value in values.items()}
    if "length" in counts:
        if len(counts) > 1:
            raise _unreadable(text)
        counts = {"min": counts["length"], "max": counts["length"]}
    least, most = counts.get("min", 1), counts.get("max", LONGEST)
    if (key and key not in _KEYS) or not least <= most <= LONGEST or not most:
        raise _unreadable(text)
    return Range(least, most, key)


def _digit_map(text: str) -> Rows:
    inner = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    rows = tuple(_map_row(row.strip(), text) for row in inner.split("|"))
    return Rows(rows)


def _map_row(row: str, text: str) -> tuple[_Place, ...]:
    places: list[_Place] = []
    rest = row.upper().replace(" ", "")
    while rest:
        if rest[0] == "[":
            inner, bracket, rest = rest[1:].partition("]")
            if not bracket:
                raise _unreadable(text)
            places.append(_Place(_keys_of(inner, text)))
            continue
        sign, rest = rest[0], rest[1:]
        if sign == ".":
            # The place before it any number of times, none among them (RFC 3435 2.1.5).
            if not places or places[-1].repeats or not places[-1].keys:
                raise _unreadable(text)
            places[-1] = _Place(places[-1].keys, repeats=True)
        elif sign == "T":
            if rest:
                raise _unreadable(text)
            places.append(_Place(frozenset()))
        elif sign in _KEYS or sign == "X":
            places.append(_Place(_ANY if sign == "X" else frozenset(sign)))
        else:
            raise _unreadable(text)
    if not places or not any(place.keys for place in places):
        raise _unreadable(text)
    return tuple(places)


def _keys_of(inner: str, text: str) -> frozenset[str]:
    found: set[str] = set()
    rest = inner
    while rest:
        if len(rest) >= 3 and rest[1] == "-":
            first, last, rest = rest[0], rest[2], rest[3:]
            lowest, highest = whole_number(first, 9), whole_number(last, 9)
            if lowest is None or highest is None or lowest > highest:
                raise _unreadable(text)
            found |= {str(n) for n in range(lowest, highest + 1)}
            continue
        sign, rest = rest[0], rest[1:]
        if sign not in _KEYS and sign != "X":
            raise _unreadable(text)
        found |= _ANY if sign == "X" else {sign}
    if not found:
        raise _unreadable(text)
    return frozenset(found)
