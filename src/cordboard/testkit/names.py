"""A name service that says what the test wrote down, when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.sip.resolver.records import FAILED, Answer, Kind, Naptr, Question, Record, Srv, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.clock import Clock


class ScriptedNames:
    """An ``Asker`` on a clock that stands still. Names it was not told of do not exist."""

    def __init__(self, clock: Clock, *, delay: float = 0.02, negative: float = 30.0) -> None:
        """``delay``: seconds an answer takes. ``negative``: seconds a "no" holds."""
        self._clock = clock
        self.delay = delay
        self.negative = negative
        self.records: dict[Question, Answer] = {}
        self.asked: list[tuple[float, Question]] = []
        """When what was asked."""
        self.down = False
        """Whether all questions fail."""
        self.silent = False
        """Whether no question is ever answered."""

    def _set(self, name: str, kind: Kind, records: tuple[Record, ...], ttl: float) -> None:
        self.records[Question(name, kind)] = Answer(Status.FOUND, records, ttl)

    def address(self, name: str, *addresses: str, ttl: float = 60.0) -> None:
        """Addresses of a host, of either family; those from before are gone."""
        for kind in (Kind.A, Kind.AAAA):
            self.records.pop(Question(name, kind), None)
            found = tuple(address for address in addresses if (":" in address) is (kind is Kind.AAAA))
            if found:
                self._set(name, kind, found, ttl)

    def srv(self, name: str, *records: tuple[int, int, int, str], ttl: float = 60.0) -> None:
        """SRV records: priority, weight, port, target."""
        self._set(name, Kind.SRV, tuple(Srv(*record) for record in records), ttl)

    def naptr(self, name: str, *records: tuple[int, int, str, str, str], ttl: float = 60.0) -> None:
        """NAPTR records: order, preference, flags, service, replacement."""
        made = tuple(Naptr(o, p, flags, service, "", target) for o, p, flags, service, target in records)
        self._set(name, Kind.NAPTR, made, ttl)

    def fail(self, name: str, kind: Kind) -> None:
        """That question fails."""
        self.records[Question(name, kind)] = FAILED

    def answer(self, question: Question) -> Answer:
        """What it says now."""
        if self.down:
            return FAILED
        found = self.records.get(question)
        if found is not None:
            return found
        exists = any(name == question.name for name, _ in self.records)
        return Answer(Status.NO_DATA if exists else Status.NO_NAME, ttl=self.negative)

    def __call__(self, question: Question, answered: Callable[[Answer], None]) -> None:
        """Is asked."""
        self.asked.append((self._clock.now(), question))
        if self.silent:
            return
        if self.delay <= 0:
            answered(self.answer(question))
        else:
            self._clock.call_later(self.delay, lambda: answered(self.answer(question)))

    def count(self, kind: Kind) -> int:
        """How many questions of that kind were asked."""
        return sum(question.kind is kind for _, question in self.asked)
