"""What a client is told: the events of the model, and what is none of them."""

from dataclasses import dataclass
from typing import Any

from cordboard.model.events import Event, EventAddressInfo, EventPartyInfo
from cordboard.tlib.protocol import SnapshotReason


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a newer server that this client has no class for."""

    event_sequence_number: int
    attributes: dict[str, Any]
    """The event as it came."""


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """Events were lost to a long absence: this is the state now, in place of all that was known before."""

    reason: SnapshotReason
    dns: list[EventAddressInfo]
    """The registered DNs."""
    calls: list[EventPartyInfo]
    """Their parties in calls."""


LinkEvent = Event | UnknownEvent | SnapshotTaken
"""What ``events()`` yields."""
