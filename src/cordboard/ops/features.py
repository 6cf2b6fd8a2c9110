"""Forwarding and do-not-disturb of DNs, kept in the store's database by a thread of their own.

The switch hands a change over and goes on; the thread writes what gathered, the last state of each DN, in one
transaction. While the database is away the changes wait, one per DN, and nothing is lost but by a crash of the process.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
import structlog

from cordboard.config.database import Database, StoreError
from cordboard.model.forwarding import Features

_RETRY: Final = 5.0

_log = structlog.get_logger("cordboard.features")

table = sa.Table(
    "dn_features",
    sa.MetaData(),
    sa.Column("number", sa.String(128), primary_key=True),
    sa.Column("dnd", sa.Boolean, nullable=False),
    sa.Column("always", sa.String(64), nullable=False),
    sa.Column("busy", sa.String(64), nullable=False),
    sa.Column("no_answer", sa.String(64), nullable=False),
    sa.Column("changed_at", sa.Float(53), nullable=False),
)
"""As the migration made it. A DN without features has no row."""


class FeatureTable:
    """A ``cordboard.switch.ports.FeatureStore`` that keeps them."""

    def __init__(
        self,
        database: Database,
        *,
        retry: float = _RETRY,
        patience: float = 10.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``retry``: seconds until the database is tried again after it failed; ``patience``: how long it may hang."""
        self._database = database
        self._retry = retry
        self._patience = patience
        self._wall = wall
        self._waiting: dict[str, Features] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._failing = False
        self.written = 0
        """States written so far."""
        self._thread = threading.Thread(target=self._run, name="dn-features", daemon=True)
        self._thread.start()

    def load(self) -> dict[str, Features]:
        """What is kept, by DN. Raises StoreError."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(table)).mappings()
            return {
                row["number"]: Features(
                    dnd=bool(row["dnd"]), always=row["always"], busy=row["busy"], no_answer=row["no_answer"]
                )
                for row in rows
            }

    def keep(self, number: str, features: Features) -> None:
        """Takes what is in force for a DN now. Never blocks for the database."""
        with self._lock:
            self._waiting[number] = features
        self._wake.set()

    @property
    def waiting(self) -> int:
        """DNs whose last change is not written yet."""
        return len(self._waiting)

    def flush(self) -> bool:
        """Writes what waits, on the caller's thread. Returns False when the database is away."""
        with self._lock:
            batch = dict(self._waiting)
        if not batch:
            return True
        now = self._wall()
        rows = [
            {
                "number": number,
                "dnd": features.dnd,
                "always": features.always,
                "busy": features.busy,
                "no_answer": features.no_answer,
                "changed_at": now,
            }
            for number, features in batch.items()
            if not features.empty
        ]
        try:
            with self._database.writing() as connection:
                connection.execute(sa.delete(table).where(table.c.number.in_(list(batch))))
                if rows:
                    connection.execute(sa.insert(table), rows)
        except StoreError as error:
            if not self._failing:
                self._failing = True
                _log.error("features of DNs cannot be written", reason=str(error), waiting=len(batch))
            return False
        self._failing = False
        self.written += len(batch)
        with self._lock:
            for number, features in batch.items():
                if self._waiting.get(number) is features:
                    del self._waiting[number]
        return True

    def close(self) -> None:
        """Writes what waits and ends the thread; a database that hangs keeps nobody from going."""
        self._closing = True
        self._wake.set()
        self._thread.join(self._patience)
        if self._thread.is_alive():
            _log.error("features of DNs not written", reason="the database hangs", waiting=self.waiting)
            return
        with contextlib.suppress(StoreError):
            self.flush()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            while not self.flush() and not self._closing:
                self._wake.wait(self._retry)
                self._wake.clear()
