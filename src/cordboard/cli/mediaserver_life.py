"""The life of ``cordboard mediaserver``: from the options to the last leg."""

import asyncio
import contextlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import structlog
import uvloop

from cordboard.cli.life import EXIT_CONFIG, EXIT_STATE, GivenError, Life, explained
from cordboard.cli.lines import shown
from cordboard.cli.link import err, fail, out
from cordboard.config.errors import ConfigError
from cordboard.config.options import MediaServerOptions
from cordboard.ops import logging
from cordboard.ops.http import HttpServer, ListenError, Readiness, health_routes
from cordboard.ops.metrics import LoopLag, ProcessInfo, registry
from cordboard.runtime.media_engine import open_media
from cordboard.runtime.media_routes import RecordingRoutes, media_route
from cordboard.runtime.mediaserver import MediaElement, MediaListenError
from cordboard.runtime.state import State, StateError, default_state, notify_systemd, version
from cordboard.tlib.auth import LinkFile, new_token, write_link_file
from cordboard.tlib.logins import LoginCheck

TABLE: Final = "mediaserver"
"""The table of the file."""
FOLDER: Final = "mediaserver"
"""Its directory within the usual state directory."""

_log = structlog.get_logger("cordboard.runtime")


@dataclass(frozen=True, slots=True)
class Given:
    """The command line."""

    listen: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    http: str = ""
    options: tuple[str, ...] = ()

    def texts(self) -> dict[str, str]:
        """As options. Raises GivenError."""
        texts: dict[str, str] = {}
        for item in self.options:
            name, equals, value = item.partition("=")
            if not equals:
                raise GivenError(f"--option {item}: as in NAME=VALUE")
            texts[name.strip()] = value.strip()
        if self.listen:
            texts["media-listen"] = ",".join(self.listen)
        if self.peers:
            texts["media-peers"] = ",".join(self.peers)
        if self.http:
            host, _, port = self.http.rpartition(":")
            texts |= {"http-address": host.strip("[]"), "http-port": port}
        return texts


def read(config: Path | None, given: Given) -> MediaServerOptions:
    """The options. Raises a config error, GivenError or OSError."""
    texts: dict[str, str] = {}
    if config is not None:
        try:
            document = tomllib.loads(config.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise GivenError(f"{config}: {error}") from None
        table = document.pop(TABLE, None)
        if document:
            raise GivenError(f"{config}: no table {min(document)[:64]}; there is [{TABLE}]")
        if not isinstance(table, dict):
            raise GivenError(f"{config}: there is no table [{TABLE}]")
        texts |= {name: _text(config, name, value) for name, value in table.items()}
    options = MediaServerOptions.parse({**texts, **given.texts()}, TABLE)
    if options.unknown:
        raise GivenError(f"there is no option {', '.join(options.unknown)} of a Media Server")
    if options.media_last_port <= options.media_first_port:
        raise GivenError(f"media-last-port {options.media_last_port} is not above {options.media_first_port}")
    return options


def _text(config: Path, name: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(value)
    raise GivenError(f"{config}: {name} is a text, a number, true or false, or a list of texts")


def serve(config: Path | None, data: Path | None, given: Given) -> None:
    """Serves until a signal comes; ends the command with one clear message when it cannot."""
    try:
        options = read(config, given)
    except ConfigError as error:
        fail(explained(error), EXIT_CONFIG)
    except GivenError as error:
        fail(str(error), EXIT_CONFIG)
    except OSError as error:
        fail(f"{config}: {error.strerror or error}", EXIT_CONFIG)
    try:
        state = State((data or default_state() / FOLDER).absolute())
    except StateError as error:
        fail(str(error), EXIT_STATE)
    try:
        writer = logging.configure(level=options.log_level, style=options.log_format)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_Life(options, state, config, given, writer).main())
        finally:
            logging.close()
    finally:
        state.close()


class _Life(Life):
    """One life of the server."""

    advice: ClassVar = {
        MediaListenError: "Choose another address with --listen or media-listen",
        ListenError: "Choose another with --http or http-port",
    }

    def __init__(
        self,
        options: MediaServerOptions,
        state: State,
        config: Path | None,
        given: Given,
        writer: logging.LineWriter,
    ) -> None:
        super().__init__()
        self._started_with = self._options = options
        self._state = state
        self._config = config
        self._given = given
        self._writer = writer
        self._element = MediaElement(options, state.path, open_media)
        self._readiness = Readiness()
        self._exit = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """See :class:`Life`."""
        try:
            await self._start_all()
        except BaseException:
            await self._exit.aclose()
            raise

    async def _start_all(self) -> None:
        metrics, token = registry(), new_token()
        lag = LoopLag()
        metrics.register(ProcessInfo(version(), self._readiness, lag, self._writer))
        element = self._element
        await element.start(metrics)
        self._exit.push_async_callback(element.stop)
        logins = LoginCheck(None, token)
        self._exit.callback(logins.close)
        routes = [
            *health_routes(metrics, self._readiness),
            media_route(token, lambda: element.server),
            *RecordingRoutes(logins, lambda: element.store).routes(),
        ]
        http = HttpServer(routes, host=self._options.http_address, port=self._options.http_port)
        await http.start()
        self._exit.push_async_callback(http.stop)
        write_link_file(self._state.link_file, LinkFile(url=http.url("ws"), token=token, pid=os.getpid()))
        self._exit.callback(self._state.link_file.unlink, missing_ok=True)
        lag.start()
        self._exit.callback(lag.stop)
        self._readiness.started()
        notify_systemd(f"READY=1\nSTATUS=SIP on {element.describe()}")

    async def serve(self) -> None:
        """See :class:`Life`."""
        if out.is_terminal:
            out.print(f"[bold]Media Server[/]  {shown(f'{self._element.describe()}   state {self._state.path}')}")

    async def read_again(self) -> None:
        """See :class:`Life`. What waits for a restart is told each time, as long as it waits."""
        options = await asyncio.to_thread(read, self._config, self._given)
        for name, kept in options.schema.items():
            if kept.about.restart and options.in_force[name] != self._started_with.in_force[name]:
                _log.warning("change waits for a restart", option=name)
        if options.log_level != self._options.log_level:
            logging.set_level(options.log_level)
        self._options = options
        self._element.reconfigure(options)
        _log.info("configuration read again")

    async def drain(self) -> None:
        """See :class:`Life`."""
        self._readiness.draining()
        notify_systemd("STOPPING=1")
        server, seconds = self._element.server, self._options.drain_timeout
        if server is not None and server.legs:
            err.print(f"[yellow]legs left: {len(server.legs)}; waiting for at most {seconds:g} s (again: stop now)[/]")
        await self._element.drain(seconds, self.now)

    async def end(self) -> None:
        """See :class:`Life`."""
        await self._exit.aclose()
        _log.info("server stopped")
