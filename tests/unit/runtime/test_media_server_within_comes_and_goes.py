"""A Media Server that cannot be had ends no SIP Server, and one that stops holds up nobody."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

pytest.importorskip("cordboard._core")

from cordboard.config import toml
from cordboard.config.environment import Environment
from cordboard.config.store import Store
from cordboard.mediaserver.speech import SECONDS
from cordboard.runtime import server as server_module
from cordboard.runtime.loop import LoopClock
from cordboard.runtime.mediaserver import MediaElement, Opened
from cordboard.runtime.server import Server
from cordboard.runtime.state import State
from cordboard.testkit.media import SilentMedia

CENTRE = """\
format = 1
[application]
sip-listen = ["udp:127.0.0.1:0"]
media-listen = ["udp:127.0.0.1:{port}"]
media-server = "{wanted}"
media-speech = "espeak-ng"
tlib-port = 0
http-port = 0
[switch]
name = "test"
realm = "cordboard.test"
[dn.media]
type = "Voice over IP Service"
service-type = "msml"
contact = "sip:127.0.0.1:{port}"
"""


def centre(wanted: str) -> Environment:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return toml.loads(CENTRE.format(port=free.getsockname()[1], wanted=wanted)).environment


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main

    asyncio.run(bounded())


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ValueError("no address of media")])
def test_without_media_the_sip_server_serves_where_it_was_not_told_to_have_them(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> Opened:
        raise error

    monkeypatch.setattr(server_module, "open_media", nothing)

    async def serve(wanted: str) -> bytes:
        state = State(tmp_path / wanted)
        try:
            with Store(state.database) as store:
                store.replace(centre(wanted), author="test")
                server = Server(store.load(), state)
            await server.start()
            told = generate_latest(server.registry)
            await server.stop()
            return told
        finally:
            state.close()

    async def main() -> None:
        with structlog.testing.capture_logs() as lines:
            assert b"cordboard_media_server_up 0.0" in await serve("auto")
        (told,) = (line for line in lines if line["event"] == "no Media Server within this server")
        assert told["reason"] == str(error)
        with pytest.raises(type(error)):
            await serve("on")

    run(main())


def test_a_stop_waits_for_a_synthesiser_and_the_loop_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "espeak-ng").write_text(f'#!/bin/sh\nread line < {held}\necho sound > "$5"\n')
    (programs / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        element = MediaElement(
            centre("on").application.options,
            tmp_path,
            lambda *_: Opened(SilentMedia(LoopClock(loop, lambda: None)), lambda: None, dict),
        )
        await element.start(CollectorRegistry())
        server = element.server
        assert server is not None
        source = server.sounds.speak("The lift is out of order")
        stopping = asyncio.create_task(element.stop())
        # Whoever opens it waits until the program reads: it runs, and the loop as well.
        pipe = await asyncio.to_thread(held.open, "w")
        assert not stopping.done()
        with pipe:
            pipe.write("go on\n")
        started = loop.time()
        await stopping
        assert loop.time() - started < SECONDS
        assert list((tmp_path / "speech").iterdir()) == [source.path]

    run(main())
