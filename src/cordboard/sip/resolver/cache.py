"""Answers of the name service, kept as long as they hold, and a while longer for when it is down.

Positive answers are kept for their TTL, negative ones as their SOA says (RFC 2308 section 5), failures for seconds
(RFC 2308 section 7), each within bounds. An answer that has expired stays for ``stale`` seconds more: when asking anew
fails, it is served again for ``stale_ttl`` seconds at a time (RFC 8767), since a server that answered a minute ago is
a better guess than none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cordboard.sip.resolver.records import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.resolver.records import Answer, Question


@dataclass(frozen=True, slots=True)
class Policy:
    """How long answers are kept. Times are seconds."""

    min_ttl: float = 5.0
    """Least life of a positive answer, whatever its TTL."""
    max_ttl: float = 86_400.0
    """Longest life of a positive answer."""
    min_negative: float = 1.0
    """Least life of "no such name" and "no such record"; theirs too when they came without SOA."""
    max_negative: float = 900.0
    """Longest life of these."""
    failed: float = 5.0
    """Life of a failure: so long the question is not asked again."""
    stale: float = 3600.0
    """How long after its end an answer may still serve while the name service fails; 0 for never."""
    stale_ttl: float = 30.0
    """Life of an answer that serves again; then the name service is asked anew."""
    size: int = 10_000
    """Most answers kept; above it, those that were not used for longest go."""


@dataclass(slots=True)
class _Kept:
    answer: Answer
    until: float
    stale_until: float


class AnswerCache:
    """The answers. ``now`` gives the moment in seconds."""

    def __init__(self, now: Callable[[], float], policy: Policy | None = None) -> None:
        self._now = now
        self.policy = policy if policy is not None else Policy()
        self._kept: dict[Question, _Kept] = {}
        self.hits = 0
        """Questions answered from here."""
        self.misses = 0
        """Questions that were not."""
        self.stale = 0
        """Times an answer that had expired had to serve again."""
        self.evicted = 0
        """Answers dropped for want of room."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question) -> Answer | None:
        """What is known, with the seconds it still holds; None if it must be asked."""
        kept = self._kept.get(question)
        left = kept.until - self._now() if kept is not None else 0.0
        if kept is None or left <= 0:
            self.misses += 1
            return None
        self.hits += 1
        del self._kept[question]
        self._kept[question] = kept  # now the one used last
        return replace(kept.answer, ttl=left)

    def put(self, question: Question, answer: Answer) -> Answer:
        """Keeps a new answer, and returns what is to be believed: after a failure, perhaps the answer from before."""
        now = self._now()
        policy = self.policy
        before = self._kept.pop(question, None)
        if answer.status is Status.FAILED:
            if before is not None and before.answer.status is not Status.FAILED and now < before.stale_until:
                self.stale += 1
                before.until = max(before.until, min(now + policy.stale_ttl, before.stale_until))
                self._kept[question] = before
                return replace(before.answer, ttl=before.until - now)
            life, extra = policy.failed, 0.0
        elif answer.status is Status.FOUND:
            life, extra = min(max(answer.ttl, policy.min_ttl), policy.max_ttl), policy.stale
        else:
            life, extra = min(max(answer.ttl, policy.min_negative), policy.max_negative), policy.stale
        kept = _Kept(replace(answer, ttl=life), now + life, now + life + extra)
        self._kept[question] = kept
        while len(self._kept) > max(1, policy.size):
            del self._kept[next(iter(self._kept))]
            self.evicted += 1
        return kept.answer

    def clear(self) -> None:
        """Forgets everything, as when the name servers change."""
        self._kept.clear()
