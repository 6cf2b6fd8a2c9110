"""What can be typed about calls at Routing Points, and what is wrong with it."""

import pytest
from typer.testing import CliRunner

from cordboard.cli import app
from cordboard.cli.lines import event_line
from cordboard.model.enums import PrivateMessage, TreatmentType
from cordboard.model.events import EventPrivateInfo, EventTreatmentEnd, EventTreatmentNotApplied
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server

CALL = {"conn_id": "0123456789abcdef", "call_id": 1, "call_uuid": "x" * 32, "this_dn": "8000"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(
        tmp_path_factory.mktemp("server"), [Extension("1501"), Extension("8000", type="Routing Point")]
    ) as made:
        yield made


@pytest.fixture
def tlib(server, monkeypatch):
    monkeypatch.setenv("CORDBOARD_STATE", str(server.folder / "data"))
    return lambda *arguments: CliRunner().invoke(app, ["tlib", *arguments])


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("treat", "8000", "applause"), "there are ivr, music, ring-back"),
        (("treat", "8000", "music", "MUSIC_DN"), "is not KEY=VALUE"),
        (("treat", "8000", "music"), "DN 8000 has no call"),
        (("route", "8000", "1501"), "DN 8000 has no call"),
        (("record", "1501", "pause"), "DN 1501 has no call"),
        (("digits", "1501", "5"), "DN 1501 has no call"),
        (("record", "1501", "erase"), "'erase' is not one of"),
        (("record", "1501", "--call", "0123456789abcdef"), "Invalid call ID"),
        (("route", "8000", "1501", "--call", "0123456789abcdef"), "Invalid call ID"),
        (("treat", "8000", "music", "--call", "0123456789abcdef"), "Invalid call ID"),
    ],
)
def test_what_is_wrong(tlib, arguments, wrong):
    result = tlib(*arguments)
    assert result.exit_code != 0
    assert wrong in " ".join(result.output.split())


def test_events_tell_of_the_treatment():
    end = event_line(EventTreatmentEnd(**CALL, treatment_type=TreatmentType.COLLECT_DIGITS, collected_digits="1729"))
    assert "collect digits digits 1729" in end.plain
    not_applied = EventTreatmentNotApplied(
        **CALL, treatment_type=TreatmentType.MUSIC, error_code=20009, error_message="No media service is available"
    )
    assert "music No media service is available (20009)" in event_line(not_applied).plain
    stopped = EventPrivateInfo(**CALL, private_msg_id=PrivateMessage.RECORD_STOPPED, reasons={"reason": "disk full"})
    assert "record stopped (disk full)" in event_line(stopped).plain
