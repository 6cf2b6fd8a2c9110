"""What the Media Server counts, as plain integers; see :mod:`cordboard.ops.metrics`."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class MediaMeters(Collector):
    """A ``cordboard.mediaserver.server.Meters``."""

    def __init__(self) -> None:
        self.started: Counter[str] = Counter()
        """Legs that were taken, by service."""
        self.ended: Counter[str] = Counter()
        """Legs that are gone, by service."""
        self.refused: Counter[int] = Counter()
        """Legs that were not taken, by SIP status."""
        self.msml: Counter[int] = Counter()
        """MSML bodies, by response."""
        self.troubles: Counter[str] = Counter()
        """Media that was lost, came back, or went one way."""

    def leg_started(self, service: str) -> None:
        """A leg was taken."""
        self.started[service] += 1

    def leg_ended(self, service: str) -> None:
        """It is gone."""
        self.ended[service] += 1

    def leg_refused(self, status: int) -> None:
        """One was not taken."""
        self.refused[status] += 1

    def msml_done(self, response: int) -> None:
        """The requests of a body were carried out."""
        self.msml[response] += 1

    def media_trouble(self, kind: str) -> None:
        """Media of a leg is lost, is back, or goes one way."""
        self.troubles[kind] += 1

    def collect(self) -> Iterable[Metric]:
        """Reads the counters."""
        active = GaugeMetricFamily("cordboard_media_legs", "Legs of the Media Server now.", labels=["service"])
        started = CounterMetricFamily("cordboard_media_legs_started", "Legs that were taken.", labels=["service"])
        for service, count in sorted(self.started.items()):
            active.add_metric([service], count - self.ended[service])
            started.add_metric([service], count)
        yield active
        yield started
        refused = CounterMetricFamily(
            "cordboard_media_legs_refused", "Legs that were not taken, by SIP status.", labels=["status"]
        )
        for status, count in sorted(self.refused.items()):
            refused.add_metric([str(status)], count)
        yield refused
        msml = CounterMetricFamily("cordboard_media_msml", "MSML bodies, by response.", labels=["response"])
        for response, count in sorted(self.msml.items()):
            msml.add_metric([str(response)], count)
        yield msml
        troubles = CounterMetricFamily(
            "cordboard_media_troubles", "Media of legs that was lost, came back, or went one way.", labels=["kind"]
        )
        for kind, count in sorted(self.troubles.items()):
            troubles.add_metric([kind], count)
        yield troubles
