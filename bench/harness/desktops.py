"""Desktops on the T-Library link: what an event costs for each, a slow one among them, all of them cut off at once.

Our link server and the desktops are processes of their own. Every desktop watches the same DN, and judges itself: each
event once and in order, or a snapshot.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection

import structlog
import uvloop

from bench.harness.measure import LOAD_CORE, SERVER_CORE, conditions, pin
from cordboard.model.enums import CallType, DNRole
from cordboard.model.events import Event, EventAddressInfo, EventDialing, EventRegistered, Time
from cordboard.model.ports import Link
from cordboard.model.requests import Request
from cordboard.ops.http import HttpServer
from cordboard.tlib import SnapshotTaken, TLibClient
from cordboard.tlib.hub import Hub
from cordboard.tlib.protocol import Role
from cordboard.tlib.server import TLibServer

DN = "1501"
TURN = 0.002
"""Seconds between two turns of the switch: what came up meanwhile is emitted together."""
PATIENCE = 60.0
"""Seconds within which all must have seen everything."""


class Switch:
    """Knows one DN."""

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[Event]:
        """Registers."""
        del link
        return [EventRegistered(this_dn=request.this_dn, reference_id=reference_id)]

    def snapshot(self, dn: str) -> Sequence[Event]:
        """One DN, no calls."""
        return [EventAddressInfo(this_dn=dn)]


class Nobody:
    """No persons: the token is enough."""

    def authenticate(self, user: str, password: str) -> Role | None:
        """Refuses."""
        del user, password
        return None


def event(number: int) -> EventDialing:
    """An event as a call makes them."""
    return EventDialing(
        server="SIP Server",
        time=Time(1_800_000_000, number % 1_000_000),
        this_dn=DN,
        conn_id="0123456789abcdef",
        call_id=number,
        call_uuid="0" * 32,
        call_type=CallType.INTERNAL,
        this_dn_role=DNRole.ORIGINATION,
        other_dn="1502",
        other_dn_role=DNRole.DESTINATION,
        dnis="1502",
        ani=DN,
        user_data={"customer": "4711", "language": "de"},
    )


class Desktop:
    """One that watches."""

    def __init__(self, url: str) -> None:
        self.link = TLibClient.connect(url, token="bench", first_delay=0.05)
        self.seen = 0
        self.wrong = 0
        """Events that came twice, out of order, or after a gap without a snapshot."""
        self.snapshots = 0

    async def watch(self) -> None:
        """Sees everything, for good."""
        async for got in self.link.events():
            if isinstance(got, SnapshotTaken):
                self.snapshots += 1
                self.seen = -1
            elif isinstance(got, EventDialing):
                self.wrong += self.seen not in (-1, got.call_id - 1)
                self.seen = got.call_id

    def cut(self) -> None:
        """Loses its connection, without a word."""
        socket = self.link._socket  # noqa: SLF001 - nobody but a test cuts it
        if socket is not None:
            socket.transport.abort()


async def _until(ready: Callable[[], bool]) -> None:
    """Waits until it is so, or patience is over: what comes after tells."""
    end = time.monotonic() + PATIENCE
    while not ready() and time.monotonic() < end:  # noqa: ASYNC110 - of many things, each its own condition
        await asyncio.sleep(0.01)


def _all_saw(desktops: Sequence[Desktop], number: int) -> bool:
    return all(desktop.seen >= number for desktop in desktops)


async def _desktops(url: str, count: int, orders: Connection) -> None:
    desktops = [Desktop(url) for _ in range(count)]
    for some in range(0, count, 50):
        batch = desktops[some : some + 50]
        await asyncio.gather(*(desktop.link.__aenter__() for desktop in batch))
        await asyncio.gather(*(desktop.link.register(DN) for desktop in batch))
    watching = [asyncio.create_task(desktop.watch()) for desktop in desktops]
    loop = asyncio.get_running_loop()
    orders.send("ready")
    while (order := await loop.run_in_executor(None, orders.recv)) is not None:
        if order == "cut":
            for desktop in desktops:
                desktop.cut()
            continue
        await _until(partial(_all_saw, desktops, order))
        orders.send(
            {
                "late": sum(desktop.seen < order for desktop in desktops),
                "wrong": sum(desktop.wrong for desktop in desktops),
                "snapshots": sum(desktop.snapshots for desktop in desktops),
                "reconnects": sum(desktop.link.reconnects for desktop in desktops),
            }
        )
    for task in watching:
        task.cancel()
    await asyncio.gather(*(desktop.link.close() for desktop in desktops))


def _run_desktops(url: str, count: int, orders: Connection) -> None:
    pin([multiprocessing.current_process().pid or 0], LOAD_CORE)
    uvloop.run(_desktops(url, count, orders))


class House:
    """The server, and the desktops' process."""

    def __init__(self, hub: Hub, server: TLibServer, orders: Connection) -> None:
        self.hub = hub
        self.server = server
        self._orders = orders
        self._made = 0
        """Events so far."""

    async def emit(self, rate: float, seconds: float) -> float:
        """Makes events; returns the CPU of this process for the time."""
        loop = asyncio.get_running_loop()
        start, first = loop.time(), self._made
        total = first + int(rate * seconds)
        cpu = time.process_time()
        while self._made < total:
            due = min(total, first + int((loop.time() - start) * rate))
            while self._made < due:
                self._made += 1
                self.hub.emit(event(self._made))
            await asyncio.sleep(TURN)
        await asyncio.sleep(0.3)
        return time.process_time() - cpu

    async def judged(self) -> dict[str, int]:
        """How all desktops are once they have seen what was made."""
        self._orders.send(self._made)
        found: dict[str, int] = await asyncio.to_thread(self._orders.recv)
        return found


