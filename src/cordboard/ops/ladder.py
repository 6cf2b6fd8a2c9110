"""The ladder of a call as text: every leg's messages and what the desktop asked and was told, in time order.

    1501                        server                      1502                        desktop
    10.0.1.1:5060               10.0.0.1:5060               10.0.1.2:5060
    |------ INVITE +sdp ------->|                           |                           |
    |                           |------------------ EventDialing 1501 ----------------->|

A phone is a column, however many legs it has. The first phone of the call stands left of the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from cordboard import _core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cordboard.ops.trace import Message, Step, Trace

    Place: TypeAlias = tuple[str, int]

SERVER: Final = "server"
DESKTOP: Final = "desktop"
_LEAST_WIDTH: Final = 24
_MOST_WIDTH: Final = 44


@dataclass(slots=True)
class _Phone:
    """A column."""

    place: Place
    name: str = ""


@dataclass(slots=True)
class Row:
    """A line of a ladder: an arrow from a column to another."""

    at: float
    order: int
    source: _Phone | str
    target: _Phone | str
    text: str
    detail: str = ""
    """The whole message, event or request."""


@dataclass(slots=True)
class Ladder:
    """A ladder that grows: :meth:`add` takes what came since, :meth:`lines` prints it.

    Columns are laid out by all that was added so far; a new one makes :attr:`changed` true, and whoever prints as it
    goes then prints :meth:`heading` again.
    """

    changed: bool = True
    """Whether columns have come since the last heading."""
    _phones: list[_Phone] = field(default_factory=list)
    _by_leg: dict[tuple[str, str], _Phone] = field(default_factory=dict)
    _server: Place | None = None
    _desktop: bool = False
    _started: float | None = None
    _seen: set[tuple[bool, Place, bytes]] = field(default_factory=set)
    _width: int = _LEAST_WIDTH

    def add(self, trace: Trace) -> list[Row]:
        """Lays out what a trace has; returns its rows in time order, for :meth:`lines`."""
        rows = [self._message(message) for message in trace.messages]
        rows += [self._step(step) for step in trace.steps]
        # What happened at the same moment: the desktop hears of a message after it came and before the next is sent.
        rows.sort(key=lambda row: (row.at, row.order))
        if rows and self._started is None:
            self._started = rows[0].at
        columns = self._columns()
        for row in rows:
            span = abs(columns.index(row.source) - columns.index(row.target))
            # Spaces round the text, a dash on each side, the head and the line of a column.
            needed = min(-(-(len(row.text) + 6) // span), _MOST_WIDTH)
            if needed > self._width:
                self._width, self.changed = needed, True
        return rows

    def _message(self, message: Message) -> Row:
        parsed = _parsed(message.data)
        call_id = parsed.call_id if parsed is not None else ""
        phone = self._phone(message, parsed, call_id)
        if self._server is None:
            self._server = message.local
        text = describe(message.data, parsed)
        key = (message.outgoing, message.remote, message.data)
        if key in self._seen:
            text += " again"
        self._seen.add(key)
        detail = message.data.decode("utf-8", "replace")
        if message.outgoing:
            return Row(message.at, 2, SERVER, phone, text, detail)
        return Row(message.at, 0, phone, SERVER, text, detail)

    def _phone(self, message: Message, parsed: _core.Message | None, call_id: str) -> _Phone:
        leg = (call_id, message.remote[0])
        phone = self._by_leg.get(leg) or next((p for p in self._phones if p.place == message.remote), None)
        if phone is None:
            phone = _Phone(message.remote)
            self._phones.append(phone)
            self.changed = True
        self._by_leg[leg] = phone
        if not phone.name and parsed is not None:
            # From names who called; who sent an answer, or is being called, is named by To.
            theirs = "From" if parsed.is_request is not message.outgoing else "To"
            phone.name = _user(parsed, theirs)
        return phone

    def _step(self, step: Step) -> Row:
        if not self._desktop:
            self._desktop = self.changed = True
        text = f"{step.name} {step.dn}".rstrip()
        source, target = (DESKTOP, SERVER) if step.asked else (SERVER, DESKTOP)
        return Row(step.at, 1, source, target, text, bytes(step.content).decode())

    def _columns(self) -> list[_Phone | str]:
        phones: list[_Phone | str] = list(self._phones)
        return [*phones[:1], SERVER, *phones[1:], *([DESKTOP] if self._desktop else [])]

    def heading(self) -> list[str]:
        """The names of the columns, and their addresses."""
        self.changed = False
        names, places = [], []
        for column in self._columns():
            if isinstance(column, _Phone):
                names.append(column.name or "?")
                places.append(_printed(column.place))
            else:
                names.append(column)
                places.append(_printed(self._server) if column == SERVER and self._server is not None else "")
        margin = " " * 10
        return [margin + "".join(cell.ljust(self._width) for cell in cells).rstrip() for cells in (names, places)]

    def lines(self, rows: Sequence[Row], *, details: bool = False) -> Iterator[str]:
        """Rows as text, each with the seconds since the first; ``details``: what was sent follows each."""
        columns = self._columns()
        for row in rows:
            since = row.at - (self._started or row.at)
            left, right = columns.index(row.source), columns.index(row.target)
            yield f"{since:8.3f}  {_arrow(left, right, len(columns), self._width, row.text)}"
            if details:
                yield ""
                yield from (f"            {line}".rstrip() for line in row.detail.splitlines())
                yield ""


def _arrow(left: int, right: int, columns: int, width: int, text: str) -> str:
    low, high = min(left, right), max(left, right)
    span = (high - low) * width - 2
    if len(text) > span - 4:
        text = text[: span - 5] + "~"
    middle = f" {text} ".center(span, "-")
    arrow = f"{middle}>" if right > left else f"<{middle}"
    return ("|".ljust(width) * low + "|" + arrow + "|" + "|".rjust(width) * (columns - 1 - high)).rstrip()


def ladder(trace: Trace, *, details: bool = False) -> str:
    """The whole ladder of a trace."""
    drawn = Ladder()
    rows = drawn.add(trace)
    return "\n".join([*drawn.heading(), *drawn.lines(rows, details=details)]) + "\n"


def describe(data: bytes, parsed: _core.Message | None = None) -> str:
    """A message in a few words: ``INVITE +sdp sendonly``, ``180 INVITE``, ``NOTIFY +sipfrag``."""
    parsed = parsed or _parsed(data)
    if parsed is None:
        return "?"
    text = parsed.method if parsed.is_request else f"{parsed.status} {parsed.method}"
    if not parsed.body:
        return text
    kind = (parsed.header("Content-Type") or "?").split(";")[0].strip().rpartition("/")[2].lower()
    if kind != "sdp":
        return f"{text} +{kind}"
    try:
        direction = _core.Sdp.parse(parsed.body).audio_direction
    except ValueError:
        return f"{text} +sdp?"
    return f"{text} +sdp" if direction == "sendrecv" else f"{text} +sdp {direction}"


def _parsed(data: bytes) -> _core.Message | None:
    try:
        return _core.Message.parse(data)
    except ValueError:
        return None


def _user(message: _core.Message, header: str) -> str:
    address = message.address(header)
    if address is None:
        return ""
    try:
        uri = _core.Uri(address[1])
    except ValueError:
        return ""
    return uri.user or uri.host


def _printed(place: Place) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
