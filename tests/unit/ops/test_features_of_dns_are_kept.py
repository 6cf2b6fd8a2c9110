"""Forwarding and do-not-disturb survive a restart, and a database that is away for a while."""

import threading

import pytest
import sqlalchemy as sa

from cordboard.config.database import Database, StoreError
from cordboard.model.forwarding import Features
from cordboard.ops.features import FeatureTable, table


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "cordboard.db")
    yield made
    made.close()


def test_the_last_state_of_each_dn_comes_back(database):
    kept = FeatureTable(database)
    kept.keep("1501", Features(dnd=True))
    kept.keep("1501", Features(always="1502", busy="9001"))
    kept.keep("1502", Features(dnd=True, no_answer="1503"))
    kept.close()
    again = FeatureTable(database)
    assert again.load() == {
        "1501": Features(always="1502", busy="9001"),
        "1502": Features(dnd=True, no_answer="1503"),
    }
    again.close()


def test_a_dn_without_features_has_no_row(database):
    kept = FeatureTable(database)
    kept.keep("1501", Features(dnd=True))
    kept.flush()
    kept.keep("1501", Features())
    kept.close()
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


def test_what_cannot_be_written_waits(database, monkeypatch):
    def away():
        raise StoreError("db", "away")

    with monkeypatch.context() as patched:
        patched.setattr(database, "writing", away)
        kept = FeatureTable(database, retry=3600)
        kept.keep("1501", Features(dnd=True))
        assert kept.flush() is False
        assert kept.waiting == 1
    assert kept.flush() is True
    assert kept.waiting == 0
    kept.close()
    assert kept.load() == {"1501": Features(dnd=True)}


def test_a_database_that_hangs_keeps_nobody_from_going(database, monkeypatch):
    hangs, freed = threading.Event(), threading.Event()

    def hang():
        hangs.set()
        freed.wait(30)
        raise StoreError("db", "away")

    monkeypatch.setattr(database, "writing", hang)
    kept = FeatureTable(database, patience=0.01)
    kept.keep("1501", Features(dnd=True))
    assert hangs.wait(30)
    kept.close()
    assert kept.waiting == 1
    freed.set()
    kept._thread.join(30)
