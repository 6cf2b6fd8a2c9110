"""The link's WebSocket endpoint: carries what :mod:`~cordboard.tlib.protocol` and :mod:`~cordboard.tlib.hub` decide.

Each connection has one reader (this coroutine) and one writer task. The writer sends what gathered during a loop turn
as one frame and then rests for ``frame_gap``, so that 20,000 events a second make 50 frames, not 20,000. While
a client does not read, its writer stands still and only its own ring fills; the switch never waits.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from cordboard.tlib import protocol
from cordboard.tlib.auth import Authenticator
from cordboard.tlib.hub import Hub, Resumed, TooManySessionsError
from cordboard.tlib.logins import BusyError, ClosedError, LoginCheck
from cordboard.tlib.machine import Acked, CheckLogin, Close, Deliver, Link, OpenSession, Output, Send, State
from cordboard.tlib.protocol import Bye, ByeReason, Role, Welcome
from cordboard.tlib.session import Session

_FAREWELL: Final = 1.0
"""Seconds a client has to take the Bye before the connection is cut."""

_EXPIRY_INTERVAL: Final = 5.0

_log = structlog.get_logger("cordboard.tlib")


@dataclass(slots=True)
class ServerCounters:
    """What the endpoint counted since the start."""

    connections: int = 0
    frames: int = 0
    """Frames of events or snapshots sent."""
    byes: dict[str, int] | None = None
    """Links the server closed, by reason."""


class TLibServer:
    """Serves the link at ``/tlib``. Give ``route`` to the HTTP application, then call ``start`` within the loop."""

    def __init__(
        self,
        hub: Hub,
        authenticator: Authenticator,
        *,
        token: str = "",
        name: str = "Cordboard",
        login_timeout: float = 10.0,
        max_pending: int = 1024,
        frame_gap: float = 0.02,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what it needs; nothing happens before ``start``.

        ``token`` opens the link as administrator; empty for none. ``login_timeout``: seconds a client has to log in.
        ``max_pending``: connections that have not logged in yet. ``frame_gap``: seconds between two frames.
        """
        self.hub = hub
        self.logins = LoginCheck(authenticator, token, clock=clock)
        self.counters = ServerCounters(byes={})
        self._name = name
        self._login_timeout = login_timeout
        self._max_pending = max_pending
        self._frame_gap = frame_gap
        self._clock = clock
        self._pending = 0
        self._connections: dict[str, _Connection] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def route(self) -> WebSocketRoute:
        """The endpoint, for a Starlette application."""
        return WebSocketRoute(protocol.PATH, self._serve)

    @property
    def connected(self) -> int:
        """Links that are logged in."""
        return len(self._connections)

    def start(self) -> None:
        """Starts to forget sessions whose client stays away. Call within the running loop."""
        self._expiry = asyncio.get_running_loop().call_later(_EXPIRY_INTERVAL, self._expire)

    def _expire(self) -> None:
        self.hub.expire(self._clock())
        self.start()

    async def close(self) -> None:
        """Says Bye to all links. Their sessions are gone with the process; clients come back with a snapshot."""
        self._closing = True
        if self._expiry is not None:
            self._expiry.cancel()
        await asyncio.gather(
            *(c.close(Close(Bye(reason=ByeReason.SHUTDOWN))) for c in list(self._connections.values())),
            return_exceptions=True,
        )
        self.logins.close()

    async def _serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        connection = _Connection(self, websocket)
        self.counters.connections += 1
        with contextlib.suppress(WebSocketDisconnect, ConnectionError):
            if self._closing:
                await connection.close(Close(Bye(reason=ByeReason.SHUTDOWN)))
            elif self._pending >= self._max_pending:
                await connection.close(Close(Bye(reason=ByeReason.BUSY, message="too many links are logging in")))
            else:
                await connection.run()

    def now(self) -> float:
        """Seconds on the server's clock."""
        return self._clock()


