import msgspec
import pytest
import sqlalchemy as sa
from call_records import record

from cordboard.config.database import StoreError
from cordboard.ops.record_files import JsonLines
from cordboard.ops.records import RecordStore, find, recent, table
from cordboard.switch.records import CallRecord


def test_a_record_is_read_back_as_it_was_written(store, database):
    records = [record(1), record(2, outcome="busy")]
    for one in records:
        store.write(one)
    assert store.waiting == 2
    assert store.flush()
    assert recent(database) == records[::-1]
    assert find(database, f"{2:016x}") == records[1]
    assert find(database, "nothing") is None
    assert (store.taken, store.written, store.dropped, store.waiting) == (2, 2, 0, 0)


def test_records_are_found_by_number_outcome_and_time(store, database):
    store.write(record(1, caller="1501", callee="1502", ended=1000.0))
    store.write(record(2, caller="1503", callee="1501", outcome="busy", ended=2000.0))
    store.write(record(3, caller="1503", callee="1504", ended=3000.0))
    store.flush()
    assert [int(r.conn_id, 16) for r in recent(database, number="1501")] == [2, 1]
    assert [int(r.conn_id, 16) for r in recent(database, outcome="busy")] == [2]
    assert [int(r.conn_id, 16) for r in recent(database, since=2000.0)] == [3, 2]
    assert [int(r.conn_id, 16) for r in recent(database, limit=1)] == [3]


def test_a_large_crowd_is_written_in_batches(store, database):
    for number in range(12_000):
        store.write(record(number))
    assert store.flush()
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 12_000


def test_every_record_of_a_crowd_is_kept_as_it_was_but_for_what_a_database_cannot_hold(store, database):
    callers = ["1501"] * 120
    callers[3], callers[70], callers[-1] = "9" * 5000, "a\0b", "\N{GRINNING FACE}"
    records = [record(number, caller=caller) for number, caller in enumerate(callers)]
    records[7] = msgspec.structs.replace(records[7], requested=True)
    for one in records:
        store.write(one)
    assert store.flush()
    records[3] = msgspec.structs.replace(records[3], caller="9" * 255)
    records[70] = msgspec.structs.replace(records[70], caller="a\N{REPLACEMENT CHARACTER}b")
    kept = recent(database, limit=200)[::-1]
    assert kept == records
    assert [type(one.requested) for one in kept] == [bool] * 120


def test_records_wait_while_the_database_is_away(store, database, monkeypatch):
    def away():
        raise StoreError("store.db", "disk I/O error")

    monkeypatch.setattr(database, "writing", away)
    store.write(record(1))
    assert not store.flush()
    assert (store.waiting, store.written) == (1, 0)
    monkeypatch.undo()
    assert store.flush()
    assert [r.conn_id for r in recent(database)] == [f"{1:016x}"]


def test_what_finds_no_room_is_counted(database):
    store = RecordStore(database, max_waiting=2, interval=3600.0)
    for number in range(5):
        store.write(record(number))
    assert (store.taken, store.dropped, store.waiting) == (5, 3, 2)
    store.close()
    assert len(recent(database)) == 2


def test_old_records_are_deleted(database):
    store = RecordStore(database, keep=100.0, interval=3600.0, wall=lambda: 1000.0)
    for number, ended in enumerate((850.0, 899.9, 900.0, 950.0)):
        store.write(record(number, ended=ended))
    store.flush()
    store.expire()
    assert [r.ended_at for r in recent(database)] == [950.0, 900.0]
    assert store.expired == 2
    store.close()


def test_the_file_gets_every_record_as_a_line(database, tmp_path):
    file = tmp_path / "log" / "calls.jsonl"
    store = RecordStore(database, files=[JsonLines(file)], interval=3600.0)
    store.write(record(1))
    store.close()
    assert msgspec.json.decode(file.read_bytes().splitlines()[0], type=CallRecord) == record(1)


def test_closing_writes_what_waits(database):
    store = RecordStore(database, interval=3600.0)
    store.write(record(7))
    store.close()
    assert len(recent(database)) == 1


@pytest.mark.usefixtures("database")
def test_the_table_is_the_record_and_what_the_migration_made(tmp_path):
    fields = [field.name for field in msgspec.structs.fields(CallRecord)]
    assert list(table.columns.keys()) == ["id", *fields]
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    columns = sa.inspect(engine).get_columns("call_record")
    assert [c["name"] for c in columns] == list(table.columns.keys())
    assert {c["name"]: c["nullable"] for c in columns} == {c.name: c.nullable for c in table.columns}
    engine.dispose()
