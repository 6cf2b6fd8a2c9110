"""How busy this process is, measured four times a second, and what follows for new calls."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from cordboard.config.options import ApplicationOptions
from cordboard.ops.admission import Admission, Limits, Load, State

INTERVAL: Final = 0.25
"""Seconds between two measures."""

_log = structlog.get_logger("cordboard.runtime")


def limits(options: ApplicationOptions) -> Limits:
    """As configured."""
    return Limits(cpu=options.sip_admission_cpu / 100, lag=options.sip_admission_lag)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is read for a measure; all in seconds."""

    now: Callable[[], float]
    """Monotonic time."""
    thread: Callable[[], float] = time.thread_time
    """CPU time of the calling thread, which is the event loop's."""
    process: Callable[[], float] = time.process_time
    """CPU time of the process, the core's thread included."""
    processors: Callable[[], int] = lambda: len(os.sched_getaffinity(0))
    """Processors it may use."""


class LoadWatch:
    """Measures, decides and tells. ``refuse`` is called with the part of new calls to refuse, whenever it changes."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        admission: Admission,
        refuse: Callable[[float], None],
        *,
        clocks: Clocks | None = None,
    ) -> None:
        self.admission = admission
        self.load = Load(0.0, 0.0)
        """The latest measure."""
        self._loop = loop
        self._refuse = refuse
        self._clocks = clocks or Clocks(loop.time)
        self._timer: asyncio.TimerHandle | None = None
        self._at = self._thread = self._process = 0.0

    def start(self) -> None:
        """Measures from now on."""
        self._read()
        self._timer = self._loop.call_later(INTERVAL, self._turn)

    def stop(self) -> None:
        """Measures no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        self.measure()
        self._timer = self._loop.call_later(INTERVAL, self._turn)

    def _read(self) -> tuple[float, float, float]:
        """Seconds passed, used by the thread and used by the process since the last look."""
        before = self._at, self._thread, self._process
        self._at, self._thread, self._process = self._clocks.now(), self._clocks.thread(), self._clocks.process()
        return self._at - before[0], self._thread - before[1], self._process - before[2]

    def measure(self) -> None:
        """Takes a measure; tells what changes."""
        passed, thread, process = self._read()
        passed = max(passed, 1e-6)
        self.load = Load(max(thread, process / self._clocks.processors()) / passed, max(0.0, passed - INTERVAL))
        admission = self.admission
        before = admission.refused
        changed = admission.measured(self.load, self._at)
        if admission.refused != before:
            self._refuse(admission.refused)
        if not changed:
            return
        shedding = admission.state is State.SHEDDING
        tell = _log.warning if shedding else _log.info
        tell(
            "too busy: new calls are refused in part" if shedding else "all new calls are taken again",
            cpu=round(self.load.cpu, 2),
            lag=round(self.load.lag, 3),
        )