class _Connection:
    """One WebSocket."""

    def __init__(self, server: TLibServer, websocket: WebSocket) -> None:
        self._server = server
        self._websocket = websocket
        self._link = Link()
        self._session: Session | None = None
        self._writer: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._closed = False
        self._farewell: asyncio.Task[None] | None = None
        client = websocket.client
        self._address = client.host if client is not None else ""

    async def run(self) -> None:
        """Serves the connection to its end."""
        try:
            if await self._log_in():
                await self._talk()
        except ClosedError:
            await self.close(Close(Bye(reason=ByeReason.SHUTDOWN)))
        except Exception:
            _log.exception("tlib link failed", address=self._address)
            await self.close(Close(Bye(reason=ByeReason.FAILURE)))
        finally:
            self._leave()

    async def _log_in(self) -> bool:
        server = self._server
        server._pending += 1  # noqa: SLF001 - one class in two halves
        left = server._login_timeout  # noqa: SLF001
        try:
            while self._link.state is not State.OPEN:
                started = server.now()
                try:
                    async with asyncio.timeout(left):
                        data = await self._receive()
                except TimeoutError:
                    await self._act(self._link.timeout())
                    return False
                left = max(0.0, left - (server.now() - started))
                if data is None or not await self._act(self._link.receive(data)):
                    return False
        finally:
            server._pending -= 1  # noqa: SLF001
        return True

    async def _talk(self) -> None:
        while (data := await self._receive()) is not None:
            if not await self._act(self._link.receive(data)):
                return

    async def _receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        return text if text is not None else (message.get("bytes") or b"")

    async def _act(self, output: Output | None) -> bool:
        """Carries out what the protocol decided. Returns False when the connection is over."""
        match output:
            case None:
                pass
            case Deliver(request):
                if self._session is not None:
                    self._server.hub.deliver(self._session, request)
            case Acked(sequence):
                if self._session is not None and not self._session.acknowledge(sequence):
                    bye = Bye(reason=ByeReason.BAD_MESSAGE, message=f"event {sequence} was never sent")
                    await self.close(Close(bye))
                    return False
            case Send(message):
                await self._send(protocol.encode(message).decode())
            case CheckLogin(login):
                try:
                    who = await self._server.logins.check(login, self._address)
                except BusyError as error:
                    await self.close(Close(Bye(reason=ByeReason.BUSY, message=str(error))))
                    return False
                if who is None:
                    return await self._act(self._link.rejected())
                return await self._enter(who, self._link.accepted())
            case Close():
                await self.close(output)
                return False
            case OpenSession():
                raise AssertionError("a session is opened by a checked login only")
        return True

    async def _enter(self, who: tuple[str, Role], output: Output | None) -> bool:
        if not isinstance(output, OpenSession):
            return await self._act(output)
        user, role = who
        server, hub = self._server, self._server.hub
        try:
            session, resumed = hub.open(secrets.token_hex(16), user, role, output.client, output.resume)
        except TooManySessionsError as error:
            await self.close(Close(Bye(reason=ByeReason.BUSY, message=str(error))))
            return False
        connections = server._connections  # noqa: SLF001
        earlier = connections.get(session.id)
        connections[session.id] = self
        self._session = session
        if earlier is not None:
            earlier.take_over()
        sequence = session.last
        if resumed is Resumed.YES and output.resume is not None:
            sequence = output.resume.sequence
        session.attach()
        _log.info(
            "tlib link opened", session=session.id[:8], user=user, role=role.value, client=output.client,
            address=self._address, resumed=resumed.name.lower(),
        )  # fmt: skip
        await self._send(
            protocol.encode(
                Welcome(
                    server=server._name,  # noqa: SLF001
                    version=protocol.VERSION,
                    versions=list(protocol.VERSIONS),
                    session=session.id,
                    sequence=sequence,
                    resumed=resumed is Resumed.YES,
                    role=role,
                    retention=hub.retention,
                )
            ).decode()
        )
        self._writer = asyncio.create_task(self._write(session), name="tlib-writer")
        return True

    async def _write(self, session: Session) -> None:
        gap = self._server._frame_gap  # noqa: SLF001
        counters = self._server.counters
        send = self._websocket.send
        try:
            while True:
                if not session.has_more():
                    self._ready.clear()
                    session.wake = self._ready.set
                    await self._ready.wait()
                if session.behind:
                    reason = session.snapshot_reason.value
                    _log.warning("tlib link gets a snapshot", session=session.id[:8], reason=reason)
                    frame: str | None = self._server.hub.snapshot(session).decode()
                else:
                    frame = session.frame()
                if frame is None:
                    continue
                counters.frames += 1
                try:
                    await send({"type": "websocket.send", "text": frame})
                except (WebSocketDisconnect, ConnectionError, RuntimeError):
                    # The reader hears of it as well; what was not taken is replayed when the client resumes.
                    return
                await asyncio.sleep(gap)
        except Exception:
            # The link must not stay, and be mute: the client is to come back and resume.
            _log.exception("tlib link cannot be written to", session=session.id[:8], address=self._address)
            self._writer = None
            await self.close(Close(Bye(reason=ByeReason.FAILURE)))

    async def _send(self, text: str) -> None:
        await self._websocket.send({"type": "websocket.send", "text": text})

    async def close(self, close: Close) -> None:
        """Says Bye and closes. A client that does not take it in time is cut off."""
        if self._closed:
            return
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
        reason = close.bye.reason.value
        byes = self._server.counters.byes
        if byes is not None:
            byes[reason] = byes.get(reason, 0) + 1
        _log.info("tlib link closed", reason=reason, detail=close.bye.message, address=self._address)
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, ConnectionError, RuntimeError):
            async with asyncio.timeout(_FAREWELL):
                await self._send(protocol.encode(close.bye).decode())
                await self._websocket.close(close.code, reason)

    def take_over(self) -> None:
        """Another connection carries the session now: stops sending at once, and says Bye while others go on."""
        if self._writer is not None:
            self._writer.cancel()
        self._session = None
        self._farewell = asyncio.create_task(self.close(Close(Bye(reason=ByeReason.TAKEN_OVER))))

    def _leave(self) -> None:
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
        session = self._session
        connections = self._server._connections  # noqa: SLF001
        if session is not None and connections.get(session.id) is self:
            del connections[session.id]
            session.detach(self._server.now())
            _log.info("tlib link lost", session=session.id[:8], user=session.user)
