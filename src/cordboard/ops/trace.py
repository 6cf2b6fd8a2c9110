"""What is known of late calls, for who looks into one: their legs, and what the desktops asked and were told.

    a call's events ---> its history                    each is noted with its call (:mod:`cordboard.model.history`)
    the switch --------> TraceBook                      which calls there are and have ended, and their Call-IDs
    the core's ring ---> Trace.messages                 the messages themselves stay in the core until somebody asks

A call and the consultations made for it are one trace. Everything is bounded: calls, and what is kept of each.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from cordboard.model.events import CallEvent, EventError
from cordboard.model.history import History
from cordboard.model.requests import CallRequest
from cordboard.ops.masking import without_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cordboard.model.call import Call
    from cordboard.model.events import Event
    from cordboard.model.requests import Request

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


class TraceBook:
    """The calls there are, and the latest that have ended. The switch's ``Book``."""

    def __init__(self, *, calls: int = 0) -> None:
        """``calls``: how many that have ended are kept; 0 for none, and nothing of those there are."""
        self._live: dict[str, History] = {}
        self._ended: OrderedDict[str, History] = OrderedDict()
        self._limit = calls
        self.named: Callable[[str, str], None] | None = None
        """Is told which ConnID a Call-ID belongs to."""

    @property
    def limit(self) -> int:
        """How many calls that have ended are kept."""
        return self._limit

    @limit.setter
    def limit(self, calls: int) -> None:
        self._limit = calls
        self._shrink()

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    # The switch's side.

    def begin(self, call: Call) -> None:
        """A call begins."""
        if self._limit:
            self._live[call.conn_id] = call.history = History()

    def leg(self, call: Call, call_id: str) -> None:
        """A call has a leg of that Call-ID, new or from another call."""
        if self.named is not None:
            self.named(call_id, call.conn_id)
        if call.history is not None:
            call.history.leg(call_id)

    def end(self, call: Call) -> None:
        """A call has ended: it is one of the latest now."""
        history = self._live.pop(call.conn_id, None)
        if history is not None:
            self._ended[call.conn_id] = history
            self._shrink()

    def _shrink(self) -> None:
        while len(self._ended) > self._limit:
            self._ended.popitem(last=False)

    # The desktops' side.

    def asked(self, at: float, request: Request) -> None:
        """A desktop asks for something."""
        if isinstance(request, CallRequest):
            self._step(request.conn_id, (at, request))

    def answered(self, answers: Iterable[Event]) -> None:
        """A request was answered at once."""
        for answer in answers:
            if isinstance(answer, EventError):
                self._step(answer.conn_id or "", answer)

    def _step(self, conn_id: str, step: Event | tuple[float, Request]) -> None:
        history = self._live.get(conn_id) or self._ended.get(conn_id)
        if history is not None:
            history.step(step)

    # The reader's side.

    def _all(self) -> dict[str, History]:
        """All calls: first those that have ended, the earliest first, and then those there are."""
        return {**self._ended, **self._live}

    def known(self) -> list[tuple[str, float, list[str]]]:
        """ConnID, Unix time of the first step and DNs of each call, the latest last."""
        return [
            (name, _timed(kept.steps[0])[0], sorted(_dns(kept))) for name, kept in self._all().items() if kept.steps
        ]

    def find(self, *, conn_id: str = "", call_id: str = "", dn: str = "") -> list[str]:
        """The ConnIDs that fit, the latest last: a call with its consultations, or all calls of a DN."""
        calls = self._all()
        if dn:
            return [found for found, kept in calls.items() if dn in _dns(kept)]
        # A phone may use a Call-ID again, and a leg may go over: its latest call is meant.
        first = conn_id or next((name for name, kept in reversed(calls.items()) if call_id in kept.call_ids), "")
        if first not in calls:
            return []
        made_from = {name: _previous(kept) for name, kept in calls.items()}
        found, left = [first], [first]
        while left:
            one = left.pop()
            related = made_from[one] | {other for other, previous in made_from.items() if one in previous}
            for other in sorted(related & calls.keys()):
                if other not in found:
                    found.append(other)
                    left.append(other)
        return found

    def call_ids(self, conn_ids: Sequence[str]) -> list[str]:
        """The Call-IDs of the legs of calls."""
        calls = self._all()
        return list(dict.fromkeys(call_id for conn_id in conn_ids for call_id in calls[conn_id].call_ids))

    def steps(self, conn_ids: Sequence[str], *, digits: bool = False) -> list[Step]:
        """What the desktops asked and were told, in time order; keys that were pressed are masked unless ``digits``."""
        calls = self._all()
        kept = [_timed(step) for conn_id in conn_ids for step in calls[conn_id].steps]
        found = [_step(at, what if digits else without_digits(what)) for at, what in kept]
        return sorted(found, key=lambda step: step.at)


def _events(history: History) -> Iterator[CallEvent]:
    """What the desktops were told of a call."""
    return (step for step in history.steps if isinstance(step, CallEvent))


def _dns(history: History) -> set[str]:
    """The DNs and numbers of its parties."""
    return {dn for event in _events(history) for dn in (event.this_dn, event.other_dn) if dn}


def _previous(history: History) -> set[str]:
    """The calls it was made from, or came out of, by their ConnIDs."""
    return {event.previous_conn_id for event in _events(history) if event.previous_conn_id is not None}


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
