"""Time as an argument."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Takes it back; nothing happens if it was made already."""


class Clock(Protocol):
    """A monotonic clock in seconds, and calls made later on the same thread. An asyncio loop's face, in part."""

    def now(self) -> float:
        """The moment, in seconds since no particular one."""

    def call_later(self, delay: float, function: Callable[[], None]) -> Timer:
        """Calls ``function`` in ``delay`` seconds."""
