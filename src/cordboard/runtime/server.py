"""One SIP Server with everything round it: core, switch, T-Library link, HTTP, call records.

    state, store -> log -> records -> core -> switch -> link and HTTP -> ready
    ready -> drain -> BYE to what is left -> link and HTTP -> core -> records -> store, state

Everything runs on one event loop. Whoever makes the switch decide (the core's events, a T-Library request, a timer)
hands the commands that follow to the core with one ``flush``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from typing import TYPE_CHECKING, Final

import structlog

from cordboard.config.database import Database
from cordboard.config.environment import ChangeKind, Environment
from cordboard.config.objects import DN, ObjectKind, options_of
from cordboard.model.connid import CallIds
from cordboard.ops.admission import Admission
from cordboard.ops.call_log import CallLog
from cordboard.ops.features import FeatureTable
from cordboard.ops.http import HttpServer, Readiness, health_routes
from cordboard.ops.logging import LineWriter, set_level
from cordboard.ops.meters import CallMeters
from cordboard.ops.metrics import LoopLag, ProcessInfo, registry
from cordboard.ops.records import RecordStore
from cordboard.runtime import server_metrics
from cordboard.runtime.bans import Ban, BanWatch, bans_route, read_bans
from cordboard.runtime.draining import emptied
from cordboard.runtime.load import LoadWatch, limits
from cordboard.runtime.logins import Logins
from cordboard.runtime.loop import LoopClock
from cordboard.runtime.media_engine import open_media
from cordboard.runtime.media_routes import RecordingRoutes, media_route
from cordboard.runtime.media_settings import wanted
from cordboard.runtime.mediaserver import MediaElement, MediaListenError
from cordboard.runtime.outward import reachable
from cordboard.runtime.records import record_files
from cordboard.runtime.server_core import open_core, open_resolver
from cordboard.runtime.settings import dn_settings, server_settings
from cordboard.runtime.state import State, notify_systemd, version
from cordboard.runtime.tls import reload_tls
from cordboard.runtime.tracing import Tracing
from cordboard.switch.ports import NoRecords
from cordboard.switch.server import SipServer
from cordboard.tlib.auth import LinkFile, new_token, write_link_file
from cordboard.tlib.hub import Hub
from cordboard.tlib.protocol import PATH
from cordboard.tlib.server import TLibServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cordboard import _core
    from cordboard.config.options import ApplicationOptions
    from cordboard.model.events import Event
    from cordboard.model.ports import Link
    from cordboard.model.requests import Request
    from cordboard.ops.trace import TraceBook

CARRIERS: Final = 2.0
"""Seconds the carriers have to confirm that our registrations are taken back."""

FAREWELL: Final = 0.5
"""Seconds the core has to send the BYEs of calls that did not end by themselves."""

_log = structlog.get_logger("cordboard.runtime")


class Server:
    """A SIP Server. ``start`` within the running loop, later ``stop``."""

    def __init__(
        self, environment: Environment, state: State, *, writer: LineWriter | None = None, master: Path | None = None
    ) -> None:
        """Nothing happens before ``start``.

        ``writer``: the process's log, to be measured. ``master``: the file the configuration comes from, for whoever
        wants to change it.
        """
        self.environment = environment
        self.state = state
        self.readiness = Readiness()
        self.meters = CallMeters()
        self.registry = registry()
        self.token = new_token()
        options = environment.application.options
        self.hub = Hub(
            retention=options.tlib_session_timeout,
            max_count=max(1, options.tlib_history),
            on_behind=lambda session: _log.warning(
                "tlib link fell behind", session=session.id[:8], user=session.user, client=session.client
            ),
        )
        self.tracing = Tracing(self.hub)
        self.endpoint: _core.Endpoint | None = None
        self.switch: SipServer | None = None
        self.link: TLibServer | None = None
        self.records: RecordStore | None = None
        self.media: MediaElement | None = None
        self._writer = writer
        self._master = str(master.absolute()) if master is not None else ""
        self._lag = LoopLag()
        self._logins = Logins(environment)
        self._admission = Admission(limits(environment.application.options))
        self._https: list[HttpServer] = []
        self._exit = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Brings everything up, or nothing.

        Raises SipListenError, ListenError, StoreError, ContactError or OSError.
        """
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        options = self.environment.application.options
        database = Database(self.state.database)
        self._exit.callback(database.close)
        features = FeatureTable(database)
        self._exit.callback(features.close)
        if options.cdr_enabled:
            self.records = RecordStore(database, keep=options.cdr_keep, files=record_files(options))
            self._exit.callback(self.records.close)
        await self._open_media(options)
        self.endpoint = endpoint = open_core(self.environment, self.state)
        self._exit.callback(endpoint.close)
        clock = LoopClock(loop, endpoint.flush)
        resolver, asker = open_resolver(options, loop, clock, endpoint)
        self._exit.push_async_callback(asker.close)
        self.switch = switch = SipServer(
            server_settings(self.environment),
            endpoint=endpoint,
            clock=clock,
            ids=CallIds(started=time.time(), seed=os.urandom(10)),
            wall=time.time,
            random=random.random,
            events=self.hub,
            book=self.tracing.book,
            records=CallLog(self.records or NoRecords()),
            meters=self.meters,
            features=features,
            resolver=resolver,
        )
        for number, kept in features.load().items():
            switch.restore(number, kept)
        for dn in self.environment.dns.values():
            switch.configure(dn_settings(self.environment, dn))
        endpoint.flush()
        self.hub.bind(_Flushing(switch, endpoint.flush, self.tracing.book), switch.dns)
        self.tracing.start(endpoint, switch, self.environment.application.options)
        loop.add_reader(endpoint.fileno(), self._on_core_events)
        self._exit.callback(loop.remove_reader, endpoint.fileno())
        self._on_core_events()
        self.registry.register(ProcessInfo(version(), self.readiness, self._lag, self._writer))
        self.registry.register(self.meters)
        server_metrics.register(
            self.registry, endpoint=endpoint, switch=switch, hub=self.hub, link=lambda: self.link, records=self.records
        )
        await self._open_http()
        watch = BanWatch(loop, endpoint, self.state.bans)
        watch.start()
        self._exit.callback(watch.stop)
        self._lag.start()
        self._exit.callback(self._lag.stop)
        busy = LoadWatch(loop, self._admission, self._refuse_new)
        busy.start()
        self._exit.callback(busy.stop)
        server_metrics.register_load(self.registry, busy, self._admission)
        self.readiness.started()
        notify_systemd(f"READY=1\nSTATUS=SIP on {self.describe_sip()}")
        counted = endpoint.counters()
        restored, damaged = counted["bindings_restored"], counted["journal_damaged"] + counted["journal_bytes_skipped"]
        if restored or damaged:
            _log.info("registrations restored", bindings=restored, damaged_bytes=damaged)
        _log.info(
            "server ready", sip=self.describe_sip(), tlib=self.link_url, http=self.http_url, dns=len(switch.extensions)
        )

    async def _open_media(self, options: ApplicationOptions) -> None:
        if not wanted(self.environment):
            return
        server_metrics.register_media(self.registry, lambda: self.media is not None)
        media = MediaElement(options, self.state.path, open_media, near=self._own_addresses())
        try:
            await media.start(self.registry)
        except (MediaListenError, OSError, ValueError) as error:
            if options.media_server == "on":
                raise
            # Another one may be there, which is asked then; calls go on in any case.
            _log.error("no Media Server within this server", reason=str(error))
            return
        self.media = media
        self._exit.push_async_callback(media.stop)

    def _own_addresses(self) -> list[str]:
        """Where our requests come from."""
        options = self.environment.application.options
        return [reachable(host) for _, host, _ in options.listening()] + [options.sip_advertise] * bool(
            options.sip_advertise
        )

    async def _open_http(self) -> None:
        options = self.environment.application.options
        self.link = link = TLibServer(self.hub, self._logins, token=self.token, name=self.environment.application.name)
        health = health_routes(self.registry, self.readiness)
        tlib_at = (options.tlib_address, options.tlib_port)
        http_at = (options.http_address, options.http_port)
        # Both always serve health and the link, so that one port is enough for who wants one.
        routes = [
            link.route,
            *health,
            bans_route(self.token, self._bans, self._unban),
            self.tracing.route(self.token),
            media_route(self.token, lambda: self.media.server if self.media is not None else None),
            *RecordingRoutes(link.logins, lambda: self.media.store if self.media is not None else None).routes(),
        ]
        for host, port in dict.fromkeys((tlib_at, http_at)):
            http = HttpServer(routes, host=host, port=port, ping_interval=options.tlib_ping_interval)
            await http.start()
            self._https.append(http)
            self._exit.push_async_callback(http.stop)
        link.start()
        self._exit.push_async_callback(link.close)
        write_link_file(self.state.link_file, self._link_file())
        self._exit.callback(self.state.link_file.unlink, missing_ok=True)

    def _link_file(self) -> LinkFile:
        return LinkFile(url=self.link_url, token=self.token, pid=os.getpid(), master=self._master)

    def _on_core_events(self) -> None:
        if self.switch is not None and self.endpoint is not None:
            self.switch.drain_events()
            self.endpoint.flush()

    def _refuse_new(self, part: float) -> None:
        if self.switch is not None and self.endpoint is not None:
            self.switch.refuse_new(part)
            self.endpoint.flush()

    # What others ask.

    def _bans(self) -> list[Ban]:
        return read_bans(self.endpoint) if self.endpoint is not None else []

    def _unban(self, address: str | None) -> None:
        if self.endpoint is not None:
            self.endpoint.unban(address)
            self.endpoint.flush()

    @property
    def link_url(self) -> str:
        """The T-Library link, as reached from this machine."""
        return self._https[0].url("ws", PATH) if self._https else ""

    @property
    def http_url(self) -> str:
        """Metrics and health, as reached from this machine."""
        return self._https[-1].url() if self._https else ""

    def listening(self) -> Sequence[tuple[str, str, int]]:
        """The SIP addresses, with the ports the system chose where 0 was asked."""
        return self.endpoint.listening() if self.endpoint is not None else ()

    def describe_sip(self) -> str:
        """The SIP addresses in a line."""
        return ", ".join(f"{t}:{f'[{h}]' if ':' in h else h}:{p}" for t, h, p in self.listening())

    # Changes.

    def reconfigure(self, environment: Environment) -> Sequence[str]:
        """Takes over a changed configuration; calls go on. Returns what waits for a restart, for people.

        A change of the realm takes effect with a restart, and all others wait with it: the hashes of all passwords
        belong to it. Raises ContactError for a contact that is no address; what came before it in the list is in
        force then.
        """
        if environment.switch.realm != self.environment.switch.realm:
            return [f"{environment.switch.ref}: realm, and with it every other change"]
        waiting = []
        if environment.application.name != self.environment.application.name:
            waiting.append(f"{environment.application.ref}: name")
        options = environment.application.options
        self.hub.retention = options.tlib_session_timeout
        self.hub.max_count = max(1, options.tlib_history)
        self.tracing.configure(options)
        self._admission.limits = limits(options)
        if self.records is not None:
            self.records.keep = options.cdr_keep
        if self.switch is not None:
            settings = server_settings(environment)
            if settings != self.switch.settings:
                self.switch.set_settings(settings)
        if self.media is not None:
            self.media.reconfigure(options)
        if options.log_level != self.environment.application.options.log_level:
            set_level(options.log_level)
            if self.switch is not None:
                self.switch.log.refresh()
        for change in Environment.diff(self.environment, environment):
            if change.restart:
                had = options_of(change.after) if change.after is not None else None
                schema = had.schema if had is not None else {}
                late = (name for name in change.options if name in schema and schema[name].about.restart)
                waiting.append(f"{change.ref}: {', '.join(late)}")
            if change.ref.kind is ObjectKind.DN and self.switch is not None:
                if change.kind is ChangeKind.REMOVED:
                    self.switch.unconfigure(change.ref.name)
                elif isinstance(change.after, DN):
                    self.switch.configure(dn_settings(environment, environment.dns[change.ref.name]))
        self.environment = self._logins.environment = environment
        if self.endpoint is not None:
            self.endpoint.flush()
            reload_tls(self.endpoint, environment.application.options, self.state.path)
        return waiting

    # The end.

    async def drain(self, timeout: float, now: asyncio.Event) -> int:  # noqa: ASYNC109 - it returns, it does not fail
        """Refuses new calls and waits until the last has ended, for ``timeout`` seconds or until ``now`` is set.

        Returns how many calls are left.
        """
        self.readiness.draining()
        notify_systemd("STOPPING=1")
        switch = self.switch
        if switch is None:
            return 0
        # Its legs belong to calls: they end with these.
        empty = asyncio.Event()
        switch.drain(empty.set)
        self._flush()
        if switch.calls:
            _log.info("draining", calls=len(switch.calls), seconds=timeout)
            await emptied(empty, now, timeout)
        return len(switch.calls)

    async def stop(self) -> None:
        """Ends calls that are left with BYE and closes everything, in reverse."""
        self.readiness.draining()
        try:
            if self.switch is not None:
                await self._shut_down(self.switch)
        finally:
            await self._exit.aclose()
            _log.info("server stopped")

    async def _shut_down(self, switch: SipServer) -> None:
        """Takes leave of the phones in calls that are left, and of the carriers."""
        left = len(switch.calls)
        if left:
            _log.warning("calls ended by the stop", calls=left)
        heard = asyncio.Event()
        switch.shut_down(heard.set)
        self._flush()
        try:
            async with asyncio.timeout(CARRIERS):
                await heard.wait()
        except TimeoutError:
            _log.warning("a carrier did not confirm that we are gone", seconds=CARRIERS)
        if left:
            await asyncio.sleep(FAREWELL)

    def _flush(self) -> None:
        if self.endpoint is not None:
            self.endpoint.flush()


class _Flushing:
    """The switch to the link: what a request makes it decide goes out at once, and is noted."""

    __slots__ = ("_book", "_flush", "_switch", "snapshot")

    def __init__(self, switch: SipServer, flush: Callable[[], None], book: TraceBook) -> None:
        self._switch = switch
        self._flush = flush
        self._book = book
        self.snapshot = switch.snapshot

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[Event]:
        self._book.asked(time.time(), request)
        answers = self._switch.request(link, request, reference_id)
        self._flush()
        self._book.answered(answers)
        return answers
