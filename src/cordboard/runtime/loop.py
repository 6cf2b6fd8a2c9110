"""The event loop's face: a clock whose calls hand their commands to the core."""

import asyncio
from collections.abc import Callable


class LoopClock:
    """The loop as a ``cordboard.sip.clock.Clock``: ``after`` runs after every call made later."""

    def __init__(self, loop: asyncio.AbstractEventLoop, after: Callable[[], None]) -> None:
        self._loop = loop
        self._after = after
        self.now = loop.time
        """Seconds of the loop's monotonic clock."""

    def call_later(self, delay: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls ``function`` in ``delay`` seconds, then ``after``."""
        return self._loop.call_later(delay, self._call, function)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            self._after()
