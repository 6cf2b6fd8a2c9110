"""The objects of a configuration: Application, Switch, DN, Agent Login, Person, Place. Frozen, checked when made.

No object carries a plain password: a DN and an Agent Login carry digest hashes among their options, a Person an
argon2id hash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.errors import OptionValueError
from cordboard.config.kinds import DN_ALLOWED, is_dn, is_line
from cordboard.config.options import ApplicationOptions, SwitchOptions
from cordboard.config.optionset import DnType, OptionSet
from cordboard.config.secret import ALGORITHMS, Algorithm, Secret, check_person_password, ha1, hash_person_password

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_LIMIT: Final = 128
_USER: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,128}")
_REALM: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_HASH_OPTIONS: Final[dict[Algorithm, str]] = {"MD5": "password-ha1-md5", "SHA-256": "password-ha1-sha-256"}


class ObjectKind(Enum):
    """The kinds of object, each with the word for it in files and on the command line."""

    APPLICATION = "application"
    SWITCH = "switch"
    DN = "dn"
    AGENT_LOGIN = "agent-login"
    PERSON = "person"
    PLACE = "place"

    @property
    def title(self) -> str:
        """The kind as people read it."""
        return {"dn": "DN", "agent-login": "Agent Login"}.get(self.value, self.value.title())


class Role(Enum):
    """What a person may do."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """The name of an object with its kind: ``dn:1501``."""

    kind: ObjectKind
    name: str

    def __str__(self) -> str:
        """Print as people read it: ``DN 1501``."""
        return f"{self.kind.title} {self.name}".rstrip()


def _check(allowed: bool, owner: str, field_name: str, value: str, rule: str) -> None:
    if not allowed:
        raise OptionValueError(owner, field_name, value, rule)


def _is_line(text: str) -> bool:
    """Tell whether a text is one line of at most 128 characters without spaces at the ends."""
    return len(text) <= NAME_LIMIT and text == text.strip() and is_line(text)


def _check_name(kind: ObjectKind, name: str) -> None:
    _check(
        bool(name) and _is_line(name), kind.title, "name", name,
        "1 to 128 characters on one line, without spaces at the ends",
    )  # fmt: skip


def _check_text(owner: str, field_name: str, text: str) -> None:
    _check(
        _is_line(text), owner, field_name, text,
        "at most 128 characters on one line, without spaces at the ends",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The SIP Server as an application: its own options."""

    name: str = "SIP_Server"
    options: ApplicationOptions = field(default_factory=ApplicationOptions)

    def __post_init__(self) -> None:
        """Check the name."""
        _check_name(ObjectKind.APPLICATION, self.name)

    @property
    def ref(self) -> ObjectRef:
        """Kind and name."""
        return ObjectRef(ObjectKind.APPLICATION, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The switch the DNs and Agent Logins belong to."""

    name: str = "switch"
    realm: str
    """Digest realm (RFC 7616 section 3.3) of the DNs' passwords; also the host part of their addresses of record."""
    options: SwitchOptions = field(default_factory=SwitchOptions)

    def __post_init__(self) -> None:
        """Check name and realm."""
        _check_name(ObjectKind.SWITCH, self.name)
        _check(
            _REALM.fullmatch(self.realm) is not None, str(self.ref), "realm", self.realm,
            "a host name such as centre.example: letters, digits, dots, hyphens",
        )  # fmt: skip

    @property
    def ref(self) -> ObjectRef:
        """Kind and name."""
        return ObjectRef(ObjectKind.SWITCH, self.name)


def _digests(options: DnOptions | AgentLoginOptions) -> tuple[tuple[Algorithm, str], ...]:
    """Return the hashes that are set, the order of preference last."""
    pairs = ((a, options.in_force[_HASH_OPTIONS[a]]) for a in ALGORITHMS)
    return tuple((algorithm, secret.reveal()) for algorithm, secret in pairs if secret)


def _hashes(name: str, realm: str, password: str) -> Mapping[str, str | None]:
    """Return the options that keep a password, all unset if it is empty."""
    if not password:
        return {**dict.fromkeys(_HASH_OPTIONS.values()), "password-realm": None}
    return {option: ha1(name, realm, password, a) for a, option in _HASH_OPTIONS.items()} | {"password-realm": realm}


@dataclass(frozen=True, slots=True, kw_only=True)
class DN:
    """A directory number: a phone's line, a queue, a routing point, a trunk or a service."""

    number: str
    type: DnType = DnType.EXTENSION
    display_name: str = ""
    """Shown to called phones as the caller's name."""
    options: DnOptions = field(default_factory=DnOptions)

    def __post_init__(self) -> None:
        """Check number and name."""
        _check(is_dn(self.number), "DN", "number", self.number, DN_ALLOWED)
        _check_text(str(self.ref), "display-name", self.display_name)

    @property
    def ref(self) -> ObjectRef:
        """Kind and number."""
        return ObjectRef(ObjectKind.DN, self.number)

    @property
    def digests(self) -> tuple[tuple[Algorithm, str], ...]:
        """The hashes HA1 of its own password as (algorithm, hex), empty if it has none."""
        return _digests(self.options)

    @property
    def registers(self) -> bool:
        """True if a phone registers as this DN: it is an endpoint without a static contact."""
        return self.type in {DnType.EXTENSION, DnType.ACD_POSITION} and self.options.contact in {"", "*"}

    def with_password(self, realm: str, password: str, username: str | None = None) -> DN:
        """Return the DN with a password (none if empty), kept as its hashes.

        ``username`` is the number unless told: a secondary of a shared line authenticates as the primary.
        """
        changes = _hashes(username or self.number, realm, password)
        return replace(self, options=self.options.changed(changes, str(self.ref)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLogin:
    """A code an agent logs in with, from the phone or the desktop."""

    code: str
    options: AgentLoginOptions = field(default_factory=AgentLoginOptions)

    def __post_init__(self) -> None:
        """Check the code."""
        _check(is_dn(self.code), "Agent Login", "code", self.code, DN_ALLOWED)

    @property
    def ref(self) -> ObjectRef:
        """Kind and code."""
        return ObjectRef(ObjectKind.AGENT_LOGIN, self.code)

    @property
    def digests(self) -> tuple[tuple[Algorithm, str], ...]:
        """The hashes HA1 of its password as (algorithm, hex), empty if it has none."""
        return _digests(self.options)

    def with_password(self, realm: str, password: str) -> AgentLogin:
        """Return the login with a password (none if empty), kept as its hashes."""
        return replace(self, options=self.options.changed(_hashes(self.code, realm, password), str(self.ref)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who uses the desktop, the console or the T-Library link."""

    user_name: str
    first_name: str = ""
    last_name: str = ""
    role: Role = Role.AGENT
    password_hash: Secret = field(default_factory=lambda: Secret(""))
    """An argon2id hash in PHC form; empty: this person cannot log in."""
    agent_logins: tuple[str, ...] = ()
    place: str = ""
    """Where this person usually works."""

    def __post_init__(self) -> None:
        """Check the names."""
        rule = "1 to 128 letters, digits and the signs _ . @ + -"
        _check(_USER.fullmatch(self.user_name) is not None, "Person", "user-name", self.user_name, rule)
        for name, text in (("first-name", self.first_name), ("last-name", self.last_name), ("place", self.place)):
            _check_text(str(self.ref), name, text)

    @property
    def ref(self) -> ObjectRef:
        """Kind and user name."""
        return ObjectRef(ObjectKind.PERSON, self.user_name)

    def with_password(self, password: str) -> Person:
        """Return the person with a password (none if empty), kept as its argon2id hash."""
        return replace(self, password_hash=Secret(hash_person_password(password) if password else ""))

    def check_password(self, password: str) -> bool:
        """Compare a password. Takes tens of milliseconds by design: call it in a thread (``asyncio.to_thread``)."""
        return bool(self.password_hash) and check_person_password(self.password_hash.reveal(), password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A desk: the DNs of its phones."""

    name: str
    dns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the name."""
        _check_name(ObjectKind.PLACE, self.name)

    @property
    def ref(self) -> ObjectRef:
        """Kind and name."""
        return ObjectRef(ObjectKind.PLACE, self.name)


AnyObject = Application | Switch | DN | AgentLogin | Person | Place


def options_of(thing: AnyObject) -> OptionSet | None:
    """Return the options of an object, None for those that have none."""
    return None if isinstance(thing, Person | Place) else thing.options
