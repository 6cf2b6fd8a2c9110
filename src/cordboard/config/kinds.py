"""The kinds of value an option can have: how each is read from text, printed, and described.

For every kind and every value ``parse(text(value)) == value``. ``parse`` raises :class:`BadValueError` and nothing
else.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cordboard.config.secret import Secret

T = TypeVar("T")
Native = bool | int | float | str | list[str]
"""How a value is written in a TOML file."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_DN: Final = re.compile(r"[A-Za-z0-9_.+*#~!:-]{1,64}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|min|m|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?"
)
_SIP_URI: Final = re.compile(
    r"(?i:sips?):(?:(?P<user>[A-Za-z0-9\-_.!~*'()%&=+$,;?/:#]{1,256})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<params>(?:;[A-Za-z0-9\-_.!~*'()%\[\]/:&+$=]{1,256})*)(?P<headers>\?[^\s<>\"]{1,256})?"
)
TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")
CHALLENGED_METHODS: Final = (
    "REGISTER", "INVITE", "PUBLISH", "SUBSCRIBE", "MESSAGE", "REFER", "OPTIONS", "NOTIFY", "INFO", "UPDATE",
)  # fmt: skip
"""The methods that can be challenged. ACK and CANCEL never can (RFC 3261 section 22.1); BYE and PRACK belong to a
dialog whose INVITE was."""


def is_line(text: str) -> bool:
    """Tell whether a text has no control characters and no line breaks."""
    return _CONTROL.search(text) is None


class BadValueError(ValueError):
    """The text is not a value of the kind. The option's owner makes a full error of it."""


class Kind(Generic[T]):
    """What the value of an option may be."""

    label: str
    """The kind's name in the documentation."""

    @property
    def allowed(self) -> str:
        """What is allowed, in words, for errors and documentation."""
        raise NotImplementedError

    def parse(self, text: str) -> T:
        """Read a value. Raises :class:`BadValueError`."""
        raise NotImplementedError

    def text(self, value: T) -> str:
        """Print a value so that :meth:`parse` gives it back."""
        return str(value)

    def native(self, value: T) -> Native:
        """Return the value as a TOML file would have it."""
        return self.text(value)

    def normal(self, value: T) -> T:
        """Check a value given as such and return its normal form. Raises :class:`BadValueError`."""
        return self.parse(self.text(value))


@dataclass(frozen=True, slots=True)
class Boolean(Kind[bool]):
    """True or false."""

    label = "boolean"

    @property
    def allowed(self) -> str:
        """Name both words."""
        return "true or false"

    def parse(self, text: str) -> bool:
        """Read true/false, and yes/no, on/off, 1/0 as found in existing configurations."""
        word = text.strip().lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise BadValueError(text)

    def text(self, value: bool) -> str:
        """Print in lower case."""
        return "true" if value else "false"

    def native(self, value: bool) -> Native:
        """Return it as it is."""
        return bool(value)


@dataclass(frozen=True, slots=True)
class Integer(Kind[int]):
    """A whole number within bounds, both included."""

    low: int
    high: int
    label = "integer"

    @property
    def allowed(self) -> str:
        """Name the bounds."""
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        """Read decimal digits."""
        text = text.strip()
        if not _NUMBER.fullmatch(text):
            raise BadValueError(text)
        value = int(text)
        if not self.low <= value <= self.high:
            raise BadValueError(text)
        return value

    def native(self, value: int) -> Native:
        """Return it as it is."""
        return value


