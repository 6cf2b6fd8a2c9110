import pytest

pytest.importorskip("cordboard._core")

from cordboard.cli.demo import typed


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
