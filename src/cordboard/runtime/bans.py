"""Bans: what the core has decided, told once each, kept over a restart, and shown to those who may end them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cordboard import _core
from cordboard.config.options import ApplicationOptions
from cordboard.files import write_whole
from cordboard.ops.http import refused

BANS_PATH: Final = "/admin/bans"
WATCH_INTERVAL: Final = 2.0
"""Seconds between looks for new bans."""

_log = structlog.get_logger("cordboard.runtime")


class Ban(msgspec.Struct, frozen=True):
    """A source nobody listens to for a while."""

    source: str
    """An IPv4 address, or the first of an IPv6 /64."""
    transport: Literal["udp", "tcp", "tls", "ws", "wss"]
    """Of the failure that was one too many."""
    since: Annotated[int, msgspec.Meta(ge=0)]
    """Unix time."""
    until: Annotated[int, msgspec.Meta(ge=0)]


def core_guard(options: ApplicationOptions, bans: Iterable[Ban] = ()) -> _core.Guard:
    """The thresholds, and the bans of an earlier run. Raises ValueError naming what is no network."""
    return _core.Guard(
        failures=options.sip_ban_failures,
        ban=options.sip_ban_time,
        allow=[item.strip() for item in options.sip_ban_allow.split(",") if item.strip()],
        messages=options.sip_message_rate,
        bans=[msgspec.structs.astuple(ban) for ban in bans],
    )


def load_bans(path: Path) -> list[Ban]:
    """The bans an earlier run has left; none, and a line in the log, if they cannot be read."""
    try:
        bans = msgspec.json.decode(path.read_bytes(), type=list[Ban])
        # The core takes literal addresses alone.
        for ban in bans:
            ip_address(ban.source)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        _log.warning("bans of the last run not read", path=str(path), reason=str(error))
        return []
    return bans


def save_bans(path: Path, bans: Sequence[Ban]) -> None:
    """Writes them for the next run, all or nothing."""
    try:
        write_whole(path, msgspec.json.encode(bans))
    except OSError as error:
        _log.warning("bans not kept for the next run", path=str(path), reason=str(error))


def read_bans(endpoint: _core.Endpoint) -> list[Ban]:
    """The bans that last, the latest first."""
    return sorted((Ban(*ban) for ban in endpoint.bans()), key=lambda ban: (-ban.since, ban.source))


class BanWatch:
    """Logs each ban once, and keeps the bans of the moment in a file."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: _core.Endpoint, path: Path) -> None:
        """``path``: the file, as it was when the endpoint was given its bans."""
        self._loop = loop
        self._endpoint = endpoint
        self._path = path
        self._known: frozenset[Ban] = frozenset()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Looks now and from then on."""
        self._look()
        self._timer = self._loop.call_later(WATCH_INTERVAL, self.start)

    def stop(self) -> None:
        """Looks once more and then no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        bans = read_bans(self._endpoint)
        now = frozenset(bans)
        if now == self._known:
            return
        for ban in now - self._known:
            _log.warning("source banned", source=ban.source, transport=ban.transport, seconds=ban.until - ban.since)
        self._known = now
        save_bans(self._path, bans)


def bans_route(token: str, read: Callable[[], Sequence[Ban]], end: Callable[[str | None], None]) -> Route:
    """GET lists the bans, DELETE ends that of ``?source=ADDRESS`` or all; only for who has the server's token."""

    async def bans(request: Request) -> Response:
        if (refusal := refused(request, token)) is not None:
            return refusal
        before = list(read())
        if request.method == "DELETE":
            try:
                end(request.query_params.get("source"))
            except ValueError as error:
                return Response(f"{error}\n", status_code=400, media_type="text/plain")
        return Response(msgspec.json.encode(before), media_type="application/json")

    return Route(BANS_PATH, bans, methods=["GET", "DELETE"])
