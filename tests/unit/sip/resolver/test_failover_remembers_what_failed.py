"""Health, affinity and the tries of one request."""

import pytest

from cordboard.sip.resolver.failover import MAX_TRIES, Affinity, Cause, Health, Tries, retry_after
from cordboard.sip.resolver.records import Destination
from cordboard.testkit.clock import VirtualClock

ONE, TWO, THREE = (Destination("udp", f"192.0.2.{n}", 5060, "c.example") for n in (1, 2, 3))
ALL = (ONE, TWO, THREE)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def health(clock):
    return Health(clock.now, recovery=30.0)


def test_one_that_failed_goes_last_until_its_time_is_over(health, clock):
    health.fail(ONE, Cause.TIMEOUT)
    assert health.order(ALL) == [TWO, THREE, ONE]
    assert health.cause(ONE) is Cause.TIMEOUT
    assert health.failed() == [("udp", "192.0.2.1", 5060, "timeout", 30.0)]
    clock.advance(29.9)
    assert health.order(ALL) == [TWO, THREE, ONE]
    clock.advance(30)
    assert health.order(ALL) == [ONE, TWO, THREE]
    assert len(health) == 0


def test_of_those_that_failed_the_soonest_to_recover_goes_first(health, clock):
    health.fail(ONE, Cause.UNAVAILABLE, 100.0)
    clock.advance(1)
    health.fail(TWO, Cause.TLS)
    assert health.order(ALL) == [THREE, TWO, ONE]
    health.fail(THREE, Cause.TRANSPORT, 5.0)
    assert health.order(ALL) == [THREE, TWO, ONE]


def test_an_answer_brings_it_back(health):
    health.fail(ONE, Cause.TRANSPORT)
    health.answer(TWO)
    health.answer(ONE)
    assert health.order(ALL) == list(ALL)
    assert (health.failures, health.recoveries) == (1, 1)


def test_it_is_one_server_whatever_the_name_that_led_to_it_but_not_whatever_the_transport(health):
    health.fail(ONE, Cause.TIMEOUT)
    assert health.cause(ONE._replace(name="other.example")) is Cause.TIMEOUT
    assert health.cause(ONE._replace(transport="tcp")) is None


def test_each_failure_is_told_with_what_the_transport_says_of_it(clock):
    told = []
    health = Health(clock.now, told=lambda *what: told.append(what))
    tries = Tries(ALL, health)
    tries.next()
    tries.fail(Cause.TLS, why="certificate not trusted")
    tries.next()
    tries.fail(Cause.UNAVAILABLE, 0.0)
    assert told == [(ONE, Cause.TLS, "certificate not trusted"), (TWO, Cause.UNAVAILABLE, "")]


def test_no_time_remembers_nothing_and_there_is_a_limit(clock):
    health = Health(clock.now, size=2)
    health.fail(ONE, Cause.TIMEOUT, 0.0)
    assert len(health) == 0
    for destination in ALL:
        health.fail(destination, Cause.TIMEOUT)
    assert health.order(ALL) == [ONE, TWO, THREE]
    assert len(health) == 2


def test_tries_go_through_the_list_and_tell_the_table(health):
    tries = Tries(ALL, health)
    assert tries.next() is ONE
    tries.fail(Cause.TIMEOUT)
    assert tries.next() is TWO
    tries.fail(Cause.UNAVAILABLE, 120.0)
    assert tries.more
    assert tries.next() is THREE
    assert not tries.more
    tries.answer()
    assert tries.next() is None
    tries.fail(Cause.TIMEOUT)
    assert tries.causes == [(ONE, Cause.TIMEOUT), (TWO, Cause.UNAVAILABLE)]
    assert Tries(ALL, health).next() is THREE


def test_tries_have_a_limit(health):
    tries = Tries([ONE._replace(port=port) for port in range(1, 100)], health)
    count = 0
    while tries.next() is not None:
        count += 1
    assert count == MAX_TRIES


def test_what_belongs_together_stays_with_the_one_that_answered(health):
    affinity = Affinity()
    first = Tries(ALL, health, affinity=affinity, key="registration")
    first.next()
    first.fail(Cause.TIMEOUT)
    first.next()
    first.answer()
    health.answer(ONE)
    assert Tries(ALL, health, affinity=affinity, key="registration").next() is TWO
    assert Tries(ALL, health, affinity=affinity, key="another").next() is ONE
    # Also when the name leads elsewhere by now.
    moved = Tries((ONE, THREE), health, affinity=affinity, key="registration")
    assert [moved.next(), moved.next(), moved.next()] == [TWO, ONE, THREE]
    # Until it fails.
    again = Tries(ALL, health, affinity=affinity, key="registration")
    again.next()
    again.fail(Cause.TRANSPORT)
    assert affinity.get("registration") is None
    assert [again.next(), again.next(), again.next()] == [ONE, THREE, None]


def test_affinity_does_not_lead_to_one_that_failed_for_others(health):
    affinity = Affinity()
    affinity.keep("registration", ONE)
    health.fail(ONE, Cause.TIMEOUT)
    assert Tries(ALL, health, affinity=affinity, key="registration").next() is TWO


def test_affinity_is_bounded_and_ends():
    affinity = Affinity(size=2)
    for key, destination in enumerate(ALL):
        affinity.keep(key, destination)
    assert [affinity.get(key) for key in range(3)] == [None, TWO, THREE]
    affinity.forget(1)
    affinity.forget(1)
    assert len(affinity) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("18000;duration=3600", 3600.0),
        ("5 (I'm in a meeting)", 5.0),
        ("0", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("9" * 30, None),
    ],
)
def test_retry_after_is_read_with_care(value, seconds):
    assert retry_after(value) == seconds
