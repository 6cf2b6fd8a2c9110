"""Limits that are nearly always taken back before they are due, as how long a phone may ring.

To set a timer of the loop and to take it back costs some 15,000 instructions, as much as telling desktops an event. So
all limits of one length wait in one queue: what came first is due first, and one timer is enough for them all.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.clock import Clock, Timer


class Timeout(msgspec.Struct, eq=False):
    """One of them. A ``cordboard.sip.clock.Timer``."""

    queue: Queue
    due: float
    """When, on the clock."""
    function: Callable[[], None]
    """What is called then."""

    def cancel(self) -> None:
        """Takes it back; nothing happens if it was called already."""
        self.queue.take_back(self)


class Queue:
    """All limits of one length."""

    __slots__ = ("_call", "_clock", "_delay", "_timer", "_waiting")

    def __init__(self, clock: Clock, delay: float, call: Callable[[Callable[[], None]], None]) -> None:
        """``call``: calls what is due, and never fails."""
        self._clock = clock
        self._delay = delay
        self._call = call
        self._waiting: OrderedDict[Timeout, None] = OrderedDict()
        """Those that are still to come, in the order in which they are due."""
        self._timer: Timer | None = None
        """That of the first, or of one before it that was taken back; None while nothing waits."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, function: Callable[[], None]) -> Timeout:
        """Calls ``function`` once the time is over."""
        timeout = Timeout(self, self._clock.now() + self._delay, function)
        self._waiting[timeout] = None
        if self._timer is None:
            self._timer = self._clock.call_later(self._delay, self._due)
        return timeout

    def take_back(self, timeout: Timeout) -> None:
        """See :meth:`Timeout.cancel`."""
        self._waiting.pop(timeout, None)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        """The time of the first is over, unless that was taken back."""
        fired, waiting, now = self._timer, self._waiting, self._clock.now()
        while waiting and (first := next(iter(waiting))).due <= now:
            del waiting[first]
            self._call(first.function)
        if self._timer is fired:
            # Nothing was added to a queue that had become empty.
            self._timer = self._clock.call_later(next(iter(waiting)).due - now, self._due) if waiting else None
