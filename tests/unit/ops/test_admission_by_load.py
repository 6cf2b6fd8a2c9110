import itertools
import math

import pytest
from structlog.testing import capture_logs

from cordboard.ops.admission import LEAST, RELIEF, STEEPEST, SUSTAINED, TABLE, Admission, Input, Limits, Load, State
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
    assert admission.refused == 0.0
    assert fed(admission, much) == [State.SHEDDING]
    assert 0.0 < admission.refused < 1.0
    assert admission.closed == 1


def test_it_is_over_only_after_a_second_of_relief_with_all_calls_taken():
    admission = Admission(LIMITS)
    fed(admission, *[BUSY] * 5)
    assert fed(admission, *[BETWEEN] * 20) == [State.SHEDDING] * 20
    assert admission.refused == 0.0
    assert fed(admission, *[CALM] * 4, BETWEEN, *[CALM] * 4) == [State.SHEDDING] * 9
    assert fed(admission, CALM) == [State.TAKING]
    assert fed(admission, *[BETWEEN] * 20) == [State.TAKING] * 20
    assert admission.closed == 1


def test_relief_that_comes_of_refusing_is_none():
    admission = Admission(LIMITS)
    fed(admission, *[Load(1.8, 0.0)] * 30)
    assert admission.refused == 1.0
    calm = 0
    while admission.refused:
        assert fed(admission, CALM) == [State.SHEDDING]
        calm += 1
    assert calm == pytest.approx(2 + math.log(1 / LEAST, STEEPEST[1]), abs=1)
    assert fed(admission, *[CALM] * 4) == [State.SHEDDING] * 3 + [State.TAKING]


@pytest.mark.parametrize("offered", [0.95, 1.5, 4.0])
@pytest.mark.parametrize("besides", [0.0, 0.3])
def test_no_more_is_refused_than_the_limit_asks_for(offered, besides):
    """Calls that would take ``offered`` of a processor, beside what cannot be refused."""
    admission = Admission(LIMITS)
    for _ in range(100):
        fed(admission, Load(min(1.0, besides + offered * (1.0 - admission.refused)), 0.0))
    taken = besides + offered * (1.0 - admission.refused)
    assert taken == pytest.approx(LIMITS.cpu, abs=0.01)
    assert admission.closed == 1


def test_what_the_limit_does_not_leave_room_for_is_refused_whole():
    admission = Admission(LIMITS)
    fed(admission, *[BUSY] * 200)
    assert admission.refused == 1.0


def test_a_limit_that_is_off_is_not_looked_at():
    admission = Admission(Limits(cpu=0.0, lag=1.0))
    assert fed(admission, *[Load(50.0, 0.0)] * 20) == [State.TAKING] * 20
    fed(admission, *[LATE] * 5)
    assert admission.refused
    admission.limits = Limits()
    fed(admission, *[LATE] * 10)
    assert (admission.refused, admission.state) == (0.0, State.TAKING)


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
        refused = list(machine.told)
        assert refused == sorted(set(refused))
        assert 0.0 < refused[0] < refused[-1] < 1.0
        machine.run(watch, SUSTAINED * 4, thread=0.2)
    given_back = machine.told[len(refused) :]
    assert given_back == sorted(set(given_back), reverse=True)
    assert given_back[-1] == 0.0
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "too busy: new calls are refused in part"),
        ("info", "all new calls are taken again"),
    ]
    assert lines[0]["cpu"] == 1.0
