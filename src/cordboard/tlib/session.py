"""A T-Library client's session: what it registered for and the numbered events on their way to it.

A session outlives the connection that opened it, for as long as the server's retention says, so that a desktop whose
network hiccuped goes on with the next event. No I/O, no clock.
"""

from collections.abc import Callable
from typing import Final

from cordboard.tlib.protocol import Role, SnapshotReason
from cordboard.tlib.ring import DEFAULT_BYTES, DEFAULT_COUNT, Entry, EventRing, render

ALL_DNS: Final = "*"
"""An administrator who registers this gets the events of every DN."""

FRAME_EVENTS: Final = 1024
"""Events in one frame, at most."""

FRAME_BYTES: Final = 256 * 1024
"""Bytes of events in one frame, at most (a single larger event goes alone)."""


class Session:
    """One client, connected or expected back. To the switch it is the opaque ``Link`` of a request."""

    __slots__ = (
        "_ring",
        "client",
        "dns",
        "id",
        "last_reference_id",
        "lost_at",
        "on_ready",
        "ready",
        "role",
        "snapshot_reason",
        "user",
    )

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
        self.on_ready: Callable[[], None] | None = None
        """Called once when something waits to be sent and nothing did before. None while not connected."""
        self.ready = False
        """Something waits, and ``on_ready`` was called for it."""
        self.lost_at: float | None = None
        """When the connection was lost; None while there is one."""
        self.snapshot_reason = SnapshotReason.TOO_FAR_BEHIND
        self._ring = EventRing(max_count=max_count, max_bytes=max_bytes)

    @property
    def sequence(self) -> int:
        """The number of the newest event."""
        return self._ring.last

    @property
    def behind(self) -> bool:
        """Whether the client needs a snapshot."""
        return self._ring.behind

    @property
    def waiting(self) -> int:
        """Events not sent yet."""
        return self._ring.last - self._ring.sent

    def push(self, entry: Entry) -> bool:
        """Adds an event. Returns True when the client just fell too far behind."""
        fell = self._ring.append(entry)
        if not self.ready and self.on_ready is not None:
            self.ready = True
            self.on_ready()
        if fell:
            self.snapshot_reason = SnapshotReason.TOO_FAR_BEHIND
        return fell

    def frame(self) -> str | None:
        """The next frame of events, or None when none waits or a snapshot is due (see ``behind``)."""
        if not self._ring.waiting():
            return None
        return render(*self._ring.take(FRAME_EVENTS, FRAME_BYTES))

    def has_more(self) -> bool:
        """Whether something waits to be sent: events or a snapshot."""
        return self._ring.waiting() or self._ring.behind

    def acknowledge(self, sequence: int) -> bool:
        """The client has handled all up to ``sequence``. Returns False if that was never sent."""
        return self._ring.acknowledge(sequence)

    def resume(self, sequence: int) -> bool:
        """Goes back to just after ``sequence``. Returns False when that is impossible: a snapshot is due then."""
        if self._ring.rewind(sequence):
            return True
        self.snapshot_reason = SnapshotReason.TOO_FAR_BEHIND
        return False

    def need_snapshot(self, reason: SnapshotReason) -> None:
        """Sends a snapshot next, for that reason."""
        self._ring.drop()
        self.snapshot_reason = reason

    def begin_snapshot(self) -> int:
        """A snapshot of now is being made: returns the number it stands for."""
        return self._ring.restart()

    def attach(self, on_ready: Callable[[], None]) -> None:
        """A connection carries this session now."""
        self.on_ready = on_ready
        self.lost_at = None
        self.ready = True

    def detach(self, now: float) -> None:
        """The connection is lost."""
        self.on_ready = None
        self.ready = False
        self.lost_at = now
