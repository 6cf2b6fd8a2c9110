"""Where an error nobody foresaw ends: with the call it happened to, and nothing else.

What comes into the switch comes as an event of the core, a T-Library request or a timer. Each of the three is guarded,
and all of them by :func:`struck`.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.switch import callflow
from cordboard.switch.timeouts import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.clock import Clock, Timer
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.server import SipServer
    from cordboard.switch.timeouts import Limited

WAYS: Final = ("owner", "flow", "_flow", "handler", "session", "delivery")
"""The attributes that lead from what belongs to a call towards its flow."""


@cache
def _ways(kind: type) -> tuple[str, ...]:
    """Those that objects of a class have; all, where a class does not say which its objects have."""
    return tuple(name for name in WAYS if hasattr(kind, name) or kind.__dictoffset__)


def flow_of(owner: object | None) -> CallFlow | None:
    """The call an owner of a transaction, a dialog or a timer belongs to."""
    steps = 0
    while not isinstance(owner, callflow.CallFlow):
        for name in _ways(type(owner)):  # type: ignore[arg-type] # a class is hashable
            following = getattr(owner, name, None)
            if following is not None:
                break
        else:
            return None
        owner = following
        steps += 1
        if steps == 9:
            return None
    return owner


def flow_behind(function: Callable[..., object]) -> CallFlow | None:
    """The call that something to be done later is about: by whose method it is, or what it is given."""
    found: CallFlow | None = None
    while isinstance(function, partial):
        for argument in function.args:
            found = found or flow_of(argument)
        function = function.func
    return flow_of(getattr(function, "__self__", None)) or found


def struck(server: SipServer, what: str, error: Exception, flow: CallFlow | None, **fields: object) -> None:
    """An error nobody foresaw: it is noted, and the call it happened to is ended. ``what`` says what came of it."""
    conn_id = flow.call.conn_id if flow is not None else None
    server.note_fault(what, error, conn_id=conn_id, **fields)
    if flow is not None:
        flow.fault()


class OnFault(Protocol):
    """Who is told of a function that failed."""

    def __call__(self, function: Callable[[], None], error: Exception) -> None:
        """``function`` was called because its time had come, and raised ``error``."""


class GuardedClock:
    """A clock whose calls cannot fail."""

    __slots__ = ("_clock", "_on_fault", "_queues", "now")

    def __init__(self, clock: Clock, on_fault: OnFault) -> None:
        self._clock = clock
        self._on_fault = on_fault
        self._queues: dict[float, Queue] = {}
        """What waits in :mod:`cordboard.switch.timeouts`, by its delay: as many as the options have values."""
        self.now = clock.now

    def call_later(self, delay: float, function: Callable[[], None]) -> Timer:
        """Calls ``function`` in ``delay`` seconds."""
        return self._clock.call_later(delay, partial(self._call, function))

    def limit(self, delay: float, who: Limited) -> Queue:
        """The same, for what is nearly always taken back before: see :mod:`cordboard.switch.timeouts`.

        Returns where he waits.
        """
        queue = self._queues.get(delay)
        if queue is None:
            queue = self._queues[delay] = Queue(self._clock, delay, self._call)
        queue.add(who)
        return queue

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:
            self._on_fault(function, error)