async def _slow(url: str, stop: asyncio.Event) -> None:
    """A desktop that registers and then reads no more."""
    reader, writer = await asyncio.open_connection(*_host_port(url), limit=1024)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    host, port = _host_port(url)
    writer.write(
        f"GET /tlib HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    for text in (
        '{"type":"Hello","version":1}',
        '{"type":"Login","token":"bench"}',
        '{"type":"Request","reference_id":1,"request":{"Request":"RegisterAddress","ThisDN":"1501"}}',
    ):
        writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode())
    await writer.drain()
    await stop.wait()
    writer.transport.abort()


def _host_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("ws://").partition("/")[0].rpartition(":")
    return host, int(port)


async def measure(count: int, rate: float, seconds: float) -> dict[str, object]:
    """All three: steady, with a slow one, cut off at once."""
    hub = Hub()
    hub.bind(Switch(), lambda: [DN])
    server = TLibServer(hub, Nobody(), token="bench")
    http = HttpServer([server.route])
    await http.start()
    url = http.url("ws", "/tlib")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_desktops, args=(url, count, theirs), daemon=True)
    alone = await House(hub, server, ours).emit(rate, seconds)
    house = House(hub, server, ours)
    process.start()
    await asyncio.to_thread(ours.recv)
    result: dict[str, object] = {"figure": "desktops", "desktops": count, "rate": rate, "seconds": seconds}

    frames = server.counters.frames
    cpu = await house.emit(rate, seconds) - alone
    events = int(rate * seconds)
    result["cpu_us"] = round(cpu / events / count * 1e6, 2)
    result["frames_per_event"] = round((server.counters.frames - frames) / events / count, 2)
    steady = await house.judged()

    stop = asyncio.Event()
    sleeper = asyncio.create_task(_slow(url, stop))
    await _until(lambda: hub.connected > count)
    cpu = await house.emit(rate, seconds) - alone
    result["cpu_us_beside_a_slow_one"] = round(cpu / events / count * 1e6, 2)
    beside = await house.judged()
    stop.set()
    await sleeper

    ours.send("cut")
    began, cpu = time.monotonic(), time.process_time()
    storm = asyncio.create_task(house.emit(rate, seconds))
    await _until(lambda: hub.counters.resumed >= count)
    result["storm_seconds"] = round(time.monotonic() - began, 2)
    result["storm_cpu_ms"] = round((time.process_time() - cpu) * 1e3 / count, 2)
    await storm
    after = await house.judged()
    result["snapshots"] = after["snapshots"]
    result["failed"] = after["wrong"] + steady["late"] + beside["late"] + after["late"]
    ours.send(None)
    await asyncio.to_thread(process.join, 30)
    await server.close()
    await http.stop()
    return result


def main() -> None:
    """Reads the arguments and prints the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--desktops", type=int, default=500)
    parser.add_argument("--rate", type=float, default=20.0, help="events a second that every desktop sees")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each of the three parts takes")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    pin([multiprocessing.current_process().pid or 0], SERVER_CORE)
    found = uvloop.run(measure(given.desktops, given.rate, given.seconds))
    print(json.dumps({**found, "conditions": conditions()}))
    sys.exit(bool(found["failed"]))


if __name__ == "__main__":
    main()
