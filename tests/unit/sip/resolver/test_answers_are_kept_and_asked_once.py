"""Cache and lookups under a clock that stands still."""

import pytest

from cordboard.sip.resolver.cache import AnswerCache, Policy
from cordboard.sip.resolver.lookup import Resolver
from cordboard.sip.resolver.records import FAILED, Answer, Kind, Problem, Question, Status
from cordboard.testkit.clock import VirtualClock
from cordboard.testkit.names import ScriptedNames

A = Question("a.example", Kind.A)


def found(*addresses, ttl=60.0):
    return Answer(Status.FOUND, addresses, ttl)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def names(clock):
    made = ScriptedNames(clock)
    made.srv("_sip._udp.c.example", (1, 0, 5060, "a.example"), (2, 0, 5060, "b.example"))
    made.address("a.example", "192.0.2.1")
    made.address("b.example", "192.0.2.2")
    return made


@pytest.fixture
def resolver(clock, names):
    return Resolver(clock, names, random=lambda: 0.0, transports=("udp",), families=("ipv4",))


# Cache


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        (found("1", ttl=60), 60.0),
        (found("1", ttl=0), 5.0),
        (found("1", ttl=10_000_000), 86_400.0),
        (Answer(Status.NO_NAME, ttl=60), 60.0),
        (Answer(Status.NO_DATA, ttl=0), 1.0),
        (Answer(Status.NO_NAME, ttl=86_400), 900.0),
        (FAILED, 5.0),
    ],
)
def test_an_answer_lives_as_long_as_it_says_within_bounds(clock, answer, life):
    cache = AnswerCache(clock.now)
    assert cache.get(A) is None
    assert cache.put(A, answer).ttl == life
    clock.advance(life - 0.5)
    kept = cache.get(A)
    assert (kept.status, kept.records, kept.ttl) == (answer.status, answer.records, 0.5)
    clock.advance(life)
    assert cache.get(A) is None
    assert (cache.hits, cache.misses) == (1, 2)


def test_an_old_answer_serves_while_asking_fails_but_not_for_ever(clock):
    cache = AnswerCache(clock.now, Policy(stale=100, stale_ttl=30))
    cache.put(A, found("192.0.2.1", ttl=60))
    clock.advance(60)
    assert cache.get(A) is None
    assert cache.put(A, FAILED) == found("192.0.2.1", ttl=30)
    assert cache.get(A) == found("192.0.2.1", ttl=30)
    clock.advance(150)
    assert cache.put(A, FAILED) == found("192.0.2.1", ttl=10)
    clock.advance(160)
    assert cache.put(A, FAILED).status is Status.FAILED
    assert cache.stale == 2
    clock.advance(200)
    assert cache.put(A, found("192.0.2.9")).records == ("192.0.2.9",)


def test_without_stale_time_a_failure_is_a_failure(clock):
    cache = AnswerCache(clock.now, Policy(stale=0))
    cache.put(A, found("192.0.2.1", ttl=60))
    clock.advance(60)
    assert cache.put(A, FAILED).status is Status.FAILED


def test_a_no_replaces_a_yes_at_once(clock):
    cache = AnswerCache(clock.now)
    cache.put(A, found("192.0.2.1"))
    clock.advance(60)
    assert cache.put(A, Answer(Status.NO_NAME, ttl=60)).status is Status.NO_NAME


def test_room_is_bounded_and_what_is_used_stays(clock):
    cache = AnswerCache(clock.now, Policy(size=3))
    questions = [Question(f"h{n}.example", Kind.A) for n in range(4)]
    for question in questions[:3]:
        cache.put(question, found("192.0.2.1"))
    cache.get(questions[0])
    cache.put(questions[3], found("192.0.2.1"))
    assert [cache.get(question) is not None for question in questions] == [True, False, True, True]
    assert (len(cache), cache.evicted) == (3, 1)
    cache.clear()
    assert len(cache) == 0


# Lookups


def test_the_same_question_is_in_flight_once(resolver, names, clock):
    heard = []
    for _ in range(5):
        resolver.locate("sip:c.example", heard.append)
    assert heard == []
    clock.advance(1)
    assert len(heard) == 5
    assert [str(d) for d in heard[0].destinations] == ["udp:192.0.2.1:5060", "udp:192.0.2.2:5060"]
    assert len(names.asked) == len({question for _, question in names.asked}) == 4
    assert resolver.counters()["joined"] == 16
    # Rounds: NAPTR, SRV, then both hosts at once.
    assert [round(at, 3) for at, _ in names.asked] == [0.0, 0.02, 0.04, 0.04]


def test_what_is_known_is_answered_at_once(resolver, names, clock):
    heard = []
    resolver.locate("sip:c.example", heard.append)
    clock.advance(1)
    resolver.locate("sip:1502@c.example;lr", heard.append)
    assert len(heard) == 2
    assert heard[1].ttl < heard[0].ttl <= 60
    assert len(names.asked) == 4
    assert clock.waiting == 0


def test_an_asker_that_answers_at_once_is_as_good(names, clock, resolver):
    names.delay = 0.0
    heard = []
    resolver.locate("sip:c.example", heard.append)
    assert len(heard[0].destinations) == 2
    assert clock.waiting == 0


