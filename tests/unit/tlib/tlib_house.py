"""A small switch and a running server for the tests of the link."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import uvloop

from cordboard.model.enums import CallType
from cordboard.model.errors import MESSAGES, Code
from cordboard.model.events import (
    Event,
    EventAddressInfo,
    EventDialing,
    EventError,
    EventOffHook,
    EventPartyInfo,
    EventRegistered,
    EventUnregistered,
    Time,
)
from cordboard.model.ports import Link
from cordboard.model.requests import MakeCall, QueryAddress, RegisterAddress, Request, UnregisterAddress
from cordboard.ops.http import HttpServer
from cordboard.tlib.hub import Hub
from cordboard.tlib.protocol import Role
from cordboard.tlib.server import TLibServer

DNS = ("1501", "1502", "1503", "1504")
TOKEN = "token-of-the-test"


def run(main: Callable[[], Coroutine[Any, Any, None]], seconds: float = 20.0) -> None:
    """Runs a test's coroutine on the loop the server uses, for a bounded time."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


class FakeSwitch:
    """Knows four DNs; a call is one EventDialing."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.dialled = 0
        self.requests: list[tuple[Request, int]] = []
        self.calls: dict[str, list[EventPartyInfo]] = {}

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[Event]:
        self.requests.append((request, reference_id))
        dn = request.this_dn
        common = {"this_dn": dn, "reference_id": reference_id, "server": "test"}
        if dn not in DNS:
            code = Code.DN_NOT_CONFIGURED
            return [EventError(error_code=code, error_message=MESSAGES[code], **common)]
        match request:
            case RegisterAddress():
                return [EventRegistered(extensions={"in-service": 1}, **common)]
            case UnregisterAddress():
                return [EventUnregistered(**common)]
            case QueryAddress():
                return [EventAddressInfo(extensions={"in-service": 1}, **common)]
            case MakeCall(other_dn=other):
                self.hub.emit(EventOffHook(this_dn=dn))
                self.dial(dn, other, reference_id=reference_id, link=link)
                return []
        code = Code.UNSUPPORTED
        return [EventError(error_code=code, error_message=MESSAGES[code], **common)]

    def dial(
        self,
        dn: str,
        other: str,
        *,
        reference_id: int = 0,
        link: Link | None = None,
        user_data: dict[str, Any] | None = None,
    ) -> None:
        self.dialled += 1
        number = self.dialled
        self.hub.emit(
            EventDialing(
                server="test",
                time=Time(1_800_000_000, number % 1_000_000),
                reference_id=reference_id,
                this_dn=dn,
                other_dn=other,
                conn_id=f"{number:016x}",
                call_id=number,
                call_uuid="0" * 32,
                call_type=CallType.INTERNAL,
                user_data=user_data or {"EventSequenceNumber": 7, 'quote"ReferenceID":1,': "x"},
            ),
            link,
        )

    def snapshot(self, dn: str) -> Sequence[Event]:
        if dn not in DNS:
            return []
        return [EventAddressInfo(this_dn=dn, extensions={"in-service": 1}), *self.calls.get(dn, [])]


class Persons:
    """Two persons."""

    def __init__(self) -> None:
        self.asked = 0

    def authenticate(self, user: str, password: str) -> Role | None:
        self.asked += 1
        if (user, password) == ("anna", "secret"):
            return Role.AGENT
        if (user, password) == ("root", "secret"):
            return Role.ADMINISTRATOR
        return None


@dataclass
class House:
    hub: Hub
    switch: FakeSwitch
    server: TLibServer
    persons: Persons
    http: HttpServer

    @property
    def url(self) -> str:
        return self.http.url("ws", "/tlib")

    async def settled(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds; the test's time limit is the bound."""
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def house(
    *, login_timeout: float = 5.0, frame_gap: float = 0.001, max_pending: int = 256, port: int = 0, **hub_options: Any
) -> AsyncIterator[House]:
    """A server on a port of its own."""
    hub = Hub(**hub_options)
    switch = FakeSwitch(hub)
    hub.bind(switch, lambda: DNS)
    persons = Persons()
    server = TLibServer(
        hub, persons, token=TOKEN, login_timeout=login_timeout, frame_gap=frame_gap, max_pending=max_pending
    )
    http = HttpServer([server.route], port=port)
    await http.start()
    server.start()
    try:
        yield House(hub, switch, server, persons, http)
    finally:
        await server.close()
        await http.stop()
