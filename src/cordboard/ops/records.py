"""Call detail records: kept in the store's database, written in batches by a thread of their own.

The switch hands a record over and goes on; twice a second the thread writes what gathered in one transaction. When the
database is away the records wait in a bounded queue; what does not fit is dropped and counted, never silently.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import sqlalchemy as sa
import structlog

from cordboard.config.database import Database, StoreError
from cordboard.switch.records import CallRecord

_MAX_WAITING: Final = 50_000
_BATCH: Final = 5_000
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


class RecordStore:
    """A ``cordboard.switch.ports.RecordSink`` that keeps the records."""

    def __init__(
        self,
        database: Database,
        *,
        keep: float = 0.0,
        file: Path | None = None,
        max_waiting: int = _MAX_WAITING,
        interval: float = _INTERVAL,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``keep``: seconds a record is kept, 0 for ever. ``file`` also gets every record, one JSON object a line.

        Raises OSError when the file cannot be written.
        """
        self._database = database
        self.keep = keep
        """Seconds a record is kept, 0 for ever; may be changed."""
        self._file: BinaryIO | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("ab")
        self._waiting: deque[CallRecord] = deque()
        self._max_waiting = max_waiting
        self._interval = interval
        self._wall = wall
        self._closing = threading.Event()
        self._flushing = threading.Lock()
        mark = "?" if database.is_sqlite else "%s"
        columns = ", ".join(_FIELDS)
        marks = ", ".join(mark for _ in _FIELDS)
        self._insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own
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
                        connection.exec_driver_sql(self._insert, [msgspec.structs.astuple(r) for r in batch])
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

    def _append(self, batch: Iterable[CallRecord]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(b"".join(msgspec.json.encode(record) + b"\n" for record in batch))
            self._file.flush()
        except OSError as error:
            _log.error("the file of call records cannot be written", reason=str(error))

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
        if self._file is not None:
            self._file.close()
            self._file = None

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


def recent(
    database: Database, *, limit: int = 20, number: str = "", outcome: str = "", since: float = 0.0
) -> Sequence[CallRecord]:
    """The latest records, newest first. ``number``: of either party. ``since``: Unix time. Raises StoreError."""
    found = sa.select(*(table.c[name] for name in _FIELDS)).order_by(table.c.id.desc()).limit(limit)
    if number:
        found = found.where(sa.or_(table.c.caller == number, table.c.callee == number))
    if outcome:
        found = found.where(table.c.outcome == outcome)
    if since:
        found = found.where(table.c.ended_at >= since)
    with database.reading() as connection:
        return [_record(row._mapping) for row in connection.execute(found)]  # noqa: SLF001 - the documented way


def _record(row: Any) -> CallRecord:  # noqa: ANN401 - a mapping of SQLAlchemy's
    values = dict(row)
    values["requested"] = bool(values["requested"])
    return CallRecord(**values)


def find(database: Database, conn_id: str) -> CallRecord | None:
    """The record of a call by its ConnID. Raises StoreError."""
    found = sa.select(*(table.c[name] for name in _FIELDS)).where(table.c.conn_id == conn_id).limit(1)
    with contextlib.suppress(StopIteration), database.reading() as connection:
        return _record(next(iter(connection.execute(found)))._mapping)  # noqa: SLF001
    return None
