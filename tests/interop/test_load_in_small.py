"""The soak of ``bench/`` in small: every call ends as it should, and the desktop saw both its ends.

A machine that runs tests is busy: how long anything takes, and memory, are judged by ``make soak``.
"""

import pytest
from bench.harness import load, ours, soak

from cordboard.testkit.strangers.ports import free_ports

CALLS = 40


@pytest.mark.strangers("sipp")
def test_no_call_of_a_short_soak_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALLER_PORT", "PHONE_PORT"):
        port = free_ports()
        for module in (load, ours):
            monkeypatch.setattr(module, name, port)
    monkeypatch.setattr(soak, "HOLD_MS", 1000)
    told = soak.run(2.0, CALLS / 2, warm_up=0.0)
    assert (told["calls"], told["failed"], told["passed"]) == (CALLS, 0, True)
