"""Anchored calls and a large conference at once, for a while: nobody may miss a packet or hear a break.

``bench/media-soak --seconds 600``. The parties count themselves what they miss. The last line is one line of JSON.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.harness import figures, media
from bench.harness.measure import family, memory_kib

CALLS = 500
PARTIES = 200
SECONDS = 600.0
TALKERS = 1
"""Whose sound is a tone: all others hear whether it goes on without a break."""
FAULTS = ("lost", "disordered", "strange", "silent", "glitches", "refused_by_system")
GROWTH_KIB = 2048
"""What the engine may hold more at the end than when all had begun to speak."""
LATE_MS = 60
"""Beyond, the parties did not have the core they need to judge anybody."""


def faults(found: Mapping[str, int]) -> dict[str, int]:
    """What the parties missed, by kind; kinds of which there is nothing are left out."""
    counted = {kind: found.get(kind, 0) for kind in FAULTS}
    counted["missing"] = max(0, found.get("expected", 0) - found.get("least", 0))
    return {kind: count for kind, count in counted.items() if count}


def run(calls: int, parties: int, seconds: float) -> dict[str, object]:
    """Lets them all speak; returns what is told of it."""
    with media.ours(2 * calls + parties) as server, ThreadPoolExecutor(2) as both:
        media.parties()
        at = media.places()
        relays = media.anchor(server, calls, at, srtp=False)
        seats = [str(media.port_of(answer)) for answer in server.conference([media.description(at.room)] * parties)]

        def speak(arguments: Sequence[str], lines: Sequence[str], warm: float) -> media.Load:
            return media.speak(server.pid, arguments, lines, seconds, warm)

        calls_said = ["relay", str(seconds), str(at.here), str(at.there)]
        relay = both.submit(speak, calls_said, relays, media.WARM_SECONDS)
        room = ["conference", str(seconds), str(at.room), str(TALKERS)]
        conference = both.submit(speak, room, seats, 2 * media.WARM_SECONDS)
        loads = {"relay": relay.result(), "conference": conference.result()}
        after = memory_kib(family(server.pid))
    late_ms = max(load.found["late_us"] for load in loads.values()) / 1000
    missed = {name: faults(load.found) for name, load in loads.items()}
    growth = after - min(load.early_kib for load in loads.values())
    return {
        "soak": "media",
        "seconds": seconds,
        "calls": calls,
        "parties": parties,
        "packets": loads["relay"].found["received"] + loads["conference"].found["heard"],
        "lost": sum(load.found["lost"] for load in loads.values()),
        "glitches": loads["conference"].found["glitches"],
        "missed": missed,
        "cpu_share": round(loads["relay"].cpu_share, 3),
        "delay_p99_ms": loads["relay"].found["delay_us"]["p99"] / 1000,
        "late_ms": late_ms,
        "memory_growth_kib": growth,
        "judged": late_ms <= LATE_MS,
        "passed": not any(missed.values()) and growth <= GROWTH_KIB,
    }


def main() -> int:
    """Returns the exit code: 1 for a fault, 2 where the parties could not judge."""
    parser = argparse.ArgumentParser(prog="bench/media-soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"({SECONDS:.0f})")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"({CALLS})")
    parser.add_argument("--parties", type=int, default=PARTIES, help=f"of the conference ({PARTIES})")
    chosen = parser.parse_args()
    told = run(chosen.calls, chosen.parties, chosen.seconds)
    print(json.dumps(told))
    if told["passed"]:
        return 0
    if not told["judged"]:
        figures.say("the parties were late themselves: too little of a core for them, nothing is judged")
        return 2
    return 1


if __name__ == "__main__":
    sys.exit(main())
