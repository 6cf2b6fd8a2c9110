"""The name service, asked by dnspython on the event loop; and the hosts file, which goes before it.

dnspython does what the wire needs: retries within the time allowed, each name server in turn, TCP after a truncated
answer, and no belief in answers with a wrong identifier or from elsewhere. What it says is kept by our own cache.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver
import structlog

from cordboard.sip.resolver.failover import Cause
from cordboard.sip.resolver.records import FAILED, Answer, Destination, Kind, Naptr, Question, Record, Srv, Status

HOSTS: Final = Path("/etc/hosts")
HOSTS_TTL: Final = 60.0
"""Seconds an answer of the hosts file holds."""
PAYLOAD: Final = 1232
"""Octets of an answer over UDP: what crosses nearly every network unbroken."""
NO_SOA: Final = 30.0
"""Most seconds that a negative answer without SOA holds."""

_log = structlog.get_logger("cordboard.dns")


def log_failure(destination: Destination, cause: Cause, reason: str) -> None:
    """A line for a destination that failed: which, how, and what is known of it."""
    _log.warning(
        "destination failed",
        name=destination.name,
        transport=destination.transport,
        host=destination.host,
        port=destination.port,
        cause=cause.value,
        reason=reason or cause.value,
    )


class DnsAsker:
    """An ``Asker`` on the running loop. ``close`` takes all questions back."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[Callable[[], None]], object],
        *,
        nameservers: Sequence[tuple[str, int]] = (),
        search: Sequence[str] = (),
        timeout: float = 2.0,
        lifetime: float = 5.0,
        hosts: Path | None = HOSTS,
    ) -> None:
        """``deliver`` runs a function on the loop and flushes the core after it.

        ``nameservers``: address and port of each, in order; none for those of the system. ``search``: domains tried
        after a name without a dot; none for those of the system. ``timeout``: seconds one name server has;
        ``lifetime``: seconds all have.
        """
        self._loop = loop
        self._deliver = deliver
        self._hosts = HostsFile(hosts)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._resolver = _resolver(nameservers, search, timeout, lifetime)

    def __call__(self, question: Question, answered: Callable[[Answer], None]) -> None:
        """Asks. Never blocks."""
        known = self._hosts.answer(question)
        if known is None and (self._closed or not self._resolver.nameservers):
            known = FAILED
        if known is not None:
            self._deliver(partial(answered, known))
            return
        task = self._loop.create_task(self._ask(question, answered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def nameservers(self) -> list[str]:
        """Who is asked, for people."""
        return [str(server) for server in self._resolver.nameservers]

    async def close(self) -> None:
        """Takes back what is being asked; nobody hears of it any more."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, question: Question, answered: Callable[[Answer], None]) -> None:
        answer = await ask(self._resolver, question)
        self._deliver(partial(answered, answer))


async def ask(resolver: dns.asyncresolver.Resolver, question: Question) -> Answer:
    """One question to the name service. Never raises but for cancellation."""
    try:
        # A search list is for names without a dot; others would leak to strangers' domains.
        host = question.name.split("._tcp.")[-1].split("._udp.")[-1]
        single = "." not in host
        name = dns.name.from_text(question.name, origin=None if single else dns.name.root)
        found = await resolver.resolve(name, question.kind.value, raise_on_no_answer=False, search=single)
    except dns.resolver.NXDOMAIN as error:
        responses: dict[object, dns.message.QueryMessage] = error.kwargs.get("responses", {})
        ttl = min((_ttl(response) for response in responses.values()), default=0.0)
        return Answer(Status.NO_NAME, ttl=ttl)
    except (dns.exception.DNSException, OSError, EOFError, UnicodeError) as error:
        _log.warning("no answer", name=question.name, kind=question.kind.value, reason=_reason(error))
        return FAILED
    ttl = _ttl(found.response)
    if found.rrset is None:
        return Answer(Status.NO_DATA, ttl=ttl)
    records = tuple(made for data in found.rrset if (made := _record(data)) is not None)
    if not records:
        return Answer(Status.NO_DATA, ttl=ttl)
    return Answer(Status.FOUND, records, ttl)


def _resolver(
    nameservers: Sequence[tuple[str, int]], search: Sequence[str], timeout: float, lifetime: float
) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    try:
        resolver.read_resolv_conf("/etc/resolv.conf")
    except (OSError, dns.exception.DNSException) as error:
        if not nameservers:
            _log.warning("no name servers: only literal addresses and the hosts file are known", reason=_reason(error))
    if nameservers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in nameservers]
    if search:
        resolver.search = [dns.name.from_text(domain) for domain in search]
    resolver.timeout = timeout
    resolver.lifetime = lifetime
    resolver.cache = None
    resolver.use_edns(0, 0, PAYLOAD)
    return resolver


def _ttl(response: dns.message.Message) -> float:
    """How long a response holds: its records' least TTL; of a negative one what its SOA says (RFC 2308 section 5)."""
    if not isinstance(response, dns.message.QueryMessage):
        return 0.0
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException:
        return 0.0
    if chain.answer is None and not any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority):
        return min(float(chain.minimum_ttl), NO_SOA)
    return float(chain.minimum_ttl)


def _record(data: object) -> Record | None:
    match data:
        case dns.rdtypes.IN.SRV.SRV():
            return Srv(data.priority, data.weight, data.port, _text(data.target))
        case dns.rdtypes.IN.NAPTR.NAPTR():
            return Naptr(
                data.order,
                data.preference,
                _ascii(data.flags),
                _ascii(data.service),
                _ascii(data.regexp),
                _text(data.replacement),
            )
        case _:
            address = getattr(data, "address", None)
            return address if isinstance(address, str) else None


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")  # the root is a dot all the same


def _ascii(octets: bytes) -> str:
    return octets.decode("ascii", "replace")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__


class HostsFile:
    """Names of a hosts file. Read again when it changed, looked at once a second at most."""

    def __init__(self, path: Path | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``path``: None for none."""
        self._path = path
        self._monotonic = monotonic
        self._looked = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def answer(self, question: Question) -> Answer | None:
        """What it says; None if the name is not its. A name of it has addresses only, no NAPTR and SRV."""
        self._look()
        name = question.name
        if question.kind is Kind.SRV:
            name = name.split("._tcp.")[-1].split("._udp.")[-1]
        addresses = self._names.get(name)
        if addresses is None:
            return None
        if question.kind in (Kind.NAPTR, Kind.SRV):
            return Answer(Status.NO_DATA, ttl=HOSTS_TTL)
        colon = question.kind is Kind.AAAA
        records = tuple(address for address in addresses if (":" in address) is colon)
        return Answer(Status.FOUND if records else Status.NO_DATA, records, HOSTS_TTL)

    def _look(self) -> None:
        now = self._monotonic()
        if self._path is None or now - self._looked < 1.0:
            return
        self._looked = now
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            self._names = {}
            self._stamp = None
            return
        self._stamp = stamp
        names: dict[str, list[str]] = {}
        for line in text.splitlines():
            fields = line.partition("#")[0].split()
            try:
                address = str(ip_address(fields[0])) if fields else ""
            except ValueError:
                continue
            for name in fields[1:]:
                known = names.setdefault(name.lower().removesuffix("."), [])
                if address not in known:
                    known.append(address)
        self._names = names
