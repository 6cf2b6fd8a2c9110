"""Objects from and to plain texts: the one reading shared by the TOML file, the ``.cfg`` file, the store and the CLI.

An object is a kind, a name and a mapping of keys to texts. A key is a field of the object (``type``, ``role`` ...) or
an option. The key ``password`` is read and never written: it becomes hashes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.errors import ConfigError, OptionValueError, UnknownOptionError, nearest, raise_all
from cordboard.config.kinds import BadValueError, Choice, DnList, Kind, Native, SecretText, Text
from cordboard.config.objects import (
    DN,
    AgentLogin,
    AnyObject,
    Application,
    ObjectKind,
    ObjectRef,
    Person,
    Place,
    Role,
    Switch,
    options_of,
)
from cordboard.config.options import ApplicationOptions, SwitchOptions
from cordboard.config.optionset import DnType, OptionSet
from cordboard.config.secret import Secret, is_person_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

Digested = TypeVar("Digested", DnOptions, AgentLoginOptions)

PASSWORD: Final = "password"  # noqa: S105 - the name of a key
_SECRET: Final = SecretText()


@dataclass(frozen=True, slots=True)
class _DnTypeKind(Kind[str]):
    """A type of DN by the vendor's name, in any case, with spaces, hyphens or underscores."""

    label = "choice"

    @property
    def allowed(self) -> str:
        """Name the types."""
        return "one of " + ", ".join(kind.value for kind in DnType)

    def parse(self, text: str) -> str:
        """Read a type."""
        folded = " ".join(text.replace("-", " ").replace("_", " ").lower().split())
        for kind in DnType:
            if kind.value.lower() == folded:
                return kind.value
        raise BadValueError(text)


@dataclass(frozen=True, slots=True)
class _PersonHash(Kind[Secret]):
    """An argon2id hash in PHC form, or nothing."""

    label = "secret"

    @property
    def allowed(self) -> str:
        """Name the form."""
        return "an argon2id hash ($argon2id$v=19$...)"

    def parse(self, text: str) -> Secret:
        """Read a hash."""
        if text and (len(text) > 512 or not is_person_hash(text)):
            raise BadValueError("***")
        return Secret(text)

    def text(self, value: Secret) -> str:
        """Give the hash away: only for a file or a row its owner asked for."""
        return value.reveal()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object as a key: its name in files, its attribute in code."""

    name: str
    attribute: str
    kind: Kind[Any]
    meaning: str


FIELDS: Final[Mapping[ObjectKind, tuple[Field, ...]]] = {
    ObjectKind.APPLICATION: (Field("name", "name", Text(128), "Name of the SIP Server."),),
    ObjectKind.SWITCH: (
        Field("name", "name", Text(128), "Name of the switch."),
        Field("realm", "realm", Text(255), "Digest realm of the passwords and host part of the DNs' addresses."),
    ),
    ObjectKind.DN: (
        Field("type", "type", _DnTypeKind(), "Type of DN."),
        Field("display-name", "display_name", Text(128), "Name shown to those it calls."),
    ),
    ObjectKind.AGENT_LOGIN: (),
    ObjectKind.PERSON: (
        Field("first-name", "first_name", Text(128), "First name."),
        Field("last-name", "last_name", Text(128), "Last name."),
        Field("role", "role", Choice(tuple(role.value for role in Role)), "What the person may do."),
        Field("password-hash", "password_hash", _PersonHash(), "Hash kept in place of the password."),
        Field("agent-logins", "agent_logins", DnList(), "Agent Logins of the person."),
        Field("place", "place", Text(128), "Where the person usually works."),
    ),
    ObjectKind.PLACE: (Field("dns", "dns", DnList(), "DNs of the phones on the desk."),),
}
OPTIONS: Final[Mapping[ObjectKind, type[OptionSet]]] = {
    ObjectKind.APPLICATION: ApplicationOptions,
    ObjectKind.SWITCH: SwitchOptions,
    ObjectKind.DN: DnOptions,
    ObjectKind.AGENT_LOGIN: AgentLoginOptions,
}
_WITH_PASSWORD: Final = frozenset({ObjectKind.DN, ObjectKind.AGENT_LOGIN, ObjectKind.PERSON})


def keys(kind: ObjectKind) -> list[str]:
    """Return every key an object of the kind knows."""
    names = [field.name for field in FIELDS[kind]]
    if kind in _WITH_PASSWORD:
        names.append(PASSWORD)
    return names + (list(OPTIONS[kind].schema) if kind in OPTIONS else [])


def canonical(kind: ObjectKind, key: str) -> str:
    """Return the key's own spelling: any case, hyphens or underscores; an unknown one as it is."""
    folded = key.lower().replace("_", "-")
    return next((name for name in keys(kind) if name.replace("_", "-") == folded), key)


