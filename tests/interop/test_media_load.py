"""The figures of media in small: the parties of ``bench/`` at our engine hear each other, and nobody misses a packet.

A machine that runs tests is busy: how long anything takes, and what a late frame sounds like, is judged by the
figures themselves.
"""

import pytest
from bench.harness import media, media_soak

SECONDS = 3.0


@pytest.mark.parametrize("figure", ["relay", "relay-srtp"])
def test_calls_are_passed_on_without_a_loss(figure: str) -> None:
    told = media.relay(figure, media.ours, 10, SECONDS)
    assert (told.failed, told.size) == (0, 10)
    assert told.rate == pytest.approx(10 * 2 * media.PACKETS_A_SECOND, rel=0.2)
    assert told.cpu_us > 0
    assert '"figure": "relay' in told.line()


def test_a_soak_counts_what_its_parties_hear() -> None:
    told = media_soak.run(5, 6, SECONDS + 1)
    missed = told["missed"]
    assert isinstance(missed, dict)
    assert not missed["relay"]
    assert not {"lost", "disordered", "strange", "refused_by_system"} & set(missed["conference"])
    assert told["packets"] == pytest.approx(5 * 2 * 50 * SECONDS + 6 * (50 * (SECONDS - 1) - 5), rel=0.05)


def test_what_is_missed_is_a_fault() -> None:
    found = {"lost": 2, "disordered": 0, "expected": 100, "least": 97, "heard": 300}
    assert media_soak.faults(found) == {"lost": 2, "missing": 3}
    assert media_soak.faults({"expected": 100, "least": 101}) == {}
