"""What the switch counts, as plain integers: reading them is Prometheus' business, see :mod:`cordboard.ops.metrics`."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

TALK_BUCKETS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds of talking, upper bounds."""


class CallMeters(Collector):
    """A ``cordboard.switch.ports.Meters``."""

    def __init__(self) -> None:
        self.started = 0
        """Calls that began."""
        self.ended: Counter[str] = Counter()
        """Calls that ended, by outcome."""
        self.refused: Counter[int] = Counter()
        """Requests that never became a call, by SIP status."""
        self.messages: Counter[int] = Counter()
        """Text messages, by SIP status of the answer."""
        self._talk = [0] * (len(TALK_BUCKETS) + 1)
        self._talk_sum = 0.0

    @property
    def active(self) -> int:
        """Calls now."""
        return self.started - self.ended.total()

    def call_started(self) -> None:
        """A call began."""
        self.started += 1

    def call_ended(self, outcome: str, seconds: float) -> None:
        """A call ended after so many seconds of talking."""
        self.ended[outcome] += 1
        if outcome == "answered":
            self._talk[bisect_left(TALK_BUCKETS, seconds)] += 1
            self._talk_sum += seconds

    def call_refused(self, status: int) -> None:
        """A call was refused before it became one."""
        self.refused[status] += 1

    def message_passed(self, status: int) -> None:
        """A text message was answered."""
        self.messages[status] += 1

    def collect(self) -> Iterable[Metric]:
        """Reads the counters."""
        yield GaugeMetricFamily("cordboard_calls_active", "Calls now, ringing ones included.", value=self.active)
        yield CounterMetricFamily("cordboard_calls_started", "Calls that began.", value=self.started)
        ended = CounterMetricFamily("cordboard_calls_ended", "Calls that ended, by outcome.", labels=["outcome"])
        for outcome, count in sorted(self.ended.items()):
            ended.add_metric([outcome], count)
        yield ended
        refused = CounterMetricFamily(
            "cordboard_calls_refused", "INVITEs that never became a call, by SIP status.", labels=["status"]
        )
        for status, count in sorted(self.refused.items()):
            refused.add_metric([str(status)], count)
        yield refused
        messages = CounterMetricFamily(
            "cordboard_text_messages", "Text messages between DNs, by SIP status of the answer.", labels=["status"]
        )
        for status, count in sorted(self.messages.items()):
            messages.add_metric([str(status)], count)
        yield messages
        total = 0
        buckets = []
        for bound, count in zip((*(str(b) for b in TALK_BUCKETS), "+Inf"), self._talk, strict=True):
            total += count
            buckets.append((bound, total))
        yield HistogramMetricFamily(
            "cordboard_call_talk_seconds", "How long answered calls lasted.", buckets=buckets, sum_value=self._talk_sum
        )