@dataclass(frozen=True, slots=True)
class Duration(Kind[float]):
    """A time in seconds, to the millisecond, within bounds, both included."""

    low: float
    high: float
    label = "duration"

    @property
    def allowed(self) -> str:
        """Name the bounds and the units."""
        return (
            f"seconds from {self._short(self.low)} to {self._short(self.high)} (or with a unit: 500ms, 30s, 5m, 1h, 1d)"
        )

    @staticmethod
    def _short(value: float) -> str:
        return f"{value:.3f}".rstrip("0").rstrip(".")

    def parse(self, text: str) -> float:
        """Read a number of seconds, or a number with a unit."""
        match = _DURATION.fullmatch(text.strip().lower())
        if not match:
            raise BadValueError(text)
        value = round(float(match[1]) * _UNITS[match[2] or "s"], 3)
        if not self.low <= value <= self.high:
            raise BadValueError(text)
        return value

    def text(self, value: float) -> str:
        """Print seconds without needless digits."""
        return self._short(value)

    def native(self, value: float) -> Native:
        """Return a whole number where it is one."""
        return int(value) if value == int(value) else value


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """One line of text. Control characters are refused: the text may end up in a SIP header."""

    limit: int = 1024
    label = "text"

    @property
    def allowed(self) -> str:
        """Name the limit."""
        return f"one line of text of at most {self.limit} characters"

    def parse(self, text: str) -> str:
        """Read the line, without the spaces round it."""
        text = text.strip()
        if len(text) > self.limit or _CONTROL.search(text):
            raise BadValueError(text)
        return text


@dataclass(frozen=True, slots=True)
class SecretText(Kind[Secret]):
    """A password: any text of one line."""

    limit: int = 256
    label = "secret"

    @property
    def allowed(self) -> str:
        """Name the limit."""
        return f"one line of text of at most {self.limit} characters"

    def parse(self, text: str) -> Secret:
        """Read it exactly, spaces included."""
        if len(text) > self.limit or _CONTROL.search(text):
            raise BadValueError("***")
        return Secret(text)

    def text(self, value: Secret) -> str:
        """Give the secret away: only for a file or a row its owner asked for."""
        return value.reveal()


@dataclass(frozen=True, slots=True)
class SecretHex(Kind[Secret]):
    """A digest hash in hex, or nothing."""

    digits: int
    label = "secret"

    @property
    def allowed(self) -> str:
        """Name the length."""
        return f"{self.digits} hex digits"

    def parse(self, text: str) -> Secret:
        """Read hex in either case."""
        text = text.strip().lower()
        if text and not re.fullmatch(f"[0-9a-f]{{{self.digits}}}", text):
            raise BadValueError("***")
        return Secret(text)

    def text(self, value: Secret) -> str:
        """Give the hash away: only for a file or a row its owner asked for."""
        return value.reveal()


@dataclass(frozen=True, slots=True)
class Choice(Kind[str]):
    """One of a few words."""

    choices: tuple[str, ...]
    label = "choice"

    @property
    def allowed(self) -> str:
        """Name the words."""
        return "one of " + ", ".join(self.choices)

    def parse(self, text: str) -> str:
        """Read a word in any case."""
        word = text.strip().lower()
        if word not in self.choices:
            raise BadValueError(text)
        return word


def _items(text: str) -> tuple[str, ...]:
    """Split a comma list: spaces round the items go, empty items and repetitions too."""
    return tuple(dict.fromkeys(item for part in text.split(",") if (item := part.strip())))


class _List(Kind[tuple[str, ...]]):
    """What the comma lists share."""

    def text(self, value: tuple[str, ...]) -> str:
        """Join with commas, without spaces."""
        return ",".join(value)

    def native(self, value: tuple[str, ...]) -> Native:
        """Return a list."""
        return list(value)


@dataclass(frozen=True, slots=True)
class ChoiceList(_List):
    """Some of a few words, in order, each once."""

    choices: tuple[str, ...]
    label = "choices"

    @property
    def allowed(self) -> str:
        """Name the words."""
        return "a comma list of " + ", ".join(self.choices)

    def parse(self, text: str) -> tuple[str, ...]:
        """Read words in any case."""
        words = _items(text.lower())
        if any(word not in self.choices for word in words):
            raise BadValueError(text)
        return words


