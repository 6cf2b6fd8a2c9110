"""The store: where the configuration lives between runs, with a revision that counts its changes.

A change is checked as a whole and made as a whole. Whoever changes the store tells the running server by ``notify``; a
server that missed it finds out by :meth:`Store.revision`, which is one cheap query.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from cordboard.config import database as db
from cordboard.config.assemble import read_object, write_object
from cordboard.config.database import Database, StoreError, StoreVersionError
from cordboard.config.environment import Change, ChangeKind, Environment
from cordboard.config.errors import ConfigError, raise_all
from cordboard.config.objects import (
    DN,
    AgentLogin,
    AnyObject,
    Application,
    ObjectKind,
    ObjectRef,
    Person,
    Place,
    Switch,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = [
    "EmptyStoreError",
    "HistoryEntry",
    "NotifyError",
    "Store",
    "StoreConflictError",
    "StoreError",
    "StoreVersionError",
]


class EmptyStoreError(StoreError):
    """The store holds no centre yet."""

    def __init__(self, database: str) -> None:
        super().__init__(database, "it holds no centre yet; import one (cordboard config init, or config import FILE)")


class StoreConflictError(StoreError):
    """Somebody else changed the store since it was read."""

    def __init__(self, database: str, expected: int, found: int) -> None:
        super().__init__(database, f"it changed meanwhile (revision {found}, not {expected}); nothing was changed")
        self.expected = expected
        self.found = found


class NotifyError(ConfigError):
    """The change was made, but the running server could not be told."""

    def __init__(self, revision: int, reason: str) -> None:
        super().__init__(revision, reason)
        self.revision = revision
        self.reason = reason

    def sentence(self) -> str:
        """Say that the change stands."""
        return f"the change is stored (revision {self.revision}), but the running server was not told: {self.reason}"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One object changed by one revision. Values are not kept."""

    revision: int
    at: dt.datetime
    author: str
    change: ChangeKind
    ref: ObjectRef
    keys: tuple[str, ...]
    """Names of the fields and options that changed."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Store:
    """An open store. Safe to use from several threads and several processes."""

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        notify: Callable[[int], None] | None = None,
        now: Callable[[], dt.datetime] = _now,
    ) -> None:
        """Open a SQLite file by path, or a database by URL; bring its schema up to date. Raises :class:`StoreError`.

        ``notify`` is called with the new revision after a change was made; whatever it raises becomes
        :class:`NotifyError`. ``now`` dates the history.
        """
        self._database = Database(where)
        self._notify = notify
        self._now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @property
    def name(self) -> str:
        """The path or URL, without a password."""
        return self._database.name

    def revision(self) -> int:
        """Return the number of changes so far: cheap, to find out whether :meth:`load` would give something new."""
        with self._database.reading() as connection:
            return self._revision(connection)

    def is_empty(self) -> bool:
        """Tell whether there is no centre yet."""
        with self._database.reading() as connection:
            query = sa.select(db.objects.c.name).where(db.objects.c.kind == ObjectKind.SWITCH.value)
            return connection.execute(query).first() is None

    def load(self) -> Environment:
        """Return the configuration. Raises :class:`EmptyStoreError`, or a config error for rows edited by hand."""
        with self._database.reading() as connection:
            env = self._load(connection)
        if env is None:
            raise EmptyStoreError(self.name)
        return env

    def apply(self, changes: Iterable[Change], *, expected: int | None = None, author: str = "") -> Environment:
        """Make all edits or none and return the configuration as it is then.

        ``expected``: the revision the edits were made for; another one raises :class:`StoreConflictError`. Raises a
        config error if the whole would be contradictory. Edits that change nothing make no revision.
        """
        edits = list(changes)
        with self._database.writing() as connection:
            revision = self._locked(connection, expected)
            old = self._load(connection)
            if old is None:
                switch = next((c.after for c in edits if isinstance(c.after, Switch)), None)
                if switch is None:
                    raise EmptyStoreError(self.name)
                base = Environment.build(switch=switch)
                new = base.applied(edits)
                made = [Change(ChangeKind.ADDED, thing.ref, None, thing) for thing in new.objects()]
            else:
                new = old.applied(edits)
                made = Environment.diff(old, new)
            revision = self._write(connection, made, revision, author)
        return self._told(new, revision, bool(made))

    def replace(self, env: Environment, *, expected: int | None = None, author: str = "") -> list[Change]:
        """Make the store hold exactly this configuration; return what that changed."""
        with self._database.writing() as connection:
            revision = self._locked(connection, expected)
            old = self._load(connection)
            if old is None:
                made = [Change(ChangeKind.ADDED, thing.ref, None, thing) for thing in env.objects()]
            else:
                made = Environment.diff(old, env)
            revision = self._write(connection, made, revision, author)
        self._told(env, revision, bool(made))
        return made

    def history(self, limit: int = 100) -> list[HistoryEntry]:
        """Return the latest changes, the latest first."""
        table = db.history
        query = sa.select(table).order_by(table.c.revision.desc(), table.c.position).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            HistoryEntry(
                row["revision"],
                dt.datetime.fromisoformat(row["at"]),
                row["author"],
                ChangeKind(row["change"]),
                ObjectRef(ObjectKind(row["kind"]), row["name"]),
                tuple(row["keys"].split()),
            )
            for row in rows
        ]

    def _told(self, env: Environment, revision: int, changed: bool) -> Environment:
        """Tell the server about a change made."""
        if changed and self._notify is not None:
            try:
                self._notify(revision)
            except Exception as error:
                raise NotifyError(revision, str(error) or type(error).__name__) from error
        return replace(env, revision=revision)

    @staticmethod
    def _revision(connection: sa.Connection) -> int:
        return int(connection.execute(sa.select(db.revisions.c.revision)).scalar_one())

    def _locked(self, connection: sa.Connection, expected: int | None) -> int:
        """Lock the revision until the end of the transaction and return it."""
        found = int(connection.execute(sa.select(db.revisions.c.revision).with_for_update()).scalar_one())
        if expected is not None and expected != found:
            raise StoreConflictError(self.name, expected, found)
        return found

    def _load(self, connection: sa.Connection) -> Environment | None:
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for kind, name in connection.execute(sa.select(db.objects.c.kind, db.objects.c.name)):
            rows[kind, name] = {}
        table = db.values
        for kind, name, key, value in connection.execute(
            sa.select(table.c.kind, table.c.name, table.c.key, table.c.value)
        ):
            rows[kind, name][key] = value
        if not any(kind == ObjectKind.SWITCH.value for kind, _ in rows):
            return None
        things: list[AnyObject] = []
        problems: list[ConfigError] = []
        for (kind, name), texts in sorted(rows.items()):
            try:
                things.append(read_object(ObjectKind(kind), name, texts))
            except ConfigError as error:
                problems.extend(error.problems)
            except ValueError:
                problems.append(StoreError(self.name, f"it holds an object of an unknown kind: {kind[:32]!r}"))
        raise_all(problems)
        return Environment.build(
            application=next((t for t in things if isinstance(t, Application)), None),
            switch=next(t for t in things if isinstance(t, Switch)),
            dns=[t for t in things if isinstance(t, DN)],
            agent_logins=[t for t in things if isinstance(t, AgentLogin)],
            persons=[t for t in things if isinstance(t, Person)],
            places=[t for t in things if isinstance(t, Place)],
            revision=self._revision(connection),
        )

    def _write(self, connection: sa.Connection, made: list[Change], revision: int, author: str) -> int:
        """Write changes and return the revision they make."""
        if not made:
            return revision
        revision += 1
        at = self._now().astimezone(dt.UTC).isoformat(timespec="seconds")
        gone = [_row(change.ref) for change in made]
        kept = [change.after for change in made if change.after is not None]
        owned = [
            {**_row(thing.ref), "key": key, "value": value}
            for thing in kept
            for key, value in write_object(thing).items()
        ]
        for table in (db.values, db.objects):
            where = sa.and_(table.c.kind == sa.bindparam("k"), table.c.name == sa.bindparam("n"))
            connection.execute(table.delete().where(where), [{"k": row["kind"], "n": row["name"]} for row in gone])
        if kept:
            connection.execute(db.objects.insert(), [_row(thing.ref) for thing in kept])
        if owned:
            connection.execute(db.values.insert(), owned)
        connection.execute(
            db.history.insert(),
            [
                {
                    "revision": revision,
                    "position": position,
                    "at": at,
                    "author": author[:128],
                    "change": change.kind.value,
                    "kind": change.ref.kind.value,
                    "name": change.ref.name,
                    "keys": " ".join((*change.fields, *change.options)),
                }
                for position, change in enumerate(made)
            ],
        )
        connection.execute(db.revisions.update().values(revision=revision))
        return revision


def _row(ref: ObjectRef) -> dict[str, str]:
    """Return the key of an object's row; application and switch have one row each, whatever their name."""
    single = ref.kind in {ObjectKind.APPLICATION, ObjectKind.SWITCH}
    return {"kind": ref.kind.value, "name": "" if single else ref.name}
