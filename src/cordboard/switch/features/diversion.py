"""How a call came to where it is: Diversion (RFC 5806) and History-Info (RFC 7044), kept and added to.

Diversion names who diverted, the last first:      <sip:1502@centre.example>;reason=no-answer;counter=1
History-Info names every target, the first first:  <sip:1502@centre.example?Reason=SIP%3Bcause%3D408>;index=1,
                                                   <sip:1503@centre.example;cause=408>;index=1.1;mp=1

What a trusted peer sent is kept and continued, under our own domain: which numbers a call came by is for the next to
know, on which hosts is not. Its counters count as hops, so that a call that runs in circles through
other servers ends as well.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.switch.features.caller_id import user_part

if TYPE_CHECKING:
    from cordboard import _core

MAX_KEPT: Final = 10
"""Most entries of each header that are kept of what came in."""

_COUNTER: Final = re.compile(r";\s*counter\s*=\s*\"?(\d{1,3})", re.IGNORECASE)
_HOST: Final = re.compile(r"(<\s*sips?:(?:[^@<>]*@)?)(?:\[[^\]<>]*\]|[^:;?<>\s\[]+)(?::\d+)?", re.IGNORECASE)
_INDEX: Final = re.compile(r";\s*index\s*=\s*([0-9.]{1,64})", re.IGNORECASE)


class Why(Enum):
    """Why a call was diverted: RFC 5806's word, and RFC 4458's cause."""

    ALWAYS = ("unconditional", 302)
    BUSY = ("user-busy", 486)
    NO_ANSWER = ("no-answer", 408)
    UNREACHABLE = ("unavailable", 404)
    DND = ("do-not-disturb", 486)
    BY_PHONE = ("deflection", 480)

    @property
    def reason(self) -> str:
        """The parameter ``reason`` of Diversion."""
        return self.value[0]

    @property
    def cause(self) -> int:
        """The parameter ``cause`` of the URI in History-Info."""
        return self.value[1]


class Trail:
    """The way of one call. Hops are counted over all servers it came through, as far as they tell."""

    __slots__ = ("_diversions", "_domain", "_history", "_kept", "hops", "index")

    def __init__(self, domain: str, message: _core.Message | None = None) -> None:
        """``message``: the INVITE whose trail is continued, if its sender is to be believed."""
        self._domain = domain
        self._diversions: list[str] = []
        """Ours, the last first."""
        self._history: list[str] = []
        """Ours, in order."""
        self._kept: list[tuple[str, str]] = []
        self.hops = 0
        """Diversions so far."""
        self.index = "1"
        """Index of the present target in History-Info."""
        if message is not None:
            diversions = message.headers("Diversion")[:MAX_KEPT]
            history = message.headers("History-Info")[:MAX_KEPT]
            told = [("Diversion", value) for value in diversions] + [("History-Info", value) for value in history]
            self._kept = [(name, _HOST.sub(rf"\g<1>{domain}", value)) for name, value in told]
            self.hops = sum(int(found[1]) if (found := _COUNTER.search(v)) else 1 for v in diversions)
            indexes = [found[1] for value in history if (found := _INDEX.search(value))]
            if indexes:
                self.index = indexes[-1]

    def divert(self, number: str, to: str, why: Why) -> None:
        """Adds that ``number`` diverted the call to another."""
        user = user_part(number)
        continued = bool(self._history) or any(name == "History-Info" for name, _ in self._kept)
        self._diversions.insert(0, f"<sip:{user}@{self._domain}>;reason={why.reason};counter=1")
        if not continued:
            self._history.append(f"<sip:{user}@{self._domain}?Reason=SIP%3Bcause%3D{why.cause}>;index={self.index}")
        parent, self.index = self.index, f"{self.index}.1"
        target = f"<sip:{user_part(to)}@{self._domain};cause={why.cause}>;index={self.index};mp={parent}"
        self._history.append(target)
        self.hops += 1

    def headers(self) -> list[tuple[str, str]]:
        """The headers of the next INVITE; none for a call that was never diverted."""
        ours = [("Diversion", value) for value in self._diversions]
        if not self._history:
            return self._kept
        after = [("History-Info", value) for value in self._history]
        return ours + self._kept + after
