"""From a SIP URI to the destinations to try, best first (RFC 3263 section 4). Pure: answers and chance are arguments.

    transport parameter? -----------------------> that one
    literal address or port? -------------------> UDP; of sips: TLS
    NAPTR: lowest order that we can use, by preference -> SRV of its replacement
    no NAPTR: SRV of each transport that we have
    SRV: by priority, by weight at random (RFC 2782) -> A and AAAA of each target
    no SRV: A and AAAA of the host, default port

What is not known yet is named in :attr:`Located.missing`; ask, and call again. ``sips`` leads to TLS only (RFC 5630
3.1): to ``tls``, and to ``wss`` where ``transport=ws`` asks for it. ``maddr`` is ignored: whoever can write a URI
could otherwise send our requests anywhere. A failed question counts as "no such record", so that a server that knows
no NAPTR does not hide good addresses, but the outcome remembers it: "not found" is said only when that is sure.
Where responses go (RFC 3263 section 5) is the core's own matter: it follows the Via.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from math import inf
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cordboard import _core
from cordboard.sip.resolver.records import Answer, Destination, Kind, Naptr, Problem, Question, Srv, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Family = Literal["ipv4", "ipv6"]

MAX_DESTINATIONS: Final = 32
"""Most destinations of one URI; further ones are left out."""
MAX_SERVERS: Final = 32
"""Most SRV records of a name that are followed, and most NAPTR records."""

DEFAULT_PORTS: Final[dict[_core.TransportName, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""RFC 3261 section 19.1.2; RFC 7118 section 5.2.4 for WebSocket."""

SERVICES: Final[dict[str, _core.TransportName]] = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
    "SIP+D2W": "ws",
    "SIPS+D2W": "wss",
}
"""Services of NAPTR records (RFC 3263 section 4.1, RFC 7118 section 7)."""

SRV_LABELS: Final[dict[_core.TransportName, str]] = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
"""Where the SRV records of a transport are. WebSocket has none without NAPTR."""

_SECURE: Final = frozenset({"tls", "wss"})
_KINDS: Final[dict[Family, Kind]] = {"ipv4": Kind.A, "ipv6": Kind.AAAA}


class UnlocatableError(ValueError):
    """A URI that leads nowhere by its form alone."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        """The URI."""
        self.reason = reason
        """What is wrong with it, for people."""
        super().__init__(f"{uri!r}: {reason}")


class Place(NamedTuple):
    """What of a URI says where it is: two URIs with the same have the same destinations."""

    secure: bool
    """Whether it is a ``sips`` URI."""
    host: str
    """In lower case; a literal address without brackets."""
    port: int | None
    transport: _core.TransportName | None
    """Asked for by the URI."""
    literal: bool
    """Whether the host is an address."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where a URI leads."""

    destinations: tuple[Destination, ...] = ()
    """Best first."""
    missing: tuple[Question, ...] = ()
    """Questions whose answers are wanted first; then there are no destinations yet."""
    problem: Problem | None = None
    """Why there is no destination, though nothing is missing."""
    ttl: float = inf
    """How long it holds, in seconds: as long as the least of the answers used."""
    failed: bool = False
    """Whether a question failed, so that another try may find more."""


def place_of(uri: str) -> Place:
    """The place a URI names. Raises UnlocatableError."""
    try:
        parsed = _core.Uri(uri)
    except ValueError as error:
        raise UnlocatableError(uri, str(error)) from None
    if parsed.scheme not in ("sip", "sips"):
        raise UnlocatableError(uri, "not a sip or sips URI")
    secure = parsed.scheme == "sips"
    host = parsed.host.lower().strip("[]").removesuffix(".")
    if parsed.port is not None and parsed.port == 0:
        raise UnlocatableError(uri, "port 0 is no port")
    try:
        host = str(ip_address(host))
        literal = True
    except ValueError:
        literal = False
        if not _is_name(host):
            raise UnlocatableError(uri, "neither address nor host name") from None
    asked = next((v.lower() for k, v in parsed.params.items() if k.lower() == "transport"), None)
    transport: _core.TransportName | None = None
    if asked is not None:
        if asked not in DEFAULT_PORTS:
            raise UnlocatableError(uri, f"unknown transport {asked}")
        transport = asked
        if secure:
            # RFC 5630 3.1.2: over TCP always means over TLS; UDP cannot be secured here.
            if asked == "udp":
                raise UnlocatableError(uri, "sips cannot use UDP")
            transport = "wss" if asked in ("ws", "wss") else "tls"
    return Place(secure, host, parsed.port, transport, literal)


