"""Call detail records: kept in the store's database, written in batches by a thread of their own.

The switch hands a record over and goes on; twice a second the thread writes what gathered in one transaction. When the
database is away the records wait in a bounded queue; what does not fit is dropped and counted, never silently.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from cordboard.config.database import Database, StoreError
from cordboard.ops.record_files import RecordFile
from cordboard.switch.records import CallRecord

_MAX_WAITING: Final = 50_000
_BATCH: Final = 5_000
_GROUP: Final = 50
"""Records in one statement, at most: SQLite may have no room for more than 999 values."""
_INTERVAL: Final = 0.5
_RETRY: Final = 5.0
_RETENTION_INTERVAL: Final = 3600.0
_DELETE_BATCH: Final = 10_000

_log = structlog.get_logger("cordboard.records")

table = sa.Table(
    "call_record",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("conn_id", sa.String(16), nullable=False),
    sa.Column("call_uuid", sa.String(32), nullable=False),
    sa.Column("call_type", sa.SmallInteger, nullable=False),
    sa.Column("caller", sa.String(255), nullable=False),
    sa.Column("callee", sa.String(255), nullable=False),
    sa.Column("requested", sa.Boolean, nullable=False),
    sa.Column("caller_call_id", sa.Text, nullable=False),
    sa.Column("callee_call_id", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float(53), nullable=False),
    sa.Column("ringing_at", sa.Float(53)),
    sa.Column("answered_at", sa.Float(53)),
    sa.Column("ended_at", sa.Float(53), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("released_by", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""As the migrations made it; the columns are the fields of a CallRecord, in order, after ``id``."""

_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(CallRecord))
_COLUMNS: Final = tuple(table.c[name] for name in _FIELDS)

_OURS: Final = ("conn_id", "call_uuid", "outcome", "released_by")
_TEXTS: Final = tuple(
    (place, column.type.length)
    for place, column in enumerate(_COLUMNS)
    if isinstance(column.type, sa.String) and column.name not in _OURS
)
"""The texts that whoever calls has a hand in, by their place, and how long each may be."""
_TRUTHS: Final = tuple(place for place, column in enumerate(_COLUMNS) if isinstance(column.type, sa.Boolean))


@cache
def _insertion(mark: str, records: int) -> str:
    row = f"({', '.join(mark for _ in _FIELDS)})"
    rows = ", ".join(row for _ in range(records))
    return f"INSERT INTO {table.name} ({', '.join(_FIELDS)}) VALUES {rows}"  # noqa: S608 - names of our own


def _values(records: Sequence[CallRecord]) -> list[Any]:
    """What the database can hold of records, one after the other.

    PostgreSQL takes no text that is too long or has a NUL in it, and with it no other record of the batch.
    """
    values: list[Any] = list(chain.from_iterable(map(msgspec.structs.astuple, records)))
    for place, width in _TEXTS:
        texts = values[place :: len(_FIELDS)]
        if "\0" in "".join(texts) or (width is not None and max(map(len, texts)) > width):
            values[place :: len(_FIELDS)] = [text.replace("\0", "\ufffd")[:width] for text in texts]
    return values


