"""A call recorded as one conversation: a file a segment, and an index that says who was there when.

A segment is what one recorder wrote without a break. Parties that come, go, are held or are left out while the
recording pauses are marks with their moment in the sound. A transfer, or a conference that moves, begins another
segment of the same call; the index has them all. It is changed on the event loop and written elsewhere: what changes
while a writing waits for its turn is in that one.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import msgspec

from cordboard.files import write_whole
from cordboard.mediaserver.conference import Conference
from cordboard.mediaserver.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cordboard.media import RecordEnd
    from cordboard.mediaserver.conference import Member
    from cordboard.mediaserver.msml.dialog import Holder

    Disk = Callable[[Callable[[], None]], object]
    """Has something done where waiting for the disk holds up nobody, one after the other."""

INDEX: Final = "index.json"
_log: Final = Log()

MOST_MARKS: Final = 20_000
"""Most marks of a call; what comes then is not noted any more."""


class Segment(msgspec.Struct, eq=False):
    """What one recorder wrote."""

    file: str
    """Beside the index."""
    started: float
    """Unix time."""
    ms: int = 0
    """How long it is; 0 while it is being written, or where the server was lost meanwhile."""
    end: str = ""
    """Why it ended; empty while it is being written."""


class Mark(msgspec.Struct):
    """Something that happened."""

    at: float
    """Unix time."""
    segment: int
    """In which segment, from 1."""
    ms: int
    """Where in its sound."""
    what: str
    """``joined``, ``left``, ``held``, ``retrieved``, ``paused``, ``resumed``."""
    party: str = ""
    """The DN or number; empty for what is of nobody."""


class Index(msgspec.Struct):
    """What is known of a recorded call."""

    call_uuid: str
    conn_id: str = ""
    segments: list[Segment] = []
    marks: list[Mark] = []


def read_index(folder: Path) -> Index:
    """The index in a folder. Raises OSError, or ValueError for one that is damaged."""
    try:
        return msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{folder / INDEX} is damaged: {error}") from None


def write_index(folder: Path, data: bytes) -> None:
    """Writes an index, as JSON, so that at any moment there is a whole one. Raises OSError."""
    write_whole(folder / INDEX, msgspec.json.format(data))


class CallRecording:
    """A call that is being recorded."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        """Goes on with the index there is; one that is damaged is put aside."""
        self.folder = folder
        self.open: set[SegmentPlace] = set()
        """Segments that are being written."""
        self._disk = disk
        self._lock = threading.Lock()
        self._to_write = False
        self._index = Index(folder.name)
        try:
            self._index = read_index(folder)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.warning("index of a recording put aside", recording=folder.name, reason=str(error))
            with contextlib.suppress(OSError):
                (folder / INDEX).rename(folder / f"{INDEX}.damaged")

    def next_file(self, ending: str) -> str:
        """A file for the next segment: never one there is, whatever the index says."""
        number = len(self._index.segments) + 1
        while any(self.folder.glob(f"{number}.*")):
            number += 1
        return f"{number}.{ending}"

    @contextlib.contextmanager
    def changes(self) -> Iterator[Index]:
        """The index, to be changed and then written."""
        with self._lock:
            yield self._index
            waits, self._to_write = self._to_write, True
        if not waits:
            self._disk(self._write)

    def _write(self) -> None:
        with self._lock:
            self._to_write = False
            data = msgspec.json.encode(self._index)
        try:
            write_index(self.folder, data)
        except OSError as error:
            _log.fault("index of a recording not written", error, recording=self.folder.name)


class CallRecordings:
    """The calls that are being recorded, by UUID."""

    def __init__(self, disk: Disk) -> None:
        self.open: dict[str, CallRecording] = {}
        self._disk = disk
        self._known: WeakValueDictionary[str, CallRecording] = WeakValueDictionary()
        """Those whose last index waits to be written as well: whoever writes it holds them."""

    def of(self, folder: Path) -> CallRecording:
        """The one in a folder; a call that goes on before its index is written goes on with what is known of it."""
        call = self._known.get(folder.name)
        if call is None:
            call = self._known[folder.name] = CallRecording(folder, self._disk)
        self.open[folder.name] = call
        return call

    def ended(self, call: CallRecording) -> None:
        """No segment of it is being written."""
        self.open.pop(call.folder.name, None)

    def busy(self, uuid: str) -> bool:
        """Whether sound or index is still to be written. Any thread may ask."""
        return uuid in self._known


class SegmentPlace:
    """Where a segment of a call is recorded; watches the conference it is recorded from."""

    def __init__(self, calls: CallRecordings, folder: Path, ending: str, wall: Callable[[], float]) -> None:
        """``wall``: Unix time."""
        self._calls = calls
        self._folder = folder
        self._ending = ending
        self._wall = wall
        self._call: CallRecording | None = None
        self._conference: Conference | None = None
        self._segment = Segment("", 0.0)
        self._number = 0
        self._paused_at: float | None = None
        self._left_out = 0.0

    @property
    def id(self) -> str:
        """The call's name in the store."""
        return f"calls/{self._folder.name}"

    @property
    def path(self) -> Path:
        """Its file, from when it began."""
        return self._folder / self._segment.file

    def began(self, holder: Holder) -> None:
        """See :class:`cordboard.mediaserver.recordings.Place`."""
        call = self._call = self._calls.of(self._folder)
        call.open.add(self)
        self._segment = Segment(call.next_file(self._ending), self._wall())
        legs = [holder.one] if holder.one is not None else []
        if isinstance(holder, Conference):
            self._conference = holder
            holder.watchers.append(self)
            legs = list(holder.members)
        with call.changes() as index:
            index.segments.append(self._segment)
            self._number = len(index.segments)
            for leg in legs:
                index.conn_id = index.conn_id or leg.conn_id
                self._mark(index, "joined", leg.party)

    def paused(self, *, paused: bool) -> None:
        """See :class:`cordboard.mediaserver.recordings.Place`."""
        if paused == (self._paused_at is not None):
            return
        self._note("paused" if paused else "resumed")
        if self._paused_at is not None:
            self._left_out += self._wall() - self._paused_at
        self._paused_at = self._wall() if paused else None

    def ended(self, why: RecordEnd, ms: int) -> None:
        """See :class:`cordboard.mediaserver.recordings.Place`."""
        if self._conference is not None:
            self._conference.watchers.remove(self)
            self._conference = None
        call, self._call = self._call, None
        if call is None:
            return
        with call.changes():
            self._segment.ms = ms
            self._segment.end = why.value
        call.open.discard(self)
        if not call.open:
            self._calls.ended(call)

    def _note(self, what: str, party: str = "") -> None:
        if self._call is not None:
            with self._call.changes() as index:
                self._mark(index, what, party)

    def _mark(self, index: Index, what: str, party: str) -> None:
        if len(index.marks) >= MOST_MARKS:
            return
        now = self._wall()
        until = self._paused_at if self._paused_at is not None else now
        ms = max(0, round((until - self._segment.started - self._left_out) * 1000))
        index.marks.append(Mark(now, self._number, ms, what, party))

    # Watcher of the conference

    def joined(self, member: Member) -> None:
        """Somebody has come."""
        self._note("joined", member.leg.party)

    def left(self, member: Member) -> None:
        """Somebody has gone."""
        self._note("left", member.leg.party)

    def changed(self, member: Member, *, took_part: bool) -> None:
        """Somebody takes part otherwise."""
        if member.takes_part != took_part:
            self._note("retrieved" if member.takes_part else "held", member.leg.party)
