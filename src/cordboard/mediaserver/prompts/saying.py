"""Numbers, dates and times as a row of prompts, in English: ``number(42)`` is ``digits/40``, ``digits/2``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date, datetime, time

LARGEST: Final = 999_999_999
"""Above it a number is said digit by digit."""

_SIGNS: Final = {"*": "digits/star", "#": "digits/pound", "+": "letters/plus", "-": "digits/minus", ".": "digits/point"}


def number(value: int) -> list[str]:
    """A whole number."""
    if value < 0:
        return ["digits/minus", *number(-value)]
    if value > LARGEST:
        return characters(str(value))
    said: list[str] = []
    for size, word in ((1_000_000, "digits/million"), (1000, "digits/thousand")):
        if value >= size:
            said += [*_below_thousand(value // size), word]
            value %= size
    if value or not said:
        said += _below_thousand(value)
    return said


def _below_thousand(value: int) -> list[str]:
    said: list[str] = []
    if value >= 100:
        said = [f"digits/{value // 100}", "digits/hundred"]
        value %= 100
        if value == 0:
            return said
    if value < 20:
        return [*said, f"digits/{value}"]
    said.append(f"digits/{value // 10 * 10}")
    if value % 10:
        said.append(f"digits/{value % 10}")
    return said


def characters(text: str) -> list[str]:
    """A telephone number or a code, sign by sign; signs that have no prompt are left out."""
    said: list[str] = []
    for sign in text.lower():
        if sign in _SIGNS:
            said.append(_SIGNS[sign])
        elif sign.isascii() and sign.isdigit():
            said.append(f"digits/{sign}")
        elif sign.isascii() and sign.isalpha():
            said.append(f"letters/{sign}")
    return said


def ordinal(value: int) -> list[str]:
    """A day of the month, 1 to 31. Raises ValueError for any other."""
    if not 1 <= value <= 31:
        raise ValueError(f"no day of a month: {value}")
    if value <= 20 or value == 30:
        return [f"digits/h-{value}"]
    return [f"digits/{value // 10 * 10}", f"digits/h-{value % 10}"]


def day(value: date, today: date) -> list[str]:
    """A date: today, yesterday, or weekday, month and day, with the year where it is another one."""
    age = (today - value).days
    if age in (0, 1):
        return ["digits/today" if age == 0 else "digits/yesterday"]
    said = [f"digits/day-{value.isoweekday() % 7}", f"digits/mon-{value.month - 1}", *ordinal(value.day)]
    if value.year != today.year:
        said += year(value.year)
    return said


def year(value: int) -> list[str]:
    """A year: ``nineteen ninety nine``, ``two thousand nine``, ``twenty twenty six``."""
    century, rest = divmod(value, 100)
    if not 1100 <= value <= 9999 or value % 1000 < 10:
        return number(value)
    if rest == 0:
        return [*number(century), "digits/hundred"]
    return [*number(century), *(["digits/oh"] if rest < 10 else []), *number(rest)]


def clock(value: time) -> list[str]:
    """A time of day on the twelve-hour clock: ``five oh seven P M``."""
    minutes = value.minute
    between = [*(["digits/oh"] if minutes < 10 else []), *number(minutes)] if minutes else ["digits/oclock"]
    return [*number(value.hour % 12 or 12), *between, "digits/a-m" if value.hour < 12 else "digits/p-m"]


def moment(value: datetime, now: datetime) -> list[str]:
    """When something was: its day, ``at``, its time."""
    return [*day(value.date(), now.date()), "digits/at", *clock(value.time())]


def duration(seconds: int) -> list[str]:
    """A length of time: hours and minutes, or minutes and seconds; the smaller part is left out where it is none."""
    if seconds < 0:
        raise ValueError(f"no length of time: {seconds}")
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = ((hours, "hour"), (minutes, "minute")) if hours else ((minutes, "minute"), (rest, "second"))
    said: list[str] = []
    for count, unit in parts:
        if count:
            said += [*number(count), unit if count == 1 else f"{unit}s"]
    return said or ["digits/0", "seconds"]
