"""A T-Library client's session: what it registered for and the numbered events on their way to it.

A session outlives the connection that opened it, for as long as the server's retention says, so that a desktop whose
network hiccuped goes on with the next event. No I/O, no clock.
"""

from typing import Final

from cordboard.tlib.protocol import Role, SnapshotReason
from cordboard.tlib.ring import DEFAULT_BYTES, DEFAULT_COUNT, EventRing, render

ALL_DNS: Final = "*"
"""An administrator who registers this gets the events of every DN."""

FRAME_EVENTS: Final = 1024
"""Events in one frame, at most."""

FRAME_BYTES: Final = 256 * 1024
"""Bytes of events in one frame, at most (a single larger event goes alone)."""


class Session(EventRing):
    """One client, connected or expected back, with its events. To the switch it is the opaque ``Link`` of a request."""

    __slots__ = ("client", "dns", "id", "last_reference_id", "lost_at", "role", "snapshot_reason", "user")

    def __init__(
        self,
        id: str,  # noqa: A002 - the word of the protocol
        user: str,
        role: Role,
        *,
        client: str = "",
        max_count: int = DEFAULT_COUNT,
        max_bytes: int = DEFAULT_BYTES,
    ) -> None:
        super().__init__(max_count=max_count, max_bytes=max_bytes)
        self.id = id
        """Random, known to nobody but its client."""
        self.user = user
        self.role = role
        self.client = client
        """What the client calls itself."""
        self.dns: set[str] = set()
        """The DNs registered; may contain ALL_DNS."""
        self.last_reference_id = 0
        """The highest ReferenceID of a request so far."""
        self.lost_at: float | None = None
        """When the connection was lost; None while there is one."""
        self.snapshot_reason = SnapshotReason.TOO_FAR_BEHIND
        """Why the client needs a snapshot, while it is behind."""

    def frame(self) -> str | None:
        """The next frame of events, or None when none waits or a snapshot is due (see ``behind``)."""
        if not self.waiting:
            return None
        return render(*self.take(FRAME_EVENTS, FRAME_BYTES))

    def has_more(self) -> bool:
        """Whether something is to be sent: events or a snapshot."""
        return self.behind or self.waiting > 0

    def drop(self) -> None:
        """See EventRing: the client has fallen too far behind."""
        super().drop()
        self.snapshot_reason = SnapshotReason.TOO_FAR_BEHIND

    def need_snapshot(self, reason: SnapshotReason) -> None:
        """Sends a snapshot next, for that reason."""
        self.drop()
        self.snapshot_reason = reason

    def attach(self) -> None:
        """A connection carries this session now."""
        self.lost_at = None

    def detach(self, now: float) -> None:
        """The connection is lost."""
        self.wake = None
        self.lost_at = now
