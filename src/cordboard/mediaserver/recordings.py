"""Where recordings go, and never outside of the folder of recordings.

greeting-1501            messages/greeting-1501.wav      a recording with a name: a greeting, a message
file:///vm/1501/3.wav    messages/vm/1501/3.wav
call:<CallUUID>          calls/<CallUUID>/1.wav, 2.wav   a call as one conversation, with its index
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

from cordboard.mediaserver.call_recording import CallRecordings, SegmentPlace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cordboard.media import RecordEnd
    from cordboard.mediaserver.call_recording import Disk
    from cordboard.mediaserver.msml.dialog import Holder

FORMATS: Final = {
    "wav": "wav",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "opus": "opus",
    "audio/opus": "opus",
    "audio/ogg": "opus",
}
"""What a format may be called, and the ending of its files."""

MESSAGES: Final = "messages"
CALLS: Final = "calls"
ANNOUNCEMENTS: Final = "users"
"""Among the messages: what users recorded for others to hear."""

_NAME: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}){0,7}")
_CALL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class PlaceError(Exception):
    """There is nowhere to record to."""

    def __init__(self, asked: str, reason: str, *, ours: bool = False) -> None:
        self.asked = asked
        """What was asked for."""
        self.reason = reason
        """Why it cannot be."""
        self.ours = ours
        """Whether it is the server that cannot, whatever is asked for."""
        super().__init__(f"{asked[:120]}: {reason}")


class Place(Protocol):
    """Where something is recorded, and who notes how it goes."""

    @property
    def path(self) -> Path:
        """Its file, from when it began."""

    @property
    def id(self) -> str:
        """Its name in the store."""

    def began(self, holder: Holder) -> None:
        """It is being recorded."""

    def paused(self, *, paused: bool) -> None:
        """What is said is left out from now on, or no longer."""

    def ended(self, why: RecordEnd, ms: int) -> None:
        """It is over, and that long."""


class Named:
    """The place of a recording that is a file and nothing more."""

    __slots__ = ("_begun", "_writing", "id", "path")

    def __init__(self, path: Path, name: str, writing: Counter[str]) -> None:
        """``writing``: names of those that are being written."""
        self.path = path
        self.id = name
        self._writing = writing
        self._begun = False

    def began(self, holder: Holder) -> None:  # noqa: ARG002
        """See :class:`Place`."""
        self._begun = True
        self._writing[self.id] += 1

    def paused(self, *, paused: bool) -> None:
        """Nothing is noted."""

    def ended(self, why: RecordEnd, ms: int) -> None:  # noqa: ARG002
        """See :class:`Place`."""
        if self._begun:
            self._begun = False
            self._writing[self.id] -= 1
            if not self._writing[self.id]:
                del self._writing[self.id]


def is_announcement(name: str) -> bool:
    """Whether a recording, by its name in the store, is played to others: it has one channel, whatever the rest has."""
    return name.startswith(f"{MESSAGES}/{ANNOUNCEMENTS}/")


def at_once(work: Callable[[], None]) -> None:
    """A disk nobody need wait for."""
    work()


class Recordings:
    """The folder of recordings, as those who record see it."""

    def __init__(self, wall: Callable[[], float], disk: Disk) -> None:
        """``wall``: Unix time. ``disk``: writes indexes. Nothing is recorded before :meth:`configure`."""
        self.folder: Path | None = None
        self._form = "wav"
        self._wall = wall
        self.calls = CallRecordings(disk)
        self._writing: Counter[str] = Counter()

    def configure(self, folder: Path | None, form: str) -> None:
        """``folder``: None records nothing. ``form``: of recordings whose name does not say it."""
        self.folder = folder.absolute() if folder is not None else None
        self._form = form

    def busy(self, name: str) -> bool:
        """Whether a recording, by its name in the store, is being written. Any thread may ask."""
        kind, _, uuid = name.partition("/")
        return name in self._writing or (kind == CALLS and self.calls.busy(uuid))

    def place(self, dest: str, form: str = "") -> Place:
        """Where to record; its folder is made. Raises PlaceError."""
        if self.folder is None:
            raise PlaceError(dest, "nothing is recorded here: no folder of recordings is configured", ours=True)
        form = form.partition(";")[0].strip().lower()
        if form and form not in FORMATS:
            raise PlaceError(dest, f"no recordings of format {form[:40]}")
        ending = FORMATS.get(form, "")
        scheme, colon, uuid = dest.partition(":")
        if colon and scheme.lower() == "call":
            return self._of_call(dest, uuid, ending or self._form)
        name = _name_of(dest)
        if _NAME.fullmatch(name) is None:
            raise PlaceError(dest, "not a name for a recording")
        stem, dot, last = name.rpartition(".")
        known = FORMATS.get(last.lower()) if dot else None
        name = f"{MESSAGES}/{stem if known else name}.{ending or known or self._form}"
        path = self.folder / name
        self._make(dest, path.parent)
        return Named(path, name, self._writing)

    def _of_call(self, dest: str, uuid: str, ending: str) -> Place:
        if _CALL.fullmatch(uuid) is None:
            raise PlaceError(dest, "not the UUID of a call")
        assert self.folder is not None  # noqa: S101 - the caller has looked
        folder = self.folder / CALLS / uuid
        self._make(dest, folder)
        return SegmentPlace(self.calls, folder, ending, self._wall)

    def _make(self, dest: str, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PlaceError(dest, f"cannot be written: {error.strerror or error}", ours=True) from None
        # A link within the folder that leads out of it is not followed.
        if self.folder is None or not folder.resolve().is_relative_to(self.folder.resolve()):
            raise PlaceError(dest, "not within the folder of recordings")


def _name_of(dest: str) -> str:
    if not dest.lower().startswith("file:"):
        return dest
    try:
        split = urlsplit(dest)
    except ValueError:
        return ""
    host = "" if split.netloc == "localhost" else split.netloc
    return unquote(f"{host}{split.path}").lstrip("/")
