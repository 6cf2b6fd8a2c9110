"""The Media Server over HTTP: what it does now, and the recordings, behind a login.

GET    /admin/media                        legs and conferences; only with the server's token
GET    /recordings?party=1501&limit=100    a list
GET    /recordings/calls/<CallUUID>        one with its index
GET    /recordings/calls/<CallUUID>?segment=1    its sound
DELETE /recordings/calls/<CallUUID>

Who asks for recordings gives the server's token (``Bearer``) or the name and password of an administrator (``Basic``),
and is named in the audit.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from cordboard.mediaserver.overview import overview
from cordboard.mediaserver.store import InUseError, NoRecordingError
from cordboard.ops.http import refused
from cordboard.sip.numbers import whole_number
from cordboard.tlib.logins import BusyError, ClosedError
from cordboard.tlib.protocol import Login, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from cordboard.mediaserver.server import MediaServer
    from cordboard.mediaserver.store import RecordingStore
    from cordboard.tlib.logins import LoginCheck

MEDIA_PATH: Final = "/admin/media"
RECORDINGS_PATH: Final = "/recordings"
MOST: Final = 10_000
"""Most recordings in a list."""
MOST_WAITING: Final = 16
"""Most logins over HTTP that wait to be looked at: the link has its own way to the same thread."""

_JSON: Final = "application/json"
_log = structlog.get_logger("cordboard.runtime")
_encode = msgspec.json.Encoder().encode


def media_route(token: str, server: Callable[[], MediaServer | None]) -> Route:
    """What the Media Server does now."""

    async def media(request: Request) -> Response:
        if (refusal := refused(request, token)) is not None:
            return refusal
        found = server()
        if found is None:
            return Response("no Media Server runs here\n", 404, media_type="text/plain")
        return Response(_encode(overview(found)), media_type=_JSON)

    return Route(MEDIA_PATH, media, methods=["GET"])


class RecordingRoutes:
    """The recordings. ``logins``: who may have them."""

    def __init__(self, logins: LoginCheck, store: Callable[[], RecordingStore | None]) -> None:
        self._logins = logins
        self._store = store
        self._waiting = 0

    def routes(self) -> list[Route]:
        """For the HTTP server."""
        return [
            Route(RECORDINGS_PATH, self._list, methods=["GET"]),
            Route(RECORDINGS_PATH + "/{name:path}", self._one, methods=["GET", "DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        who, store = await self._who(request), self._store()
        if isinstance(who, Response):
            return who
        if store is None:
            return _nothing()
        limit = whole_number(request.query_params.get("limit", "1000"), MOST)
        if not limit:
            return Response(f"limit is a number from 1 to {MOST}\n", 400, media_type="text/plain")
        party = request.query_params.get("party", "")
        try:
            found = await asyncio.to_thread(store.latest, who, party=party, limit=limit)
        except OSError as error:
            return _out_of_reach(error)
        return Response(_encode(found), media_type=_JSON)

    async def _one(self, request: Request) -> Response:
        who, store = await self._who(request), self._store()
        if isinstance(who, Response):
            return who
        if store is None:
            return _nothing()
        name = request.path_params["name"]
        segment = request.query_params.get("segment", "")
        if segment and whole_number(segment, 99_999) is None:
            return Response("segment is a number\n", 400, media_type="text/plain")
        try:
            if request.method == "DELETE":
                await asyncio.to_thread(store.delete, who, name)
                return Response(status_code=204)
            if segment:
                path, kind = await asyncio.to_thread(store.sound, who, name, int(segment))
                return FileResponse(path, media_type=kind, headers={"Cache-Control": "no-store"})
            return Response(_encode(await asyncio.to_thread(store.show, who, name)), media_type=_JSON)
        except NoRecordingError as error:
            return Response(f"{error}\n", 404, media_type="text/plain")
        except InUseError as error:
            return Response(f"{error}\n", 409, media_type="text/plain")
        except OSError as error:
            return _out_of_reach(error)

    async def _who(self, request: Request) -> str | Response:
        """Who asks, or the refusal."""
        login = _login(request, persons=self._logins.persons)
        if login is None:
            return self._asks_for_login()
        if self._waiting >= MOST_WAITING:
            return _later(f"{MOST_WAITING} logins wait already\n")
        address = request.client.host if request.client is not None else ""
        self._waiting += 1
        try:
            found = await self._logins.check(login, address)
        except ClosedError:
            return _later("the server goes down\n")
        except BusyError as error:
            return _later(f"{error}\n")
        finally:
            self._waiting -= 1
        if found is None:
            return self._asks_for_login()
        user, role = found
        if role is not Role.ADMINISTRATOR:
            _log.warning("recordings refused", user=user[:64], address=address, path=request.url.path[:200])
            return Response("recordings are for administrators\n", 403, media_type="text/plain")
        return user

    def _asks_for_login(self) -> Response:
        how = 'Basic realm="recordings", charset="UTF-8"' if self._logins.persons else "Bearer"
        return Response(status_code=401, headers={"WWW-Authenticate": how})


def _login(request: Request, *, persons: bool) -> Login | None:
    """What a request gives to log in with; None for nothing that could do."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() == "bearer" and given:
        return Login(token=given)
    if not persons or scheme.lower() != "basic":
        return None
    user, password = _credentials(given)
    return Login(user=user, password=password) if user else None


def _later(why: str) -> Response:
    return Response(why, 503, headers={"Retry-After": "1"}, media_type="text/plain")


def _out_of_reach(error: OSError) -> Response:
    """The disk says no, or the access could not be noted in the audit."""
    _log.error("recordings out of reach", path=error.filename, reason=error.strerror or str(error))
    return Response("the recordings are out of reach; the log says why\n", 500, media_type="text/plain")


def _nothing() -> Response:
    return Response("nothing is recorded here\n", 404, media_type="text/plain")


def _credentials(given: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
