"""Hosts, addresses, ports and SIP URIs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from cordboard.config.kinds.kind import BadValueError, Kind
from cordboard.config.kinds.lists import CommaList, items
from cordboard.sip.numbers import whole_number

_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?"
)

_SIP_URI: Final = re.compile(
    r"(?i:sips?):(?:(?P<user>[A-Za-z0-9\-_.!~*'()%&=+$,;?/:#]{1,256})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<params>(?:;[A-Za-z0-9\-_.!~*'()%\[\]/:&+$=]{1,256})*)(?P<headers>\?[^\s<>\"]{1,256})?"
)

TRANSPORTS: Final = ("udp", "tcp", "tls")
"""Those the core can listen on."""


def is_address(text: str) -> bool:
    """Tell whether a text is a literal IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Tell whether a text is a host name, an IPv4 address or an IPv6 address (with or without brackets)."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
        return is_address(bare)
    return not text.startswith("[") and _HOST_NAME.fullmatch(text) is not None


def is_sip_uri(text: str) -> bool:
    """Tell whether a text is a SIP or SIPS URI with a usable host and port (RFC 3261 section 19.1.1)."""
    match = _SIP_URI.fullmatch(text)
    if not match or (match["port"] and not 0 < int(match["port"]) < 65536):
        return False
    return is_host(match["host"])


@dataclass(frozen=True, slots=True)
class SipUri(Kind[str]):
    """A SIP URI, or nothing; with ``star`` also ``*``."""

    star: bool = False
    label = "SIP URI"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a SIP URI such as sip:1502@192.0.2.7:5060" + (
            ", or * for an endpoint that registers" if self.star else ""
        )

    def parse(self, text: str) -> str:
        """Read a URI, without angle brackets round it."""
        uri = text.strip()
        if uri.startswith("<") and uri.endswith(">"):
            uri = uri[1:-1]
        if uri and not (self.star and uri == "*") and not is_sip_uri(uri):
            raise BadValueError(text)
        return uri


@dataclass(frozen=True, slots=True)
class Host(Kind[str]):
    """A literal address or, with ``names``, a host name; kept without brackets."""

    names: bool = False
    label = "host"

    @property
    def allowed(self) -> str:
        """Say what a host is."""
        return "an IPv4 or IPv6 address" + (", or a host name" if self.names else "")

    def parse(self, text: str) -> str:
        """Read a host."""
        host = text.strip()
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if bare and not is_address(bare) and not (self.names and is_host(host)):
            raise BadValueError(text)
        return bare


@dataclass(frozen=True, slots=True)
class PeerList(CommaList):
    """Addresses requests come from: host or host:port, an IPv6 address in brackets if a port follows."""

    label = "addresses"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of literal addresses, such as 198.51.100.7 or 198.51.100.7:5060 or [2001:db8::7]:5060"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read addresses."""
        found = []
        for item in items(text):
            host, colon, port = item.rpartition(":")
            if is_address(item.strip("[]")):
                found.append(item.strip("[]"))
            elif colon and is_address(host.strip("[]")) and whole_number(port, 65535):
                found.append(item)
            else:
                raise BadValueError(text)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ListenList(CommaList):
    """Listening addresses ``transport:address:port``; an IPv6 address in brackets, port 0 for any free one."""

    label = "listening addresses"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of transport:address:port, such as udp:0.0.0.0:5060 or tcp:[::]:5060 (udp, tcp, tls)"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read and bring into normal form."""
        return tuple(f"{t}:[{h}]:{p}" if ":" in h else f"{t}:{h}:{p}" for t, h, p in map(split_listen, items(text)))


@dataclass(frozen=True, slots=True)
class NameServerList(CommaList):
    """Literal addresses, each with a port if it is not 53; an IPv6 address with a port in brackets."""

    label = "name servers"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of addresses, such as 192.0.2.53 or [2001:db8::53]:5353"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read and bring into normal form."""
        servers = map(split_name_server, items(text))
        return tuple(h if p == 53 else f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in servers)


@dataclass(frozen=True, slots=True)
class DomainList(CommaList):
    """Names of domains."""

    label = "domains"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of domains, such as centre.example"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read; the dot at the end goes."""
        domains = tuple(item.lower().removesuffix(".") for item in items(text))
        if not all(is_host(domain) and not is_address(domain) for domain in domains):
            raise BadValueError(text)
        return domains


@dataclass(frozen=True, slots=True)
class SocketAddress(Kind[str]):
    """A literal address and a port, or nothing."""

    label = "address and port"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a literal address and a port, such as 192.0.2.60:9060 or [2001:db8::60]:9060"

    def parse(self, text: str) -> str:
        """Read it, without the spaces round it."""
        text = text.strip()
        if text:
            split_socket_address(text)
        return text


def split_socket_address(text: str) -> tuple[str, int]:
    """Split ``address:port``. Raises :class:`BadValueError`."""
    _, host, port = split_listen(f"udp:{text}")
    if not port:
        raise BadValueError(text)
    return host, port


def split_name_server(item: str) -> tuple[str, int]:
    """Split ``address`` or ``address:port``. Raises :class:`BadValueError`."""
    host, port = item, "53"
    if item.startswith("[") or item.count(":") == 1:
        host, _, port = item.rpartition(":") if not item.endswith("]") else (item, "", "53")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not is_address(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise BadValueError(item)
    return host, int(port)


def split_listen(item: str) -> tuple[str, str, int]:
    """Split ``transport:address:port``. Raises :class:`BadValueError`."""
    transport, _, rest = item.partition(":")
    host, _, port = rest.rpartition(":")
    transport = transport.lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadValueError(item)
    if (
        transport not in TRANSPORTS
        or not is_address(host)
        or not re.fullmatch(r"[0-9]{1,5}", port)
        or int(port) > 65535
    ):
        raise BadValueError(item)
    return transport, host, int(port)
