"""Options as typed attributes: one declaration gives the name, the type, the default and the documentation.

An :class:`Option` sits in the class of each level it may be set at (:mod:`cordboard.config.options`). Read through an
instance it gives the value in force: the one set there, else the one inherited from the level above, else the default.
Sets are immutable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, overload

from cordboard.config.errors import ConfigError, Notice, OptionValueError, UnknownOptionError, nearest, raise_all
from cordboard.config.kinds import BadValueError, Kind, SecretHex, SecretText
from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
MOST_OF_A_FAMILY: Final = 10**9
"""The largest number of one of many options, such as ``dial-plan-rule-7``."""

UNKNOWN_LIMIT: Final = 4096
"""Longest value of an unknown option that is kept."""


class Level(Enum):
    """Where an option can be set. A level inherits from those after it in the order DN, switch, application."""

    APPLICATION = "application"
    SWITCH = "switch"
    DN = "DN"
    AGENT_LOGIN = "agent login"
    MEDIA_SERVER = "media server"


class Source(Enum):
    """Where an option comes from."""

    NOTE = "the note"
    """The vendor's application note that certifies the phones."""
    GUIDE = "vendor guide"
    """The vendor's deployment guides, or existing configurations."""
    OURS = "ours"


class DnType(Enum):
    """The types of DN, with the vendor's names."""

    EXTENSION = "Extension"
    ACD_POSITION = "ACD Position"
    ROUTING_POINT = "Routing Point"
    ACD_QUEUE = "ACD Queue"
    TRUNK = "Trunk"
    VOIP_SERVICE = "Voice over IP Service"


