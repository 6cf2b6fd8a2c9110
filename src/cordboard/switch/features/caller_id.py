"""Who a phone shows: name and number of the other party, asserted, believed or withheld (RFC 3261, 3323, 3325).

- Of a DN we know who it is: its number and name, whatever its phone claims.
- A *trusted* peer (option ``sip-trusted-peer``) says who calls in P-Asserted-Identity, or in Remote-Party-ID, which
  older devices send; of any other peer these are not looked at, and From counts.
- Who asks for privacy (``Privacy: id``, ``user`` or ``header``, or an anonymous From) is shown to trusted peers only,
  with ``Privacy: id``; all others see ``"Anonymous" <sip:anonymous@anonymous.invalid>``. Our desktops see the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cordboard.switch.numbers import number_of
from cordboard.switch.numbers import user_part as user_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cordboard import _core
    from cordboard.switch.settings import DnSettings

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\r": " ", "\n": " ", "\0": " "})

ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""From of a caller who withholds his identity (RFC 3323 4.1.1.3)."""

_WITHHOLDING: Final = frozenset({"id", "user", "header", "session"})
"""Values of Privacy that ask not to show who it is."""

_REVEALING: Final = frozenset({"subject", "call-info", "organization", "in-reply-to"})
"""Headers that would tell who withholds his identity (RFC 3323 5.1)."""


def name_addr(name: str, number: str, domain: str) -> str:
    """A display name and address: ``"Ada Lovelace" <sip:1501@centre.example>``."""
    user = user_part(number)
    if not name:
        return f"<sip:{user}@{domain}>"
    return f'"{name.translate(_ESCAPES)}" <sip:{user}@{domain}>'


def asserted(address: str) -> tuple[str, str]:
    """The header by which we, who know, tell a phone of ours who the other party is (RFC 3325 section 9.1)."""
    return ("P-Asserted-Identity", address)


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who somebody is, and whether he wants to be known."""

    address: str
    """Name and address, as shown."""
    number: str
    """The number alone; ``anonymous`` if there is none."""
    private: bool = False
    """Whether only those who are trusted may be told."""

    @property
    def anonymous(self) -> bool:
        """Whether there is nobody to show."""
        return self.private or self.number == "anonymous"

    def withheld(self) -> Identity:
        """The same of one who does not want to be known."""
        return Identity(self.address, self.number, private=True)

    def shown_to(self, settings: DnSettings) -> tuple[str, list[tuple[str, str]]]:
        """From and the identity headers of an INVITE to somebody of those settings."""
        if not self.private and self.number != "anonymous":
            return self.address, self.headers(settings.identity_headers)
        if not settings.trusted or self.number == "anonymous":
            return ANONYMOUS, [("Privacy", "id")]
        return ANONYMOUS, [*self.headers(settings.identity_headers), ("Privacy", "id")]

    def headers(self, kinds: Sequence[str], party: str = "calling") -> list[tuple[str, str]]:
        """The headers that tell this identity."""
        if kinds == ("pai",):
            return [asserted(self.address)]
        found = [asserted(self.address)] if "pai" in kinds else []
        if "rpid" in kinds:
            privacy = "full" if self.private else "off"
            found.append(("Remote-Party-ID", f"{self.address};party={party};screen=yes;privacy={privacy}"))
        return found


def unnamed(number: str, domain: str) -> Identity:
    """Who is known by his number alone."""
    return Identity(name_addr("", number, domain), number)


def without_revealing(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers that pass, without those that tell who the caller is."""
    return [pair for pair in headers if pair[0].lower() not in _REVEALING]


def wants_privacy(message: _core.Message) -> bool:
    """Whether the sender of a request or response asks for privacy of his identity."""
    if message.header("Privacy") is not None:
        for value in message.headers("Privacy"):
            words = {word.strip().lower() for word in value.replace(",", ";").split(";")}
            if words & _WITHHOLDING:
                return True
            if "none" in words:
                return False
    return message.is_request and message.is_anonymous


def of_stranger(message: _core.Message, domain: str, *, trusted: bool) -> Identity:
    """Who calls from outside, at an address of ours."""
    private = wants_privacy(message)
    address = message.address("From")
    if trusted:
        for name in ("P-Asserted-Identity", "Remote-Party-ID"):
            claimed = message.address(name)
            if claimed is not None and (number := number_of(claimed[1])):
                private = private or claimed[2].get("privacy", "off").lower() not in ("off", "none")
                return Identity(name_addr(claimed[0], number, domain), number, private)
    number = number_of(address[1]) if address is not None else ""
    if address is None or not number or message.is_anonymous:
        return Identity(name_addr("", "anonymous", domain), "anonymous", private=True)
    return Identity(name_addr(address[0], number, domain), number, private)


def connected(message: _core.Message, domain: str) -> Identity | None:
    """Who answers, as a trusted peer's response asserts it; None if it says nothing."""
    claimed = message.address("P-Asserted-Identity") or message.address("Remote-Party-ID")
    number = number_of(claimed[1]) if claimed is not None else ""
    if claimed is None or not number or wants_privacy(message):
        return None
    return Identity(name_addr(claimed[0], number, domain), number)
