"""Names, numbers and files that come from elsewhere are shown as they are: no markup, nothing a terminal obeys."""

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from cordboard.cli import app, media, recordings
from cordboard.cli.link import fail
from cordboard.mediaserver.call_recording import Mark, Segment
from cordboard.mediaserver.overview import ConferenceView, LegView, Overview
from cordboard.mediaserver.store import Recorded, Summary

PARTY = "[red]1501[/] \x1b[2J"
SHOWN = "[red]1501[/] \N{REPLACEMENT CHARACTER}[2J"
CALL = "calls/[bold]x"
SUMMARY = Summary(CALL, 0.0, 1000, 4, [PARTY])


def answering(monkeypatch, module, *bodies):
    """Asks no server."""
    left = list(bodies)
    monkeypatch.setattr(module, "ask", lambda *_, **__: left.pop(0))


def run(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_recordings(monkeypatch, tmp_path):
    found = msgspec.json.encode(
        Recorded(SUMMARY, [Segment("[i]1.wav", 0.0, 5, "[/]")], [Mark(0.0, 1, 0, "left", PARTY)])
    )
    answering(monkeypatch, recordings, msgspec.json.encode([SUMMARY]), found, found, b"RIFF", b"")
    listed = run("recordings", "list")
    assert SHOWN in listed
    assert CALL in listed
    lines = run("recordings", "show", CALL)
    assert f"left {SHOWN}" in lines
    assert "[i]1.wav" in lines
    target = tmp_path / "[u]sound.wav"
    assert f"{target}: 4 bytes" in run("recordings", "get", CALL, "--out", str(target))
    assert target.read_bytes() == b"RIFF"
    assert f"{CALL} is deleted." in run("recordings", "delete", CALL, "--yes")


def test_a_call_without_marks_is_fetched_under_a_name_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = msgspec.json.encode(Recorded(SUMMARY, [Segment("1.wav", 0.0)], []))
    answering(monkeypatch, recordings, found, b"RIFF")
    run("recordings", "get", "calls/0123")
    assert [path.name for path in tmp_path.iterdir()] == ["0123-1.wav"]


def test_legs_and_conferences(monkeypatch):
    leg = LegView("L", "msml", "up", PARTY, "", "", "[fd00::1]:9", "PCMU", None, False, 0, 0, 0, "[b]c", [])
    now = Overview(1, 2, False, [leg], [ConferenceView("[b]c", [PARTY], [PARTY], [])], ["[b]uuid"])
    answering(monkeypatch, media, msgspec.json.encode(now))
    told = run("media")
    assert told.count(SHOWN) == 3
    assert told.count("[b]") == 3
    assert "[fd00::1]:9" in told


def test_an_assumed_score_is_marked(monkeypatch):
    def leg(codec: str, *, assumed: bool) -> LegView:
        return LegView("L", "msml", "up", "", "", "", "", codec, 4.34, assumed, 0, 0, 0, "", [])

    legs = [leg("PCMU", assumed=False), leg("opus", assumed=True)]
    answering(monkeypatch, media, msgspec.json.encode(Overview(2, 2, False, legs, [], [])))
    plain, marked = (line for line in run("media").splitlines() if "4.3" in line)
    assert "~4.3" not in plain
    assert "~4.3" in marked


def test_what_is_wrong(capsys):
    with pytest.raises(typer.Exit):
        fail("there is [mediaserver], and \x1b[31m")
    assert capsys.readouterr().err == "error: there is [mediaserver], and \N{REPLACEMENT CHARACTER}[31m\n"
