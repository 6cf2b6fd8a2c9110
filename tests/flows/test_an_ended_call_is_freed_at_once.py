"""What has ended is freed by counting references alone: waiting for the collector, a server grows meanwhile."""

import gc

import pytest

from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners


def leftover():
    """Types of ours that only the collector could free."""
    return sorted({type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("cordboard.")})


def play(centre, outcome):
    a, b = centre.phones["1501"], centre.phones["1502"]
    match outcome:
        case "hung up by the caller":
            a.call("1502", hang_up_after=5)
        case "hung up by the callee":
            b.manners = Manners(hang_up=5)
            a.call("1502")
        case "busy":
            b.manners = Manners(reject=(0.5, 486))
            a.call("1502")
        case "cancelled":
            b.manners = Manners(answer=None)
            a.call("1502", cancel_after=3)
        case "unknown number":
            a.call("9999")
    centre.run(100)


@pytest.mark.parametrize(
    "outcome", ["hung up by the caller", "hung up by the callee", "busy", "cancelled", "unknown number"]
)
def test_nothing_is_left_to_the_collector(outcome):
    centre = Centre(keep=False)
    play(centre, outcome)  # whatever is made once is made now
    gc.collect()
    gc.disable()
    try:
        play(centre, outcome)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert leftover() == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
