"""The one HTTP port of a process: metrics, health, and whatever routes other parts bring (the T-Library link ...)."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cordboard.tlib.auth import token_matches
from cordboard.tlib.protocol import MAX_CLIENT_MESSAGE

_GRACE: Final = 3


class ListenError(Exception):
    """The HTTP port cannot be opened."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port} for HTTP: {reason}")
        self.host = host
        self.port = port
        self.reason = reason


class Readiness:
    """Whether new work should be sent to this process. A load balancer asks at ``/readyz``."""

    def __init__(self) -> None:
        self._reasons: list[str] = ["starting"]

    @property
    def reasons(self) -> Sequence[str]:
        """Why not; empty when ready."""
        return tuple(self._reasons)

    @property
    def ready(self) -> bool:
        """Whether it is ready."""
        return not self._reasons

    def started(self) -> None:
        """Everything is up."""
        self._reasons = [r for r in self._reasons if r != "starting"]

    def draining(self) -> None:
        """No new work, please; what there is will be finished."""
        if "draining" not in self._reasons:
            self._reasons.append("draining")


def refused(request: Request, token: str) -> Response | None:
    """The answer to who asks for what is not for everybody without the server's token; None for who has it."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token_matches(given.strip(), token):
        return None
    return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})


def health_routes(registry: CollectorRegistry, readiness: Readiness) -> list[BaseRoute]:
    """``/metrics`` (Prometheus text), ``/healthz`` (the process lives), ``/readyz`` (it takes new work; 503 if not)."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def healthz(_: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def readyz(_: Request) -> Response:
        body = msgspec.json.encode({"ready": readiness.ready, "reasons": list(readiness.reasons)}) + b"\n"
        return Response(body, status_code=200 if readiness.ready else 503, media_type="application/json")

    return [Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)]


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to the process it is part of, and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


class HttpServer:
    """Serves routes on one address until stopped."""

    def __init__(
        self, routes: Sequence[BaseRoute], *, host: str = "127.0.0.1", port: int = 0, ping_interval: float = 20.0
    ) -> None:
        """``ping_interval``: seconds between the pings that notice a dead WebSocket peer."""
        self._routes = list(routes)
        self._host = host
        self._port = port
        self._ping_interval = ping_interval
        self._socket: socket.socket | None = None
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, with the port the system chose when 0 was asked."""
        return self._host, self._port

    def url(self, scheme: str = "http", path: str = "") -> str:
        """A URL that reaches it from this machine."""
        host, port = self.address
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"

    def bind(self) -> None:
        """Opens the port. Raises ListenError."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ListenError(self._host, self._port, error.strerror or str(error)) from None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(1024)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            raise ListenError(self._host, self._port, error.strerror or str(error)) from None
        self._socket = sock
        self._host, self._port = sock.getsockname()[:2]

    async def start(self) -> None:
        """Opens the port if ``bind`` was not called, and serves. Raises ListenError."""
        if self._socket is None:
            self.bind()
        config = uvicorn.Config(
            Starlette(routes=self._routes),
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MAX_CLIENT_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=self._ping_interval,
            ws_ping_timeout=max(self._ping_interval, 5.0),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = server = _Uvicorn(config)
        sockets = [self._socket] if self._socket is not None else None
        self._task = asyncio.create_task(server.serve(sockets), name="http")
        waiter = asyncio.create_task(server.serving.wait())
        await asyncio.wait({waiter, self._task}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Closes the port and ends what is being served, at the latest after three seconds."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None
        elif self._socket is not None:
            self._socket.close()
