"""The list of destinations bound to one request, and what is remembered of each destination (RFC 3263 section 4.3).

A destination fails by timeout, by the transport, by TLS or with 503. Then the request goes to the next one, as a new
transaction with a branch of its own. One that failed is tried last for ``recovery`` seconds, or as long as its
Retry-After says; it is never left out, because a guess may be wrong and a last resort is one. Whatever it answers
brings it back.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from cordboard.sip.resolver.records import Destination

RECOVERY: Final = 30.0
"""Seconds that a destination which failed is tried last."""
MAX_RETRY_AFTER: Final = 3600.0
"""Longest time a Retry-After may ask for."""
MAX_TRIES: Final = 8
"""Most destinations tried for one request."""
MAX_HEALTH: Final = 10_000
"""Most destinations remembered as failed; above it the one that failed first is forgotten."""


class Cause(Enum):
    """How a destination failed a request."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    """Refused, unreachable, connection lost."""
    TLS = "tls"
    """The handshake failed, or the certificate is not for the domain."""
    UNAVAILABLE = "unavailable"
    """It answered 503."""

    __hash__ = object.__hash__


class Health:
    """Which destinations failed lately; one table for all requests. ``now`` gives the moment in seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        recovery: float = RECOVERY,
        size: int = MAX_HEALTH,
        told: Callable[[Destination, Cause, str], None] | None = None,
    ) -> None:
        """``told`` hears of each failure, with the transport's own words for it if there are any."""
        self._now = now
        self._told = told
        self._recovery = recovery
        self._size = size
        self._bad: dict[tuple[str, str, int], tuple[float, Cause]] = {}
        self.failures = 0
        """Failures told."""
        self.recoveries = 0
        """Destinations that answered again after they had failed."""

    def __len__(self) -> int:
        return len(self._bad)

    def fail(self, destination: Destination, cause: Cause, recovery: float | None = None, *, why: str = "") -> None:
        """It failed. ``recovery``: seconds, if not the usual ones; 0 remembers nothing. ``why``: in words."""
        self.failures += 1
        if self._told is not None:
            self._told(destination, cause, why)
        seconds = self._recovery if recovery is None else recovery
        self._bad.pop(destination.key, None)
        if seconds > 0:
            self._bad[destination.key] = (self._now() + seconds, cause)
        while len(self._bad) > self._size:
            del self._bad[next(iter(self._bad))]

    def answer(self, destination: Destination) -> None:
        """It answered, with anything but 503."""
        if self._bad and self._bad.pop(destination.key, None) is not None:
            self.recoveries += 1

    def cause(self, destination: Destination) -> Cause | None:
        """How it failed lately; None if it counts as good."""
        bad = self._bad.get(destination.key)
        if bad is None:
            return None
        if bad[0] <= self._now():
            del self._bad[destination.key]
            return None
        return bad[1]

    def order(self, destinations: Iterable[Destination]) -> list[Destination]:
        """The good ones as they come, then those that failed, the soonest to recover first."""
        good: list[Destination] = []
        bad: list[Destination] = []
        for destination in destinations:
            (bad if self._bad and self.cause(destination) is not None else good).append(destination)
        bad.sort(key=lambda destination: self._bad[destination.key][0])
        return good + bad

    def failed(self) -> list[tuple[str, str, int, str, float]]:
        """For people: transport, host, port, cause and seconds left of all that count as failed now."""
        now = self._now()
        return [(*key, cause.value, until - now) for key, (until, cause) in self._bad.items() if until > now]


class Affinity:
    """Which destination answered before, by dialog, registration or whatever belongs together. Bounded.

    Requests within a dialog stay by themselves, since the core sends them along the dialog's route set. This is for
    those that are related without a dialog: the refreshes of a registration, a request sent again with credentials.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._kept: dict[Hashable, Destination] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Hashable, destination: Destination) -> None:
        """It answered for ``key``."""
        self._kept.pop(key, None)
        self._kept[key] = destination
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]

    def get(self, key: Hashable) -> Destination | None:
        """The one that answered."""
        return self._kept.get(key)

    def forget(self, key: Hashable) -> None:
        """The dialog or registration has ended."""
        self._kept.pop(key, None)


class Tries:
    """The destinations of one request, one after the other."""

    __slots__ = ("_affinity", "_health", "_key", "_recovery", "_waiting", "causes", "current")

    def __init__(
        self,
        destinations: Sequence[Destination],
        health: Health,
        *,
        recovery: float | None = None,
        affinity: Affinity | None = None,
        key: Hashable = None,
    ) -> None:
        """``recovery``: seconds, if not the table's own. With ``affinity``, the destination of ``key`` comes first."""
        self._health = health
        self._recovery = recovery
        self._affinity = affinity
        self._key = key
        self._waiting = health.order(destinations)[:MAX_TRIES]
        preferred = affinity.get(key) if affinity is not None else None
        if preferred is not None and health.cause(preferred) is None:
            # Also when the name leads elsewhere by now: its state is still there.
            self._waiting = [preferred, *(d for d in self._waiting if d.key != preferred.key)]
        self.current: Destination | None = None
        """The one being tried."""
        self.causes: list[tuple[Destination, Cause]] = []
        """Those that failed, and how."""

    @property
    def more(self) -> bool:
        """Whether there is another one."""
        return bool(self._waiting)

    def next(self) -> Destination | None:
        """The next one to try; None when there is none left."""
        self.current = self._waiting.pop(0) if self._waiting else None
        return self.current

    def fail(self, cause: Cause, retry_after: float | None = None, *, why: str = "") -> None:
        """The current one failed. ``why``: in words."""
        if self.current is None:
            return
        self.causes.append((self.current, cause))
        self._health.fail(self.current, cause, self._recovery if retry_after is None else retry_after, why=why)
        if self._affinity is not None and self._affinity.get(self._key) == self.current:
            self._affinity.forget(self._key)

    def answer(self) -> None:
        """The current one answered."""
        if self.current is None:
            return
        self._health.answer(self.current)
        if self._affinity is not None:
            self._affinity.keep(self._key, self.current)


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header (RFC 3261 section 20.33), an hour at most; None without one that can be read."""
    if value is None:
        return None
    digits = value.partition(";")[0].partition("(")[0].strip()
    seconds = whole_number(digits, 2**64)
    return None if seconds is None else min(float(seconds), MAX_RETRY_AFTER)
