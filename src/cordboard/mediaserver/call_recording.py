"""A call recorded as one conversation: a file a segment, and an index that says who was there when.

A segment is what one recorder wrote without a break. Parties that come, go, are held or are left out while the
recording pauses are marks with their moment in the sound. A transfer, or a conference that moves, begins another
segment of the same call; the index has them all.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from cordboard.mediaserver.conference import Conference
from cordboard.mediaserver.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cordboard.media import RecordEnd
    from cordboard.mediaserver.conference import Member
    from cordboard.mediaserver.msml.dialog import Holder

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


def write_index(folder: Path, index: Index) -> None:
    """Writes it so that at any moment there is a whole one. Raises OSError."""
    temporary = folder / f".{INDEX}"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(index)))
    temporary.replace(folder / INDEX)


class CallRecording:
    """A call that is being recorded."""

    def __init__(self, folder: Path) -> None:
        """Goes on with the index there is; one that is damaged is put aside."""
        self.folder = folder
        self.open: set[SegmentPlace] = set()
        """Segments that are being written."""
        self.index = Index(folder.name)
        try:
            self.index = read_index(folder)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.warning("index of a recording put aside", recording=folder.name, reason=str(error))
            with contextlib.suppress(OSError):
                (folder / INDEX).rename(folder / f"{INDEX}.damaged")

    def next_file(self, ending: str) -> str:
        """A file for the next segment: never one there is, whatever the index says."""
        number = len(self.index.segments) + 1
        while any(self.folder.glob(f"{number}.*")):
            number += 1
        return f"{number}.{ending}"

    def keep(self) -> None:
        """Writes the index."""
        try:
            write_index(self.folder, self.index)
        except OSError as error:
            _log.fault("index of a recording not written", error, recording=self.folder.name)


class SegmentPlace:
    """Where a segment of a call is recorded; watches the conference it is recorded from."""

    def __init__(self, calls: dict[str, CallRecording], folder: Path, ending: str, wall: Callable[[], float]) -> None:
        """``calls``: those that are being recorded, by UUID. ``wall``: Unix time."""
        self._calls = calls
        self._folder = folder
        self._ending = ending
        self._wall = wall
        self._call: CallRecording | None = None
        self._conference: Conference | None = None
        self._segment = Segment("", 0.0)
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
        uuid = self._folder.name
        call = self._calls.get(uuid)
        if call is None:
            call = self._calls[uuid] = CallRecording(self._folder)
        self._call = call
        call.open.add(self)
        self._segment = Segment(call.next_file(self._ending), self._wall())
        call.index.segments.append(self._segment)
        legs = [holder.one] if holder.one is not None else []
        if isinstance(holder, Conference):
            self._conference = holder
            holder.watchers.append(self)
            legs = list(holder.members)
        for leg in legs:
            call.index.conn_id = call.index.conn_id or leg.conn_id
            self._mark("joined", leg.party)
        call.keep()

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
        self._segment.ms = ms
        self._segment.end = why.value
        call.keep()
        call.open.discard(self)
        if not call.open:
            self._calls.pop(self._folder.name, None)

    def _note(self, what: str, party: str = "") -> None:
        self._mark(what, party)
        if self._call is not None:
            self._call.keep()

    def _mark(self, what: str, party: str = "") -> None:
        if self._call is None or len(self._call.index.marks) >= MOST_MARKS:
            return
        index, now = self._call.index, self._wall()
        until = self._paused_at if self._paused_at is not None else now
        ms = max(0, round((until - self._segment.started - self._left_out) * 1000))
        number = index.segments.index(self._segment) + 1
        index.marks.append(Mark(now, number, ms, what, party))

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
