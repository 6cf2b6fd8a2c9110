"""Figures of media: calls anchored between two parties, with and without SRTP, and a conference.

The parties are ``crates/media/examples/parties``: they say and hear packets, and count what they miss.
"""

import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bench.harness import rtpengine
from bench.harness.measure import LOAD_CORE, SERVER_CORE, family, media_ports, memory_kib, pin, usage
from cordboard.testkit.strangers.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"relay": 500, "relay-srtp": 500, "conference": 50}
"""Calls, or parties of the conference."""
GOALS_US = {"relay": 8.0, "relay-srtp": 10.0, "conference": 1000.0}
GOAL_KIB = 24.0
WARM_SECONDS = 1.0
"""What the parties leave out at the beginning; twice that in a conference."""
SHORTEST_SECONDS = 4 * WARM_SECONDS
"""Of a run: under it there is nothing to judge once all are there."""
PACKETS_A_SECOND = 50
EDGE_SECONDS = 0.3
KEY_OCTETS = 30
SUITE = "AES_CM_128_HMAC_SHA1_80"


def peers(figure: str) -> list[str]:
    """Servers of others on this machine that can be measured for a figure."""
    return ["rtpengine"] if figure != "conference" and shutil.which("rtpengine") else []


class Places(NamedTuple):
    """Ports of the parties of one run."""

    here: int
    """Of the one party of each call."""
    there: int
    """Of the other."""
    room: int
    """Of those of a conference."""


def places() -> Places:
    """Free ones, RTP and RTCP each with room for its neighbour's. They are taken soon."""
    first = free_ports(10)
    return Places(first, first + 4, first + 8)


