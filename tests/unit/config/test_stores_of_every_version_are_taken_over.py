"""``schemas/NNNN.sql`` is a store as the version with that schema wrote it, with something in every table."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cordboard.config import database as db
from cordboard.config.database import Database
from cordboard.config.objects import Role
from cordboard.config.store import Store
from cordboard.model.forwarding import Features
from cordboard.ops.features import FeatureTable
from cordboard.ops.records import recent

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))


def test_there_is_a_store_of_every_version() -> None:
    steps = {path.name[1:5] for path in (db.SCRIPTS / "versions").glob("v*.py")}
    assert {path.stem for path in SCHEMAS} == steps
    assert max(steps) == db.HEAD


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_nothing_in_it_is_lost(schema: Path, tmp_path: Path) -> None:
    path = tmp_path / "cordboard.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(schema.read_text())
    with Store(path) as store:
        environment = store.load()
        (entry,) = store.history()
    assert environment.revision == 7
    assert environment.switch.realm == "a.example"
    assert set(environment.dns) == {"1501", "1502"}
    assert (environment.dns["1501"].display_name, environment.dns["1501"].options.max_calls) == ("Ann Lee", 3)
    assert environment.dns["1502"].options.contact == "sip:1502@192.0.2.2"
    assert environment.persons["anna"].role is Role.ADMINISTRATOR
    assert (entry.revision, entry.author, entry.keys) == (7, "anna", ("max-calls",))
    with closing(Database(path)) as database:
        records = recent(database)
        with closing(FeatureTable(database)) as features:
            kept = features.load()
    assert [(r.conn_id, r.caller, r.answered_at, r.outcome) for r in records] == (
        [("006a02e8c1b5f001", "1501", 1790000004.0, "answered")] if schema.stem >= "0002" else []
    )
    assert kept == ({"1502": Features(dnd=True, busy="1501")} if schema.stem >= "0003" else {})
    copies = [found.name for found in tmp_path.glob("*.before-*")]
    assert copies == ([] if schema.stem == db.HEAD else [f"cordboard.db.before-{db.HEAD}-from-{schema.stem}"])