def native(kind: ObjectKind, key: str, text: str) -> Native:
    """Return the text of a key as a TOML file would have it."""
    value_kind = next((field.kind for field in FIELDS[kind] if field.name == key), None)
    option = OPTIONS[kind].schema.get(key) if kind in OPTIONS else None
    value_kind = option.kind if option else value_kind
    return text if value_kind is None else value_kind.native(value_kind.parse(text))


def read_object(
    kind: ObjectKind, name: str, texts: Mapping[str, str], *, realm: str = "", previous: AnyObject | None = None
) -> AnyObject:
    """Make an object of its texts. Raises one config error for all that is wrong.

    ``realm`` is the switch's, for passwords. ``previous`` is the object as known so far: a person's password that fits
    its hash keeps the hash, so that reading a file twice gives the same.
    """
    owner = str(ObjectRef(kind, name or texts.get("name", "")))
    problems: list[ConfigError] = []
    values: dict[str, Any] = {}
    rest: dict[str, str] = {}
    known = {field.name: field for field in FIELDS[kind]}
    password: str | None = None
    for given, text in texts.items():
        key = canonical(kind, given)
        field = known.get(key)
        try:
            if field is not None:
                values[field.attribute] = _parse(field.kind, owner, key, text)
            elif key == PASSWORD and kind in _WITH_PASSWORD:
                password = _parse(_SECRET, owner, key, text).reveal()
            elif kind not in OPTIONS:
                raise UnknownOptionError(owner, given, nearest(given, keys(kind)))
            else:
                rest[key] = text
        except ConfigError as error:
            problems.append(error)
    options: OptionSet | None = None
    if kind in OPTIONS:
        try:
            options = OPTIONS[kind].parse(rest, owner)
        except ConfigError as error:
            problems.extend(error.problems)
    raise_all(problems)
    return _make(kind, name, values, options, password, realm, previous)


def _parse(kind: Kind[Any], owner: str, key: str, text: str) -> Any:  # noqa: ANN401 - as many types as kinds
    try:
        return kind.parse(text)
    except BadValueError:
        shown = "***" if kind.label == "secret" else text
        raise OptionValueError(owner, key, shown, kind.allowed) from None


def _make(
    kind: ObjectKind,
    name: str,
    values: dict[str, Any],
    options: OptionSet | None,
    password: str | None,
    realm: str,
    previous: AnyObject | None,
) -> AnyObject:
    match kind, options:
        case ObjectKind.APPLICATION, ApplicationOptions():
            return Application(options=options, **values)
        case ObjectKind.SWITCH, SwitchOptions():
            if "realm" not in values:
                raise OptionValueError("Switch", "realm", "", "a host name such as centre.example; it must be given")
            return Switch(options=options, **values)
        case ObjectKind.DN, DnOptions():
            if "type" in values:
                values["type"] = DnType(values["type"])
            dn = DN(number=name, options=_with_realm(options, realm), **values)
            if password is None:
                return dn
            return dn.with_password(realm, password, username=options.shared_line_number or None)
        case ObjectKind.AGENT_LOGIN, AgentLoginOptions():
            login = AgentLogin(code=name, options=_with_realm(options, realm))
            return login if password is None else login.with_password(realm, password)
        case ObjectKind.PERSON, _:
            if "role" in values:
                values["role"] = Role(values["role"])
            person = Person(user_name=name, **values)
            if password is None:
                return person
            if isinstance(previous, Person) and previous.check_password(password):
                return Person(user_name=name, **(values | {"password_hash": previous.password_hash}))
            return person.with_password(password)
    return Place(name=name, **values)


def _with_realm(options: Digested, realm: str) -> Digested:
    """Say which realm hashes given without one are for: the switch's."""
    hashed = options.in_force["password-ha1-md5"] or options.in_force["password-ha1-sha-256"]
    if not hashed or options.in_force["password-realm"] or not realm:
        return options
    return options.changed({"password-realm": realm}, "password-realm")


def write_object(thing: AnyObject) -> dict[str, str]:
    """Return the texts of an object, secrets revealed: for a file or a row, never for a screen or a log."""
    texts: dict[str, str] = {}
    for field in FIELDS[thing.ref.kind]:
        value = getattr(thing, field.attribute)
        text = value.value if isinstance(value, DnType | Role) else field.kind.text(value)
        if text:
            texts[field.name] = text
    options = options_of(thing)
    return texts | (options.texts() if options is not None else {})


def show_object(thing: AnyObject) -> dict[str, str]:
    """Return the texts of an object for people: secrets as ``***``."""
    texts = write_object(thing)
    options = options_of(thing)
    texts |= options.shown() if options is not None else {}
    return texts | ({"password-hash": "***"} if "password-hash" in texts else {})
