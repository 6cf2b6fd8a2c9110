"""Questions to the name service, their answers, and the destinations that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core


class Kind(Enum):
    """What is asked for."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"

    __hash__ = object.__hash__


class Question(NamedTuple):
    """One question. Its name is in lower case, without the dot at the end."""

    name: str
    kind: Kind


class Naptr(NamedTuple):
    """A NAPTR record (RFC 3403 section 4)."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


class Srv(NamedTuple):
    """An SRV record (RFC 2782). A target of "" or "." says that the service is not offered."""

    priority: int
    weight: int
    port: int
    target: str


class Status(Enum):
    """What came of a question."""

    FOUND = "found"
    NO_DATA = "no data"
    """The name exists, without such records."""
    NO_NAME = "no such name"
    FAILED = "failed"
    """No answer in time, or one that is none (SERVFAIL, REFUSED, damaged)."""

    __hash__ = object.__hash__


Record = Naptr | Srv | str
"""A record's data; an address is its text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the name service says."""

    status: Status
    records: tuple[Record, ...] = ()
    ttl: float = 0.0
    """How long it holds, in seconds from when it was given."""


FAILED = Answer(Status.FAILED)


class Destination(NamedTuple):
    """Where a request may be sent."""

    transport: _core.TransportName
    host: str
    """A literal address, IPv6 without brackets."""
    port: int
    name: str = ""
    """The domain that was looked up: what a TLS certificate must be for (RFC 5922 section 4)."""

    @property
    def remote(self) -> tuple[str, int]:
        """Address and port."""
        return self.host, self.port

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells one server from another, whatever name led to it."""
        return self.transport, self.host, self.port

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


class Problem(Enum):
    """Why there is no destination."""

    NOT_FOUND = "host not found"
    """The name service is sure that there is none."""
    UNAVAILABLE = "name service unavailable"
    """It gave no answer, or not in time."""
    NO_TRANSPORT = "no usable transport"
    """The URI or its domain want a transport that we do not have."""

    __hash__ = object.__hash__


if TYPE_CHECKING:
    Asker = Callable[[Question, Callable[[Answer], None]], None]
    """Asks the name service and calls back once, now or later, on the caller's thread."""


def no_asker(question: Question, answered: Callable[[Answer], None]) -> None:  # noqa: ARG001
    """A name service that never knows: only literal addresses are reached."""
    answered(FAILED)
