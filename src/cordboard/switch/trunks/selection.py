"""Which trunks a number may leave by, in the order in which they are tried.

The longest ``prefix`` wins; among trunks that have it the lowest ``priority``, then the one with the fewest calls. A
trunk that is full (``capacity``), does not answer its tests (``oos-check``), or failed less than ``recovery-timeout``
ago is left out. Trunks with a shorter prefix are not tried instead: their prefix may mean another dial string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cordboard.switch.numbers import user_part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.switch.routing import Extension

DIALLABLE: Final = re.compile(r"[0-9A-Za-z*#+.\-_]{1,64}")
"""What may be dialled to a trunk."""

_CONTACT: Final = re.compile(r"^(?P<scheme>sips?:)(?:[^@;?<>\s]*@)?(?P<rest>[^?<>\s]+)", re.IGNORECASE)
_LISTED: Final = re.compile(r"^[^<]*<(?P<uri>[^>]*)>(?P<params>.*)$|^(?P<bare>[^;\s]+)(?P<more>.*)$")
_Q: Final = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)", re.IGNORECASE)


class Trunk:
    """A trunk while the server runs."""

    __slots__ = ("calls", "extension", "failures", "recovers_at")

    def __init__(self, extension: Extension) -> None:
        self.extension = extension
        self.calls = 0
        """Calls through it now, in both directions."""
        self.recovers_at = 0.0
        """Until when it is left out because it failed, on the switch's clock."""
        self.failures = 0
        """How often it failed a call."""

    def __repr__(self) -> str:
        return f"<Trunk {self.extension.settings.number} {self.calls} calls>"

    def available(self, now: float) -> bool:
        """Whether a call may be tried."""
        return not self.full and self.extension.dn.in_service and now >= self.recovers_at

    @property
    def full(self) -> bool:
        """Whether it has as many calls as it may."""
        capacity = self.extension.settings.capacity
        return capacity > 0 and self.calls >= capacity

    def failed(self, now: float) -> None:
        """It could not take a call, by its own fault."""
        self.failures += 1
        self.recovers_at = now + self.extension.settings.recovery_timeout

    def works(self) -> None:
        """It has taken a call, or answered a test."""
        self.recovers_at = 0.0

    def digits(self, number: str) -> str:
        """What is dialled through it for that number."""
        settings = self.extension.settings
        if settings.replace_prefix is None or not number.startswith(settings.prefix):
            return number
        return settings.replace_prefix + number[len(settings.prefix) :]

    def uri(self, number: str) -> str:
        """The Request-URI for that number: its contact, with what is dialled as the user part."""
        found = _CONTACT.match(self.extension.settings.contact)
        if found is None:
            return self.extension.settings.contact
        return f"{found['scheme']}{user_part(self.digits(number))}@{found['rest']}"


def candidates(trunks: Iterable[Trunk], number: str, *, any_prefix: bool = False) -> list[Trunk]:
    """The trunks for a number, available or not, the best first; empty for a number that nothing leads to.

    ``any_prefix``: whether all given trunks may take it, in the order given, because a dial plan rule named them.
    """
    if not DIALLABLE.fullmatch(number):
        return []
    if any_prefix:
        return list(trunks)
    found: list[Trunk] = []
    longest = 0
    for trunk in trunks:
        prefix = trunk.extension.settings.prefix
        if prefix and len(prefix) >= longest and number.startswith(prefix):
            if len(prefix) > longest:
                found.clear()
                longest = len(prefix)
            found.append(trunk)
    found.sort(key=lambda trunk: (trunk.extension.settings.priority, trunk.calls, trunk.extension.settings.number))
    return found


def listed(contacts: Iterable[str]) -> list[str]:
    """The URIs in the Contact of a 3xx, the highest q first (RFC 3261 8.1.3.4)."""
    found: list[tuple[float, str]] = []
    for value in contacts:
        match = _LISTED.match(value.strip())
        if match is None:
            continue
        uri = match["uri"] or match["bare"] or ""
        q = _Q.search(match["params"] or match["more"] or "")
        if uri:
            found.append((float(q[1]) if q else 1.0, uri))
    found.sort(key=lambda item: -item[0])
    return [uri for _, uri in found]
