"""Whether the media of two phones can go from the one to the other, by what each says of itself.

    what keeps them apart   how it shows
    address family          the one receives at an IPv4 address, the other at an IPv6 one
    srtp                    the one speaks SRTP only (RTP/SAVP), the other none (RTP/AVP without ``a=crypto``, RFC 4568)
    nat                     the one receives at an address that is good behind its NAT only
    refused                 the one has refused what the other offers (488, 606)

A best-effort offer (RTP/AVP with ``a=crypto``) is for the other phone to judge, and passes. Before a phone has said
anything it is judged by its address and its DN's options. Phones behind the same NAT reach each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard._core import is_private
from cordboard.sip import likeness as likenesses
from cordboard.sip.likeness import NOWHERE, Likeness, Srtp, is_ipv6

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.switch.routing import Extension, Target

FAMILY: Final = "address family"
SRTP: Final = "srtp"
NAT: Final = "nat"
REFUSED: Final = "refused"

NOTHING: Final[frozenset[str]] = frozenset()
"""Nothing keeps them apart."""

UNACCEPTABLE: Final = frozenset({REFUSED})
"""They refuse what each other offers."""

APART: Final = frozenset({FAMILY, SRTP})
"""With one of these neither phone takes what the other says of itself."""

NOT_ACCEPTABLE: Final = frozenset({488, 606})
"""How a phone refuses what the other offers."""


class Side(NamedTuple):
    """What is known of one phone."""

    likeness: Likeness
    nat: str = ""
    """The address of the NAT it is behind; empty for none."""


def described(body: bytes, source: str, extension: Extension | None) -> Side:
    """One that has described its media. ``source``: where its signalling comes from; empty for unknown."""
    likeness = likenesses.of(body)
    return Side(likeness, _nat(likeness.address, source, extension))


def expected(extension: Extension, target: Target, nat: str = "") -> Side:
    """One that is about to be called. ``nat``: that of who calls, behind which it is as well if it is called there."""
    settings = extension.settings
    host = target.remote[0]
    hidden = settings.media_nat == "yes" or (settings.media_nat == "auto" and _hidden(extension, host)) or host == nat
    ipv6 = None if target.path else is_ipv6(host)
    return Side(Likeness(ipv6, by_option(extension)), host if hidden else "")


def by_option(extension: Extension) -> Srtp:
    """What the option of a DN says its phones make of SRTP."""
    return {"required": Srtp.REQUIRED, "no": Srtp.NONE}.get(extension.settings.srtp, Srtp.UNKNOWN)


def between(one: Side, other: Side) -> frozenset[str]:
    """What keeps two apart."""
    found = []
    families = {one.likeness.ipv6, other.likeness.ipv6}
    if families == {True, False}:
        found.append(FAMILY)
    if {one.likeness.srtp, other.likeness.srtp} == {Srtp.REQUIRED, Srtp.NONE}:
        found.append(SRTP)
    if one.nat != other.nat:
        found.append(NAT)
    return frozenset(found) if found else NOTHING


def to_any(one: Side, extension: Extension, targets: Iterable[Target]) -> frozenset[str]:
    """What keeps one apart from any of the phones that are about to be called."""
    return NOTHING.union(*(between(one, expected(extension, target, one.nat)) for target in targets))


def _nat(address: str, source: str, extension: Extension | None) -> str:
    """The NAT between a phone that receives at that address and us: where its signalling comes from; or empty."""
    wanted = extension.settings.media_nat if extension is not None else "auto"
    if wanted == "no" or not source or not address:
        return ""
    if wanted == "yes":
        return source
    if address == source or address in NOWHERE:
        return ""
    behind = (extension is not None and _hidden(extension, source)) or (is_private(address) and not is_private(source))
    return source if behind else ""


def _hidden(extension: Extension, host: str) -> bool:
    """Whether a phone has registered from behind a NAT at that address."""
    return any(one.nat and not one.path and one.flow.remote[0] == host for one in extension.dn.locations)
