"""The client's half of the numbering: each event once, in order, over any number of connections. No I/O."""

from collections.abc import Sequence
from typing import Final, TypeVar

from cordboard.tlib.protocol import Resume, Snapshot, Welcome

_E = TypeVar("_E")

UNKNOWN: Final = -1
"""The ``sequence`` of who waits for a snapshot: resuming with it brings one."""


class GapError(Exception):
    """The server skipped events: a fault of the server. ``expected`` and ``got`` are event numbers."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"event {expected} was due, {got} came")
        self.expected = expected
        self.got = got


class Stream:
    """What a client remembers of its session from one connection to the next."""

    def __init__(self) -> None:
        self.session = ""
        """Empty before the first Welcome."""
        self.sequence = 0
        """The last event handled."""
        self.dns: set[str] = set()
        """The DNs registered."""
        self._await_snapshot = False

    def resume(self) -> Resume | None:
        """What to ask for in the next Hello."""
        if not self.session:
            return None
        return Resume(session=self.session, sequence=self.sequence, dns=sorted(self.dns))

    def welcome(self, welcome: Welcome) -> None:
        """A connection is open."""
        asked = bool(self.session)
        self.session = welcome.session
        self._await_snapshot = asked and not welcome.resumed
        if not asked:
            self.sequence = welcome.sequence
        elif self._await_snapshot:
            # Numbers of before mean nothing any more. Should the connection break before the snapshot is here, no
            # event must count as handled.
            self.sequence = UNKNOWN

    def snapshot(self, snapshot: Snapshot) -> None:
        """The state as a whole came; its number is where events go on."""
        self.sequence = snapshot.sequence
        self._await_snapshot = False

    def events(self, first: int, events: Sequence[_E]) -> Sequence[_E]:
        """The events of a batch that are new. Raises GapError."""
        known = self.sequence + 1 - first
        if known < 0 or self._await_snapshot:
            raise GapError(self.sequence + 1, first)
        if known:
            events = events[known:]
        self.sequence += len(events)
        return events
