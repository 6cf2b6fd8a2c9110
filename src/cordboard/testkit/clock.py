"""A clock that stands still until it is told to move."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualTimer:
    """A call that is still to come."""

    __slots__ = ("_clock", "due", "function")

    def __init__(self, clock: VirtualClock, due: float, function: Callable[[], None]) -> None:
        self._clock = clock
        self.due = due
        """When, on its clock."""
        self.function: Callable[[], None] | None = function
        """What; None once it is called or cancelled."""

    def cancel(self) -> None:
        """Takes it back."""
        if self.function is not None:
            self.function = None
            self._clock.waiting -= 1


class VirtualClock:
    """A ``cordboard.sip.clock.Clock`` whose time is a number."""

    __slots__ = ("_heap", "_now", "_order", "waiting")

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._heap: list[tuple[float, int, VirtualTimer]] = []
        self._order = 0
        self.waiting = 0
        """Timers that were neither called nor cancelled."""

    def now(self) -> float:
        """The moment, in seconds."""
        return self._now

    def call_later(self, delay: float, function: Callable[[], None]) -> VirtualTimer:
        """Calls ``function`` once the clock has moved by ``delay`` seconds."""
        timer = VirtualTimer(self, self._now + max(0.0, delay), function)
        self._order += 1
        self.waiting += 1
        heapq.heappush(self._heap, (timer.due, self._order, timer))
        return timer

    def next_due(self) -> float | None:
        """When the next timer is due."""
        while self._heap and self._heap[0][2].function is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def advance(self, to: float) -> int:
        """Moves to that moment, calls what is due on the way, and returns how many calls that were."""
        called = 0
        while (due := self.next_due()) is not None and due <= to:
            _, _, timer = heapq.heappop(self._heap)
            self._now = max(self._now, due)
            function, timer.function = timer.function, None
            self.waiting -= 1
            called += 1
            if function is not None:
                function()
        self._now = max(self._now, to)
        return called
