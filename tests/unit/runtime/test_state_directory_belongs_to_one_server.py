import os
import socket
import stat
import subprocess
import sys

import pytest

from cordboard.runtime.state import (
    State,
    StateError,
    database_location,
    default_state,
    link_file_of,
    notify_systemd,
    running_state,
)
from cordboard.tlib.auth import LinkFile, read_link_file, write_link_file


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    for name in ("CORDBOARD_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME", "CORDBOARD_DATABASE", "NOTIFY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_second_server_is_told_who_uses_the_directory(tmp_path):
    state = State(tmp_path / "state")
    code = "import sys; from pathlib import Path; from cordboard.runtime.state import State; State(Path(sys.argv[1]))"
    second = subprocess.run(
        [sys.executable, "-c", code, str(state.path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert f"another server uses it (process {os.getpid()})" in second.stderr
    state.close()
    State(tmp_path / "state").close()


def test_directory_is_for_its_owner_alone(tmp_path):
    state = State(tmp_path / "deep" / "state")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    state.close()


def test_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError) as refused:
        State(tmp_path / "file" / "state")
    assert refused.value.path == tmp_path / "file" / "state"


def test_place_of_the_directory(monkeypatch, tmp_path):
    assert default_state() == tmp_path / ".local/state/cordboard"
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert str(default_state()) == "/x/cordboard"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/cordboard:/var/lib/other")
    assert str(default_state()) == "/var/lib/cordboard"
    monkeypatch.setenv("CORDBOARD_STATE", "/mine")
    assert str(default_state()) == "/mine"


def test_commands_find_the_demo_when_only_it_runs(tmp_path):
    usual = tmp_path / ".local/state/cordboard"
    assert running_state() == usual
    link = LinkFile(url="ws://127.0.0.1:1/tlib", token="t", pid=1)
    write_link_file(link_file_of(usual / "demo"), link)
    assert running_state() == usual / "demo"
    write_link_file(link_file_of(usual), link)
    assert running_state() == usual


def test_database_is_the_file_or_the_variable(monkeypatch, tmp_path):
    assert database_location(tmp_path) == str(tmp_path / "cordboard.db")
    monkeypatch.setenv("CORDBOARD_DATABASE", "postgresql://db/centre")
    assert database_location(tmp_path) == "postgresql://db/centre"


def test_link_file_is_readable_by_its_owner_alone(tmp_path):
    path = link_file_of(tmp_path / "state")
    link = LinkFile(url="ws://127.0.0.1:1/tlib", token="secret", pid=7)
    for _ in range(2):
        write_link_file(path, link)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["link.json"]
    assert read_link_file(path) == link
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_link_file(path)


def test_systemd_is_told(monkeypatch, tmp_path):
    notify_systemd("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify_systemd("READY=1")
        assert systemd.recv(100) == b"READY=1"
