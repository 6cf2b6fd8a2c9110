"""A Media Server put together: its own SIP element, media, store of recordings; within a SIP Server or alone.

media -> SIP -> recordings -> ready
ready -> drain -> BYE to what is left -> SIP -> media
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from cordboard import _core
from cordboard.mediaserver.server import MediaServer
from cordboard.mediaserver.speech import Speech, render
from cordboard.mediaserver.store import RecordingStore
from cordboard.ops.media_meters import MediaMeters
from cordboard.ops.metrics import GaugeCollector, PartCollector
from cordboard.runtime import core_metrics
from cordboard.runtime.draining import emptied
from cordboard.runtime.loop import LoopClock
from cordboard.runtime.media_settings import media_addresses, media_settings, recordings_folder
from cordboard.runtime.state import version
from cordboard.runtime.tls import core_tls, reload_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from cordboard.media import Media
    from cordboard.mediaserver.speech import Job
    from cordboard.runtime.media_settings import Options

RENDERERS: Final = 2
"""Texts that are rendered at once."""
FAREWELL: Final = 0.5
"""Seconds the core has to send the BYEs of legs that did not end by themselves."""
EXPIRY_INTERVAL: Final = 3600.0
"""Seconds between two looks for recordings that are too old."""

ENGINE_GAUGES: Final = frozenset({"commands_waiting", "free_ports", "legs", "realtime", "rooms"})

_log = structlog.get_logger("cordboard.runtime")


class MediaListenError(Exception):
    """A SIP address of the Media Server cannot be opened."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the Media Server cannot listen: {reason}")
        self.reason = reason


class Opened(NamedTuple):
    """An engine that runs."""

    media: Media
    close: Callable[[], None]
    counters: Callable[[], Mapping[str, int]]
    """What it counts, by name."""


class OpenMedia(Protocol):
    """Starts an engine."""

    def __call__(self, options: Options, addresses: Sequence[str], after: Callable[[], None]) -> Opened:
        """``after`` is called after each of its events. Raises OSError or ValueError where it cannot be had."""


