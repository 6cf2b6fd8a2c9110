import pytest

pytest.importorskip("cordboard._core")

from typer.testing import CliRunner

from cordboard.cli import app
from cordboard.cli.demo import _with_media, typed


def test_the_name_alone_where_the_shell_finds_it(tmp_path, monkeypatch):
    program = tmp_path / "cordboard"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed() == "cordboard"


def test_the_way_it_was_called_where_the_shell_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv" / "bin" / "cordboard")])
    assert typed() == ".venv/bin/cordboard"
    monkeypatch.setattr("sys.argv", ["/opt/cordboard/bin/cordboard"])
    assert typed() == "/opt/cordboard/bin/cordboard"


def test_it_says_how_to_hear_music_and_to_make_a_conference_and_each_command_is_one():
    lines = [text.plain for text in _with_media("cordboard", " --state /x", media=True)]
    typed_ = [line.split("   ")[1].strip().split() for line in lines if line.startswith("    ")]
    assert {words[2] for words in typed_} >= {"hold", "retrieve", "conference"}
    for words in typed_:
        # As far as the server, which is not there.
        result = CliRunner().invoke(app, words[1:])
        assert (result.exit_code, "no server runs here" in result.stderr) == (69, True), words
    (without,) = _with_media("cordboard", "", media=False)
    assert "No Media Server" in without.plain
