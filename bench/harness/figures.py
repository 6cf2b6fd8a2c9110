"""One figure of ours: ``bench/figures NAME``. The last line is one line of JSON."""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness import load, media, ours
from cordboard.testkit.live import centre
from cordboard.testkit.live.server import Server

RATES = {
    "register": 8000,
    "register-digest": 4000,
    "call": 1500,
    "register-tls": 2000,
    "call-tls": 300,
    "transfer": 300,
}
"""Operations a second at which the figures are compared with those of the peers."""
TLS = ("register-tls", "call-tls")
"""Figures whose phones keep connections over TLS."""
GOALS_US = {"register": 18.0, "register-digest": 38.0, "call": 400.0}
HOLD_MS = 8000
HELD_CALLS = 3000
WARM_CALLS = 1200
"""Calls after which the desktop's ring of events is full, so that it does not count as memory of a call."""


class WatchError(Exception):
    """The desktop did not see what it should."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured: medians over the runs."""

    figure: str
    cpu_us: float
    rate: float
    failed: int
    retransmitted: int
    memory_kib: float

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(
            {
                "figure": self.figure,
                "cpu_us": round(self.cpu_us, 1),
                "rate": round(self.rate, 1),
                "failed": self.failed,
                "retransmitted": self.retransmitted,
                "memory_kib": round(self.memory_kib, 2),
            }
        )


def summary(figure: str, runs: Sequence[load.Run], memory_kib: float) -> Figure:
    """The median run's CPU time and rate; failures and retransmissions of all runs together."""
    return Figure(
        figure=figure,
        cpu_us=statistics.median(run.cpu_us for run in runs),
        rate=statistics.median(run.rate for run in runs),
        failed=sum(run.failed for run in runs),
        retransmitted=sum(run.retransmitted for run in runs),
        memory_kib=memory_kib,
    )


def measure(figure: str, *, rate: int, seconds: float, runs: int) -> Figure:
    """Measures one of ours."""
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-load-") as name:
        folder = Path(name)
        with ours.start(figure) as (running, server), watched(figure, server) as settle:
            for number in range(runs):
                if figure in TLS:
                    result = load.run_tls(
                        figure, port=server.tls_port, ca=server.ca, pid=running.pid, rate=rate, seconds=seconds
                    )
                else:
                    result = load.run(
                        figure,
                        server=running.address,
                        pid=running.pid,
                        rate=rate,
                        seconds=seconds,
                        folder=folder / f"run-{number}",
                    )
                say(
                    f"{figure} run {number + 1}: {result.cpu_us:.1f} us, {result.rate:.0f}/s, failed {result.failed}, "
                    f"retransmitted {result.retransmitted}"
                )
                results.append(result)
            settle.append(sum(result.operations for result in results))
        memory = memory_of_a_call(folder) if figure == "call" else results[0].memory_kib
    return summary(figure, results, memory)


def memory_of_a_call(folder: Path) -> float:
    """KiB of an established call: a server that has warmed up, then thousands of calls held at once."""
    with ours.start("call") as (running, server), watched("call", server):
        address, pid = running.address, running.pid
        load.run("call", server=address, pid=pid, rate=WARM_CALLS // 6, seconds=6, folder=folder / "warm")
        held = load.run(
            "call",
            server=address,
            pid=pid,
            rate=HELD_CALLS // 5,
            seconds=5,
            hold_ms=HOLD_MS,
            folder=folder / "held",
        )
        say(f"held {HELD_CALLS} calls: {held.memory_kib:.1f} KiB each, failed {held.failed}")
        return held.memory_kib


@contextmanager
def watched(figure: str, server: Server) -> Iterator[list[int]]:
    """A desktop watches the calls. Append the number of calls made: it must have seen them all, or WatchError."""
    calls: list[int] = []
    if figure not in ours.DNS_OF:
        yield calls
        return
    arguments = [f"ws://127.0.0.1:{server.tlib_port}/tlib", centre.ADMINISTRATOR, centre.ADMINISTRATOR_PASSWORD]
    command = [sys.executable, "-m", "bench.harness.watcher", *arguments, *ours.DNS_OF[figure]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        if watcher.stdout is None or watcher.stdout.readline().strip() != "ready":
            watcher.kill()
            raise WatchError("the desktop could not log in")
        yield calls
        out, _ = watcher.communicate(timeout=60)
    seen = json.loads(out)
    say(f"desktop saw {sum(seen['events'].values())} events, reconnects {seen['reconnects']}: {seen['events']}")
    wanted = sum(calls)
    if calls and seen["events"].get("EventReleased", 0) < len(ours.DNS_OF[figure]) * wanted:
        raise WatchError(f"{wanted} calls were made, the desktop saw {seen}")


def say(text: str) -> None:
    """Progress, on the error output, so that standard output holds results alone."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench/figures", description=__doc__)
    parser.add_argument("figure", choices=sorted([*RATES, *media.SIZES]))
    rates = ", ".join(f"{name}: {rate}" for name, rate in RATES.items())
    parser.add_argument("--rate", type=int, help=f"operations a second ({rates})")
    sizes = ", ".join(f"{name}: {size}" for name, size in media.SIZES.items())
    parser.add_argument("--size", type=int, help=f"calls anchored, or parties of the conference ({sizes})")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a run (5)")
    parser.add_argument("--runs", type=int, default=3, help="runs, of which the median counts (3)")
    chosen = parser.parse_args()
    if chosen.figure in media.SIZES:
        if chosen.seconds < media.SHORTEST_SECONDS:
            parser.error(f"--seconds: figures of media need {media.SHORTEST_SECONDS:g} at least")
        size = chosen.size or media.SIZES[chosen.figure]
        print(media.measure(chosen.figure, size=size, seconds=chosen.seconds, runs=chosen.runs, say=say).line())
        return 0
    if chosen.figure not in TLS and shutil.which("sipp") is None:
        say("sipp is not installed (on Debian: apt-get install sip-tester)")
        return 2
    rate = chosen.rate or RATES[chosen.figure]
    print(measure(chosen.figure, rate=rate, seconds=chosen.seconds, runs=chosen.runs).line())
    return 0


if __name__ == "__main__":
    sys.exit(main())
