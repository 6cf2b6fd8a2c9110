"""Of several refusals the best is told (RFC 3261 16.7 step 6), in words that mean something to a caller."""

import pytest

from cordboard.model.enums import CallState
from cordboard.switch.delivery import outcome_of
from cordboard.switch.legs import Failure, rank


def test_the_order_of_responses():
    best_first = [600, 603, 302, 486, 484, 415, 420, 488, 404, 410, 400, 480, 500, 504, 408, 503]
    assert sorted(best_first, key=rank) == best_first


@pytest.mark.parametrize("status", [*range(300, 700)])
def test_every_status_has_an_outcome_a_caller_can_be_told(status):
    outcome, told, state = outcome_of(Failure(status, object()))
    assert outcome not in ("answered", "cancelled")
    assert 400 <= told < 700
    assert told not in (401, 407, 408, 481, 482, 487, 503)
    assert state is not CallState.OK


def test_silence_is_not_the_word_of_a_phone():
    assert outcome_of(Failure(480, None, timeout=True)) == ("no-answer", 480, CallState.NO_ANSWER)
    assert outcome_of(Failure(408, None))[:2] == ("unreachable", 480)
    assert outcome_of(Failure(503, None))[:2] == ("unreachable", 480)
