"""Call records as CSV (RFC 4180): a header, one line a call, times in UTC as ISO 8601.

A number or a name comes from whoever calls, and a spreadsheet takes a cell that begins with ``=`` for a formula. Such
a cell gets an apostrophe in front, which spreadsheets do not show; ``+`` before digits only, as in numbers, is left.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from cordboard.model.enums import CallType
from cordboard.switch.records import CallRecord

_TIMES: Final = frozenset({"created_at", "ringing_at", "answered_at", "ended_at"})
_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(CallRecord))
COLUMNS: Final = (*_FIELDS, "ring_seconds", "talk_seconds")
"""The fields of a record, and how long it rang and was talked."""

_FORMULA: Final = re.compile(r"[=@\t\r-]|\+(?!\d+$)")


def header() -> bytes:
    """The first line."""
    return _lines([COLUMNS])


def rows(records: Iterable[CallRecord]) -> bytes:
    """A line for each record."""
    return _lines(_row(record) for record in records)


def _lines(cells: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue().encode()


def _row(record: CallRecord) -> list[str]:
    cells = [_cell(name, getattr(record, name)) for name in _FIELDS]
    rang = _between(record.ringing_at, record.answered_at or record.ended_at)
    return [*cells, rang, _between(record.answered_at, record.ended_at)]


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in _TIMES and isinstance(value, float):
        return dt.datetime.fromtimestamp(value, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if name == "call_type" and isinstance(value, int):
        return CallType(value).name.lower()
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _between(first: float | None, last: float) -> str:
    return "" if first is None else f"{max(0.0, last - first):.3f}"
