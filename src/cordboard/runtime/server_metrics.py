"""What a SIP Server tells at ``/metrics`` of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.ops.metrics import GaugeCollector, PartCollector
from cordboard.runtime import core_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from cordboard import _core
    from cordboard.ops.admission import Admission
    from cordboard.ops.records import RecordStore
    from cordboard.runtime.load import LoadWatch
    from cordboard.switch.server import SipServer
    from cordboard.tlib.hub import Hub
    from cordboard.tlib.server import TLibServer


def register(
    registry: CollectorRegistry,
    *,
    endpoint: _core.Endpoint,
    switch: SipServer,
    hub: Hub,
    link: Callable[[], TLibServer | None],
    records: RecordStore | None,
) -> None:
    """What core, switch, link and records count. ``link``: None before it is there."""
    add = registry.register
    add(core_metrics.collector("core_events", "What the SIP core counted.", endpoint))
    add(
        PartCollector(
            "switch_events",
            "What the switch counted.",
            lambda: {
                "tlib_events": switch.reporter.emitted,
                "lost_calls": switch.lost,
                "faults": switch.faults,
                "strays": switch.dispatcher.strays,
            },
        )
    )
    add(PartCollector("media_service_events", "What was done with media services.", switch.services.counters))
    add(PartCollector("resolver_events", "What the resolver of host names counted.", switch.resolver.counters))
    add(PartCollector("tlib_events", "What the T-Library link counted.", lambda: _link_counters(hub, link())))
    add(
        GaugeCollector(
            {
                "dns": ("DNs configured.", lambda: len(switch.extensions)),
                "dns_in_service": (
                    "DNs that can be reached.",
                    lambda: sum(e.dn.in_service for e in switch.extensions.values()),
                ),
                "media_service_legs": ("Legs joined to media services.", lambda: switch.services.legs),
                "calls_waiting": ("Calls that wait at Routing Points.", lambda: len(switch.points)),
                "resolver_failed_destinations": (
                    "Destinations that failed lately.",
                    lambda: len(switch.resolver.health.failed()),
                ),
                "tlib_links": ("T-Library links connected.", lambda: hub.connected),
                "tlib_sessions": ("T-Library sessions, lost ones included.", lambda: len(hub.sessions)),
                "tlib_waiting_events": ("Events not sent to their link yet.", lambda: hub.waiting),
            }
        )
    )
    if records is not None:
        add(
            PartCollector(
                "call_records",
                "Call records, by what became of them.",
                lambda: {
                    "taken": records.taken,
                    "written": records.written,
                    "dropped": records.dropped,
                    "expired": records.expired,
                    "unfiled": records.unfiled,
                },
            )
        )


def _link_counters(hub: Hub, link: TLibServer | None) -> dict[str, int]:
    counted = hub.counters
    found = {
        "encoded": counted.events,
        "delivered": hub.deliveries,
        "requests": counted.requests,
        "errors": counted.errors,
        "repeated": counted.repeated,
        "fell_behind": counted.fell_behind,
        "snapshots": counted.snapshots,
        "resumed": counted.resumed,
        "sessions_opened": counted.sessions_opened,
        "sessions_expired": counted.sessions_expired,
    }
    if link is not None:
        found["connections"] = link.counters.connections
        found["frames"] = link.counters.frames
        found["logins_accepted"] = link.logins.guard.accepted_total
        found["logins_failed"] = link.logins.guard.failed_total
        found["logins_refused"] = link.logins.guard.refused_total
        for reason, count in (link.counters.byes or {}).items():
            found[f"closed_{reason}"] = count
    return found


def register_load(registry: CollectorRegistry, busy: LoadWatch, admission: Admission) -> None:
    """How busy it is, and what follows from that."""
    registry.register(
        GaugeCollector(
            {
                "load_cpu_ratio": (
                    "Share of a processor that decisions take, or the process of all it may use.",
                    lambda: busy.load.cpu,
                ),
                "load_lag_seconds": ("How late decisions come.", lambda: busy.load.lag),
                "refused_calls_ratio": (
                    "The part of new calls refused as too many.",
                    lambda: admission.refused,
                ),
            }
        )
    )
    registry.register(PartCollector("admission_events", "Admission of calls.", lambda: {"closed": admission.closed}))


def register_media(registry: CollectorRegistry, up: Callable[[], bool]) -> None:
    """Whether the Media Server within is there; where one is wanted."""
    registry.register(
        GaugeCollector(
            {
                "media_server_up": (
                    "1 while the Media Server within this server runs, 0 where it could not be started.",
                    up,
                )
            }
        )
    )
