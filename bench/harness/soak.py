"""Half load for a while: no call may fail, and memory must stand still. ``make soak``, ``make soak SECONDS=3600``."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from bench.harness import figures, load, ours
from bench.harness.measure import family, memory_kib

RATE = 500
"""Calls a second: half of what one core of a small machine carries with a load generator beside it."""
HOLD_MS = 3000
WARM_UP_SECONDS = 120
"""Transactions linger for 32 seconds (RFC 3261 17.2.1, 64*T1), the database's cache fills in about two minutes."""
GROWTH_KIB = 2048
"""By how much the second half's median may exceed the first's, whatever the length: fragments and caches, no leak."""
GROWTH_BYTES_A_CALL = 16
"""And by how much for each call of the second half; a leak of anything bigger shows in an hour."""


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench/soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=int, default=RATE, help=f"calls a second ({RATE})")
    chosen = parser.parse_args()
    if shutil.which("sipp") is None:
        figures.say("sipp is not installed (on Debian: apt-get install sip-tester)")
        return 2
    samples: list[int] = []
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory(prefix="bench-soak-") as name,
        ours.start("call") as (running, server),
        figures.watched("call", server) as watched,
    ):
        folder = Path(name)
        address, pid = running.address, running.pid
        # Until transactions end as fast as they begin, and pools, caches and the histories of the link are full: the
        # same load, and not part of what is judged.
        figures.say(f"warming up for {WARM_UP_SECONDS} s")
        warm = load.run(
            "call",
            server=address,
            pid=pid,
            rate=chosen.rate,
            seconds=WARM_UP_SECONDS,
            hold_ms=HOLD_MS,
            folder=folder / "warm",
        )

        def sample() -> None:
            while not stop.wait(1.0):
                samples.append(memory_kib(family(pid)))

        sampler = threading.Thread(target=sample, name="memory")
        sampler.start()
        result = load.run(
            "call",
            server=address,
            pid=pid,
            rate=chosen.rate,
            seconds=chosen.seconds,
            hold_ms=HOLD_MS,
            folder=folder / "soak",
        )
        stop.set()
        sampler.join()
        watched.append(warm.operations + result.operations)
    # The edges, where calls build up and run out, are left out.
    edge = round(HOLD_MS / 1000) + 2
    middle = samples[edge:-edge]
    first, second = middle[: len(middle) // 2], middle[len(middle) // 2 :]
    if not first:
        figures.say("too short to judge memory: at least 20 seconds")
        return 2
    growth = statistics.median(second) - statistics.median(first)
    allowed = GROWTH_KIB + GROWTH_BYTES_A_CALL * result.operations / 2 / 1024
    calls = result.operations + result.failed
    good = result.failed == 0 and result.retransmitted <= 0.01 * calls and growth <= allowed
    print(
        json.dumps(
            {
                "soak": "call",
                "seconds": chosen.seconds,
                "calls": calls,
                "failed": result.failed,
                "retransmitted": result.retransmitted,
                "cpu_us": round(result.cpu_us, 1),
                "memory_kib_first_half": round(statistics.median(first)),
                "memory_kib_second_half": round(statistics.median(second)),
                "growth_allowed_kib": round(allowed),
                "passed": good,
            }
        )
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
