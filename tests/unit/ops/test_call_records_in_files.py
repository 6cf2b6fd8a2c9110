import csv
import io
import os
import stat
import time
from pathlib import Path

import pytest
from call_records import record

from cordboard.ops import record_csv
from cordboard.ops.record_files import JsonLines, Roll, RollingCsv
from cordboard.ops.records import RecordStore, Wanted, pages

NOON = 1_800_000_000.0
DAY = 86_400
FILES = Path("/proc/self/fd")


def read(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def day(at):
    return time.strftime("%Y%m%d", time.localtime(at))


def test_a_line_says_all_a_record_does():
    found = csv.DictReader(io.StringIO((record_csv.header() + record_csv.rows([record(1)])).decode()))
    assert next(found) == {
        "conn_id": f"{1:016x}",
        "call_uuid": "0" * 32,
        "call_type": "internal",
        "caller": "1501",
        "callee": "1502",
        "requested": "false",
        "caller_call_id": "a1@host",
        "callee_call_id": "",
        "created_at": "2027-01-15T07:59:49.500Z",
        "ringing_at": "2027-01-15T07:59:49.750Z",
        "answered_at": "2027-01-15T07:59:55.000Z",
        "ended_at": "2027-01-15T08:00:00.000Z",
        "outcome": "answered",
        "status": "200",
        "released_by": "caller",
        "reason": "BYE",
        "ring_seconds": "5.250",
        "talk_seconds": "5.000",
    }


@pytest.mark.parametrize(
    ("number", "cell"),
    [
        ("+4940123", "+4940123"),
        ("=1+1", "'=1+1"),
        ("+1-cmd", "'+1-cmd"),
        ("-2", "'-2"),
        ("@x", "'@x"),
        ("*72", "*72"),
        ('a,"b"\r\nc', 'a,"b"\r\nc'),
    ],
)
def test_no_caller_writes_formulas_into_a_spreadsheet_or_breaks_a_line(number, cell):
    text = (record_csv.header() + record_csv.rows([record(1, caller=number)])).decode()
    (found,) = csv.DictReader(io.StringIO(text, newline=""))
    assert found["caller"] == cell


def test_each_record_is_in_the_file_of_the_day_its_call_ended(tmp_path):
    file = RollingCsv(tmp_path / "log" / "calls.csv")
    file.append([record(1, ended=NOON), record(2, ended=NOON + DAY), record(3, ended=NOON)])
    file.append([record(4, ended=NOON)])
    file.close()
    by_name = {path.name: [int(row["conn_id"], 16) for row in read(path)] for path in (tmp_path / "log").iterdir()}
    assert by_name == {f"calls-{day(NOON)}.csv": [1, 3, 4], f"calls-{day(NOON + DAY)}.csv": [2]}
    for path in (tmp_path / "log").iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o007


def test_a_restart_goes_on_with_the_file_and_a_full_one_has_a_successor(tmp_path):
    for number in range(5):
        file = RollingCsv(tmp_path / "calls.csv", Roll.NEVER, size=500)
        file.append([record(number)])
        file.close()
    counts = {path.name: len(read(path)) for path in tmp_path.iterdir()}
    assert counts == {"calls.csv": 2, "calls.2.csv": 2, "calls.3.csv": 1}


def test_a_file_with_other_columns_is_left_as_it_is(tmp_path):
    old = tmp_path / "calls.csv"
    old.write_text("caller,callee\n")
    file = RollingCsv(old, Roll.NEVER)
    file.append([record(1)])
    file.close()
    assert old.read_text() == "caller,callee\n"
    assert [row["caller"] for row in read(tmp_path / "calls.2.csv")] == ["1501"]


def test_only_the_latest_files_are_kept_and_nothing_else_is_touched(tmp_path):
    mine = {"calls-of-mine.csv", "calls-2026.csv", "calls-20261399.csv", "calls-20261128-1.csv", "calls.csv"}
    for name in mine:
        (tmp_path / name).write_text("a letter")
    file = RollingCsv(tmp_path / "calls.csv", keep=2)
    for number in range(5):
        at = NOON + number * DAY
        file.append([record(number, ended=at)])
        os.utime(tmp_path / f"calls-{day(at)}.csv", (at, at))
    file.close()
    left = {*mine, *(f"calls-{day(NOON + number * DAY)}.csv" for number in (3, 4))}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_the_number_of_a_file_that_is_gone_does_not_come_again(tmp_path):
    for number in range(8):
        file = RollingCsv(tmp_path / "calls.csv", Roll.NEVER, size=500, keep=2)
        file.append([record(number)])
        file.close()
    by_name = {path.name: [int(row["conn_id"], 16) for row in read(path)] for path in tmp_path.iterdir()}
    assert by_name == {"calls.3.csv": [4, 5], "calls.4.csv": [6, 7]}


def test_a_batch_over_midnight_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = RollingCsv(tmp_path / "calls.csv")
    file.append([record(1, ended=NOON), record(2, ended=NOON + DAY)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        full_after(patch, writes=1)
        with pytest.raises(OSError, match="No space"):
            file.append([record(3, ended=NOON), record(4, ended=NOON + DAY)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    file.append([record(5, ended=NOON), record(6, ended=NOON + DAY)])
    file.close()
    assert [int(row["conn_id"], 16) for row in read(tmp_path / f"calls-{day(NOON)}.csv")] == [1, 5]


def test_a_disk_that_stays_full_costs_no_open_file(tmp_path, monkeypatch):
    file = RollingCsv(tmp_path / "calls.csv", Roll.NEVER)
    opened = sum(1 for _ in FILES.iterdir())
    with monkeypatch.context() as patch:
        full_after(patch, writes=0)
        for number in range(20):
            with pytest.raises(OSError, match="No space"):
                file.append([record(number)])
    assert sum(1 for _ in FILES.iterdir()) == opened
    file.append([record(21)])
    file.close()
    assert [int(row["conn_id"], 16) for row in read(tmp_path / "calls.csv")] == [21]


def full_after(patch, writes):
    """A disk with room for so many writes."""
    real = os.write

    def write(file, data):
        nonlocal writes
        if not writes:
            raise OSError(28, "No space left on device")
        writes -= 1
        return real(file, data)

    patch.setattr(os, "write", write)


def test_a_full_disk_leaves_no_half_record_and_is_told(database, tmp_path, monkeypatch):
    path = tmp_path / "calls.csv"
    lines = tmp_path / "calls.jsonl"
    store = RecordStore(database, files=[RollingCsv(path, Roll.NEVER), JsonLines(lines)], interval=3600.0)
    store.write(record(1))
    assert store.flush()
    before = path.read_bytes(), lines.read_bytes()

    real = os.write
    room = 100

    def full(file, data):
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        written = real(file, data[:room])
        room = 0
        return written

    monkeypatch.setattr(os, "write", full)
    store.write(record(2))
    assert store.flush()
    assert (path.read_bytes(), lines.read_bytes()) == before
    assert store.unfiled == 2
    monkeypatch.undo()
    store.write(record(3))
    store.close()
    assert [int(row["conn_id"], 16) for row in read(path)] == [1, 3]
    assert store.unfiled == 2
    kept = [int(r.conn_id, 16) for page in pages(database, Wanted()) for r in page]
    assert kept == [1, 2, 3]


def test_a_folder_that_cannot_be_written_to_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|directory"):
        RollingCsv(tmp_path / "file" / "calls.csv")


def test_pages_give_all_that_is_wanted_once_oldest_first(database, store):
    for number in range(25):
        store.write(record(number, ended=1000.0 + number, outcome="busy" if number % 5 == 0 else "answered"))
    assert store.flush()
    found = list(pages(database, Wanted(since=1003.0, until=1021.0, outcome="answered", number="1501"), size=4))
    assert [len(page) for page in found] == [4, 4, 4, 2]
    wanted = [number for number in range(3, 21) if number % 5]
    assert [int(r.conn_id, 16) for page in found for r in page] == wanted