@dataclass(frozen=True, slots=True)
class MethodList(_List):
    """Methods to challenge; kept in upper case as on the wire, printed in lower case as the note does."""

    label = "methods"

    @property
    def allowed(self) -> str:
        """Name the methods."""
        return "a comma list of " + ", ".join(method.lower() for method in CHALLENGED_METHODS)

    def parse(self, text: str) -> tuple[str, ...]:
        """Read methods in any case."""
        methods = _items(text.upper())
        if any(method not in CHALLENGED_METHODS for method in methods):
            raise BadValueError(text)
        return methods

    def text(self, value: tuple[str, ...]) -> str:
        """Join in lower case."""
        return ",".join(value).lower()

    def native(self, value: tuple[str, ...]) -> Native:
        """Return a list in lower case."""
        return [method.lower() for method in value]


def is_dn(text: str) -> bool:
    """Tell whether a text can be the number of a DN."""
    return _DN.fullmatch(text) is not None


DN_ALLOWED: Final = "1 to 64 letters, digits and the signs _ . + * # ~ ! : -"


@dataclass(frozen=True, slots=True)
class DnNumber(Kind[str]):
    """The number of a DN, or nothing."""

    label = "DN"

    @property
    def allowed(self) -> str:
        """Name the alphabet."""
        return "the number of a DN: " + DN_ALLOWED

    def parse(self, text: str) -> str:
        """Read a number."""
        text = text.strip()
        if text and not is_dn(text):
            raise BadValueError(text)
        return text


@dataclass(frozen=True, slots=True)
class DnList(_List):
    """Numbers of DNs, in order, each once."""

    label = "DNs"

    @property
    def allowed(self) -> str:
        """Name the alphabet."""
        return "a comma list of numbers of DNs"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read numbers."""
        numbers = _items(text)
        if not all(is_dn(number) for number in numbers):
            raise BadValueError(text)
        return numbers


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
class PeerList(_List):
    """Addresses requests come from: host or host:port, an IPv6 address in brackets if a port follows."""

    label = "addresses"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of literal addresses, such as 198.51.100.7 or 198.51.100.7:5060 or [2001:db8::7]:5060"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read addresses."""
        found = []
        for item in _items(text):
            host, colon, port = item.rpartition(":")
            if is_address(item.strip("[]")):
                found.append(item.strip("[]"))
            elif colon and is_address(host.strip("[]")) and port.isdigit() and 0 < int(port) < 65536:
                found.append(item)
            else:
                raise BadValueError(text)
        return tuple(found)


def is_host(text: str) -> bool:
    """Tell whether a text is a host name, an IPv4 address or an IPv6 address (with or without brackets)."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
        return is_address(bare)
    return not text.startswith("[") and _HOST_NAME.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Tell whether a text is a literal IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
class ListenList(_List):
    """Listening addresses ``transport:address:port``; an IPv6 address in brackets, port 0 for any free one."""

    label = "listening addresses"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return (
            "a comma list of transport:address:port, such as udp:0.0.0.0:5060 or tcp:[::]:5060 (udp, tcp, tls, ws, wss)"
        )

    def parse(self, text: str) -> tuple[str, ...]:
        """Read and bring into normal form."""
        return tuple(f"{t}:[{h}]:{p}" if ":" in h else f"{t}:{h}:{p}" for t, h, p in map(split_listen, _items(text)))


@dataclass(frozen=True, slots=True)
class NameServerList(_List):
    """Literal addresses, each with a port if it is not 53; an IPv6 address with a port in brackets."""

    label = "name servers"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of addresses, such as 192.0.2.53 or [2001:db8::53]:5353"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read and bring into normal form."""
        servers = map(split_name_server, _items(text))
        return tuple(h if p == 53 else f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in servers)


@dataclass(frozen=True, slots=True)
class DomainList(_List):
    """Names of domains."""

    label = "domains"

    @property
    def allowed(self) -> str:
        """Show the form."""
        return "a comma list of domains, such as centre.example"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read; the dot at the end goes."""
        domains = tuple(item.lower().removesuffix(".") for item in _items(text))
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
