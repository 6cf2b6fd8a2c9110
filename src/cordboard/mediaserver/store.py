"""The folder of recordings, as those who listen see it: list, look, fetch, delete, and let go what is too old.

Every access leaves a line in ``audit.jsonl`` beside the recordings, and one in the log: who, what, which, and whether
it came to anything. A recording is named as the folder has it: ``calls/<CallUUID>``, ``messages/greeting.wav``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from cordboard.mediaserver.call_recording import Index, Mark, Segment, read_index
from cordboard.mediaserver.log import Log
from cordboard.mediaserver.recordings import CALLS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AUDIT: Final = "audit.jsonl"
SERVER: Final = "server"
"""Who lets go what is too old."""

_ID: Final = re.compile(r"(calls/[A-Za-z0-9_-]{1,64}|messages(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}){1,8})")
_SOUNDS: Final = {".wav": "audio/wav", ".opus": "audio/ogg"}

T = TypeVar("T")
_log: Final = Log()


class NoRecordingError(LookupError):
    """There is no such recording."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        super().__init__(f"no recording {asked[:120]}")


class InUseError(Exception):
    """The recording is being written."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        super().__init__(f"{asked[:120]} is being recorded")


class Summary(msgspec.Struct):
    """A recording in a list."""

    id: str
    at: float
    """When it began, or was last written: Unix time."""
    ms: int
    """How long; 0 where that is not known."""
    bytes: int
    parties: list[str]
    conn_id: str = ""


class Recorded(msgspec.Struct):
    """A recording in full."""

    summary: Summary
    segments: list[Segment]
    marks: list[Mark]


class Access(msgspec.Struct):
    """A line of the audit."""

    at: float
    who: str
    what: str
    """``list``, ``show``, ``get``, ``delete``, ``expire``."""
    recording: str
    found: bool


class RecordingStore:
    """See the module. Its methods read and write the disk: call them on a thread of their own."""

    def __init__(self, folder: Path, wall: Callable[[], float], busy: Callable[[str], bool]) -> None:
        """``wall``: Unix time. ``busy``: whether a recording is being written."""
        self.folder = folder
        self._wall = wall
        self._busy = busy
        self._lock = threading.Lock()
        self.accesses = 0
        """Lines of the audit since the start."""
        self.expired = 0
        """Recordings that were let go because they were too old."""

    # Looks

    def latest(self, who: str, *, party: str = "", limit: int = 1000) -> list[Summary]:
        """The latest first. ``party``: only those this number took part in."""
        found = [summary for summary in self._all() if not party or party in summary.parties]
        found.sort(key=lambda summary: -summary.at)
        self._note(who, "list", party, found=bool(found))
        return found[:limit]

    def show(self, who: str, name: str) -> Recorded:
        """One with its index. Raises NoRecordingError."""
        return self._looked(who, "show", name, self._recorded)

    def sound(self, who: str, name: str, segment: int = 1) -> tuple[Path, str]:
        """The file of a segment, and its media type. Raises NoRecordingError."""

        def find(asked: str) -> tuple[Path, str]:
            files = self._files(asked)
            if not 1 <= segment <= len(files) or not files[segment - 1].is_file():
                raise NoRecordingError(f"{asked}, segment {segment}")
            path = files[segment - 1]
            return path, _SOUNDS.get(path.suffix, "application/octet-stream")

        return self._looked(who, "get", name, find)

    def delete(self, who: str, name: str) -> None:
        """Deletes one, sound and index. Raises NoRecordingError or InUseError."""
        self._delete(who, "delete", name)

    def expire(self, keep: float) -> int:
        """Deletes those older than ``keep`` seconds; 0 keeps all. Returns how many."""
        if not keep:
            return 0
        before = self._wall() - keep
        gone = 0
        for summary in list(self._all()):
            try:
                if self._touched(summary.id) < before:
                    self._delete(SERVER, "expire", summary.id)
                    gone += 1
            except (InUseError, NoRecordingError, FileNotFoundError):
                continue
            except OSError as error:
                _log.fault("old recording not deleted", error, recording=summary.id)
        self.expired += gone
        return gone

    # How

    def _looked(self, who: str, what: str, name: str, find: Callable[[str], T]) -> T:
        found = False
        try:
            _check(name)
            answer = find(name)
            found = True
        except FileNotFoundError:
            raise NoRecordingError(name) from None
        finally:
            self._note(who, what, name, found=found)
        return answer

    def _delete(self, who: str, what: str, name: str) -> None:
        """Notes first: what is gone without a line cannot be asked after."""
        path = self._looked(who, what, name, self._removable)
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            raise NoRecordingError(name) from None

    def _note(self, who: str, what: str, name: str, *, found: bool) -> None:
        """The line of the audit. An access that cannot be noted fails: raises OSError."""
        line = msgspec.json.encode(Access(self._wall(), who, what, name[:200], found)) + b"\n"
        with self._lock:
            self.accesses += 1
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / AUDIT).open("ab") as audit:
                audit.write(line)
        _log.info("recording accessed", who=who, what=what, recording=name[:200], found=found)

    def _all(self) -> Iterator[Summary]:
        calls, messages = self.folder / CALLS, self.folder / MESSAGES
        for folder in sorted(calls.iterdir()) if calls.is_dir() else ():
            if folder.is_dir() and _ID.fullmatch(name := f"{CALLS}/{folder.name}"):
                with contextlib.suppress(FileNotFoundError):
                    yield self._summary(name, self._index(folder))
        for path in sorted(Path(folder, file) for folder, _, files in os.walk(messages) for file in files):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and path.suffix in _SOUNDS and _ID.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    yield self._summary(name, None)

    def _index(self, folder: Path) -> Index:
        """The index of a call; made of its files where it is lost."""
        try:
            return read_index(folder)
        except (OSError, ValueError):
            files = sorted(path for path in folder.iterdir() if path.suffix in _SOUNDS)
            return Index(folder.name, segments=[Segment(path.name, path.stat().st_mtime) for path in files])

    def _summary(self, name: str, index: Index | None) -> Summary:
        if index is None:
            state = (self.folder / name).stat()
            return Summary(name, state.st_mtime, 0, state.st_size, [])
        sizes = sum(path.stat().st_size for path in self._files(name) if path.is_file())
        started = min((segment.started for segment in index.segments), default=0.0)
        parties = list(dict.fromkeys(mark.party for mark in index.marks if mark.party))
        return Summary(name, started, sum(segment.ms for segment in index.segments), sizes, parties, index.conn_id)

    def _recorded(self, name: str) -> Recorded:
        path = self.folder / name
        if path.is_dir() and name.startswith(f"{CALLS}/"):
            index = self._index(path)
            return Recorded(self._summary(name, index), index.segments, index.marks)
        if not path.is_file() or path.suffix not in _SOUNDS:
            raise NoRecordingError(name)
        summary = self._summary(name, None)
        return Recorded(summary, [Segment(path.name, summary.at)], [])

    def _files(self, name: str) -> list[Path]:
        path = self.folder / name
        if path.is_dir():
            # The index is a file that might have been changed: only names within the folder count.
            return [path / segment.file for segment in self._index(path).segments if "/" not in segment.file]
        if path.suffix not in _SOUNDS:
            raise NoRecordingError(name)
        return [path]

    def _touched(self, name: str) -> float:
        path = self.folder / name
        paths = [path, *path.iterdir()] if path.is_dir() else [path]
        return max(one.stat().st_mtime for one in paths)

    def _removable(self, name: str) -> Path:
        path = self.folder / name
        if not (path.is_dir() and name.startswith(f"{CALLS}/")) and not (path.is_file() and path.suffix in _SOUNDS):
            raise NoRecordingError(name)
        if self._busy(name):
            raise InUseError(name)
        return path


def _check(name: str) -> None:
    if _ID.fullmatch(name) is None:
        raise NoRecordingError(name)
