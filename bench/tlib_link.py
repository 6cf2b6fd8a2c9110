"""CPU the T-Library link costs the server for each event, with desktops watching in another process.

    python bench/tlib_link.py [--links 1] [--rate 20000] [--seconds 5]

Prints one line of JSON: events a second sent, microseconds of CPU per event (all of the server's process, less what the
same loop costs with nobody listening), frames a second, and whether every link saw every event once and in order.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import structlog
import uvloop

from cordboard.model.enums import CallType, DNRole
from cordboard.model.events import Event, EventAddressInfo, EventDialing, EventRegistered, Time
from cordboard.model.ports import Link
from cordboard.model.requests import Request
from cordboard.ops.http import HttpServer
from cordboard.tlib import TLibClient
from cordboard.tlib.hub import Hub
from cordboard.tlib.protocol import Role
from cordboard.tlib.server import TLibServer

TURN = 0.002
"""Seconds between two turns of the switch: what arrived meanwhile is emitted together."""


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


def event(number: int) -> EventDialing:
    """An event as a call makes them."""
    return EventDialing(
        server="SIP Server",
        time=Time(1_800_000_000, number % 1_000_000),
        event_sequence_number=number,
        this_dn="1501",
        conn_id="0123456789abcdef",
        call_id=number,
        call_uuid="0" * 32,
        call_type=CallType.INTERNAL,
        this_dn_role=DNRole.ORIGINATION,
        other_dn="1502",
        other_dn_role=DNRole.DESTINATION,
        dnis="1502",
        ani="1501",
        user_data={"customer": "4711", "language": "de"},
    )


def watch(url: str, links: int, total: int, done: "multiprocessing.Queue[dict[str, object]]") -> None:
    """The desktops."""

    async def one() -> int:
        async with TLibClient.connect(url, token="bench") as link:
            await link.register("1501")
            seen = 0
            async for got in link.events():
                if isinstance(got, EventDialing):
                    seen += 1
                    if got.call_id != seen:
                        return -1
                    if seen == total:
                        break
            return seen

    async def main() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(links)))

    started = time.process_time()
    seen = uvloop.run(main())
    cpu = time.process_time() - started
    done.put({"complete": all(s == total for s in seen), "client_us": round(cpu / total / links * 1e6, 2)})


async def emit(hub: Hub, rate: int, total: int) -> float:
    """Makes the events; returns the CPU of this process."""
    loop = asyncio.get_running_loop()
    start, made = loop.time(), 0
    cpu = time.process_time()
    while made < total:
        due = min(total, int((loop.time() - start) * rate))
        while made < due:
            made += 1
            hub.emit(event(made))
        await asyncio.sleep(TURN)
    await asyncio.sleep(0.3)
    return time.process_time() - cpu


async def measure(links: int, rate: int, seconds: float) -> dict[str, object]:
    """One run."""
    total = int(rate * seconds)
    hub = Hub()
    hub.bind(Switch(), lambda: ["1501"])
    server = TLibServer(hub, Nobody(), token="bench")
    http = HttpServer([server.route])
    await http.start()
    idle = await emit(hub, rate, total)
    done: multiprocessing.Queue[dict[str, object]] = multiprocessing.get_context("spawn").Queue()
    desktops = multiprocessing.get_context("spawn").Process(
        target=watch, args=(http.url("ws", "/tlib"), links, total, done)
    )
    desktops.start()
    while sum("1501" in s.dns for s in hub.sessions.values()) < links:  # noqa: ASYNC110 - another process is waited for
        await asyncio.sleep(0.01)
    before = server.counters.frames
    busy = await emit(hub, rate, total)
    frames = server.counters.frames - before
    result = await asyncio.to_thread(done.get, True, 30)
    desktops.join()
    await server.close()
    await http.stop()
    return {
        "figure": "tlib-link",
        "links": links,
        "rate": rate,
        "cpu_us": round((busy - idle) / total * 1e6, 2),
        "frames_s": round(frames / seconds),
        "snapshots": hub.counters.snapshots,
        **result,
    }


def main() -> None:
    """Reads the arguments and prints the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(json.dumps(uvloop.run(measure(given.links, given.rate, given.seconds))))


if __name__ == "__main__":
    main()