def locate(
    uri: str | Place,
    answers: Callable[[Question], Answer | None],
    *,
    transports: Sequence[_core.TransportName] = ("udp", "tcp", "tls"),
    families: Sequence[Family] = ("ipv4", "ipv6"),
    random: Callable[[], float] = lambda: 0.0,
) -> Located:
    """The destinations of a URI.

    ``answers`` gives what is known, None for what is not. ``transports``: those we have, the preferred first.
    ``families``: the kinds of address we can reach, the preferred first. ``random``: a number from 0 up to, not
    including, 1. Raises UnlocatableError.
    """
    place = uri if isinstance(uri, Place) else place_of(uri)
    return _Search(place, answers, transports, families, random).run()


def weighted(records: Iterable[Srv], random: Callable[[], float]) -> list[Srv]:
    """SRV records in the order to try them: by priority, and of one priority by chance as their weights say.

    The algorithm of RFC 2782: records of weight 0 first, running sums, a number from 0 to the sum, both included.
    """
    ordered: list[Srv] = []
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        by_priority.setdefault(record.priority, []).append(record)
    for priority in sorted(by_priority):
        waiting = sorted(by_priority[priority], key=lambda record: record.weight > 0)
        while len(waiting) > 1:
            chosen = int(random() * (sum(record.weight for record in waiting) + 1))
            running = 0
            index = 0
            for index, record in enumerate(waiting):  # noqa: B007 - the index is used below
                running += record.weight
                if running >= chosen:
                    break
            ordered.append(waiting.pop(index))
        ordered += waiting
    return ordered


