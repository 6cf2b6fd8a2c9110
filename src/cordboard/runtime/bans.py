"""Bans: what the core has decided, told once each, and shown to those who may end them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cordboard import _core
from cordboard.config.options import ApplicationOptions
from cordboard.ops.http import refused

BANS_PATH: Final = "/admin/bans"
WATCH_INTERVAL: Final = 2.0
"""Seconds between looks for new bans."""

_log = structlog.get_logger("cordboard.runtime")


class Ban(msgspec.Struct, frozen=True):
    """A source nobody listens to for a while."""

    source: str
    """An IPv4 address, or the first of an IPv6 /64."""
    transport: str
    """Of the failure that was one too many."""
    since: int
    """Unix time."""
    until: int


def core_guard(options: ApplicationOptions) -> _core.Guard:
    """The thresholds. Raises ValueError naming what is no network."""
    return _core.Guard(
        failures=options.sip_ban_failures,
        ban=options.sip_ban_time,
        allow=[item.strip() for item in options.sip_ban_allow.split(",") if item.strip()],
        messages=options.sip_message_rate,
    )


def read_bans(endpoint: _core.Endpoint) -> list[Ban]:
    """The bans that last, the latest first."""
    return sorted((Ban(*ban) for ban in endpoint.bans()), key=lambda ban: (-ban.since, ban.source))


class BanWatch:
    """Logs each ban once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: _core.Endpoint) -> None:
        self._loop = loop
        self._endpoint = endpoint
        self._known: frozenset[Ban] = frozenset()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Looks now and from then on."""
        now = frozenset(read_bans(self._endpoint))
        for ban in now - self._known:
            _log.warning("source banned", source=ban.source, transport=ban.transport, seconds=ban.until - ban.since)
        self._known = now
        self._timer = self._loop.call_later(WATCH_INTERVAL, self.start)

    def stop(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()


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