def test_an_asker_that_never_answers_is_given_up(resolver, names, clock):
    names.silent = True
    heard = []
    resolver.locate("sip:c.example:5060", heard.append)
    clock.advance(4.9)
    assert heard == []
    clock.advance(5.1)
    assert (heard[0].problem, heard[0].failed) == (Problem.UNAVAILABLE, True)
    counters = resolver.counters()
    assert (counters["late"], counters["failed"], counters["A"]) == (1, 1, 1)
    # The failure is remembered for a moment, so that a dead name service is not asked for each call.
    resolver.locate("sip:c.example:5060", heard.append)
    assert heard[1].problem is Problem.UNAVAILABLE
    assert len(names.asked) == 1
    clock.advance(20)
    resolver.locate("sip:c.example:5060", heard.append)
    assert len(names.asked) == 2


def test_an_answer_that_comes_too_late_or_twice_is_passed_over(clock):
    waiting = []
    resolver = Resolver(clock, lambda _, answered: waiting.append(answered), random=lambda: 0.0, families=("ipv4",))
    heard = []
    resolver.locate("sip:a.example:5060", heard.append)
    clock.advance(6)
    assert heard[0].problem is Problem.UNAVAILABLE
    waiting[0](found("192.0.2.1"))
    assert len(heard) == 1
    clock.advance(20)
    resolver.locate("sip:a.example:5060", heard.append)
    waiting[1](found("192.0.2.2"))
    waiting[1](found("192.0.2.3"))
    assert [len(heard), heard[1].destinations[0].host] == [2, "192.0.2.2"]


def test_questions_in_flight_have_a_limit(clock):
    waiting = []
    resolver = Resolver(
        clock, lambda *asked: waiting.append(asked), random=lambda: 0.0, families=("ipv4",), in_flight_limit=2
    )
    heard = []
    for n in range(3):
        resolver.locate(f"sip:h{n}.example:5060", heard.append)
    assert [located.problem for located in heard] == [Problem.UNAVAILABLE]
    assert (len(waiting), resolver.counters()["refused"]) == (2, 1)


def test_a_search_that_is_cancelled_says_nothing(resolver, clock):
    heard = []
    resolver.locate("sip:c.example", heard.append).cancel()
    clock.advance(10)
    assert heard == []
    assert clock.waiting == 0


# Routes


def test_a_route_keeps_what_it_knows_fresh(resolver, names, clock):
    names.negative = 900.0
    route = resolver.route("sip:1501@c.example")
    assert route.draw() is None
    clock.advance(1)
    assert [d.host for d in route.draw().destinations] == ["192.0.2.1", "192.0.2.2"]
    names.address("a.example", "192.0.2.9")
    asked = len(names.asked)
    clock.advance(59)
    assert len(names.asked) == asked
    clock.advance(61)
    assert [d.host for d in route.draw().destinations] == ["192.0.2.9", "192.0.2.2"]
    assert resolver.route("sip:1502@C.example") is route
    route.close()
    assert resolver.sleeping == 1
    route.close()
    assert (resolver.routes, clock.waiting) == (0, 0)


def test_a_route_in_use_leads_on_while_it_is_looked_up_again(resolver, names, clock):
    route = resolver.route("sip:c.example")
    clock.advance(1)
    names.delay = 3.0
    clock.advance(61)
    assert len(route.draw().destinations) == 2
    route.close()


def test_waiting_for_a_route_ends_with_the_answer_the_timeout_or_the_route(resolver, names, clock):
    names.silent = True
    route = resolver.route("sip:c.example:5060")
    heard = []
    route.wait(2.0, lambda located: heard.append(("first", located)))
    number = route.wait(2.0, lambda located: heard.append(("taken back", located)))
    route.wait(9.0, lambda located: heard.append(("last", located and located.problem)))
    route.wait_no_more(number)
    route.wait_no_more(number)
    clock.advance(3)
    assert heard == [("first", None)]
    clock.advance(6)
    assert heard[1:] == [("last", Problem.UNAVAILABLE)]
    other = resolver.route("sip:b.example:5060")
    other.wait(9.0, lambda located: heard.append(("closed", located)))
    other.close()
    route.close()
    assert heard[2:] == [("closed", None)]
    clock.advance(30)
    assert clock.waiting == 0


def test_a_failed_lookup_is_tried_again_soon(resolver, names, clock):
    names.down = True
    route = resolver.route("sip:c.example")
    clock.advance(2)
    assert route.draw().problem is Problem.UNAVAILABLE
    names.down = False
    clock.advance(8)
    assert len(route.draw().destinations) == 2
    route.close()


def test_each_request_draws_anew_by_weight(names, clock):
    names.srv("_sip._udp.c.example", (1, 1, 5060, "a.example"), (1, 1, 5060, "b.example"))
    chance = iter([0.0, 0.9, 0.0, 0.9, 0.9, 0.0] * 20)
    resolver = Resolver(clock, names, random=lambda: next(chance), transports=("udp",), families=("ipv4",))
    route = resolver.route("sip:c.example")
    clock.advance(1)
    asked = len(names.asked)
    drawn = {tuple(d.host for d in route.draw().destinations) for _ in range(10)}
    assert drawn == {("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")}
    assert len(names.asked) == asked
    route.close()
