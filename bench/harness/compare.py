"""Ours beside the peers that are installed, in one run: ``make bench``. Results land in bench/results."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from bench.harness import figures, load, media, peers
from bench.harness.measure import conditions

F = TypeVar("F", figures.Figure, media.MediaFigure)
EVERY = [*figures.RATES, *media.SIZES]
RESULTS = Path(__file__).resolve().parent.parent / "results"


def peer(name: str, figure: str, *, rate: int, seconds: float, runs: int) -> figures.Figure:
    """Measures a peer as ours is measured."""
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder, peers.start(name, figure) as running:
        for number in range(runs):
            result = load.run(
                figure,
                server=running.address,
                pid=running.pid,
                rate=rate,
                seconds=seconds,
                folder=Path(folder) / f"run-{number}",
            )
            results.append(result)
            figures.say(f"{name} {figure} run {number + 1}: {result.cpu_us:.1f} us, {result.rate:.0f}/s")
    return figures.summary(figure, results, results[0].memory_kib)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench/compare", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a run (5)")
    parser.add_argument("--runs", type=int, default=3, help="runs, of which the median counts (3)")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"which: {', '.join(EVERY)} (all)")
    chosen = parser.parse_args()
    if shutil.which("sipp") is None:
        figures.say("sipp is not installed (on Debian: apt-get install sip-tester)")
        return 2
    wanted = chosen.figures or EVERY
    unknown = set(wanted) - set(EVERY)
    if unknown:
        parser.error(f"unknown figure: {', '.join(sorted(unknown))}")
    if chosen.seconds < media.SHORTEST_SECONDS and not media.SIZES.keys().isdisjoint(wanted):
        parser.error(f"--seconds: figures of media need {media.SHORTEST_SECONDS:g} at least")
    rows: dict[str, dict[str, figures.Figure]] = {}
    sounds: dict[str, dict[str, media.MediaFigure]] = {}
    for figure in wanted:
        if figure in media.SIZES:
            sounds[figure] = {
                name: media.measure(
                    figure,
                    size=media.SIZES[figure],
                    seconds=chosen.seconds,
                    runs=chosen.runs,
                    say=figures.say,
                    peer=name,
                )
                for name in ("cordboard", *media.peers(figure))
            }
            continue
        rate = figures.RATES[figure]
        row = {"cordboard": figures.measure(figure, rate=rate, seconds=chosen.seconds, runs=chosen.runs)}
        for name in peers.installed():
            if peers.does(name, figure):
                row[name] = peer(name, figure, rate=rate, seconds=chosen.seconds, runs=chosen.runs)
        rows[figure] = row
    save({**rows, **sounds})
    if rows:
        show(rows)
    if sounds:
        show_media(sounds)
    return 0


def save(rows: Mapping[str, Mapping[str, figures.Figure | media.MediaFigure]]) -> None:
    """One file a figure, with the conditions."""
    RESULTS.mkdir(exist_ok=True)
    about = conditions()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for figure, row in rows.items():
        result = {
            "figure": figure,
            "measured": moment,
            "conditions": about,
            "results": {name: json.loads(value.line()) for name, value in row.items()},
        }
        (RESULTS / f"{figure}.json").write_text(json.dumps(result, indent=2) + "\n")


def show(rows: Mapping[str, Mapping[str, figures.Figure]]) -> None:
    """A table for people."""
    print_table(
        "CPU time of the server per operation",
        ("rate/s", "failed", "retransmitted", "KiB"),
        [(figure, figures.GOALS_US.get(figure, 0.0), row) for figure, row in rows.items()],
        lambda value: (
            f"{value.rate:.0f}",
            str(value.failed),
            str(value.retransmitted),
            f"{value.memory_kib:.1f}" if value.memory_kib else "",
        ),
        caption="kamailio: registrar in memory; for calls a stateful proxy, no B2BUA. floor: the kernel's share alone",
    )
    kamailio = [row["cordboard"].cpu_us / row["kamailio"].cpu_us for row in rows.values() if "kamailio" in row]
    if kamailio:
        figures.say(f"geometric mean against kamailio: {statistics.geometric_mean(kamailio):.2f}")


def show_media(rows: Mapping[str, Mapping[str, media.MediaFigure]]) -> None:
    """Another."""
    print_table(
        "CPU time of the server per packet passed on, or per participant-second",
        ("packets/s", "missed", "p99 ms", "KiB"),
        [(f"{figure} of {row['cordboard'].size}", media.GOALS_US[figure], row) for figure, row in rows.items()],
        lambda value: (
            f"{value.rate:.0f}",
            str(value.failed),
            f"{value.delay_p99_ms:.1f}" if value.delay_p99_ms else "",
            f"{value.memory_kib:.1f}",
        ),
    )


def print_table(
    title: str,
    columns: Sequence[str],
    sections: Sequence[tuple[str, float, Mapping[str, F]]],
    rest: Callable[[F], Sequence[str]],
    *,
    caption: str = "",
) -> None:
    """One section a figure: its name, its goal (0 for none) and what each server needs, ours first.

    ``rest`` gives what stands in ``columns``, behind the time and its ratio.
    """
    table = Table(title=title, caption=caption)
    for name in ("figure", "server"):
        table.add_column(name)
    for name in ("us", "goal", "ours / theirs", *columns):
        table.add_column(name, justify="right")
    for label, goal, row in sections:
        mine = row["cordboard"].cpu_us
        for name, value in row.items():
            own = name == "cordboard"
            table.add_row(
                label if own else "",
                name,
                f"{value.cpu_us:.1f}",
                f"{goal:.0f}" if own and goal else "",
                "" if own else f"{mine / value.cpu_us:.2f}" if value.cpu_us else "-",
                *rest(value),
            )
        table.add_section()
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
