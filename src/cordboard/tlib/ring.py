"""The numbered events of one session: waiting to be sent, or sent and not yet acknowledged. No I/O, no clock.

    append ---> [ unsent ] ---take---> [ unacknowledged ] ---acknowledge---> forgotten
                    ^------- rewind (the client came back) -------'

Both together are bounded by count and by bytes. At the bound the oldest unacknowledged events go first; when
an event that was never sent would have to go, the ring is *behind*: it stops storing (numbers still count up) until
``restart`` tells that the client got a snapshot. So nothing is lost without the client being told.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_COUNT: Final = 8192
DEFAULT_BYTES: Final = 4 * 1024 * 1024


class EventRing:
    """Events of one session, by number. The first has number 1.

    An event is the JSON object as it goes to the client, but for its opening brace and EventSequenceNumber. It is
    encoded once, and shared by all rings it is in.
    """

    __slots__ = (
        "_forgotten",
        "_free",
        "_max_bytes",
        "_max_count",
        "_room",
        "_unacknowledged",
        "_unsent",
        "behind",
        "wake",
    )

    def __init__(self, *, max_count: int = DEFAULT_COUNT, max_bytes: int = DEFAULT_BYTES) -> None:
        if max_count < 1 or max_bytes < 1:
            raise ValueError("an event ring needs room for one event at least")
        self._unsent: deque[bytes] = deque()
        self._unacknowledged: deque[bytes] = deque()
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._free = max_bytes
        """Bytes there is still room for."""
        self._room = max_count
        """Unsent events there is room for beside those that are not acknowledged."""
        self._forgotten = 0
        """The number of the last event that is not kept any more."""
        self.behind = False
        """An event that was never sent had to be dropped: only a snapshot helps."""
        self.wake: Callable[[], None] | None = None
        """Called by the next event that comes, once."""

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return self._forgotten + len(self)

    @property
    def sent(self) -> int:
        """The number of the last event taken for sending."""
        return self._forgotten + len(self._unacknowledged)

    @property
    def first(self) -> int:
        """The number of the oldest event kept; ``last`` + 1 when none is."""
        return self._forgotten + 1

    @property
    def size(self) -> int:
        """Bytes of the events kept."""
        return self._max_bytes - self._free

    def __len__(self) -> int:
        return len(self._unsent) + len(self._unacknowledged)

    @property
    def waiting(self) -> int:
        """Events not sent yet."""
        return len(self._unsent)

    def append(self, event: bytes) -> bool:
        """Adds the next event. Returns True when this made the ring fall behind."""
        if self.wake is not None:
            wake, self.wake = self.wake, None
            wake()
        if self.behind:
            self._forgotten += 1
            return False
        unsent = self._unsent
        unsent.append(event)
        self._free -= len(event)
        if self._free < 0 or len(unsent) > self._room:
            return self._shrink()
        return False

    def _shrink(self) -> bool:
        unsent = self._unsent
        while self._unacknowledged and (self._free < 0 or len(unsent) > self._room):
            self.acknowledge(self._forgotten + 1)
        if self._free < 0 or len(unsent) > self._room:
            self.drop()
            return True
        return False

    def _clear(self) -> None:
        self._forgotten = self.last
        self._unsent.clear()
        self._unacknowledged.clear()
        self._free = self._max_bytes
        self._room = self._max_count

    def drop(self) -> None:
        """Forgets all events and stops storing: the ring is behind until ``restart``."""
        self._clear()
        self.behind = True

    def take(self, max_count: int, max_bytes: int) -> tuple[int, list[bytes]]:
        """Takes the next events to be sent: the number of the first, and the events (one at least if any waits)."""
        first = self.sent + 1
        unsent = self._unsent
        if len(unsent) <= max_count and self.size <= max_bytes:
            taken = list(unsent)
            unsent.clear()
        else:
            taken = []
            size = 0
            while unsent and len(taken) < max_count:
                size += len(unsent[0])
                if size > max_bytes and taken:
                    break
                taken.append(unsent.popleft())
        self._unacknowledged.extend(taken)
        self._room -= len(taken)
        return first, taken

    def acknowledge(self, sequence: int) -> bool:
        """The client has handled all up to ``sequence``. Returns False if that was never sent."""
        if sequence > self.sent:
            return False
        count = max(0, sequence - self._forgotten)
        forget = self._unacknowledged.popleft
        self._free += sum([len(forget()) for _ in range(count)])
        self._room += count
        self._forgotten += count
        return True

    def rewind(self, sequence: int) -> bool:
        """The client is back and has handled all up to ``sequence``: what comes after will be taken again.

        Returns False, and is behind, when events after ``sequence`` are no longer kept or it was never sent.
        """
        if self.behind or sequence > self.sent or sequence < self._forgotten:
            self.drop()
            return False
        while self.sent > sequence:
            self._unsent.appendleft(self._unacknowledged.pop())
            self._room += 1
        self.acknowledge(sequence)
        return True

    def restart(self) -> int:
        """The client gets a snapshot of now: returns the number it stands for; events are stored again."""
        self._clear()
        self.behind = False
        return self._forgotten


def render(first: int, events: list[bytes]) -> str:
    """Writes an Events message from stored events: every event gets this session's EventSequenceNumber."""
    numbered = b",".join([b'{"EventSequenceNumber":%d,%b' % pair for pair in enumerate(events, first)])
    return (b'{"type":"Events","first":%d,"events":[%b]}' % (first, numbered)).decode()
