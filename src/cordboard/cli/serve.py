"""The life of ``cordboard up``: from the options to the last call."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import structlog
import uvloop
from rich.panel import Panel
from rich.table import Table

from cordboard.cli.demo import Demo, follow, prepare
from cordboard.cli.life import EXIT_CONFIG, EXIT_STATE, Life, explained
from cordboard.cli.lines import shown
from cordboard.cli.link import err, fail, out
from cordboard.config import toml
from cordboard.config.environment import Change, Environment
from cordboard.config.errors import ConfigError, Notice
from cordboard.config.store import Store
from cordboard.ops import logging
from cordboard.ops.http import ListenError
from cordboard.runtime.mediaserver import MediaListenError
from cordboard.runtime.server import Server
from cordboard.runtime.server_core import SipListenError
from cordboard.runtime.state import DEMO, State, StateError, default_state

_log = structlog.get_logger("cordboard.runtime")


@dataclass(frozen=True, slots=True)
class Overrides:
    """Addresses of the command line; empty for those of the configuration."""

    listen: tuple[str, ...] = ()
    tlib: str = ""
    http: str = ""

    def applied(self, environment: Environment) -> Environment:
        """The configuration with them. Raises a config error."""
        texts: dict[str, str | None] = {}
        if self.listen:
            texts["sip-listen"] = ", ".join(self.listen)
        for option, value in (("tlib", self.tlib), ("http", self.http)):
            if value:
                host, _, port = value.rpartition(":")
                texts[f"{option}-address"] = host.strip("[]")
                texts[f"{option}-port"] = port
        if not texts:
            return environment
        application = environment.application
        options = application.options.changed(texts, "command line")
        return environment.applied([Change.put(replace(application, options=options))])


def serve(config: Path | None, data: Path | None, overrides: Overrides, *, demo: bool) -> None:
    """Serves until a signal comes; ends the command with one clear message when it cannot."""
    if demo and config is not None:
        fail("--demo makes its own centre; leave --config out", 64)
    path = (data or (default_state() / DEMO if demo else default_state())).absolute()
    try:
        state = State(path)
    except StateError as error:
        fail(str(error), EXIT_STATE)
    try:
        sample = None
        try:
            with Store(state.database) as store:
                if demo:
                    sample = prepare(store, state.path)
                environment, notices = _read(store, config)
            environment = overrides.applied(environment)
        except ConfigError as error:
            fail(explained(error), EXIT_CONFIG)
        except OSError as error:
            fail(f"{error.filename or config}: {error.strerror or error}", EXIT_CONFIG)
        options = environment.application.options
        writer = logging.configure(level="warning" if demo else options.log_level, style=options.log_format)
        _warn(notices)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_Run(environment, state, config, sample, overrides, writer).main())
        finally:
            logging.close()
    finally:
        state.close()


def _read(store: Store, config: Path | None) -> tuple[Environment, Sequence[Notice]]:
    """The centre to serve, and what is odd about it; the file's, if there is one, goes into the store."""
    if config is None:
        return store.load(), ()
    previous = None if store.is_empty() else store.load()
    centre = toml.load(config, previous=previous)
    store.replace(centre.environment, author=f"up --config {config.name}")
    return store.load(), centre.notices


def _warn(notices: Sequence[Notice]) -> None:
    for notice in notices:
        _log.warning("configuration", notice=str(notice))


class _Run(Life):
    """One life of the server."""

    advice: ClassVar = {
        SipListenError: "Is another SIP server running? Choose another address with --listen or sip-listen",
        MediaListenError: "Choose another address with media-listen, or media-server = off",
        ListenError: "Choose another with --tlib and --http, or tlib-port and http-port",
    }

    def __init__(
        self,
        environment: Environment,
        state: State,
        config: Path | None,
        demo: Demo | None,
        overrides: Overrides,
        writer: logging.LineWriter,
    ) -> None:
        super().__init__()
        self._server = Server(environment, state, writer=writer, master=config)
        self._state = state
        self._config = config
        self._demo = demo
        self._overrides = overrides
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See :class:`Life`."""
        await self._server.start()

    async def serve(self) -> None:
        """See :class:`Life`. The demo shows what happens."""
        self._announce()
        if self._demo is not None:
            self._follower = asyncio.create_task(follow(self._server.link_url, self._server.token))

    async def read_again(self) -> None:
        """See :class:`Life`."""
        environment = await asyncio.to_thread(self._reread)
        waiting = self._server.reconfigure(environment)
        _log.info("configuration read again", dns=len(environment.dns))
        for change in waiting:
            _log.warning("change waits for a restart", change=change)

    async def drain(self) -> None:
        """See :class:`Life`."""
        server = self._server
        timeout = server.environment.application.options.drain_timeout
        if server.switch is not None and server.switch.calls:
            left = len(server.switch.calls)
            err.print(f"[yellow]calls left: {left}; waiting for at most {timeout:g} s (again: stop now)[/]")
        await server.drain(timeout, self.now)

    async def end(self) -> None:
        """See :class:`Life`."""
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower
        await self._server.stop()

    def _reread(self) -> Environment:
        with Store(self._state.database) as store:
            environment, notices = _read(store, self._config)
        _warn(notices)
        return self._overrides.applied(environment)

    def _announce(self) -> None:
        server = self._server
        if self._demo is not None:
            out.print(self._demo.welcome(server))
            return
        if not out.is_terminal:
            return
        table = Table.grid(padding=(0, 2))
        table.add_row("SIP", shown(server.describe_sip()))
        table.add_row("T-Library", shown(server.link_url))
        table.add_row("Metrics", shown(f"{server.http_url}/metrics"))
        if server.media is not None:
            table.add_row("Media Server", shown(server.media.describe()))
        table.add_row("State", shown(str(self._state.path)))
        table.add_row("DNs", str(len(server.environment.dns)))
        out.print(Panel(table, title="Cordboard is up", title_align="left", expand=False))
        out.print("[dim]cordboard tlib watch shows the events, cordboard calls the calls; Ctrl-C drains and stops.[/]")
