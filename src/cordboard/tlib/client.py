"""A typed T-Library client.

    async with TLibClient.connect("ws://127.0.0.1:5080/tlib", user="anna", password="...") as link:
        await link.register("1501")
        call = await link.make_call("1501", "1502")
        async for event in link.events():
            print(event)

A broken connection is opened again by itself and goes on with the next event. Where the server no longer has all
events, ``events()`` yields a :class:`SnapshotTaken` with the state as a whole instead. Requests under way are repeated
after a reconnect and are carried out once.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from cordboard.model.events import (
    AnyEvent,
    Event,
    EventAddressInfo,
    EventError,
    EventPartyInfo,
    EventRegistered,
    EventUnregistered,
)
from cordboard.model.requests import Request
from cordboard.tlib import protocol
from cordboard.tlib.asking import Asking
from cordboard.tlib.errors import (
    ConnectError,
    LinkClosedError,
    LinkError,
    LoginError,
    RequestError,
    RequestLostError,
    RequestTimeoutError,
    ServerFaultError,
    VersionError,
)
from cordboard.tlib.protocol import (
    Ack,
    BadMessageError,
    Bye,
    ByeReason,
    Events,
    Hello,
    Login,
    Pong,
    Rejected,
    Snapshot,
    Welcome,
)
from cordboard.tlib.stream import GapError, Stream
from cordboard.tlib.told import LinkEvent, SnapshotTaken, UnknownEvent

_ACK_EVERY: Final = 512
_ACK_AFTER: Final = 1.0
_MAX_FRAME: Final = 64 * 1024 * 1024
_FINAL: Final = frozenset({ByeReason.LOGIN_FAILED, ByeReason.TAKEN_OVER, ByeReason.BAD_MESSAGE, ByeReason.OUT_OF_ORDER})
"""Reasons after which trying again makes no sense."""

_E = TypeVar("_E", bound=Event)


class _TypedEvents(msgspec.Struct, tag_field="type", tag="Events", frozen=True):
    first: int
    events: list[AnyEvent]


_decode = msgspec.json.Decoder(Welcome | Rejected | _TypedEvents | Snapshot | Pong | Bye).decode
_decode_event = msgspec.json.Decoder(AnyEvent).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Pending:
    name: str
    message: bytes
    future: asyncio.Future[Event]


class TLibClient(Asking):
    """A link to a SIP Server. Make one with :meth:`connect`."""

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        token: str,
        client: str,
        reconnect: bool,
        max_waiting: int,
        first_delay: float,
        max_delay: float,
        on_state: Callable[[bool], None] | None,
    ) -> None:
        self.url = url
        self.user = user
        self.role: protocol.Role | None = None
        """What this person may do; known once connected."""
        self.server = ""
        """The server's name; known once connected."""
        self.reconnects = 0
        """Times the connection was opened again."""
        self.dropped = 0
        """Events thrown away because nobody iterated over ``events()``."""
        self._login = Login(user=user, password=password, token=token)
        self._client = client
        self._reconnect = reconnect
        self._max_waiting = max_waiting
        self._first_delay = first_delay
        self._max_delay = max_delay
        self.on_state = on_state
        """Told when the connection is lost (False) and there again (True)."""
        self._stream = Stream()
        self._acked = 0
        self._reference_id = 0
        self._pending: dict[int, _Pending] = {}
        self._events: deque[LinkEvent] = deque()
        self._iterating = False
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._failure: LinkError | None = None
        self._runner: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        client: str = "cordboard-python",
        reconnect: bool = True,
        max_waiting: int = 20_000,
        first_delay: float = 0.2,
        max_delay: float = 15.0,
        on_state: Callable[[bool], None] | None = None,
    ) -> Self:
        """A client for ``async with``.

        Entering it logs in and raises ConnectError, LoginError or VersionError. ``token`` in place of user and password
        is the local administrator's. ``max_waiting``: events held for a slow ``events()`` before the client stops to
        read. ``first_delay`` and ``max_delay``: seconds between attempts to reconnect, doubled each time and spread at
        random. ``on_state`` is told when the connection is lost (False) and there again (True).
        """
        return cls(
            url,
            user=user,
            password=password,
            token=token,
            client=client,
            reconnect=reconnect,
            max_waiting=max_waiting,
            first_delay=first_delay,
            max_delay=max_delay,
            on_state=on_state,
        )

    async def __aenter__(self) -> Self:
        self._opened = asyncio.get_running_loop().create_future()
        self._runner = asyncio.create_task(self._run(), name="tlib-client")
        try:
            await self._opened
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the link; the server keeps the session for its retention."""
        if self._failure is None:
            self._fail(LinkClosedError("closed"))
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket is not None

    @property
    def dns(self) -> frozenset[str]:
        """The DNs registered."""
        return frozenset(self._stream.dns)

    # Requests.

    async def ask(self, request: Request, answer: type[_E], *, timeout: float = 10.0) -> _E:  # noqa: ASYNC109
        """See :class:`Asking`."""
        reference_id, pending = self._register_request(request)
        try:
            await self._transmit(pending.message)
            async with asyncio.timeout(timeout):
                event = await pending.future
        except TimeoutError:
            raise RequestTimeoutError(pending.name, timeout) from None
        finally:
            self._pending.pop(reference_id, None)
        if not isinstance(event, answer):
            raise ServerFaultError(f"{pending.name} was answered by {type(event).__name__}")
        return event

    async def register(self, dn: str) -> EventRegistered:
        """See :class:`Asking`. What is registered is so again after a reconnect."""
        answer = await super().register(dn)
        self._stream.dns.add(dn)
        return answer

    async def unregister(self, dn: str) -> EventUnregistered:
        """See :class:`Asking`."""
        answer = await super().unregister(dn)
        self._stream.dns.discard(dn)
        return answer

    async def request(self, request: Request) -> int:
        """Sends any request and returns its ReferenceID at once; the answer comes in ``events()``."""
        if self._failure is not None:
            raise self._failure
        self._reference_id += 1
        await self._transmit(self._encode_request(self._reference_id, request))
        return self._reference_id

    def _register_request(self, request: Request) -> tuple[int, _Pending]:
        if self._failure is not None:
            raise self._failure
        self._reference_id += 1
        reference_id = self._reference_id
        message = self._encode_request(reference_id, request)
        pending = _Pending(type(request).__name__, message, asyncio.get_running_loop().create_future())
        self._pending[reference_id] = pending
        return reference_id, pending

    @staticmethod
    def _encode_request(reference_id: int, request: Request) -> bytes:
        return protocol.encode(protocol.Request(reference_id=reference_id, request=msgspec.Raw(_encode(request))))

    async def _transmit(self, message: bytes) -> None:
        # While there is no connection it waits among the pending and goes out after the reconnect.
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(message.decode())

    # Events.

    async def events(self) -> AsyncIterator[LinkEvent]:
        """All events of the registered DNs, in order, each once. Ends only by an error or by closing the client.

        Raises LinkClosedError, LoginError ... when the link is lost for good.
        """
        self._iterating = True
        events, arrived, space = self._events, self._arrived, self._space
        try:
            while True:
                while events:
                    yield events.popleft()
                space.set()
                if self._failure is not None:
                    if isinstance(self._failure, LinkClosedError) and self._failure.reason == "closed":
                        return
                    raise self._failure
                arrived.clear()
                await arrived.wait()
        finally:
            self._iterating = False
            space.set()

    def _queue(self, event: LinkEvent) -> None:
        if not self._iterating and len(self._events) >= self._max_waiting:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)

    async def _wait_for_space(self) -> None:
        # With a request under way reading goes on, as its answer is behind the events nobody takes at the moment.
        while self._iterating and len(self._events) >= self._max_waiting and not self._pending:
            self._space.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self._space.wait()

    # The connection.

    async def _run(self) -> None:
        delay = self._first_delay
        while True:
            was_open = False
            failure: LinkError
            try:
                socket = await self._open()
                try:
                    await self._log_in(socket)
                    was_open = True
                    delay = self._first_delay
                    await self._read(socket)
                finally:
                    await self._lose(socket, was_open=was_open)
            except (OSError, InvalidHandshake, TimeoutError) as error:
                failure = ConnectError(self.url, str(error) or type(error).__name__)
            except InvalidURI as error:
                self._fail(ConnectError(self.url, str(error)))
                return
            except ConnectionClosed as error:
                failure = LinkClosedError("lost", str(error))
            except (GapError, BadMessageError, msgspec.MsgspecError) as error:
                failure = ServerFaultError(str(error))
            except _PassingError as retry:
                failure = retry.failure
            except LinkError as error:
                self._fail(error)
                return
            if not self._reconnect or (self._opened is not None and not self._opened.done()):
                self._fail(failure)
                return
            await asyncio.sleep(random.uniform(delay / 2, delay))  # noqa: S311 - spreads load, guards nothing
            delay = min(delay * 2, self._max_delay)
            self.reconnects += 1

    async def _open(self) -> ClientConnection:
        return await ws_connect(self.url, compression=None, max_size=_MAX_FRAME, max_queue=8, proxy=None)

    async def _log_in(self, socket: ClientConnection) -> None:
        hello = Hello(version=protocol.VERSION, client=self._client, resume=self._stream.resume())
        await socket.send(protocol.encode(hello).decode())
        await socket.send(protocol.encode(self._login).decode())
        while True:
            message = _decode(await socket.recv())
            match message:
                case Welcome():
                    break
                case Rejected():
                    raise LoginError(self.user, message.message)
                case Bye():
                    self._bye(message)
                case _:
                    raise ServerFaultError(f"{type(message).__name__} before Welcome")
        earlier = self._stream.session
        self._stream.welcome(message)
        self._acked = self._stream.sequence
        self.role = message.role
        self.server = message.server
        if earlier and earlier != message.session:
            self._lose_requests()
        for reference_id, pending in list(self._pending.items()):
            await socket.send(_repeated(reference_id, pending.message))
        self._socket = socket
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)
        if self.on_state is not None:
            self.on_state(True)

    def _lose_requests(self) -> None:
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(RequestLostError(pending.name))
        self._pending.clear()

    def _bye(self, bye: Bye) -> None:
        if bye.reason is ByeReason.VERSION:
            raise VersionError(bye.versions)
        if bye.reason is ByeReason.LOGIN_FAILED:
            raise LoginError(self.user, bye.message)
        error = LinkClosedError(bye.reason.value, bye.message)
        if bye.reason in _FINAL:
            raise error
        raise _PassingError(error)

    async def _read(self, socket: ClientConnection) -> None:
        stream = self._stream
        loop = asyncio.get_running_loop()
        ack_timer: asyncio.TimerHandle | None = None
        acks: set[asyncio.Task[None]] = set()

        def ack() -> None:
            nonlocal ack_timer
            ack_timer = None
            task = asyncio.create_task(self._ack(socket))
            acks.add(task)
            task.add_done_callback(acks.discard)

        try:
            while True:
                data = await socket.recv()
                try:
                    message = _decode(data)
                except msgspec.ValidationError:
                    self._read_loosely(data)
                    continue
                match message:
                    case _TypedEvents():
                        for event in stream.events(message.first, message.events):
                            self._take(event)
                    case Snapshot():
                        self._take_snapshot(message)
                    case Bye():
                        self._bye(message)
                    case _:
                        pass
                self._arrived.set()
                if stream.sequence - self._acked >= _ACK_EVERY:
                    await self._ack(socket)
                elif ack_timer is None and stream.sequence != self._acked:
                    ack_timer = loop.call_later(_ACK_AFTER, ack)
                if len(self._events) >= self._max_waiting:
                    await self._wait_for_space()
        finally:
            if ack_timer is not None:
                ack_timer.cancel()

    def _read_loosely(self, data: str | bytes) -> None:
        """Takes a batch with an event in it that this client does not know."""
        message = protocol.decode_server(data)
        if not isinstance(message, Events):
            raise ServerFaultError(f"unreadable {type(message).__name__}")
        first_new = self._stream.sequence + 1
        for number, raw in enumerate(self._stream.events(message.first, message.events), first_new):
            try:
                self._take(_decode_event(raw))
            except msgspec.ValidationError:
                self._queue(UnknownEvent(number, msgspec.json.decode(raw, type=dict[str, Any])))
        self._arrived.set()

    def _take(self, event: Event) -> None:
        if event.reference_id:
            pending = self._pending.get(event.reference_id)
            if pending is not None and not pending.future.done():
                if isinstance(event, EventError):
                    pending.future.set_exception(RequestError(event))
                else:
                    pending.future.set_result(event)
        self._queue(event)

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        self._stream.snapshot(snapshot)
        self._queue(
            SnapshotTaken(
                snapshot.reason,
                [msgspec.json.decode(raw, type=EventAddressInfo) for raw in snapshot.dns],
                [msgspec.json.decode(raw, type=EventPartyInfo) for raw in snapshot.calls],
            )
        )
        # Answers may have been among the events that are lost.
        self._lose_requests()

    async def _ack(self, socket: ClientConnection) -> None:
        sequence = self._stream.sequence
        if sequence != self._acked:
            self._acked = sequence
            with contextlib.suppress(ConnectionClosed):
                await socket.send(protocol.encode(Ack(sequence=sequence)).decode())

    async def _lose(self, socket: ClientConnection, *, was_open: bool) -> None:
        self._socket = None
        if was_open and self.on_state is not None:
            self.on_state(False)
        await socket.close()

    def _fail(self, failure: LinkError) -> None:
        self._failure = failure
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(failure)
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(failure)
                pending.future.exception()
        self._pending.clear()
        self._arrived.set()
        self._space.set()


class _PassingError(Exception):
    """The server closed the link for a reason that passes."""

    def __init__(self, failure: LinkError) -> None:
        super().__init__(str(failure))
        self.failure = failure


def _repeated(reference_id: int, message: bytes) -> str:
    request = msgspec.json.decode(message, type=protocol.Request)
    again = protocol.Request(reference_id=reference_id, request=request.request, repeated=True)
    return protocol.encode(again).decode()
