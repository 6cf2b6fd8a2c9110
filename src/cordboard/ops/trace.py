"""What is known of late calls, for who looks into one: their legs, and what the desktops asked and were told.

    T-Library events --> TraceBook --> the hub          each event passes through, and is noted under its ConnID
    the core's events -> TraceBook.leg                  which Call-IDs a call has had
    the core's ring ---> Trace.messages                 the messages themselves stay in the core until somebody asks

A call and the consultations made for it are one trace. Everything is bounded: calls, and what is kept of each.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from cordboard.model.events import ALL_EVENTS, CallEvent, EventError
from cordboard.model.requests import CallRequest, MakeCall
from cordboard.ops.masking import without_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cordboard.model.events import Event
    from cordboard.model.ports import EventSink, Link
    from cordboard.model.requests import Request

    Told = Callable[[str, CallEvent], None]
    """Hears of a call's event: the name of the call and the event."""

LEGS_OF_A_CALL: Final = 64
STEPS_OF_A_CALL: Final = 500
PENDING: Final = 256
"""MakeCalls waiting for their ConnID."""

_OF_CALLS: Final = frozenset(kind for kind in ALL_EVENTS if issubclass(kind, CallEvent))
"""Asked of each event, and much faster than isinstance of a class that has a metaclass."""

_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True, gc=False):
    """A SIP message as it was on the wire, secrets masked."""

    number: int
    """Counts up in the order of the wire."""
    at: float
    """Unix time."""
    outgoing: bool
    """Whether the server sent it."""
    transport: str
    local: tuple[str, int]
    """The server's address."""
    remote: tuple[str, int]
    """The other one."""
    data: bytes


class Step(msgspec.Struct, frozen=True, gc=False):
    """What a desktop asked, or was told."""

    at: float
    """Unix time."""
    name: str
    """``EventRinging``, or a request as ``TMakeCall``."""
    dn: str
    """ThisDN."""
    asked: bool
    """Whether it is a request."""
    content: msgspec.Raw
    """The event or request, as on the link."""


class Trace(msgspec.Struct, frozen=True):
    """A call and its consultations."""

    conn_ids: list[str]
    """The call that was asked for first."""
    call_ids: list[str]
    """Of its legs."""
    messages: list[Message]
    steps: list[Step]
    live: bool
    """Whether any of the calls goes on."""


class KnownCall(msgspec.Struct, frozen=True):
    """A call that can be traced."""

    conn_id: str
    at: float
    """Unix time of the first that is known of it."""
    dns: list[str]
    """The DNs and numbers of its parties."""
    live: bool
    """Whether it goes on."""


class _Call:
    """What is known of one ConnID."""

    __slots__ = ("call_ids", "steps")

    def __init__(self) -> None:
        self.call_ids: dict[str, None] = {}
        self.steps: list[Event | tuple[float, Request]] = []
        """An event says itself when it was."""

    def events(self) -> Iterator[CallEvent]:
        """What the desktops were told of it."""
        return (step for step in self.steps if isinstance(step, CallEvent))

    def dns(self) -> set[str]:
        """The DNs and numbers of its parties."""
        return {dn for event in self.events() for dn in (event.this_dn, event.other_dn) if dn}

    def previous(self) -> set[str]:
        """The calls it was made from, or came out of, by their ConnIDs."""
        return {event.previous_conn_id for event in self.events() if event.previous_conn_id is not None}


