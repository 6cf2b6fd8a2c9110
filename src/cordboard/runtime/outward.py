"""The addresses this machine reaches others from, and whether an address is its own."""

import socket
from typing import Final, Literal

Family = Literal["ipv4", "ipv6"]

_PROBES: Final = {
    # Chooses a route; nothing is sent (RFC 5737, RFC 3849: addresses for documentation).
    "ipv4": (socket.AF_INET, "192.0.2.1"),
    "ipv6": (socket.AF_INET6, "2001:db8::1"),
}
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""Addresses that stand for all of a machine, with the one that reaches it from within."""


def outward(family: Family = "ipv4") -> str:
    """The address of that family others are reached from; empty for none."""
    kind, probe = _PROBES[family]
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as sock:
            sock.connect((probe, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return ""


def reachable(host: str) -> str:
    """The address a bound one is reached at by others on this network."""
    if host not in WILDCARDS:
        return host
    return outward("ipv6" if host == "::" else "ipv4") or WILDCARDS[host]