class _Search:
    """One call of :func:`locate`."""

    def __init__(
        self,
        place: Place,
        answers: Callable[[Question], Answer | None],
        transports: Sequence[_core.TransportName],
        families: Sequence[Family],
        random: Callable[[], float],
    ) -> None:
        self._place = place
        self._answers = answers
        self._transports = [t for t in transports if not place.secure or t in _SECURE]
        self._families = families
        self._random = random
        self._missing: list[Question] = []
        self._found: dict[tuple[str, str, int], Destination] = {}
        self._ttl = inf
        self._failed = False

    def run(self) -> Located:
        place = self._place
        transport = place.transport
        if transport is not None and transport not in self._transports:
            return Located(problem=Problem.NO_TRANSPORT)
        if not self._transports:
            return Located(problem=Problem.NO_TRANSPORT)
        if transport is None and (place.literal or place.port is not None):
            transport = self._usual()
            if transport is None:
                return Located(problem=Problem.NO_TRANSPORT)
        if transport is not None and (place.literal or place.port is not None):
            self._addresses(place.host, transport, place.port or DEFAULT_PORTS[transport])
        elif transport is not None:
            self._one(transport)
        else:
            self._any()
        return self._outcome()

    def _usual(self) -> _core.TransportName | None:
        """The transport of a URI that asks for none and cannot be looked up (RFC 3263 4.1): UDP, of sips TLS."""
        if self._place.secure:
            return "tls" if "tls" in self._transports else None
        if "udp" in self._transports:
            return "udp"
        return self._transports[0]

    def _one(self, transport: _core.TransportName) -> None:
        """The transport is given, the port is not: SRV, and addresses where there is none (RFC 3263 4.2)."""
        label = SRV_LABELS.get(transport)
        if label is None or not self._service(f"{label}.{self._place.host}", transport):
            self._plain(transport)

    def _plain(self, transport: _core.TransportName) -> None:
        if not self._missing:
            self._addresses(self._place.host, transport, DEFAULT_PORTS[transport])

    def _any(self) -> None:
        """Neither is given: NAPTR, then SRV of every transport, then addresses (RFC 3263 4.1)."""
        named = self._naptr()
        if self._missing:
            return
        first: _core.TransportName | None
        if named:
            first = named[0][1]
            services = named
        else:
            first = self._usual()
            allowed = ("tls",) if self._place.secure else ("udp", "tcp")
            services = [(f"{SRV_LABELS[t]}.{self._place.host}", t) for t in self._transports if t in allowed]
        offered = [self._service(name, transport) for name, transport in services]
        if not any(offered) and first is not None:
            self._plain(first)

    def _naptr(self) -> list[tuple[str, _core.TransportName]]:
        """Names of SRV records and their transports, of the lowest order of which we can use one (RFC 3403 4.1)."""
        usable: list[tuple[int, int, int, str, _core.TransportName]] = []
        for record in self._ask(self._place.host, Kind.NAPTR):
            if not isinstance(record, Naptr) or record.flags.lower() != "s" or record.regexp:
                continue
            transport = SERVICES.get(record.service.upper())
            name = record.replacement.lower().removesuffix(".")
            if transport is None or transport not in self._transports or not _is_name(name):
                continue
            usable.append((record.order, record.preference, self._transports.index(transport), name, transport))
        usable.sort()
        best = [(name, transport) for order, _, _, name, transport in usable if order == usable[0][0]]
        return best[:MAX_SERVERS]

    def _service(self, name: str, transport: _core.TransportName) -> bool:
        """Adds the destinations of SRV records; whether there are any records."""
        records = [record for record in self._ask(name, Kind.SRV) if isinstance(record, Srv)]
        if not records:
            return False
        if len(records) > MAX_SERVERS:
            records = sorted(records, key=lambda record: record.priority)[:MAX_SERVERS]
        for record in weighted(records, self._random):
            target = record.target.lower().removesuffix(".")
            if not target:
                continue  # RFC 2782: "decidedly not available at this domain", so no fallback either
            if record.port:
                self._addresses(target, transport, record.port)
        return True

    def _addresses(self, host: str, transport: _core.TransportName, port: int) -> None:
        try:
            literal = ip_address(host)
        except ValueError:
            pass
        else:
            if f"ipv{literal.version}" in self._families:
                self._add(transport, str(literal), port)
            return
        for family in self._families:
            for record in self._ask(host, _KINDS[family]):
                if isinstance(record, str):
                    self._add(transport, record, port)

    def _add(self, transport: _core.TransportName, host: str, port: int) -> None:
        if len(self._found) < MAX_DESTINATIONS:
            made = Destination(transport, host, port, self._place.host)
            self._found.setdefault(made.key, made)

    def _ask(self, name: str, kind: Kind) -> tuple[Naptr | Srv | str, ...]:
        question = Question(name, kind)
        answer = self._answers(question)
        if answer is None:
            if question not in self._missing:
                self._missing.append(question)
            return ()
        self._ttl = min(self._ttl, answer.ttl)
        if answer.status is Status.FAILED:
            self._failed = True
        return answer.records if answer.status is Status.FOUND else ()

    def _outcome(self) -> Located:
        if self._missing:
            return Located(missing=tuple(self._missing))
        found = tuple(self._found.values())
        problem = None
        if not found:
            problem = Problem.UNAVAILABLE if self._failed else Problem.NOT_FOUND
            if self._place.literal:
                problem = Problem.NO_TRANSPORT
        return Located(found, problem=problem, ttl=self._ttl, failed=self._failed)


def _is_name(name: str) -> bool:
    """Whether it may be asked of the name service (RFC 1035 2.3.4; underscores as in SRV names)."""
    if not 0 < len(name) <= 253:
        return False
    return all(0 < len(label) <= 63 and label.isascii() for label in name.split(".")) and all(
        character.isalnum() or character in "-_." for character in name
    )
