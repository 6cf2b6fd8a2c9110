"""Signals, reading the configuration again and what systemd is told of it, the same for every server."""

import asyncio
import gc
import io
import os
import re
import signal
import socket
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
import typer

from cordboard.cli.life import EXIT_CONFIG, EXIT_LISTEN, EXIT_STATE, GivenError, Life
from cordboard.cli.mediaserver_life import Given, _Life, read
from cordboard.ops.http import ListenError
from cordboard.ops.logging import LineWriter
from cordboard.runtime.state import State


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """A life leaves the collector of its process otherwise than it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


class Short(Life):
    """A server of nothing."""

    advice: ClassVar = {ListenError: "Choose another"}

    def __init__(self, *wrong: Exception, refuses: Exception | None = None) -> None:
        super().__init__()
        self.did: list[str] = []
        self.wrong = list(wrong)
        """What is the matter with each reading."""
        self.refuses = refuses
        self.goes_on = asyncio.Event()
        self.reading = asyncio.Event()
        self.serves = asyncio.Event()
        self.drains = asyncio.Event()

    async def start(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.did.append("start")

    async def serve(self) -> None:
        self.did.append("serve")
        self.serves.set()

    async def read_again(self) -> None:
        self.reading.set()
        await self.goes_on.wait()
        self.did.append("read")
        if self.wrong:
            raise self.wrong.pop(0)

    async def drain(self) -> None:
        self.did.append("drain")
        self.drains.set()
        await self.now.wait()

    async def end(self) -> None:
        self.did.append("end")


async def heard(number: int) -> None:
    """Sends a signal, and returns when the loop has had it: another one comes behind it."""
    behind = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, behind.set)
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGUSR1)
    await behind.wait()


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main

    asyncio.run(bounded())


def test_reading_again_is_told_to_systemd_and_a_second_wish_during_it_is_not_lost(systemd: socket.socket) -> None:
    async def main() -> None:
        life = Short(GivenError("no option x"))
        living = asyncio.create_task(life.main())
        await life.serves.wait()
        with structlog.testing.capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            await life.reading.wait()
            for _ in range(3):
                await heard(signal.SIGHUP)
            told = [systemd.recv(200).decode()]
            life.goes_on.set()
            told += [(await asyncio.to_thread(systemd.recv, 200)).decode() for _ in range(3)]
        assert [re.sub(r"=\d{3,}", "=N", one) for one in told] == ["RELOADING=1\nMONOTONIC_USEC=N", "READY=1"] * 2
        assert [line["reason"] for line in lines if line["log_level"] == "error"] == ["no option x"]
        os.kill(os.getpid(), signal.SIGTERM)
        await life.drains.wait()
        assert not living.done()
        os.kill(os.getpid(), signal.SIGTERM)
        await living
        assert life.did == ["start", "serve", "read", "read", "drain", "end"]

    run(main())


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ListenError("127.0.0.1", 80, "Permission denied"), EXIT_LISTEN, "Permission denied. Choose another"),
        (ValueError("no address of media"), EXIT_CONFIG, "no address of media"),
        (PermissionError(13, "Permission denied", "/var/lib/x"), EXIT_STATE, "/var/lib/x: Permission denied"),
    ],
)
def test_what_cannot_start_says_why_in_a_line(
    error: Exception, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        run(Short(refuses=error).main())
    assert ended.value.exit_code == code
    assert told in capsys.readouterr().err


def test_a_change_that_waits_for_a_restart_is_told_as_long_as_it_waits(tmp_path: Path) -> None:
    config = tmp_path / "media.toml"
    config.write_text('[mediaserver]\nmedia-listen = ["udp:127.0.0.1:5090"]\n')
    state = State(tmp_path / "state")

    async def main() -> None:
        life = _Life(read(config, Given()), state, config, Given(), LineWriter(io.BytesIO()))
        config.write_text('[mediaserver]\nmedia-listen = ["udp:127.0.0.1:5091"]\n')
        for _ in range(2):
            with structlog.testing.capture_logs() as lines:
                await life.read_again()
            assert [line["option"] for line in lines if "restart" in line["event"]] == ["media-listen"]

    try:
        run(main())
    finally:
        state.close()
