"""What the model needs of the world above it, and what it offers to T-Library."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from cordboard.model.events import Event
from cordboard.model.requests import Request

Link = Hashable
"""A T-Library client as the switch sees it: something to compare, nothing more."""


class EventSink(Protocol):
    """Where T-Library events go. Both calls must return at once."""

    def wants(self, dn: str) -> bool:
        """Whether anybody listens to that DN. When not, its events are not even built."""

    def emit(self, event: Event, link: Link | None = None) -> None:
        """Takes an event for all who listen to its ThisDN.

        ``link``: whose request caused it; the event's ReferenceID is that link's, other links are shown 0. An
        EventError is for that link alone.
        """


class RequestHandler(Protocol):
    """The switch, to a T-Library link."""

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[Event]:
        """Carries out a request and returns what is for the requester alone.

        That is EventError, EventRegistered, EventUnregistered, EventAddressInfo or EventPartyInfo. All else comes
        through the EventSink, perhaps later.
        """

    def snapshot(self, dn: str) -> Sequence[Event]:
        """The state of a DN as events, for a link too far behind to replay.

        EventAddressInfo, then an EventPartyInfo for each call on it. Empty for a DN that is not configured.
        """
