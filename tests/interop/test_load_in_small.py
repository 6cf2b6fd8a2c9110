"""The soak and the transfers of ``bench/`` in small: every call ends as it should, and the desktop saw all its ends.

A machine that runs tests is busy: how long anything takes, and memory, are judged by ``make soak``.
"""

import pytest
from bench.harness import figures, load, ours, soak

from cordboard.testkit.strangers.ports import free_ports

CALLS = 40


@pytest.fixture(autouse=True)
def ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALLER_PORT", "PHONE_PORT", "TARGET_PORT"):
        port = free_ports()
        for module in (load, ours):
            monkeypatch.setattr(module, name, port)


@pytest.mark.strangers("sipp")
def test_no_call_of_a_short_soak_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "HOLD_MS", 1000)
    told = soak.run(2.0, CALLS / 2, warm_up=0.0)
    assert (told["calls"], told["failed"], told["passed"]) == (CALLS, 0, True)


@pytest.mark.strangers("sipp")
def test_every_call_handed_over_is_taken_and_ends() -> None:
    measured = figures.measure("transfer", rate=20, seconds=1.0, runs=1)
    assert (measured.failed, measured.rate > 0, measured.cpu_us > 0) == (0, True, True)
