"""The database under the store: SQLite by default, PostgreSQL by URL; the same tables and statements for both.

The schema is brought up to date when the database is opened, within one transaction: it is either the new one or the
old one. A SQLite file is copied before its schema is changed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cordboard.config.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD: Final = "0003"
"""The schema this version works with: the last of ``migrations/versions``."""
SCRIPTS: Final = Path(__file__).parent / "migrations"
BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for another process that writes."""
_LOCK: Final = 0x434F5244
"""PostgreSQL advisory lock that keeps two servers from upgrading at once (the letters CORD)."""

metadata = sa.MetaData()
objects = sa.Table(
    "config_object",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),
)
values = sa.Table(
    "config_value",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
revisions = sa.Table(
    "config_revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
history = sa.Table(
    "config_history",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("author", sa.String(128), nullable=False),
    sa.Column("change", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("keys", sa.Text, nullable=False),
)
_version: Final = sa.table("config_version", sa.column("version_num", sa.String))


class StoreError(ConfigError):
    """The database cannot be used."""

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(database, reason)
        self.database = database
        """Its URL without the password."""
        self.reason = reason

    def sentence(self) -> str:
        """Name the database and the reason."""
        return f"the store {self.database}: {self.reason}"


class StoreVersionError(StoreError):
    """The database was written by a newer version of Cordboard."""

    def __init__(self, database: str, found: str) -> None:
        super().__init__(
            database, f"its schema {found} is newer than {HEAD}, the one this version knows; nothing was changed"
        )
        self.found = found


def as_url(where: str | os.PathLike[str]) -> URL:
    """Return the URL of a path or a URL as text. Raises :class:`StoreError` for any other database."""
    text = os.fspath(where)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError("(not shown)", "this is no database URL; use a path or postgresql://user@host/name") from None
    backend = url.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise StoreError(shown(url), f"{backend} is not supported; use SQLite or PostgreSQL")
    return url.set(drivername="postgresql+psycopg") if backend == "postgresql" else url


def shown(url: URL) -> str:
    """Return the URL for people: a plain path for SQLite, never a password."""
    return (
        (url.database or ":memory:") if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    )


class Database:
    """An open database with the schema of this version."""

    def __init__(self, where: str | os.PathLike[str], *, head: str = HEAD, scripts: Path = SCRIPTS) -> None:
        """Open, create if need be, and bring the schema up to ``head`` by ``scripts``. Raises :class:`StoreError`."""
        self._head = head
        self._scripts = scripts
        self.url = as_url(where)
        self.name = shown(self.url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        with self._translated():
            self._engine = self._open_sqlite() if self.is_sqlite else sa.create_engine(self.url, pool_pre_ping=True)
        try:
            self._migrate()
        except BaseException:
            self._engine.dispose()
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state of the database."""
        with self._translated(), self._engine.connect() as connection:
            if not self.is_sqlite:
                # Read Committed, the default, would show each statement another state.
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection that alone may write; commits at the end, rolls back on any error."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(cordboard_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise StoreError(self.name, reason[0] if reason else type(error).__name__) from error
        except ImportError as error:
            raise StoreError(self.name, "PostgreSQL needs the extra: pip install 'cordboard[postgresql]'") from error
        except OSError as error:
            raise StoreError(self.name, error.strerror or str(error)) from error

    def _open_sqlite(self) -> sa.Engine:
        path = self.url.database
        if path and path != ":memory:":
            directory = Path(path).parent
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Only its owner may read it. A file that is there is not touched: closing any descriptor of it would take
            # away the locks of this process's other connections (POSIX), and SQLite would lose what they write.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            engine = sa.create_engine(self.url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False})
        else:
            engine = sa.create_engine(self.url, poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _migrate(self) -> None:
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            found = self._found(connection)
            if found == self._head:
                return
            if found is not None and found > self._head:
                raise StoreVersionError(self.name, found)
            if found is not None and self.is_sqlite:
                self._back_up(found)
            _upgrade(connection, self._head, self._scripts)

    @staticmethod
    def _found(connection: sa.Connection) -> str | None:
        """Return the schema of the database, None if it has none."""
        if not sa.inspect(connection).has_table("config_version"):
            return None
        found: str | None = connection.execute(sa.select(_version.c.version_num)).scalar()
        return found

    def _back_up(self, found: str) -> None:
        """Copy a SQLite file beside itself; an existing copy is never overwritten."""
        path = self.url.database
        if not path or path == ":memory:":
            return
        number = 0
        while True:
            copy = Path(f"{path}.before-{self._head}-from-{found}" + (f".{number}" if number else ""))
            try:
                os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                break
            except FileExistsError:
                number += 1
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    """Set what SQLite needs: WAL, so that readers and one writer do not disturb each other; references; durability."""
    connection.isolation_level = None  # transactions are begun below, DDL included
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """Begin; a writer takes the lock at once, so that it cannot fail later half-way."""
    write = connection.get_execution_options().get("cordboard_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _upgrade(connection: sa.Connection, head: str, scripts: Path) -> None:
    """Run the steps that are missing. Alembic is heavy and loaded only here."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, head)
