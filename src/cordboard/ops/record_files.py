"""Files that get call records besides the store: lines of JSON, and CSV that rolls by day, hour and size.

A file is only ever appended to, a batch at once. What cannot be written whole, on a full disk say, is taken back, so
that no file ends in half a record; the store has the record all the same.
"""

import contextlib
import os
import re
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

from cordboard.ops import record_csv
from cordboard.switch.records import CallRecord

_MODE: Final = 0o640
"""Who called whom is nobody's business."""


class RecordFile(Protocol):
    """Gets every record that is in the store."""

    @property
    def name(self) -> str:
        """Its path, as configured."""

    def append(self, batch: Sequence[CallRecord]) -> None:
        """Writes them. Raises OSError, and then none of them is in the file."""

    def close(self) -> None:
        """Closes it."""


class _Appending:
    """An open file; a batch of bytes is in it whole or not at all."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    @property
    def size(self) -> int:
        return os.fstat(self._file).st_size

    def append(self, data: bytes) -> None:
        before = self.size
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def close(self) -> None:
        os.close(self._file)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        """Opens it. Raises OSError."""
        self.name = str(path)
        self._file = _Appending(path)

    def append(self, batch: Sequence[CallRecord]) -> None:
        """Writes them. Raises OSError."""
        self._file.append(b"".join(msgspec.json.encode(record) + b"\n" for record in batch))

    def close(self) -> None:
        """Closes it."""
        self._file.close()


class Roll(StrEnum):
    """How often a file gives way to the next."""

    NEVER = "never"
    HOUR = "hour"
    DAY = "day"


_STAMPS: Final = {Roll.NEVER: "", Roll.HOUR: "-%Y%m%d-%H", Roll.DAY: "-%Y%m%d"}
_DAY: Final = r"-20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_OURS: Final = {Roll.NEVER: "", Roll.HOUR: rf"{_DAY}-([01]\d|2[0-3])", Roll.DAY: _DAY}
"""What a stamp looks like: nothing else in the folder is a file of ours."""


class RollingCsv:
    """CSV; ``calls.csv`` is written as ``calls-20261128.csv``, and ``calls-20261128.2.csv`` when that one is full.

    Day and hour are the local ones of a call's end: a record that comes late still finds its file.
    """

    def __init__(self, path: Path, roll: Roll = Roll.DAY, *, size: int = 0, keep: int = 0) -> None:
        """``size``: bytes after which the next file begins, 0 for any. ``keep``: files kept, 0 for all.

        Raises OSError when the folder cannot be written to.
        """
        self.name = str(path)
        self._path = path
        self._roll = roll
        self._size = size
        self._keep = keep
        self._ours = re.compile(
            rf"{re.escape(path.stem)}(?P<stamp>{_OURS[roll]})(\.(?P<number>[1-9]\d*))?{re.escape(path.suffix)}"
        )
        self._file: _Appending | None = None
        self._stamp: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(f"{path.parent} cannot be written to")

    def append(self, batch: Sequence[CallRecord]) -> None:
        """Writes them, each into the file of its time. Raises OSError, and then none of them is in any."""
        by_stamp: dict[str, list[CallRecord]] = {}
        for record in batch:
            by_stamp.setdefault(self._stamp_of(record.ended_at), []).append(record)
        before: list[tuple[Path, int]] = []
        try:
            for stamp, records in by_stamp.items():
                file = self._file_of(stamp)
                size = file.size
                file.append(record_csv.rows(records))
                before.append((file.path, size))
        except OSError:
            for path, size in before:
                with contextlib.suppress(FileNotFoundError):
                    os.truncate(path, size)
            raise

    def close(self) -> None:
        """Closes the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _stamp_of(self, at: float) -> str:
        return time.strftime(_STAMPS[self._roll], time.localtime(at))

    def _file_of(self, stamp: str) -> _Appending:
        if self._file is None or stamp != self._stamp or self._full(self._file):
            self.close()
            self._file, self._stamp = self._open(stamp), stamp
            self._tidy(self._file.path)
        return self._file

    def _full(self, file: _Appending) -> bool:
        return bool(self._size) and file.size >= self._size

    def _open(self, stamp: str) -> _Appending:
        """The last file of a time, or the next when it is full or of a version with other columns."""
        number = self._last_number(stamp)
        while True:
            mark = f".{number}" if number > 1 else ""
            file = _Appending(self._path.with_name(f"{self._path.stem}{stamp}{mark}{self._path.suffix}"))
            try:
                if self._goes_on(file):
                    return file
            except OSError:
                file.close()
                raise
            file.close()
            number += 1

    def _last_number(self, stamp: str) -> int:
        """Of a time's files: those before it may be gone already, and their numbers do not come again."""
        found = filter(None, (self._ours.fullmatch(path.name) for path in self._path.parent.iterdir()))
        return max((int(name["number"] or 1) for name in found if name["stamp"] == stamp), default=1)

    def _goes_on(self, file: _Appending) -> bool:
        """Whether records go into a file; one that is empty gets its header."""
        header = record_csv.header()
        if not file.size:
            file.append(header)
            return True
        with file.path.open("rb") as there:
            return not self._full(file) and there.read(len(header)) == header

    def _tidy(self, current: Path) -> None:
        if not self._keep:
            return
        found = (path for path in self._path.parent.iterdir() if self._ours.fullmatch(path.name))
        by_age = sorted(found, key=lambda path: (path == current, path.stat().st_mtime, path.name))
        for path in by_age[: -self._keep]:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