class RecordStore:
    """A ``cordboard.switch.ports.RecordSink`` that keeps the records."""

    def __init__(
        self,
        database: Database,
        *,
        keep: float = 0.0,
        files: Sequence[RecordFile] = (),
        max_waiting: int = _MAX_WAITING,
        interval: float = _INTERVAL,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``keep``: seconds a record is kept, 0 for ever. ``files`` get every record that is in the database."""
        self._database = database
        self.keep = keep
        """Seconds a record is kept, 0 for ever; may be changed."""
        self._files = tuple(files)
        self._failing_files: set[RecordFile] = set()
        self._waiting: deque[CallRecord] = deque()
        self._max_waiting = max_waiting
        self._interval = interval
        self._wall = wall
        self._closing = threading.Event()
        self._flushing = threading.Lock()
        self._mark = "?" if database.is_sqlite else "%s"
        self._next_retention = 0.0
        self._failing = False
        self.taken = 0
        """Records handed over."""
        self.written = 0
        """Records in the database."""
        self.dropped = 0
        """Records that found no room while the database was away."""
        self.expired = 0
        """Records deleted as older than ``keep``."""
        self.unfiled = 0
        """Records that are in the database and could not be written to a file; each file counts."""
        self._thread = threading.Thread(target=self._run, name="call-records", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records not written yet."""
        return len(self._waiting)

    def write(self, record: CallRecord) -> None:
        """Takes the record of a call that has ended. Never blocks."""
        self.taken += 1
        if len(self._waiting) >= self._max_waiting:
            self.dropped += 1
            return
        self._waiting.append(record)

    def flush(self) -> bool:
        """Writes what waits, on the caller's thread. Returns False when the database is away."""
        with self._flushing:
            while self._waiting:
                batch = [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]
                try:
                    with self._database.writing() as connection:
                        self._insert(connection, batch)
                except StoreError as error:
                    if not self._failing:
                        self._failing = True
                        _log.error("call records cannot be written", reason=str(error), waiting=len(self._waiting))
                    return False
                if self._failing:
                    self._failing = False
                    _log.info("call records are written again", dropped=self.dropped)
                self.written += len(batch)
                for _ in batch:
                    self._waiting.popleft()
                self._append(batch)
        return True

    def _insert(self, connection: sa.Connection, batch: Sequence[CallRecord]) -> None:
        """Many at once: for each statement a driver lets go of Python's lock and waits for it again."""
        for first in range(0, len(batch), _GROUP):
            group = batch[first : first + _GROUP]
            values = _values(group)
            if self._database.is_sqlite:
                # Its driver knows numbers at once, and looks long for what else is a truth.
                for place in _TRUTHS:
                    values[place :: len(_FIELDS)] = map(int, values[place :: len(_FIELDS)])
            connection.exec_driver_sql(_insertion(self._mark, len(group)), tuple(values))

    def _append(self, batch: Sequence[CallRecord]) -> None:
        for file in self._files:
            try:
                file.append(batch)
            except OSError as error:
                self.unfiled += len(batch)
                if file not in self._failing_files:
                    self._failing_files.add(file)
                    _log.error("a file of call records cannot be written", reason=str(error), file=file.name)
            else:
                if file in self._failing_files:
                    self._failing_files.remove(file)
                    _log.info("a file of call records is written again", file=file.name, unfiled=self.unfiled)

    def expire(self) -> None:
        """Deletes the records older than ``keep``. Raises StoreError."""
        if not self.keep:
            return
        oldest = self._wall() - self.keep
        while True:
            # In steps, so that the one writer SQLite has room for is not held long.
            old = sa.select(table.c.id).where(table.c.ended_at < oldest).limit(_DELETE_BATCH)
            with self._database.writing() as connection:
                gone = connection.execute(table.delete().where(table.c.id.in_(old))).rowcount
            self.expired += gone
            if gone < _DELETE_BATCH:
                return

    def close(self) -> None:
        """Writes what waits and ends the thread. What the database does not take now is lost, and logged."""
        self._closing.set()
        self._thread.join(timeout=10.0)
        if not self.flush():
            _log.error("call records lost", records=len(self._waiting))
        for file in self._files:
            file.close()

    def _run(self) -> None:
        while not self._closing.wait(_RETRY if self._failing else self._interval):
            try:
                self.flush()
                if time.monotonic() >= self._next_retention:
                    self._next_retention = time.monotonic() + _RETENTION_INTERVAL
                    self.expire()
            except StoreError as error:
                _log.error("old call records cannot be deleted", reason=str(error))
            except Exception:
                _log.exception("call records failed")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for; all that is said must hold."""

    number: str = ""
    """Of either party."""
    outcome: str = ""
    """One of ``Outcome.ALL``."""
    since: float = 0.0
    """Ended then or later, Unix time."""
    until: float = 0.0
    """Ended before; 0 for any time."""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """As SQL."""
        found: list[sa.ColumnElement[bool]] = []
        if self.number:
            found.append(sa.or_(table.c.caller == self.number, table.c.callee == self.number))
        if self.outcome:
            found.append(table.c.outcome == self.outcome)
        if self.since:
            found.append(table.c.ended_at >= self.since)
        if self.until:
            found.append(table.c.ended_at < self.until)
        return found


def recent(
    database: Database, *, limit: int = 20, number: str = "", outcome: str = "", since: float = 0.0
) -> Sequence[CallRecord]:
    """The latest records, newest first. Raises StoreError."""
    wanted = Wanted(number=number, outcome=outcome, since=since)
    found = sa.select(*_COLUMNS).where(*wanted.conditions()).order_by(table.c.id.desc()).limit(limit)
    with database.reading() as connection:
        return [_record(row._mapping) for row in connection.execute(found)]  # noqa: SLF001 - the documented way


def pages(database: Database, wanted: Wanted, *, size: int = _BATCH) -> Iterator[list[CallRecord]]:
    """All records asked for, oldest first, ``size`` at a time. Raises StoreError.

    Each page is a transaction of its own: an export of a year keeps nobody from writing, and needs little memory.
    """
    last = 0
    while True:
        found = sa.select(table.c.id, *_COLUMNS).where(table.c.id > last, *wanted.conditions())
        with database.reading() as connection:
            rows = [dict(row._mapping) for row in connection.execute(found.order_by(table.c.id).limit(size))]  # noqa: SLF001
        if not rows:
            return
        last = rows[-1]["id"]
        for row in rows:
            del row["id"]
        yield [_record(row) for row in rows]


def _record(row: Any) -> CallRecord:  # noqa: ANN401 - a mapping of SQLAlchemy's
    values = dict(row)
    values["requested"] = bool(values["requested"])
    return CallRecord(**values)


def find(database: Database, conn_id: str) -> CallRecord | None:
    """The record of a call by its ConnID. Raises StoreError."""
    found = sa.select(*_COLUMNS).where(table.c.conn_id == conn_id).limit(1)
    with contextlib.suppress(StopIteration), database.reading() as connection:
        return _record(next(iter(connection.execute(found)))._mapping)  # noqa: SLF001
    return None
