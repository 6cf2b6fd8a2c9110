"""What a media server does at the moment, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cordboard.mediaserver.conference import Conference
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.server import MediaServer


class LegView(msgspec.Struct):
    """A leg."""

    id: str
    """Its name in MSML."""
    service: str
    state: str
    party: str
    conn_id: str
    call_id: str
    remote: str
    """Where its sound goes to."""
    codec: str
    mos: float | None
    """How good what it says arrives, 1.0 to 4.5, on the narrowband scale whatever the codec (G.107)."""
    mos_assumed: bool
    """Whether the codec's share of it is assumed, nothing being published."""
    received: int
    """Packets."""
    lost: int
    sent: int
    conference: str
    dialogs: list[str]
    comfort: int = 0
    """Of the packets received, those that describe a pause (RFC 3389)."""
    late: int = 0
    """Of no use, for they came too late."""
    refused: int = 0
    """Of a wrong source, not authentic, replayed or not RTP."""
    jitter_ms: float = 0.0
    """Of what is received (RFC 3550)."""
    lost_there: float = 0.0
    """The fraction of what we sent that the peer says it lost, by its last report."""
    jitter_there_ms: float = 0.0
    """Of what we send, by the same."""
    round_trip_ms: float | None = None
    """None until the peer has reported on a report of ours."""


class ConferenceView(msgspec.Struct):
    """A conference."""

    name: str
    parties: list[str]
    speakers: list[str]
    dialogs: list[str]


class Overview(msgspec.Struct):
    """Everything."""

    used: int
    limit: int
    draining: bool
    legs: list[LegView]
    conferences: list[ConferenceView]
    recorded: list[str]
    """Calls that are being recorded, by UUID."""


def overview(server: MediaServer) -> Overview:
    """The server now."""
    return Overview(
        len(server.legs),
        server.settings.max_legs,
        server.draining,
        [_leg(server, leg, service) for leg, service in server.legs.items()],
        [_conference(conference) for conference in server.conferences.values()],
        list(server.recordings.calls.open),
    )


def _conference(conference: Conference) -> ConferenceView:
    speakers = conference.room.speakers()
    return ConferenceView(
        conference.name,
        [_called(leg) for leg in conference.members],
        [_called(leg) for leg in conference.members if leg.media in speakers],
        list(conference.dialogs),
    )


def _called(leg: ServedLeg) -> str:
    return leg.party or leg.id


def _leg(server: MediaServer, leg: ServedLeg, service: str) -> LegView:
    stats = leg.media.stats()
    conference = server.joins.conference_of(leg)
    host, port = stats.remote or ("", 0)
    return LegView(
        leg.id,
        service,
        leg.up.value,
        leg.party,
        leg.conn_id,
        leg.call_id,
        (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if host else "",
        stats.codec,
        stats.mos,
        stats.mos_assumed,
        stats.packets_received,
        stats.packets_lost,
        stats.packets_sent,
        conference.name if conference is not None else "",
        list(leg.dialogs),
        stats.comfort_received,
        stats.packets_late,
        stats.packets_refused,
        stats.jitter_ms,
        stats.lost_there,
        stats.jitter_there_ms,
        stats.round_trip_ms,
    )