class TraceBook:
    """The latest calls. An ``EventSink`` in front of another one."""

    def __init__(self, sink: EventSink, *, calls: int = 0) -> None:
        """``calls``: how many are kept; 0 for none, and then events are only made if ``sink`` wants them."""
        self._sink = sink
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self.legs: dict[str, str] = {}
        """The call of each leg: its ConnID, by Call-ID."""
        self._pending: OrderedDict[tuple[Link, int], tuple[float, Request]] = OrderedDict()
        self._limit = calls
        self.told: Told | None = None
        """Whoever else wants each event of a call: a collector."""
        self.named: Callable[[str, str], None] | None = None
        """Is told which ConnID a Call-ID belongs to."""

    @property
    def limit(self) -> int:
        """How many calls are kept."""
        return self._limit

    @limit.setter
    def limit(self, calls: int) -> None:
        self._limit = calls
        self._shrink()

    def __len__(self) -> int:
        return len(self._calls)

    # The switch's side.

    def wants(self, dn: str) -> bool:
        """Every DN, while calls are kept."""
        return self._limit > 0 or self.told is not None or self._sink.wants(dn)

    def emit(self, event: Event, link: Link | None = None) -> None:
        """Passes an event on and notes it."""
        self._sink.emit(event, link)
        if type(event) in _OF_CALLS:
            conn_id: str = event.conn_id  # type: ignore[attr-defined]
            if self._limit:
                steps = (self._calls.get(conn_id) or self._begin(conn_id)).steps
                self._calls.move_to_end(conn_id)
                if self._pending and event.reference_id:
                    asked = self._pending.pop((link, event.reference_id), None)
                    if asked is not None:
                        steps.append(asked)
                if len(steps) < STEPS_OF_A_CALL:
                    steps.append(event)
            if self.told is not None:
                self.told(conn_id, event)  # type: ignore[arg-type]
        elif self._limit and isinstance(event, EventError):
            self._error(event, link)

    def _error(self, error: EventError, link: Link | None) -> None:
        asked = self._pending.pop((link, error.reference_id), None)
        call = self._calls.get(error.conn_id or "")
        if call is not None and len(call.steps) < STEPS_OF_A_CALL:
            if asked is not None:
                call.steps.append(asked)
            call.steps.append(error)

    def leg(self, conn_id: str, call_id: str) -> None:
        """A call has a leg of that Call-ID."""
        if self.legs.get(call_id) == conn_id:
            return
        if self.named is not None:
            self.named(call_id, conn_id)
        if self._limit:
            call = self._calls.get(conn_id) or self._begin(conn_id)
            if len(call.call_ids) < LEGS_OF_A_CALL:
                call.call_ids[call_id] = None
                self.legs[call_id] = conn_id

    def asked(self, at: float, link: Link, request: Request, reference_id: int) -> None:
        """A desktop asks for something."""
        if not self._limit:
            return
        if isinstance(request, CallRequest):
            call = self._calls.get(request.conn_id)
            if call is not None and len(call.steps) < STEPS_OF_A_CALL:
                call.steps.append((at, request))
        elif isinstance(request, MakeCall):
            self._pending[(link, reference_id)] = (at, request)
            if len(self._pending) > PENDING:
                self._pending.popitem(last=False)

    def answered(self, link: Link, answers: Iterable[Event]) -> None:
        """A request was answered at once."""
        if self._limit:
            for answer in answers:
                if isinstance(answer, EventError):
                    self._error(answer, link)

    def _begin(self, conn_id: str) -> _Call:
        """What is known of a call nothing was known of."""
        call = self._calls[conn_id] = _Call()
        self._shrink()
        return call

    def _shrink(self) -> None:
        while len(self._calls) > self._limit:
            conn_id, call = self._calls.popitem(last=False)
            for call_id in call.call_ids:
                if self.legs.get(call_id) == conn_id:
                    del self.legs[call_id]

    # The reader's side.

    def known(self) -> list[tuple[str, float, list[str]]]:
        """ConnID, Unix time of the first event and DNs of each call, the latest last."""
        return [(conn_id, _timed(c.steps[0])[0], sorted(c.dns())) for conn_id, c in self._calls.items() if c.steps]

    def find(self, *, conn_id: str = "", call_id: str = "", dn: str = "") -> list[str]:
        """The ConnIDs that fit, the latest last: a call with its consultations, or all calls of a DN."""
        if dn:
            return [found for found, call in self._calls.items() if dn in call.dns()]
        first = conn_id or self.legs.get(call_id, "")
        if first not in self._calls:
            return []
        made_from = {conn_id: call.previous() for conn_id, call in self._calls.items()}
        found, left = [first], [first]
        while left:
            one = left.pop()
            related = made_from[one] | {other for other, previous in made_from.items() if one in previous}
            for other in sorted(related & self._calls.keys()):
                if other not in found:
                    found.append(other)
                    left.append(other)
        return found

    def call_ids(self, conn_ids: Sequence[str]) -> list[str]:
        """The Call-IDs of the legs of calls."""
        return list(dict.fromkeys(call_id for conn_id in conn_ids for call_id in self._calls[conn_id].call_ids))

    def steps(self, conn_ids: Sequence[str], *, digits: bool = False) -> list[Step]:
        """What the desktops asked and were told, in time order; keys that were pressed are masked unless ``digits``."""
        kept = [_timed(step) for conn_id in conn_ids for step in self._calls[conn_id].steps]
        found = [_step(at, what if digits else without_digits(what)) for at, what in kept]
        return sorted(found, key=lambda step: step.at)


def _moment(event: Event) -> float:
    return event.time.sec + event.time.usec / 1e6


def _timed(step: Event | tuple[float, Request]) -> tuple[float, Event | Request]:
    return step if isinstance(step, tuple) else (_moment(step), step)


def _step(at: float, what: Event | Request) -> Step:
    name = type(what).__name__
    asked = not name.startswith("Event")
    return Step(at, f"T{name}" if asked else name, what.this_dn or "", asked, msgspec.Raw(_encode(what)))  # type: ignore[union-attr]


def step_of(event: Event) -> Step:
    """An event as a step of a trace."""
    return _step(_moment(event), event)
