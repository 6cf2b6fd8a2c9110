"""The life of a process that serves: start, signals, reading its configuration again, drain, end."""

import asyncio
import gc
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final

import structlog

from cordboard.cli.link import fail
from cordboard.config.errors import ConfigError
from cordboard.runtime.state import reloading

EXIT_CONFIG: Final = 78
"""sysexits.h EX_CONFIG: systemd need not try again."""
EXIT_LISTEN: Final = 71
"""sysexits.h EX_OSERR: an address is in use."""
EXIT_STATE: Final = 73
"""sysexits.h EX_CANTCREAT."""

_GC_THRESHOLD: Final = 50_000
"""Objects made and not freed between two looks of the collector."""

_log = structlog.get_logger("cordboard.runtime")


class GivenError(Exception):
    """What was given cannot be used."""


def explained(error: Exception) -> str:
    """What is wrong with a configuration, each problem on a line."""
    return "\n".join(str(problem) for problem in getattr(error, "problems", ())) or str(error)


class Life(ABC):
    """One life of a server. SIGTERM and SIGINT drain, again they stop at once; SIGHUP reads the configuration again."""

    advice: ClassVar[Mapping[type[Exception], str]]
    """What to do when an address cannot be opened."""

    def __init__(self) -> None:
        self.now = asyncio.Event()
        """Set when it shall not wait any longer for what is going on."""
        self._stop = asyncio.Event()
        self._started = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    @abstractmethod
    async def start(self) -> None:
        """Brings everything up, or nothing."""

    @abstractmethod
    async def serve(self) -> None:
        """Says that it is up; what it starts ends with :meth:`end`."""

    @abstractmethod
    async def read_again(self) -> None:
        """Takes over a changed configuration. Raises ConfigError, GivenError, OSError or ValueError."""

    @abstractmethod
    async def drain(self) -> None:
        """Takes nothing new and waits for what is going on, until it is over or ``now`` is set."""

    @abstractmethod
    async def end(self) -> None:
        """Closes everything."""

    async def main(self) -> None:
        """Serves until a signal comes."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_stop)
        loop.add_signal_handler(signal.SIGINT, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        await self._start()
        # What is there now stays to the end: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        # Calls are freed by counting references; what the collector is for, cycles, comes with errors alone.
        gc.set_threshold(_GC_THRESHOLD, 20, 20)
        self._started.set()
        try:
            await self.serve()
            await self._stop.wait()
            await self.drain()
        finally:
            await self.end()

    async def _start(self) -> None:
        try:
            await self.start()
        except tuple(self.advice) as error:
            fail(f"{error}. {self.advice[type(error)]}", EXIT_LISTEN)
        except (ConfigError, ValueError) as error:
            fail(explained(error), EXIT_CONFIG)
        except OSError as error:
            fail(f"{error.filename or 'start'}: {error.strerror or error}", EXIT_STATE)

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self.now.set()
        self._stop.set()

    def _on_reload(self) -> None:
        # One that comes during a reading starts another: it may tell of a later change.
        if self._reloading is not None and not self._reloading.done():
            self._again = True
        else:
            self._reloading = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        await self._started.wait()
        with reloading():
            try:
                await self.read_again()
            except (ConfigError, GivenError, OSError, ValueError) as error:
                _log.error("configuration not read, the old one stays", reason=explained(error))
        if self._again:
            self._again = False
            await self._reload()