class Relays(Protocol):
    """A server that anchors calls."""

    pid: int

    def relay(self, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Anchors calls, each with what its two parties offer; returns what each party sends to."""


class Ours:
    """Our engine in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """The process of ``bench.harness.anchor``."""
        self._process = process
        self.pid = process.pid

    def _ask(self, what: str, arguments: Sequence[Any]) -> list[Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes to the engine")
        self._process.stdin.write(json.dumps({"do": what, "with": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the engine has ended")
        answer: list[Any] = json.loads(line)
        return answer

    def relay(self, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Anchors calls."""
        return [(one, other) for one, other in self._ask("relay", calls)]

    def conference(self, offers: list[str]) -> list[str]:
        """Puts parties into a room."""
        return [str(answer) for answer in self._ask("conference", offers)]


@contextmanager
def ours(legs: int) -> Iterator[Ours]:
    """Starts our engine for so many legs, pinned to the server's core."""
    command = [sys.executable, "-m", "bench.harness.anchor", *map(str, media_ports(legs))]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = Ours(process)
        # Its first answer says that it is up.
        server.relay([])
        pin(family(process.pid), SERVER_CORE)
        try:
            yield server
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(20)


@dataclass(frozen=True, slots=True)
class MediaFigure:
    """What was measured: medians over the runs; losses of all runs together."""

    figure: str
    size: int
    """Calls, or parties."""
    cpu_us: float
    """A packet passed on, or a participant's second."""
    rate: float
    """Packets heard a second."""
    failed: int
    """Packets that never came, or came in another order, and breaks that were heard."""
    delay_p99_ms: float
    """From the sending party's kernel to the hearing one's; 0 in a conference."""
    memory_kib: float
    """A call, or a participant."""
    late_ms: float
    """By how much the parties were late at worst: far above 20 they had too little of their core to judge."""

    def line(self) -> str:
        """As one line of JSON."""
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return json.dumps({name: round(value, 2) if isinstance(value, float) else value for name, value in values})


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the parties came to."""

    found: dict[str, Any]
    cpu_share: float
    """Of a core, by the server while they spoke."""
    early_kib: float
    """All that the server holds when they have begun to speak."""
    memory_kib: float
    """And before they end."""


@cache
def parties() -> Path:
    """The parties' program, built."""
    command = ["cargo", "build", "--quiet", "--release", "--locked", "-p", "cordboard-media", "--example", "parties"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/parties"


def speak(pid: int, arguments: Sequence[str], lines: Sequence[str], seconds: float, warm: float) -> Load:
    """Lets the parties speak, and watches the server meanwhile."""
    command = ["taskset", "-c", str(LOAD_CORE), str(parties()), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        if load.stdin is None or load.stdout is None:
            raise RuntimeError("no pipes to the parties")
        load.stdin.write("".join(f"{line}\n" for line in lines))
        load.stdin.close()
        time.sleep(warm + EDGE_SECONDS)
        pids = family(pid)
        early = memory_kib(pids)
        began, before = time.monotonic(), usage(pids)
        time.sleep(max(0.5, seconds - warm - 2 * EDGE_SECONDS))
        used, took = usage(pids) - before, time.monotonic() - began
        memory = memory_kib(pids)
        found = json.loads(load.stdout.read() or "{}")
    if load.returncode != 0:
        raise RuntimeError(f"the parties ended with {load.returncode}")
    return Load(found, used.total / took, early, memory)


def description(port: int, key: bytes = b"") -> str:
    """What a party offers."""
    profile = "RTP/SAVP" if key else "RTP/AVP"
    crypto = f"a=crypto:1 {SUITE} inline:{base64.b64encode(key).decode()}\r\n" if key else ""
    return (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} {profile} 8\r\n"
        f"a=rtpmap:8 PCMA/8000\r\n{crypto}a=ptime:20\r\na=sendrecv\r\n"
    )


def port_of(answer: str) -> int:
    """Where a description wants packets."""
    found = re.search(r"^m=audio (\d+) ", answer, re.MULTILINE)
    if found is None or found[1] == "0":
        raise RuntimeError(f"no stream in the answer:\n{answer}")
    return int(found[1])


def key_of(answer: str) -> bytes:
    """With which the server encrypts."""
    found = re.search(rf"^a=crypto:1 {SUITE} inline:([^|\s]+)", answer, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"no key in the answer:\n{answer}")
    return base64.b64decode(found[1])


def anchor(server: Relays, calls: int, at: Places, *, srtp: bool) -> list[str]:
    """Has calls anchored; returns the parties' lines."""
    keys = [os.urandom(KEY_OCTETS) if srtp else b"" for _ in range(calls)]
    answers = server.relay([(description(at.here, key), description(at.there)) for key in keys])
    lines = []
    for key, (here, there) in zip(keys, answers, strict=True):
        secret = f" {key.hex()} {key_of(here).hex()}" if srtp else ""
        lines.append(f"{port_of(here)} {port_of(there)}{secret}")
    return lines


def relay(
    figure: str, start: Callable[[int], AbstractContextManager[Relays]], size: int, seconds: float
) -> MediaFigure:
    """One run of anchored calls on a server that was started for it."""
    with start(2 * size) as server:
        before = memory_kib(family(server.pid))
        at = places()
        lines = anchor(server, size, at, srtp=figure == "relay-srtp")
        arguments = ["relay", str(seconds), str(at.here), str(at.there)]
        load = speak(server.pid, arguments, lines, seconds, WARM_SECONDS)
    found = load.found
    rate = found["received"] / (found["took_us"] / 1e6 - WARM_SECONDS)
    return MediaFigure(
        figure=figure,
        size=size,
        cpu_us=1e6 * load.cpu_share / rate if rate else 0.0,
        rate=rate,
        failed=found["lost"] + found["disordered"] + found["strange"],
        delay_p99_ms=found["delay_us"]["p99"] / 1000,
        memory_kib=(load.memory_kib - before) / size,
        late_ms=found["late_us"] / 1000,
    )


def conference(size: int, seconds: float, talkers: int) -> MediaFigure:
    """One run of a conference in our engine."""
    with ours(size) as server:
        before = memory_kib(family(server.pid))
        room = places().room
        answers = server.conference([description(room)] * size)
        lines = [str(port_of(answer)) for answer in answers]
        arguments = ["conference", str(seconds), str(room), str(talkers)]
        load = speak(server.pid, arguments, lines, seconds, 2 * WARM_SECONDS)
    found = load.found
    return MediaFigure(
        figure="conference",
        size=size,
        cpu_us=1e6 * load.cpu_share / size,
        rate=PACKETS_A_SECOND * found["heard"] / found["expected"],
        failed=found["lost"] + found["disordered"] + found["silent"] + found["glitches"] + found["strange"],
        delay_p99_ms=0.0,
        memory_kib=(load.memory_kib - before) / size,
        late_ms=found["late_us"] / 1000,
    )


def measure(
    figure: str, *, size: int, seconds: float, runs: int, say: Callable[[str], None], peer: str = "cordboard"
) -> MediaFigure:
    """The median of the runs, each with a fresh server."""
    start: Callable[[int], AbstractContextManager[Relays]] = rtpengine.start if peer == "rtpengine" else ours
    results = []
    for number in range(runs):
        one = conference(size, seconds, size) if figure == "conference" else relay(figure, start, size, seconds)
        say(f"{peer} {figure} run {number + 1}: {one.line()}")
        results.append(one)
    return MediaFigure(
        figure=figure,
        size=size,
        cpu_us=statistics.median(one.cpu_us for one in results),
        rate=statistics.median(one.rate for one in results),
        failed=sum(one.failed for one in results),
        delay_p99_ms=statistics.median(one.delay_p99_ms for one in results),
        memory_kib=statistics.median(one.memory_kib for one in results),
        late_ms=max(one.late_ms for one in results),
    )
