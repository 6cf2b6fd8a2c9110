import itertools

import pytest
from structlog.testing import capture_logs

from cordboard.ops.admission import RELIEF, SUSTAINED, TABLE, Admission, Input, Limits, Load, State
from cordboard.runtime.load import INTERVAL, Clocks, LoadWatch

LIMITS = Limits(cpu=0.9, lag=1.0)
CALM, BETWEEN = Load(0.1, 0.0), Load(0.9 * RELIEF + 0.01, 0.0)
BUSY, LATE = Load(0.95, 0.0), Load(0.1, 1.5)


def fed(admission, *loads, step=0.25):
    """The states after each load, measured four times a second."""
    at = fed.at
    states = []
    for load in loads:
        at += step
        admission.measured(load, at)
        states.append(admission.state)
    fed.at = at
    return states


@pytest.fixture(autouse=True)
def _start():
    fed.at = 0.0


def test_every_state_has_every_input_and_is_reached_and_left():
    assert set(TABLE) == set(itertools.product(State, Input))
    assert set(TABLE.values()) == set(State)


@pytest.mark.parametrize("much", [BUSY, LATE])
def test_a_peak_is_nobodys_trouble_but_a_second_of_it_is(much):
    admission = Admission(LIMITS)
    assert fed(admission, *[much] * 4, CALM, *[much] * 4) == [State.TAKING] * 9
    assert fed(admission, much) == [State.REFUSING]
    assert admission.closed == 1


def test_calls_are_taken_again_only_after_a_second_of_relief():
    admission = Admission(LIMITS)
    fed(admission, *[BUSY] * 5)
    assert admission.refusing
    assert fed(admission, *[BETWEEN] * 20) == [State.REFUSING] * 20
    assert fed(admission, *[CALM] * 4, BETWEEN, *[CALM] * 4) == [State.REFUSING] * 9
    assert fed(admission, CALM) == [State.TAKING]
    assert fed(admission, *[BETWEEN] * 20) == [State.TAKING] * 20
    assert admission.closed == 1


def test_a_limit_that_is_off_is_not_looked_at():
    admission = Admission(Limits(cpu=0.0, lag=1.0))
    assert fed(admission, *[Load(50.0, 0.0)] * 20) == [State.TAKING] * 20
    fed(admission, *[LATE] * 5)
    assert admission.refusing
    admission.limits = Limits()
    fed(admission, *[LATE] * 5)
    assert not admission.refusing


class Machine:
    """Clocks of a machine whose load is said."""

    def __init__(self, processors=2):
        self.now = self.thread = self.process = 0.0
        self.clocks = Clocks(lambda: self.now, lambda: self.thread, lambda: self.process, lambda: processors)
        self.told = []

    def watch(self):
        watch = LoadWatch(Loop(), Admission(LIMITS), self.told.append, clocks=self.clocks)
        watch.start()
        return watch

    def run(self, watch, seconds, *, thread=0.0, core=0.0, late=0.0):
        """Time passes, a share of it used by the loop's thread and another by the core's."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            step = INTERVAL + late
            self.now += step
            self.thread += thread * step
            self.process += (thread + core) * step
            watch.measure()


class Loop:
    def call_later(self, delay, function):
        assert (delay, function) == (INTERVAL, function)


def test_the_loops_thread_counts_against_one_processor_and_the_process_against_all():
    machine = Machine()
    watch = machine.watch()
    machine.run(watch, 1, thread=0.5, core=0.7)
    assert watch.load.cpu == pytest.approx(0.6)
    machine.run(watch, 1, thread=0.8, core=0.1)
    assert watch.load.cpu == pytest.approx(0.8)
    machine.run(watch, 1.5, late=0.5)
    assert watch.load.lag == pytest.approx(0.5)


def test_what_changes_is_told_once_and_logged():
    machine = Machine()
    watch = machine.watch()
    with capture_logs() as lines:
        machine.run(watch, 0.9, thread=1.0)
        assert machine.told == []
        machine.run(watch, 5, thread=1.0)
        assert machine.told == [True]
        machine.run(watch, SUSTAINED * 4, thread=0.2)
    assert machine.told == [True, False]
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "too busy: new calls are refused"),
        ("info", "new calls are taken again"),
    ]
    assert lines[0]["cpu"] == 1.0
