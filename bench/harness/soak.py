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
SHORTEST_FOR_MEMORY = 20.0
"""Seconds under which memory tells nothing."""
GROWTH_KIB = 2048
"""By how much the second half's median may exceed the first's, whatever the length: fragments and caches, no leak."""
GROWTH_BYTES_A_CALL = 16
"""And by how much for each call of the second half; a leak of anything bigger shows in an hour."""


def run(seconds: float, rate: float, *, warm_up: float = WARM_UP_SECONDS) -> dict[str, object]:
    """Puts the load on a server of ours and judges it; memory only if there is time enough for it."""
    samples: list[int] = []
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory(prefix="bench-soak-") as name,
        ours.start("call") as (running, server),
        figures.watched("call", server) as watched,
    ):
        folder, address, pid = Path(name), running.address, running.pid

        def calls(part: str, part_seconds: float) -> load.Run:
            return load.run(
                "call",
                server=address,
                pid=pid,
                rate=rate,
                seconds=part_seconds,
                hold_ms=HOLD_MS,
                folder=folder / part,
            )

        def sample() -> None:
            while not stop.wait(1.0):
                samples.append(memory_kib(family(pid)))

        if warm_up:
            # Until transactions end as fast as they begin, and pools, caches and the histories of the link are full:
            # the same load, and not part of what is judged.
            figures.say(f"warming up for {warm_up:g} s")
            watched.append(calls("warm", warm_up).operations)
        sampler = threading.Thread(target=sample, name="memory")
        sampler.start()
        result = calls("soak", seconds)
        stop.set()
        sampler.join()
        watched.append(result.operations)
    made = result.operations + result.failed
    told: dict[str, object] = {
        "soak": "call",
        "seconds": seconds,
        "calls": made,
        "failed": result.failed,
        "retransmitted": result.retransmitted,
        "cpu_us": round(result.cpu_us, 1),
    }
    good = result.failed == 0 and made > 0
    if seconds >= SHORTEST_FOR_MEMORY:
        # The edges, where calls build up and run out, are left out.
        edge = round(HOLD_MS / 1000) + 2
        middle = samples[edge:-edge]
        first, second = (statistics.median(half) for half in (middle[: len(middle) // 2], middle[len(middle) // 2 :]))
        allowed = GROWTH_KIB + GROWTH_BYTES_A_CALL * result.operations / 2 / 1024
        told |= {
            "memory_kib_first_half": round(first),
            "memory_kib_second_half": round(second),
            "growth_allowed_kib": round(allowed),
        }
        good = good and result.retransmitted <= 0.01 * made and second - first <= allowed
    return {**told, "passed": good}


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench/soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=int, default=RATE, help=f"calls a second ({RATE})")
    chosen = parser.parse_args()
    if shutil.which("sipp") is None:
        figures.say("sipp is not installed (on Debian: apt-get install sip-tester)")
        return 2
    if chosen.seconds < SHORTEST_FOR_MEMORY:
        figures.say(f"too short to judge memory: at least {SHORTEST_FOR_MEMORY:g} seconds")
        return 2
    told = run(chosen.seconds, chosen.rate)
    print(json.dumps(told))
    return 0 if told["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
