import pytest

from cordboard.config.database import Database
from cordboard.ops.records import RecordStore


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def store(database):
    # Long interval: the tests flush by themselves.
    made = RecordStore(database, interval=3600.0)
    yield made
    made.close()
