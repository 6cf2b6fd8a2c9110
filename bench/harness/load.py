"""sipp as a load on one core, and what it says about the answers."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.harness.measure import LOAD_CORE, Usage, family, memory_kib, usage

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
USERS = 1000
PASSWORD = "secret"
CALLER_PORT = 5080
PHONE_PORT = 5070
TARGET_PORT = 5072


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes part in a figure made of calls: scenarios of sipp by the part they play."""

    caller: str
    phone: str
    """At the DN 1000, which is called."""
    target: str = ""
    """At the DN 1001, to which the caller hands the call over."""


SCENES = {"call": Scene("call-uac", "call-uas"), "transfer": Scene("transferor", "transferred", "call-uas")}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a load."""

    operations: int
    """Registrations or calls that went by the scenario."""
    failed: int
    retransmitted: int
    """By sipp: what the server lost or was late with."""
    rate: float
    """Operations a second reached."""
    used: Usage
    """By the server, from the first to the last message and a little after."""
    memory_kib: float
    """By each operation under way at the plateau (calls held), or each binding; 0 when not measured."""

    @property
    def cpu_us(self) -> float:
        """CPU time an operation, in microseconds."""
        return 1e6 * self.used.total / self.operations if self.operations else 0.0


def users_file(folder: Path) -> Path:
    """The DNs u0000 to u0999 with their credentials, as sipp reads them."""
    path = folder / "users.csv"
    rows = (f"u{n:04d};[authentication username=u{n:04d} password={PASSWORD}]" for n in range(USERS))
    path.write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
    return path


def run(
    figure: str,
    *,
    server: str,
    pid: int,
    rate: float,
    seconds: float,
    folder: Path,
    hold_ms: int = 0,
    settle: Callable[[], None] | None = None,
) -> Run:
    """Puts the load of a figure on a server for some seconds.

    ``hold_ms``: time on the phone, for calls; when given, memory is measured while all calls are up.
    ``settle``: called after the load, before the last reading of CPU time (so that events are counted too).
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = max(1, round(rate * seconds))
    scene = SCENES.get(figure)
    phones = []
    if scene:
        for name, port in ((scene.phone, PHONE_PORT), (scene.target, TARGET_PORT)):
            if name:
                phones.append(_sipp(folder, name, server, port, 0, 1, ["-l", "500000"]))
                _wait_bound(port)
    pids = family(pid)
    memory_before = memory_kib(pids)
    before = usage(pids)
    started = time.monotonic()
    extra = ["-l", str(max(200, round(rate * (hold_ms / 1000 + 5))))]
    extra += ["-timeout", f"{round(seconds + hold_ms / 1000 + 40)}s"]
    if scene:
        scenario = scene.caller
        extra += ["-s", "1000", "-d", str(hold_ms)]
    else:
        scenario = figure
        extra += ["-inf", str(users_file(folder))]
    load = _sipp(folder, scenario, server, CALLER_PORT, count, rate, extra)
    per_operation = 0.0
    try:
        if hold_ms:
            # The plateau: all calls have begun and none has ended.
            while time.monotonic() < started + seconds + 1 and load.poll() is None:
                time.sleep(0.05)
            per_operation = (memory_kib(family(pid)) - memory_before) / count
        load.wait(seconds + hold_ms / 1000 + 60)
    finally:
        for each in (load, *phones):
            _end(each)
    elapsed = time.monotonic() - started - hold_ms / 1000
    if settle:
        settle()
    used = usage(family(pid)) - before
    if not scene:
        per_operation = (memory_kib(family(pid)) - memory_before) / min(count, USERS)
    with (folder / f"{scenario}.csv").open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    good = int(last["SuccessfulCall(C)"])
    return Run(
        operations=good,
        failed=count - good,
        retransmitted=int(last["Retransmissions(C)"]),
        # sipp takes about 0.15 s to begin and up to 1 s to notice that it is done; neither is the server's.
        rate=min(float(rate), good / max(0.001, elapsed - 0.15)),
        used=used,
        memory_kib=max(0.0, per_operation),
    )


def run_tls(figure: str, *, port: int, ca: Path, pid: int, rate: int, seconds: float) -> Run:
    """As :func:`run`, for the figures over TLS; CPU time counts from when all phones are there."""
    command = [sys.executable, "-m", "bench.harness.tls_load", figure, str(port), str(ca), str(rate), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as phones:
        if phones.stdout is None or phones.stdin is None or phones.stdout.readline().strip() != "ready":
            phones.kill()
            raise RuntimeError(f"the phones of {figure} did not register")
        before = usage(family(pid))
        phones.stdin.write("go\n")
        phones.stdin.flush()
        told = json.loads(phones.stdout.readline())
        used = usage(family(pid)) - before
    return Run(told["operations"], told["failed"], 0, told["rate"], used, 0.0)


def _sipp(
    folder: Path, scenario: str, server: str, port: int, count: int, rate: float, extra: list[str]
) -> subprocess.Popen[bytes]:
    statistics = folder / f"{scenario}.csv"
    statistics.unlink(missing_ok=True)
    command = ["taskset", "-c", str(LOAD_CORE), "sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1"]
    command += ["-p", str(port), "-t", "u1", "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1"]
    command += ["-buff_size", "8388608", "-recv_timeout", "10000", "-deadcall_wait", "0", "-rtt_freq", "1000000"]
    command += ["-r", str(rate), *(["-m", str(count)] if count else []), *extra, server]
    with (folder / f"{scenario}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGUSR1)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_bound(port: int, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
        if any(line.split()[1].endswith(f":{port:04X}") for line in lines):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
