"""The store: what goes in comes out, a change is made whole or not at all, the schema is brought up to date safely."""

import datetime as dt
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from sqlalchemy.dialects import postgresql

from cordboard.config import DN, Change, ChangeKind, ConfigError, DnOptions, ObjectKind, ObjectRef, Switch, sample
from cordboard.config import database as db
from cordboard.config.environment import Environment
from cordboard.config.store import (
    EmptyStoreError,
    NotifyError,
    Store,
    StoreConflictError,
    StoreError,
    StoreVersionError,
)

from .strategies import environments

NOW = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SMALL = Environment.build(switch=Switch(name="main", realm="a.example"), dns=[DN(number="1501"), DN(number="1502")])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(environments(), environments())
def test_what_is_stored_is_loaded(first: Environment, second: Environment) -> None:
    with Store("") as store:
        store.replace(first)
        assert store.load() == first
        store.replace(second)
        assert store.load() == second


def test_an_environment_outlives_the_process(path: Path) -> None:
    env = sample.generate().environment()
    with Store(path) as store:
        assert store.is_empty()
        assert len(store.replace(env)) == len(list(env.objects()))
    with Store(path) as store:
        assert not store.is_empty()
        assert store.load() == env
        assert store.load().revision == store.revision() == 1


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_empty_store_says_so(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(EmptyStoreError, match="config init"):
            store.load()
        with pytest.raises(EmptyStoreError):
            store.apply([Change.put(DN(number="1"))])
        env = store.apply([Change.put(DN(number="1")), Change.put(Switch(realm="a.example"))])
        assert list(env.dns) == ["1"]


def test_a_contradictory_change_changes_nothing(path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)
        bad = DN(number="1502", options=DnOptions.of(shared_line_number="1501"))
        with pytest.raises(ConfigError, match="not the primary"):
            store.apply([Change.put(DN(number="1503")), Change.put(bad)])
        assert store.load() == SMALL
        assert store.revision() == 1
        assert {entry.revision for entry in store.history()} == {1}


def test_each_change_counts_and_is_told_and_kept_in_the_history(path: Path) -> None:
    told: list[int] = []
    with Store(path, notify=told.append, now=lambda: NOW) as store:
        store.replace(SMALL)
        dn = DN(number="1501", display_name="Ann", options=DnOptions.of(max_calls=1))
        env = store.apply([Change.put(dn), Change.remove(ObjectRef(ObjectKind.DN, "1502"))], author="alice")
        assert env == store.load()
        assert env.revision == 2
        assert store.apply([Change.put(dn)]).revision == 2
        assert told == [1, 2]
        first, second = store.history(2)
        assert (first.revision, first.at, first.author, first.change) == (2, NOW, "alice", ChangeKind.CHANGED)
        assert (str(first.ref), first.keys) == ("DN 1501", ("display_name", "max-calls"))
        assert (second.change, str(second.ref)) == (ChangeKind.REMOVED, "DN 1502")


def test_a_change_made_for_another_revision_is_refused(path: Path) -> None:
    with Store(path) as store, Store(path) as other:
        store.replace(SMALL)
        other.apply([Change.put(DN(number="1503"))], expected=1)
        with pytest.raises(StoreConflictError) as caught:
            store.apply([Change.put(DN(number="1504"))], expected=1)
        assert (caught.value.expected, caught.value.found) == (1, 2)
        assert list(store.load().dns) == ["1501", "1502", "1503"]


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)

    def write(first: int) -> None:
        with Store(path) as mine:
            for number in range(first, first + 10):
                mine.apply([Change.put(DN(number=str(number)))])

    threads = [threading.Thread(target=write, args=(first,)) for first in (2000, 3000, 4000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path) as store:
        assert len(store.load().dns) == 32
        assert store.revision() == 31


def test_a_server_that_cannot_be_told_does_not_undo_the_change(path: Path) -> None:
    def notify(_revision: int) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with Store(path, notify=notify) as store:
        with pytest.raises(NotifyError, match="revision 1"):
            store.replace(SMALL)
        assert store.load() == SMALL


def test_rows_changed_by_hand_are_told_as_typed_errors(path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)
        with sqlite3.connect(path) as raw:
            raw.execute("INSERT INTO config_value VALUES ('dn', '1501', 'max-calls', 'many')")
            raw.execute("INSERT INTO config_object VALUES ('gadget', 'x')")
        raw.close()
        with pytest.raises(ConfigError, match="max-calls = 'many'") as caught:
            store.load()
        assert "gadget" in str(caught.value)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("mysql://root:hunter2@host/x", "not supported"),
        ("://", "no database URL"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "extra|refused"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(where: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason) as caught:
        Store(where)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is a letter to my grandmother, not a database\n" * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a database"):
        Store(path)
    assert path.read_bytes() == before


def test_the_head_is_the_last_migration_and_the_tables_are_as_declared(path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(db.SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == db.HEAD
    with Store(path):
        pass
    engine = sa.create_engine(f"sqlite:///{path}")
    inspector = sa.inspect(engine)
    for name, table in db.metadata.tables.items():
        assert {c["name"] for c in inspector.get_columns(name)} == set(table.columns.keys())
        assert inspector.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key]
    engine.dispose()


def step(folder: Path, body: str) -> Path:
    """A folder of migrations with one more step."""
    (folder / "versions").mkdir(parents=True)
    for script in (db.SCRIPTS / "env.py", *db.SCRIPTS.glob("versions/v*.py")):
        (folder / script.relative_to(db.SCRIPTS)).write_text(script.read_text())
    head = f'import sqlalchemy as sa\nfrom alembic import op\nrevision = "9999"\ndown_revision = "{db.HEAD}"\n'
    text = f"{head}def upgrade():\n{body}"
    (folder / "versions" / "v9999.py").write_text(text)
    return folder


def test_a_file_is_copied_before_its_schema_is_changed(path: Path, tmp_path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)
    scripts = step(tmp_path / "m", '    op.add_column("config_object", sa.Column("note", sa.Text))\n')
    db.Database(path, head="9999", scripts=scripts).close()
    copy = path.with_name(f"store.db.before-9999-from-{db.HEAD}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with Store(copy) as store:
        assert store.load() == SMALL
    with pytest.raises(StoreVersionError) as caught:
        Store(path)
    assert caught.value.found == "9999"


def test_a_migration_that_fails_changes_nothing(path: Path, tmp_path: Path) -> None:
    with Store(path) as store:
        store.replace(SMALL)
    body = (
        '    op.add_column("config_object", sa.Column("note", sa.Text))\n    op.execute("DELETE FROM config_value")\n'
    )
    scripts = step(tmp_path / "m", body + '    op.execute("SELECT * FROM nowhere")\n')
    for _ in range(2):
        with pytest.raises(StoreError, match="nowhere"):
            db.Database(path, head="9999", scripts=scripts)
    with Store(path) as store:
        assert store.load() == SMALL
    assert {p.name for p in path.parent.iterdir() if "before" in p.name} == {
        f"store.db.before-9999-from-{db.HEAD}",
        f"store.db.before-9999-from-{db.HEAD}.1",
    }


def test_the_statements_are_postgresql_too() -> None:
    dialect = postgresql.dialect()
    locked = sa.select(db.revisions.c.revision).with_for_update()
    assert str(locked.compile(dialect=dialect)).endswith("FOR UPDATE")
    for table in db.metadata.tables.values():
        assert f"CREATE TABLE {table.name}" in str(sa.schema.CreateTable(table).compile(dialect=dialect))
        assert str(table.insert().compile(dialect=dialect)).startswith(f"INSERT INTO {table.name}")


def test_opening_it_again_takes_no_lock_from_who_has_it_open(tmp_path):
    # A server keeps the file open for call records, opens it again to read its configuration after a signal, and other
    # programs write meanwhile. Were its locks lost, theirs would take the write-ahead log away from under it.
    path = tmp_path / "cordboard.db"
    child = (
        "import sys; from cordboard.config.store import Store; from cordboard.config import toml\n"
        "with Store(sys.argv[1]) as store: store.replace(toml.loads(sys.argv[2]).environment)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with Store(path) as kept:
        kept.is_empty()
        for number in ("1501", "1502", "1503"):
            Store(path).close()
            text = f'[switch]\nrealm = "r"\n[dn.{number}]\n'
            subprocess.run([sys.executable, "-c", child, str(path), text], env=environ, check=True)
            assert list(kept.load().dns) == [number]
