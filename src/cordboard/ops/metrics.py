"""Prometheus metrics. Nothing is counted twice: the parts keep plain integers, which are read when Prometheus asks.

Names are in ``docs/operations.md``; a test holds that page and this file together.
"""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cordboard.ops.http import Readiness
from cordboard.ops.logging import LineWriter

_NAME: Final = re.compile(r"[^a-zA-Z0-9]+")

Counters = Mapping[str, int]
"""What a part counted since the start, by name."""


def registry() -> CollectorRegistry:
    """A registry with what every process has: CPU, memory, open files, garbage collection."""
    made = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


class LoopLag:
    """How late the event loop runs what is due: the first sign of a decision that takes too long.

    Measured every quarter of a second; the worst since the last look is what a scrape sees.
    """

    def __init__(self, interval: float = 0.25) -> None:
        self._interval = interval
        self._worst = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Starts to measure the running loop."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self._interval
        self._handle = loop.call_at(self._due, self._measure, loop)

    def stop(self) -> None:
        """Ends it."""
        if self._handle is not None:
            self._handle.cancel()

    def _measure(self, loop: asyncio.AbstractEventLoop) -> None:
        self._worst = max(self._worst, loop.time() - self._due)
        self._due = loop.time() + self._interval
        self._handle = loop.call_at(self._due, self._measure, loop)

    def take(self) -> float:
        """The worst lag in seconds since the last call."""
        worst, self._worst = self._worst, 0.0
        return worst


class PartCollector(Collector):
    """Counters of a part, all in one family with the part's own name as a label.

    ``cordboard_core_events_total{event="retransmitted"} 12``: a counter the part adds tomorrow shows up by itself. What
    it tells of the moment is a gauge of its own, ``cordboard_core_dialogs 2``.
    """

    def __init__(
        self, name: str, help_text: str, read: Callable[[], Counters], *, gauges: Collection[str] = ()
    ) -> None:
        """``name`` without ``cordboard_`` and ``_total``. ``gauges``: which are values of the moment."""
        self._name = name
        self._help = help_text
        self._read = read
        self._gauges = frozenset(gauges)

    def collect(self) -> Iterable[Metric]:
        """Reads the counters."""
        family = CounterMetricFamily(f"cordboard_{self._name}", self._help, labels=["event"])
        part = self._name.removesuffix("_events")
        for name, value in sorted(self._read().items()):
            plain = _NAME.sub("_", name).strip("_")
            if name in self._gauges:
                yield GaugeMetricFamily(f"cordboard_{part}_{plain}", f"{self._help} Now.", value=value)
            else:
                family.add_metric([plain], value)
        yield family


class GaugeCollector(Collector):
    """Values of the moment: name to (help, how to read it)."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Reads the values."""
        for name, (help_text, read) in self._gauges.items():
            yield GaugeMetricFamily(f"cordboard_{name}", help_text, value=read())


class ProcessInfo(Collector):
    """Version and uptime, readiness, logs."""

    def __init__(self, version: str, readiness: Readiness, lag: LoopLag, writer: LineWriter | None) -> None:
        self._version = version
        self._readiness = readiness
        self._lag = lag
        self._writer = writer
        self._started = time.monotonic()

    def collect(self) -> Iterable[Metric]:
        """Reads the values."""
        yield InfoMetricFamily("cordboard", "What is running.", value={"version": self._version})
        yield GaugeMetricFamily(
            "cordboard_uptime_seconds", "Since the server started.", value=time.monotonic() - self._started
        )
        yield GaugeMetricFamily(
            "cordboard_ready", "1 when new calls are taken, 0 while starting or draining.", value=self._readiness.ready
        )
        yield GaugeMetricFamily(
            "cordboard_loop_lag_seconds", "How late the event loop was at worst since the last scrape.",
            value=self._lag.take(),
        )  # fmt: skip
        if self._writer is not None:
            lines = CounterMetricFamily("cordboard_log_lines", "Log lines, by what became of them.", labels=["result"])
            lines.add_metric(["written"], self._writer.written)
            lines.add_metric(["dropped"], self._writer.dropped)
            yield lines
