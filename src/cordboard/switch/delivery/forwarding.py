"""Where a DN that does not take a call sends it, and the guard against loops.

No DN is reached twice, and a call is diverted at most ``max-forward-hops`` times, what other servers tell in Diversion
included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.features.diversion import Trail, Why
from cordboard.switch.numbers import number_of
from cordboard.switch.records import Outcome
from cordboard.switch.trunks.selection import listed

if TYPE_CHECKING:
    from cordboard.model.forwarding import Features
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.legs import Failure


class Guard:
    """The DNs a call was at, and how often it was diverted."""

    __slots__ = ("_domain", "_limit", "_seen", "trail")

    def __init__(self, domain: str, limit: int, trail: Trail | None) -> None:
        """``limit``: most diversions. ``trail``: of a call that was diverted before it came to us."""
        self._domain = domain
        self._limit = limit
        self._seen: set[str] = set()
        self.trail = trail
        """What the next callee is told of it; None for a call that was never diverted."""

    def reach(self, number: str) -> bool:
        """The call comes to a DN. Whether for the first time."""
        if number in self._seen:
            return False
        self._seen.add(number)
        return True

    def divert(self, number: str, to: str, why: Why) -> bool:
        """A DN diverts the call. Whether it may."""
        if self.trail is None:
            self.trail = Trail(self._domain)
        self.trail.divert(number, to, why)
        return self.trail.hops <= self._limit


def forwarded(features: Features, why: Why) -> str:
    """Where a DN that did not take a call wants it to go; empty for nowhere."""
    return features.busy if why in (Why.BUSY, Why.DND) else features.no_answer


def sent_on(failure: Failure) -> str:
    """Where a phone that answered 3xx sends its caller; empty for nowhere."""
    if 300 <= failure.status < 400 and failure.message is not None:
        for uri in listed(failure.message.headers("Contact")):
            number = number_of(uri)
            if number:
                return number
    return ""


def reason_of(refusal: Refusal) -> Why | None:
    """Which kind of forwarding the refusal of a phone calls for; None for none."""
    if refusal.outcome == Outcome.BUSY or refusal.status == 603:
        return Why.BUSY
    if refusal.outcome == Outcome.NO_ANSWER:
        return Why.NO_ANSWER
    return Why.UNREACHABLE if refusal.outcome == Outcome.UNREACHABLE else None