ENDPOINTS: Final = frozenset({DnType.EXTENSION, DnType.ACD_POSITION})
"""The types a phone registers as."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """What an option says about itself."""

    meaning: str
    source: Source
    since: str | None
    """The version that acts on it; None: declared and checked, but not yet in effect."""
    restart: bool
    """A change needs a restart of the server."""
    dn_types: frozenset[DnType] | None
    """The types of DN it has an effect on; None for all."""
    example: str


class Option(Generic[T]):
    """One option: its name, kind, default and documentation. A descriptor of :class:`OptionSet`."""

    __slots__ = ("about", "attribute", "default", "kind", "name")

    def __init__(
        self,
        name: str,
        kind: Kind[T],
        default: T,
        meaning: str,
        *,
        source: Source,
        since: str | None = None,
        restart: bool = False,
        dn_types: frozenset[DnType] | None = None,
        example: str = "",
    ) -> None:
        self.name = name
        self.attribute = name.replace("-", "_")
        self.kind = kind
        self.default = default
        self.about = _Declared(meaning, source, since, restart, dn_types, example)

    @property
    def secret(self) -> bool:
        """True if the value must never be shown."""
        return isinstance(self.kind, SecretText | SecretHex)

    def parse(self, text: str, owner: str) -> T:
        """Read a value for an object. Raises :class:`OptionValueError`."""
        try:
            return self.kind.parse(text)
        except BadValueError:
            shown = "***" if self.secret else text
            raise OptionValueError(owner, self.name, shown, self.kind.allowed) from None

    @overload
    def __get__(self, instance: None, owner: type[OptionSet]) -> Option[T]: ...
    @overload
    def __get__(self, instance: OptionSet, owner: type[OptionSet]) -> T: ...
    def __get__(self, instance: OptionSet | None, owner: type[OptionSet]) -> Option[T] | T:
        """Return the value in force, or the option itself when read from the class."""
        if instance is None:
            return self
        value: T = instance.in_force[self.name]
        return value

    def __set__(self, instance: OptionSet, value: T) -> None:
        """Refuse: sets are immutable."""
        raise AttributeError(f"{self.attribute} cannot be assigned; use with_text")

    def __repr__(self) -> str:
        return f"Option({self.name})"


class OptionSet:
    """The options of one object: those set, the unknown ones kept, and the values in force."""

    __slots__ = ("_explicit", "_inherited", "_unknown", "in_force")

    level: ClassVar[Level]
    schema: ClassVar[Mapping[str, Option[Any]]] = MappingProxyType({})
    """The options of this level by name: those of the groups it is made of, then its own, in order of declaration."""

    families: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Options of which there may be many: what their names begin with, before a number, and their meaning. They are
    kept as text, beside the unknown ones."""

    def __init_subclass__(cls) -> None:
        groups = [base for base in cls.__bases__ if issubclass(base, OptionSet)]
        inherited = {name: option for group in groups for name, option in group.schema.items()}
        own = {option.name: option for option in vars(cls).values() if isinstance(option, Option)}
        cls.schema = MappingProxyType(inherited | own)

    def __init__(
        self,
        explicit: Mapping[str, Any] = MappingProxyType({}),
        unknown: Mapping[str, str] = MappingProxyType({}),
        inherited: tuple[OptionSet, ...] = (),
    ) -> None:
        """Take parsed values as they are; use :meth:`parse` or :meth:`of` to have them checked."""
        self._explicit: Mapping[str, Any] = MappingProxyType({n: explicit[n] for n in self.schema if n in explicit})
        self._unknown: Mapping[str, str] = MappingProxyType(dict(sorted(unknown.items())))
        self._inherited = inherited
        values: dict[str, Any] = {name: option.default for name, option in self.schema.items()}
        for outer in reversed(inherited):
            values.update({n: v for n, v in outer.explicit.items() if self.schema.get(n) is outer.schema[n]})
        values.update(self._explicit)
        self.in_force: Mapping[str, Any] = MappingProxyType(values)
        """The value in force of every option of the level, by name."""

    @property
    def explicit(self) -> Mapping[str, Any]:
        """The values set here, parsed."""
        return self._explicit

    @property
    def unknown(self) -> Mapping[str, str]:
        """The options kept that no schema knows, as text."""
        return self._unknown

    @classmethod
    def parse(cls, texts: Mapping[str, str], owner: str) -> Self:
        """Read options given as text. Raises one error for all bad values; unknown options are kept."""
        explicit: dict[str, Any] = {}
        unknown: dict[str, str] = {}
        problems: list[ConfigError] = []
        for name, text in texts.items():
            try:
                known = cls.find(name)
                if known is None:
                    unknown[name] = _unknown_text(name, text, owner)
                else:
                    explicit[known.name] = known.parse(text, owner)
            except ConfigError as error:
                problems.append(error)
        raise_all(problems)
        return cls(explicit, unknown)

    @classmethod
    def of(cls, **values: object) -> Self:
        """Build from typed values by attribute name: ``DnOptions.of(shared_line=True)``. Raises a config error."""
        explicit: dict[str, Any] = {}
        for attribute, value in values.items():
            option = cls.option(attribute, cls.level.value)
            try:
                explicit[option.name] = option.kind.normal(value)
            except (BadValueError, TypeError, AttributeError):
                shown = "***" if option.secret else str(value)
                raise OptionValueError(cls.level.value, option.name, shown, option.kind.allowed) from None
        return cls(explicit)

    @classmethod
    def find(cls, name: str) -> Option[Any] | None:
        """Return the option of that name: any case, hyphens or underscores."""
        if name in cls.schema:
            return cls.schema[name]
        folded = name.lower().replace("_", "-")
        return next((option for known, option in cls.schema.items() if known.replace("_", "-") == folded), None)

    @classmethod
    def option(cls, name: str, owner: str) -> Option[Any]:
        """Return the option of that name. Raises :class:`UnknownOptionError` with the nearest known name."""
        found = cls.find(name)
        if found is None:
            raise UnknownOptionError(owner, name, nearest(name, cls.schema))
        return found

    def under(self, *outer: OptionSet) -> Self:
        """Return the same options, inheriting from the levels above, the nearest first."""
        return type(self)(self._explicit, self._unknown, outer)

    def changed(self, texts: Mapping[str, str | None], owner: str) -> Self:
        """Return the set with options given as text set, and those given as None unset. Raises a config error."""
        added = self.parse({name: text for name, text in texts.items() if text is not None}, owner)
        dropped = {name for name, text in texts.items() if text is None}
        dropped |= {found.name for name in dropped if (found := self.find(name))}
        explicit = {n: v for n, v in self._explicit.items() if n not in dropped} | dict(added.explicit)
        unknown = {n: v for n, v in self._unknown.items() if n not in dropped} | dict(added.unknown)
        return type(self)(explicit, unknown, self._inherited)

    def texts(self) -> dict[str, str]:
        """Return everything set here as text, secrets revealed: for a file or a row, never for a screen or a log."""
        known = {name: self.schema[name].kind.text(value) for name, value in self._explicit.items()}
        return known | dict(self._unknown)

    def shown(self) -> dict[str, str]:
        """Return everything set here as text for people: secrets as ``***``."""
        known = {
            name: "***" if self.schema[name].secret else self.schema[name].kind.text(value)
            for name, value in self._explicit.items()
        }
        return known | {name: "***" if _looks_secret(name) else text for name, text in self._unknown.items()}

    def differing(self, other: OptionSet) -> tuple[str, ...]:
        """Return the names of the options whose value in force differs, and of unknown ones that do."""
        known = [name for name in self.schema if self.in_force[name] != other.in_force[name]]
        names = sorted(self._unknown.keys() | other.unknown.keys())
        return (*known, *(name for name in names if self._unknown.get(name) != other.unknown.get(name)))

    def notices(self, owner: str, dn_type: DnType | None = None) -> list[Notice]:
        """Return the warnings about the options set here."""
        found = []
        for name in self._unknown:
            if self._in_family(name):
                continue
            close = nearest(name, self.schema)
            hint = f"; did you mean {close}?" if close else ""
            found.append(Notice(owner, name, f"unknown option, kept but without effect{hint}"))
        for name in self._explicit:
            about = self.schema[name].about
            if dn_type and about.dn_types is not None and dn_type not in about.dn_types:
                found.append(Notice(owner, name, f"has no effect on a DN of type {dn_type.value}"))
            elif about.since is None:
                found.append(Notice(owner, name, "is not yet in effect in this version"))
        return found

    def _in_family(self, name: str) -> bool:
        """Whether an option without a schema of its own is one of many that are known."""
        folded = name.lower().replace("_", "-")
        return any(
            folded.startswith(f) and whole_number(folded[len(f) :], MOST_OF_A_FAMILY) is not None for f in self.families
        )

    def __eq__(self, other: object) -> bool:
        """Compare what is set here, not what is inherited."""
        if not isinstance(other, OptionSet):
            return NotImplemented
        return type(self) is type(other) and self._explicit == other._explicit and self._unknown == other._unknown

    def __hash__(self) -> int:
        return hash((type(self), tuple(self._explicit.items()), tuple(self._unknown.items())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown()})"


def _looks_secret(name: str) -> bool:
    """Guess whether an unknown option holds a secret, so as not to print one."""
    return any(word in name.lower() for word in ("password", "secret", "token", "ha1"))


def _unknown_text(name: str, text: str, owner: str) -> str:
    """Check that an unknown option can be kept and written back."""
    if not name or len(name) > 128 or any(c in "=[];#\"'" or c.isspace() or not c.isprintable() for c in name):
        shown = "".join(c if c.isprintable() else "?" for c in name[:64])
        raise OptionValueError(
            owner, shown, "***" if _looks_secret(name) else text[:64], "a name without spaces and signs"
        )
    if len(text) > UNKNOWN_LIMIT or any(not c.isprintable() for c in text):
        shown = "***" if _looks_secret(name) else text[:64]
        raise OptionValueError(owner, name, shown, f"one line of at most {UNKNOWN_LIMIT} characters")
    return text.strip()