class MediaElement:
    """A Media Server. ``start`` within the running loop, later ``stop``."""

    def __init__(self, options: Options, state: Path, open_media: OpenMedia, *, near: Sequence[str] = ()) -> None:
        """``open_media``: gives the engine and what ends it; it is told what to call after each of its events.

        ``near``: addresses of the SIP Server it is part of; none for one that runs alone.
        """
        self.options = options
        self.meters = MediaMeters()
        self.server: MediaServer | None = None
        self.endpoint: _core.Endpoint | None = None
        self.store: RecordingStore | None = None
        self._folder = recordings_folder(options, state)
        self._state = state
        self._open_media = open_media
        self._near = near
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        self._exit = contextlib.AsyncExitStack()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, registry: CollectorRegistry) -> None:
        """Brings it up, or nothing. Raises MediaListenError, or OSError or ValueError where media cannot be had."""
        try:
            self._start(registry)
        except BaseException:
            await self._exit.aclose()
            raise

    def _start(self, registry: CollectorRegistry) -> None:
        loop = asyncio.get_running_loop()
        options = self.options
        self._exit.push_async_callback(asyncio.to_thread, self._disk.shutdown)
        self.endpoint = endpoint = self._open_core()
        self._exit.callback(endpoint.close)
        opened = self._open_media(options, media_addresses(options), endpoint.flush)
        self._exit.callback(opened.close)
        clock = LoopClock(loop, endpoint.flush)
        speech = Speech(self._state / "speech", options.media_speech, self._renderer(loop, clock))
        self.server = MediaServer(
            media_settings(options, self._folder, self._near),
            endpoint=endpoint,
            clock=clock,
            media=opened.media,
            meters=self.meters,
            speech=speech,
            disk=self._on_disk,
        )
        endpoint.flush()
        loop.add_reader(endpoint.fileno(), self._on_core_events)
        self._exit.callback(loop.remove_reader, endpoint.fileno())
        self._on_core_events()
        if self._folder is not None:
            self.store = RecordingStore(self._folder, time.time, self.server.recordings.busy)
            self._expire(loop)
        self._add_metrics(registry, self.server, endpoint, opened.counters)
        _log.info("media server ready", sip=self.describe(), addresses=media_addresses(options))

    def _renderer(
        self, loop: asyncio.AbstractEventLoop, clock: LoopClock
    ) -> Callable[[Job, Callable[[str], None]], None]:
        """Has texts rendered on threads, and tells on the loop."""
        threads = ThreadPoolExecutor(RENDERERS, thread_name_prefix="speech")
        self._exit.push_async_callback(asyncio.to_thread, threads.shutdown, cancel_futures=True)

        def told(done: Future[str], tell: Callable[[str], None]) -> None:
            wrong = "stopped" if done.cancelled() else done.result()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(clock.call_later, 0.0, lambda: tell(wrong))

        def run(job: Job, tell: Callable[[str], None]) -> None:
            threads.submit(render, job).add_done_callback(lambda done: told(done, tell))

        return run

    def _on_disk(self, work: Callable[[], None]) -> None:
        try:
            self._disk.submit(work)
        except RuntimeError:
            # The thread has ended with the server: what comes now is the last of it.
            work()

    def _open_core(self) -> _core.Endpoint:
        options = self.options
        listening = options.media_listening()
        transports = {transport for transport, _, _ in listening}
        if transports - {"udp", "tcp", "tls"}:
            raise MediaListenError("media-listen takes udp, tcp and tls alone")
        advertise = [(host, options.media_advertise) for _, host, _ in listening] if options.media_advertise else []
        try:
            return _core.Endpoint.live(
                listening,  # type: ignore[arg-type]
                realm="media",
                software=f"Cordboard-Media-Server/{version()}",
                advertise=list(dict.fromkeys(advertise)),
                event_limit=options.sip_event_limit,
                tls=core_tls(options, self._state) if "tls" in transports else None,
                guard=_core.Guard(failures=0),
            )
        except (OSError, ValueError) as error:
            raise MediaListenError(getattr(error, "strerror", None) or str(error)) from None

    def _on_core_events(self) -> None:
        if self.server is not None and self.endpoint is not None:
            self.server.drain_events()
            self.endpoint.flush()

    def _add_metrics(
        self,
        registry: CollectorRegistry,
        server: MediaServer,
        endpoint: _core.Endpoint,
        engine: Callable[[], Mapping[str, int]],
    ) -> None:
        registry.register(self.meters)
        registry.register(
            core_metrics.collector("media_core_events", "What the SIP core of the Media Server counted.", endpoint)
        )
        registry.register(
            PartCollector("media_engine_events", "What the media engine counted.", engine, gauges=ENGINE_GAUGES)
        )
        registry.register(
            PartCollector(
                "media_server_events",
                "What the Media Server counted.",
                lambda: {
                    "faults": server.faults,
                    "recordings_accessed": self.store.accesses if self.store is not None else 0,
                    "recordings_expired": self.store.expired if self.store is not None else 0,
                },
            )
        )
        registry.register(
            GaugeCollector(
                {
                    "media_legs_limit": ("Most legs there may be.", lambda: server.settings.max_legs),
                    "media_conferences": ("Conferences now.", lambda: len(server.conferences)),
                    "media_calls_recorded": (
                        "Calls that are being recorded.",
                        lambda: len(server.recordings.calls.open),
                    ),
                }
            )
        )

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        store = self.store
        if store is None:
            return
        self._disk.submit(_expired, store, self.options.media_record_keep)
        self._timer = loop.call_later(EXPIRY_INTERVAL, self._expire, loop)

    def describe(self) -> str:
        """The SIP addresses in a line."""
        listening = self.endpoint.listening() if self.endpoint is not None else ()
        return ", ".join(f"{t}:{f'[{h}]' if ':' in h else h}:{p}" for t, h, p in listening)

    def reconfigure(self, options: Options) -> None:
        """Takes over options; what needs a restart stays as it is. Legs go on."""
        self.options = options
        if self.server is None or self.endpoint is None:
            return
        settings = media_settings(options, self._folder, self._near)
        if settings != self.server.settings:
            self.server.set_settings(settings)
            self.endpoint.flush()
        if any(transport == "tls" for transport, _, _ in self.endpoint.listening()):
            reload_tls(self.endpoint, options, self._state)

    async def drain(self, seconds: float, now: asyncio.Event) -> int:
        """Refuses new legs and waits until the last has ended, for so long or until ``now`` is set.

        Returns how many are left.
        """
        server = self.server
        if server is None or self.endpoint is None:
            return 0
        empty = asyncio.Event()
        server.drain(empty.set)
        self.endpoint.flush()
        if server.legs:
            _log.info("media server draining", legs=len(server.legs), seconds=seconds)
            await emptied(empty, now, seconds)
        return len(server.legs)

    async def stop(self) -> None:
        """Ends legs that are left with BYE and closes everything, in reverse. The loop runs on meanwhile."""
        if self._timer is not None:
            self._timer.cancel()
        if self.server is not None and self.endpoint is not None:
            left = len(self.server.legs)
            self.server.shut_down()
            self.endpoint.flush()
            if left:
                _log.warning("legs ended by the stop", legs=left)
                await asyncio.sleep(FAREWELL)
        await self._exit.aclose()


def _expired(store: RecordingStore, keep: float) -> None:
    try:
        gone = store.expire(keep)
    except OSError as error:
        _log.error("old recordings not deleted", folder=str(store.folder), reason=str(error))
        return
    if gone:
        _log.info("old recordings deleted", count=gone)
