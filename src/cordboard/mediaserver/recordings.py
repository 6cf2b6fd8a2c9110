"""Where recordings go: each named one (a greeting, a message) is a file in the folder of recordings.

greeting-1501            messages/greeting-1501.wav
file:///vm/1501/3.wav    messages/vm/1501/3.wav
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

FORMATS: Final = {
    "wav": "wav",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "opus": "opus",
    "audio/opus": "opus",
    "audio/ogg": "opus",
}
"""What a format may be called, and the ending of its files."""

_NAME: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}){0,7}")


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


class Place(NamedTuple):
    """Where something is recorded."""

    path: Path
    id: str
    """Its name in the store."""


class Recordings:
    """The folder of recordings."""

    def __init__(self, folder: Path | None, form: str = "wav") -> None:
        """``folder``: None records nothing. ``form``: of those whose name does not say it."""
        self._folder = folder.absolute() if folder is not None else None
        self._form = form

    def place(self, dest: str, form: str = "") -> Place:
        """Where to record; its folder is made. Raises PlaceError."""
        if self._folder is None:
            raise PlaceError(dest, "nothing is recorded here: no folder of recordings is configured", ours=True)
        name = _name_of(dest)
        if _NAME.fullmatch(name) is None:
            raise PlaceError(dest, "not a name for a recording")
        form = form.partition(";")[0].strip().lower()
        if form and form not in FORMATS:
            raise PlaceError(dest, f"no recordings of format {form[:40]}")
        stem, dot, ending = name.rpartition(".")
        known = FORMATS.get(ending.lower()) if dot else None
        ending = FORMATS[form] if form else known or self._form
        name = f"{stem if known else name}.{ending}"
        path = self._folder / "messages" / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PlaceError(dest, f"cannot be written: {error.strerror or error}", ours=True) from None
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise PlaceError(dest, "not within the folder of recordings")
        return Place(path, f"messages/{name}")


def _name_of(dest: str) -> str:
    if not dest.lower().startswith("file:"):
        return dest
    try:
        split = urlsplit(dest)
    except ValueError:
        return ""
    host = "" if split.netloc == "localhost" else split.netloc
    return unquote(f"{host}{split.path}").lstrip("/")
