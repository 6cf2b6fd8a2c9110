"""What a phone's media is like, as its descriptions say, in words another server can be told.

    X-Cordboard-Media: IP6 RTP/SAVP             IPv6, SRTP only
    X-Cordboard-Media: IP4 RTP/AVP crypto       IPv4, SRTP by best effort: RTP/AVP with ``a=crypto`` (RFC 4568)
    X-Cordboard-Media: IP4 RTP/AVP              IPv4, no SRTP

For a request that asks for an offer, so that the offer is one the phone takes. Words nobody knows are left out.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address
from typing import Final, NamedTuple

from cordboard._core import Sdp

HEADER: Final = "X-Cordboard-Media"

SOURCE: Final = "X-Cordboard-Source"
"""Another header of ours: the address a phone's signalling comes from."""

NOWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - in a description
"""Where nobody receives: on hold, in the old way."""


class Srtp(Enum):
    """What a phone makes of SRTP; the values are those of our header."""

    NONE = "RTP/AVP"
    OFFERED = "RTP/AVP crypto"
    REQUIRED = "RTP/SAVP"
    UNKNOWN = ""


class Likeness(NamedTuple):
    """What is known."""

    ipv6: bool | None = None
    """Where it receives; None for unknown."""
    srtp: Srtp = Srtp.UNKNOWN
    address: str = ""
    """Where it receives, as its description says; empty for unknown."""

    def __str__(self) -> str:
        """The value of our header; empty if nothing is known."""
        family = {True: "IP6", False: "IP4", None: ""}[self.ipv6]
        return f"{family} {self.srtp.value}".strip()


UNKNOWN: Final = Likeness()


def of(body: bytes) -> Likeness:
    """What a description says of the one who made it. What cannot be read says nothing."""
    try:
        audio = next((one for one in Sdp.parse(body).media if one.kind == "audio" and not one.refused), None)
    except ValueError:
        return UNKNOWN
    if audio is None:
        return UNKNOWN
    if audio.protocol.startswith("UDP/TLS"):
        srtp = Srtp.UNKNOWN
    elif "SAVP" in audio.protocol:
        srtp = Srtp.REQUIRED
    else:
        srtp = Srtp.OFFERED if b"\na=crypto:" in body else Srtp.NONE
    return Likeness(is_ipv6(audio.address), srtp, audio.address)


def told(value: str | None) -> Likeness:
    """What our header says."""
    words = (value or "").split()
    ipv6 = True if "IP6" in words else False if "IP4" in words else None
    said = " ".join(word for word in words if word not in ("IP4", "IP6"))
    return Likeness(ipv6, next((one for one in Srtp if one.value == said), Srtp.UNKNOWN))


def source_told(value: str | None) -> str:
    """What our header of the source says; empty for no address."""
    try:
        return str(ip_address((value or "").strip()))
    except ValueError:
        return ""


def is_ipv6(host: str) -> bool | None:
    """The family of a literal address; None for a name, or for one where nobody receives."""
    if host in NOWHERE:
        return None
    if ":" in host:
        return True
    return False if host.replace(".", "").isdigit() else None
