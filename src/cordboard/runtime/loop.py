"""The event loop's faces: a clock whose calls hand their commands to the core, and the resolver of host names."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

import structlog

RESOLVE_TIMEOUT: Final = 10.0

_log = structlog.get_logger("cordboard.runtime")


class LoopClock:
    """The loop as a ``cordboard.sip.clock.Clock``: ``after`` runs after every call made later."""

    def __init__(self, loop: asyncio.AbstractEventLoop, after: Callable[[], None]) -> None:
        self._loop = loop
        self._after = after

    def now(self) -> float:
        """Seconds of the loop's monotonic clock."""
        return self._loop.time()

    def call_later(self, delay: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls ``function`` in ``delay`` seconds, then ``after``."""
        return self._loop.call_later(delay, self._call, function)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            self._after()


class LoopResolver:
    """Finds addresses of hosts on the loop's threads. A ``cordboard.switch.ports.Resolver``."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, host: str, found: Callable[[Sequence[str]], None]) -> None:
        """Looks the host up; ``found`` gets literal addresses, none for a failure."""
        task = self._loop.create_task(self._resolve(host, found))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, host: str, found: Callable[[Sequence[str]], None]) -> None:
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                answers = await self._loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            _log.warning("host not found", host=host, reason=str(error) or type(error).__name__)
            found(())
            return
        found(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))
