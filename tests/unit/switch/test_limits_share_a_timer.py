"""Limits of one length wait behind one timer, and are called as if each had its own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from cordboard.switch.barrier import GuardedClock
from cordboard.testkit.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable


class One:
    """One who has so long, and calls a function when that is over."""

    def __init__(self, clock: GuardedClock, delay: float, function: Callable[[], None]) -> None:
        self.on_limit = function
        self.queue = clock.limit(delay, self)

    def cancel(self) -> None:
        self.queue.take_back(self)


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.guarded = GuardedClock(self.clock, self.on_fault)
        self.told: list[tuple[float, str]] = []
        self.faults: list[Exception] = []

    def on_fault(self, _function: object, error: Exception) -> None:
        self.faults.append(error)

    def limit(self, name: str, delay: float = 60.0) -> One:
        return One(self.guarded, delay, lambda: self.told.append((self.clock.now(), name)))


@pytest.fixture
def world() -> World:
    return World()


def test_each_is_called_when_its_own_time_is_over(world):
    for second in range(5):
        world.clock.advance(second)
        world.limit(str(second))
    assert world.clock.waiting == 1
    world.clock.advance(62.5)
    assert world.told == [(60.0, "0"), (61.0, "1"), (62.0, "2")]
    world.clock.advance(200)
    assert [name for _, name in world.told] == ["0", "1", "2", "3", "4"]
    assert world.clock.waiting == 0


def test_what_is_taken_back_is_not_called_and_delays_nothing(world):
    first = world.limit("first")
    world.clock.advance(10)
    second = world.limit("second")
    world.clock.advance(20)
    world.limit("third")
    first.cancel()
    second.cancel()
    world.clock.advance(79)
    assert world.told == []
    world.clock.advance(80)
    assert world.told == [(80.0, "third")]


def test_without_any_there_is_no_timer(world):
    taken_back = [world.limit("a"), world.limit("b")]
    for limit in taken_back:
        limit.cancel()
        limit.cancel()
    assert world.clock.waiting == 0
    world.limit("c")
    world.clock.advance(60)
    assert world.told == [(60.0, "c")]
    taken_back[0].cancel()


def test_one_that_is_called_may_set_another_and_take_others_back(world):
    later = []

    def again() -> None:
        world.told.append((world.clock.now(), "again"))
        later[0].cancel()
        world.limit("next")

    One(world.guarded, 60.0, again)
    world.clock.advance(1)
    later.append(world.limit("later"))
    world.clock.advance(500)
    assert world.told == [(60.0, "again"), (120.0, "next")]
    assert world.clock.waiting == 0


def test_one_that_fails_keeps_no_other_from_being_called(world):
    def broken() -> None:
        raise ZeroDivisionError

    One(world.guarded, 60.0, broken)
    world.limit("good")
    world.clock.advance(60)
    assert world.told == [(60.0, "good")]
    assert [type(error) for error in world.faults] == [ZeroDivisionError]


def test_as_if_each_had_a_timer_of_its_own(world):
    choice = random.Random(7)
    expected, waiting = [], {}
    for number in range(400):
        world.clock.advance(world.clock.now() + choice.random())
        delay = choice.choice((5.0, 20.0))
        waiting[number] = (world.limit(str(number), delay), world.clock.now() + delay)
        if choice.random() < 0.7:
            limit, due = waiting.pop(choice.choice(list(waiting)))
            if due <= world.clock.now():
                expected.append(due)
            limit.cancel()
    world.clock.advance(1000)
    expected += [due for _, due in waiting.values()]
    assert [at for at, _ in world.told] == pytest.approx(sorted(expected))
    assert world.clock.waiting == 0
