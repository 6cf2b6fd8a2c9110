"""The engine's threads go before all else where that is wanted and the machine lets them, and say why where not."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from cordboard.media import Engine, EngineSettings
from cordboard.testkit.strangers.ports import port_range
from cordboard.testkit.strangers.program import StrangerError, wait_until

CORES = len(os.sched_getaffinity(0))


def threads() -> set[int]:
    """The threads of this process media is handled on."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(task.name) for task in tasks if (task / "comm").read_text().strip().removeprefix("media-").isdigit()}


def may_go_first() -> bool:
    """Whether a thread of this process may."""
    may: list[bool] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            may.append(False)
        else:
            may.append(True)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return may[0]


def scheduled(*, realtime: bool, count: int = 1) -> tuple[set[int], str | None]:
    """As what the threads of an engine are scheduled, and why not as wanted."""
    before = threads()
    engine = Engine(EngineSettings(ports=port_range(20), realtime=realtime, threads=count))
    try:
        # A thread takes its name itself.
        wait_until(lambda: len(threads() - before) == count, 10, failed=lambda: StrangerError("no threads"))
        policies = {os.sched_getscheduler(thread) for thread in threads() - before}
        assert dict(engine.core.counters())["realtime"] == (policies == {os.SCHED_RR})
        return policies, engine.core.behind
    finally:
        engine.close()


def test_they_take_turns_with_all_else_where_nothing_else_is_wanted() -> None:
    assert scheduled(realtime=False) == ({os.SCHED_OTHER}, None)


@pytest.mark.skipif(CORES < 2, reason="needs two cores")
def test_they_go_first() -> None:
    if may_go_first():
        assert scheduled(realtime=True) == ({os.SCHED_RR}, None)
    else:
        assert scheduled(realtime=True) == ({os.SCHED_OTHER}, "Operation not permitted (os error 1)")


def test_a_core_is_left_for_all_else() -> None:
    policies, why = scheduled(realtime=True, count=CORES)
    assert policies == {os.SCHED_OTHER}
    assert why is not None
    assert why.startswith("no core is left for all else")
