"""Limits that are nearly always taken back before they are due, as how long a phone may ring.

To set a timer of the loop and to take it back costs some 15,000 instructions, as much as telling desktops an event. So
all limits of one length wait in one queue: what came first is due first, and one timer is enough for them all. Who is
waited for stands in the queue himself, so that nothing is made for it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.clock import Clock, Timer


class Limited(Protocol):
    """Who has so long for something."""

    def on_limit(self) -> None:
        """His time is over."""


class Queue:
    """All limits of one length."""

    __slots__ = ("_call", "_clock", "_delay", "_timer", "_waiting")

    def __init__(self, clock: Clock, delay: float, call: Callable[[Callable[[], None]], None]) -> None:
        """``call``: calls what is due, and never fails."""
        self._clock = clock
        self._delay = delay
        self._call = call
        self._waiting: OrderedDict[Limited, float] = OrderedDict()
        """Those whose time is still to come, in the order in which they are due, and when that is, on the clock."""
        self._timer: Timer | None = None
        """That of the first, or of one before it that was taken back; None while nothing waits."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, who: Limited) -> None:
        """Tells ``who`` once the time is over. He must not be waiting here already."""
        self._waiting[who] = self._clock.now() + self._delay
        if self._timer is None:
            self._timer = self._clock.call_later(self._delay, self._due)

    def take_back(self, who: Limited) -> None:
        """Takes his limit back; nothing happens if he was told already."""
        self._waiting.pop(who, None)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        """The time of the first is over, unless that was taken back."""
        fired, waiting, now = self._timer, self._waiting, self._clock.now()
        while waiting and waiting[first := next(iter(waiting))] <= now:
            del waiting[first]
            self._call(first.on_limit)
        if self._timer is fired:
            # Nothing was added to a queue that had become empty.
            self._timer = self._clock.call_later(waiting[next(iter(waiting))] - now, self._due) if waiting else None
