import io

import msgspec
import pytest
import structlog
from call_records import record

from cordboard.ops import logging
from cordboard.ops.call_log import CallLog
from cordboard.switch.ports import NoRecords


@pytest.fixture
def file():
    yield io.BytesIO()
    logging.close()
    structlog.reset_defaults()


def logged(file, *records, style="json", level="info"):
    logging.configure(style=style, level=level, file=file)
    calls = CallLog(NoRecords())
    for one in records:
        calls.write(one)
    logging.close()
    return file.getvalue()


def test_the_line_of_a_call_is_its_record_in_part(file):
    one = record(7, caller="1501", callee="1502", outcome="busy")
    line = msgspec.json.decode(logged(file, one))
    assert list(line) == [
        "time",
        "level",
        "logger",
        "event",
        "conn_id",
        "call_id",
        "callee_call_id",
        "caller",
        "callee",
        "outcome",
        "status",
        "released_by",
        "reason",
    ]
    assert line.pop("time").endswith("Z")
    assert (line["call_id"], line["callee_call_id"]) == (one.caller_call_id, one.callee_call_id)
    assert (line["level"], line["logger"], line["event"]) == ("info", "cordboard.switch", "call ended")
    for name in ("conn_id", "caller", "callee", "outcome", "status", "released_by", "reason"):
        assert line[name] == getattr(one, name)


def test_the_record_goes_on_whatever_is_logged(file):
    class Store:
        def write(self, record):
            kept.append(record)

    kept = []
    calls = CallLog(Store())
    logging.configure(style="json", level="warning", file=file)
    calls.write(record(1))
    logging.set_level("info")
    calls.write(record(2))
    logging.close()
    calls.write(record(3))
    assert kept == [record(1), record(2), record(3)]
    assert [msgspec.json.decode(line)["conn_id"] for line in file.getvalue().splitlines()] == [record(2).conn_id]


def test_on_a_terminal_it_is_text_that_no_terminal_obeys(file):
    text = logged(file, record(1, caller="\x1b[2J"), style="text").decode()
    assert "call ended" in text
    assert "conn_id=0000000000000001" in text
    assert "\x1b" not in text
    assert "logger=" not in text


def test_a_name_that_is_no_text_is_logged_all_the_same(file):
    line = msgspec.json.decode(logged(file, record(1, caller="15\udcff01")))
    assert (line["event"], line["caller"]) == ("'call ended'", "'15\\udcff01'")
