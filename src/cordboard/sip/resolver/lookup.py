"""From URIs to destinations, with the name service asked where the cache does not know.

One question is in flight once, however many want its answer; each has a limit in time, and their number has a limit.
A :class:`Route` is a place that stays of interest: it is looked up when it is opened and again whenever its answers
expire, so that a call finds its destinations known.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from cordboard.sip.resolver.cache import AnswerCache
from cordboard.sip.resolver.failover import Health
from cordboard.sip.resolver.locate import Located, Place, locate, place_of
from cordboard.sip.resolver.records import FAILED, Answer, Problem, Question, Srv, no_asker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard import _core
    from cordboard.sip.clock import Clock, Timer
    from cordboard.sip.resolver.cache import Policy
    from cordboard.sip.resolver.failover import Cause
    from cordboard.sip.resolver.locate import Family
    from cordboard.sip.resolver.records import Asker, Destination

MAX_ROUNDS: Final = 8
"""Most rounds of questions for one URI; NAPTR, SRV and addresses are three."""
LEAST_REFRESH: Final = 1.0
"""Seconds that a route rests at least between two lookups."""


class Resolver:
    """Locates servers. Never blocks; calls back on the clock's thread."""

    def __init__(
        self,
        clock: Clock,
        asker: Asker = no_asker,
        *,
        random: Callable[[], float],
        transports: Sequence[_core.TransportName] = ("udp", "tcp", "tls"),
        families: Sequence[Family] = ("ipv4", "ipv6"),
        policy: Policy | None = None,
        timeout: float = 5.0,
        in_flight_limit: int = 1000,
        failed: Callable[[Destination, Cause, str], None] | None = None,
    ) -> None:
        """``random``: a number from 0 up to 1. ``timeout``: seconds a question may take. For the others see ``locate``.

        ``in_flight_limit``: questions at once above which new ones fail. ``failed`` hears of destinations that fail.
        """
        self._clock = clock
        self._asker = asker
        self._random = random
        self.transports = tuple(transports)
        self.families = tuple(families)
        self.cache = AnswerCache(clock.now, policy)
        self.health = Health(clock.now, told=failed)
        self._timeout = timeout
        self._limit = in_flight_limit
        self._in_flight: dict[Question, _Asking] = {}
        self._routes: dict[Place, Route] = {}
        self.asked: dict[str, int] = {}
        """Questions asked, by kind, and their answers, by status."""
        self.joined = 0
        """Questions that waited for the answer of the same one."""
        self.refused = 0
        """Questions not asked because too many were in flight."""
        self.late = 0
        """Questions given up for want of an answer in time."""

    def locate(self, uri: str | Place, found: Callable[[Located], None]) -> Search:
        """Calls ``found`` once, now or later. Raises UnlocatableError."""
        search = Search(self, uri if isinstance(uri, Place) else place_of(uri), found)
        search.step()
        return search

    def route(self, uri: str) -> Route:
        """A place to be kept known until ``close``. Routes to one place are one. Raises UnlocatableError."""
        place = place_of(uri)
        route = self._routes.get(place)
        if route is None:
            route = self._routes[place] = Route(self, place)
            route.refresh()
        route.users += 1
        return route

    @property
    def routes(self) -> int:
        """Places that are kept known."""
        return len(self._routes)

    @property
    def sleeping(self) -> int:
        """How many of them wait for their answers to expire, with a timer each."""
        return sum(route.sleeping for route in self._routes.values())

    def counters(self) -> dict[str, int]:
        """What was counted since the start."""
        cache, health = self.cache, self.health
        return {
            **self.asked,
            "cache hits": cache.hits,
            "cache misses": cache.misses,
            "cache stale": cache.stale,
            "cache evicted": cache.evicted,
            "joined": self.joined,
            "refused": self.refused,
            "late": self.late,
            "destinations failed": health.failures,
            "destinations recovered": health.recoveries,
        }

    # For Search and Route.

    def work_out(self, place: Place, answers: Callable[[Question], Answer | None]) -> Located:
        """``locate`` with what this resolver was made with."""
        return locate(place, answers, transports=self.transports, families=self.families, random=self._random)

    def ask(self, question: Question, answered: Callable[[Answer], None]) -> None:
        """Asks the name service, once for all who ask the same meanwhile."""
        asking = self._in_flight.get(question)
        if asking is not None:
            self.joined += 1
            asking.waiting.append(answered)
            return
        if len(self._in_flight) >= self._limit:
            self.refused += 1
            answered(FAILED)
            return
        asking = self._in_flight[question] = _Asking(answered)
        self._count(question.kind.value)
        asking.timer = self._clock.call_later(self._timeout, partial(self._give_up, question, asking))
        self._asker(question, partial(self._answered, question, asking))

    def later(self, delay: float, function: Callable[[], None]) -> Timer:
        """The clock's."""
        return self._clock.call_later(delay, function)

    def forget(self, route: Route) -> None:
        """A route has no user left."""
        self._routes.pop(route.place, None)

    def _give_up(self, question: Question, asking: _Asking) -> None:
        asking.timer = None
        self.late += 1
        self._answered(question, asking, FAILED)

    def _answered(self, question: Question, asking: _Asking, answer: Answer) -> None:
        if self._in_flight.get(question) is not asking:
            return  # given up, or answered twice
        del self._in_flight[question]
        if asking.timer is not None:
            asking.timer.cancel()
        self._count(answer.status.value)
        believed = self.cache.put(question, answer)
        for answered in asking.waiting:
            answered(believed)

    def _count(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1


class _Asking:
    """A question in flight."""

    __slots__ = ("timer", "waiting")

    def __init__(self, first: Callable[[Answer], None]) -> None:
        self.waiting = [first]
        self.timer: Timer | None = None


class Search:
    """One URI being located."""

    __slots__ = ("_busy", "_found", "_open", "_place", "_resolver", "_rounds", "answers")

    def __init__(self, resolver: Resolver, place: Place, found: Callable[[Located], None]) -> None:
        self._resolver = resolver
        self._place = place
        self._found: Callable[[Located], None] | None = found
        self.answers: dict[Question, Answer] = {}
        """The answers used."""
        self._open = 0
        self._rounds = 0
        self._busy = False

    def cancel(self) -> None:
        """Wants the answer no more."""
        self._found = None

    def step(self) -> None:
        """Goes as far as it can."""
        if self._busy:
            return
        self._busy = True
        while self._found is not None:
            located = self._resolver.work_out(self._place, self._known)
            if not located.missing or self._rounds >= MAX_ROUNDS:
                found, self._found = self._found, None
                found(located if not located.missing else Located(problem=Problem.UNAVAILABLE, failed=True, ttl=0.0))
                break
            self._rounds += 1
            self._open = len(located.missing)
            for question in located.missing:
                self._resolver.ask(question, partial(self._answered, question))
            if self._open:
                break
        self._busy = False

    def _known(self, question: Question) -> Answer | None:
        answer = self.answers.get(question)
        if answer is None:
            answer = self._resolver.cache.get(question)
            if answer is not None:
                self.answers[question] = answer
        return answer

    def _answered(self, question: Question, answer: Answer) -> None:
        self.answers[question] = answer
        self._open -= 1
        if self._open == 0:
            self.step()


class Route:
    """A place that is kept known. Made by :meth:`Resolver.route`."""

    __slots__ = (
        "_answers",
        "_chance",
        "_resolver",
        "_search",
        "_timer",
        "_waiting",
        "located",
        "place",
        "users",
        "watchers",
    )

    def __init__(self, resolver: Resolver, place: Place) -> None:
        self._resolver = resolver
        self.place = place
        self.located: Located | None = None
        """What is known; None before the first answer."""
        self.users = 0
        """How many opened it and did not close it."""
        self.watchers: list[Callable[[Located], None]] = []
        """Called with what each lookup found."""
        self._answers: dict[Question, Answer] = {}
        self._chance = False
        self._search: Search | None = None
        self._timer: Timer | None = None
        self._waiting: dict[int, tuple[Callable[[Located | None], None], Timer]] = {}

    def __repr__(self) -> str:
        return f"<Route {self.place.host} {self.located}>"

    @property
    def sleeping(self) -> bool:
        """Whether it waits for its answers to expire."""
        return self._timer is not None

    @property
    def health(self) -> Health:
        """Which destinations failed lately."""
        return self._resolver.health

    def draw(self) -> Located | None:
        """The destinations for one request, weighted anew (RFC 2782); None while they are not known."""
        return self._resolver.work_out(self.place, self._answers.get) if self._chance else self.located

    def wait(self, timeout: float, known: Callable[[Located | None], None]) -> int:
        """Calls ``known`` with what ``draw`` gives, later; with None after ``timeout`` seconds. Returns its number."""
        number = id(known)
        while number in self._waiting:
            number += 1
        timer = self._resolver.later(timeout, partial(self._too_late, number))
        self._waiting[number] = (known, timer)
        return number

    def wait_no_more(self, number: int) -> None:
        """Takes a wait back."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting[1].cancel()

    def refresh(self) -> None:
        """Looks it up, unless that is going on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._search is None:
            self._search = search = Search(self._resolver, self.place, self._found)
            search.step()

    def close(self) -> None:
        """One user less; without any it is looked up no more."""
        self.users -= 1
        if self.users > 0:
            return
        self._resolver.forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._search is not None:
            self._search.cancel()
            self._search = None
        if self._waiting:
            self._tell(None)

    def _found(self, located: Located) -> None:
        search, self._search = self._search, None
        if search is not None:
            self._answers = search.answers
            self._chance = any(_is_drawn(answer) for answer in search.answers.values())
        self.located = located
        if located.ttl < inf:
            self._timer = self._resolver.later(max(LEAST_REFRESH, located.ttl), self._expired)
        for watcher in tuple(self.watchers):
            watcher(located)
        self._tell(self.draw())

    def _expired(self) -> None:
        self._timer = None
        self.refresh()

    def _too_late(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting[0](None)

    def _tell(self, located: Located | None) -> None:
        waiting, self._waiting = self._waiting, {}
        for known, timer in waiting.values():
            timer.cancel()
            known(located)


def _is_drawn(answer: Answer) -> bool:
    """Whether chance has a say in the order of these records."""
    priorities = [record.priority for record in answer.records if isinstance(record, Srv)]
    return len(set(priorities)) < len(priorities)
