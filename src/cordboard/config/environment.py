"""A whole configuration as one immutable, checked value, and the difference between two of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from cordboard.config.checks import cross_check, cross_notices
from cordboard.config.errors import ConfigError, DuplicateError, Notice, UnknownObjectError, nearest, raise_all
from cordboard.config.objects import (
    DN,
    AgentLogin,
    AnyObject,
    Application,
    ObjectKind,
    ObjectRef,
    Person,
    Place,
    Switch,
    options_of,
)
from cordboard.config.secret import Algorithm, check_person_password, decoy_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T", DN, AgentLogin, Person, Place)


class ChangeKind(Enum):
    """What became of an object."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One object that differs between two configurations; also one edit to apply to a configuration."""

    kind: ChangeKind
    ref: ObjectRef
    before: AnyObject | None
    after: AnyObject | None
    options: tuple[str, ...] = ()
    """Names of the options whose value in force differs, inherited ones included."""
    fields: tuple[str, ...] = ()
    """Names of the fields that differ."""
    restart: bool = False
    """True if part of the change waits for a restart of the server."""

    @staticmethod
    def put(thing: AnyObject) -> Change:
        """Return the edit that adds or replaces an object."""
        return Change(ChangeKind.CHANGED, thing.ref, None, thing)

    @staticmethod
    def remove(ref: ObjectRef) -> Change:
        """Return the edit that removes an object."""
        return Change(ChangeKind.REMOVED, ref, None, None)


def _index(things: Iterable[T], problems: list[ConfigError]) -> Mapping[str, T]:
    found: dict[str, T] = {}
    for thing in things:
        if thing.ref.name in found:
            problems.append(DuplicateError(str(thing.ref)))
        found[thing.ref.name] = thing
    return MappingProxyType(dict(sorted(found.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The configuration of a SIP Server: itself, its switch, and what belongs to it. Made by :meth:`build` only."""

    application: Application
    switch: Switch
    dns: Mapping[str, DN]
    agent_logins: Mapping[str, AgentLogin]
    persons: Mapping[str, Person]
    places: Mapping[str, Place]
    revision: int = field(default=0, compare=False)
    """Counts the changes of the store it was read from; 0 if it comes from elsewhere."""

    @classmethod
    def build(
        cls,
        *,
        switch: Switch,
        application: Application | None = None,
        dns: Iterable[DN] = (),
        agent_logins: Iterable[AgentLogin] = (),
        persons: Iterable[Person] = (),
        places: Iterable[Place] = (),
        revision: int = 0,
    ) -> Environment:
        """Check everything against everything. Raises one error for all problems found.

        The options of the objects are made to inherit: a DN from the switch and the application, the switch and an
        Agent Login from the application.
        """
        problems: list[ConfigError] = []
        application = application or Application()
        outer = application.options
        switch = replace(switch, options=switch.options.under(outer))
        env = cls(
            application=application,
            switch=switch,
            dns=_index((replace(dn, options=dn.options.under(switch.options, outer)) for dn in dns), problems),
            agent_logins=_index((replace(a, options=a.options.under(outer)) for a in agent_logins), problems),
            persons=_index(persons, problems),
            places=_index(places, problems),
            revision=revision,
        )
        problems.extend(cross_check(env))
        raise_all(problems)
        return env

    def dn(self, number: str) -> DN | None:
        """Return the DN of that number."""
        return self.dns.get(number)

    def person(self, user_name: str) -> Person | None:
        """Return the person of that user name."""
        return self.persons.get(user_name)

    def agent_login(self, code: str) -> AgentLogin | None:
        """Return the Agent Login of that code."""
        return self.agent_logins.get(code)

    def place(self, name: str) -> Place | None:
        """Return the place of that name."""
        return self.places.get(name)

    def objects(self) -> Iterable[AnyObject]:
        """Give every object: application, switch, DNs, Agent Logins, persons, places."""
        yield self.application
        yield self.switch
        for things in (self.dns, self.agent_logins, self.persons, self.places):
            yield from things.values()

    def get(self, ref: ObjectRef) -> AnyObject:
        """Return an object by kind and name; of application and switch the kind is enough. Raises a config error."""
        if ref.kind is ObjectKind.APPLICATION:
            return self.application
        if ref.kind is ObjectKind.SWITCH:
            return self.switch
        kinds: dict[ObjectKind, Mapping[str, AnyObject]] = {
            ObjectKind.DN: self.dns,
            ObjectKind.AGENT_LOGIN: self.agent_logins,
            ObjectKind.PERSON: self.persons,
            ObjectKind.PLACE: self.places,
        }
        names = kinds[ref.kind]
        if ref.name not in names:
            raise UnknownObjectError(str(ref), nearest(ref.name, names))
        return names[ref.name]

    def secondaries(self, primary: str) -> tuple[DN, ...]:
        """Return the secondaries of a shared line, by number."""
        return tuple(dn for dn in self.dns.values() if dn.options.shared_line_number == primary)

    def digests(self, number: str) -> tuple[tuple[Algorithm, str], ...]:
        """Return the hashes HA1 a phone of that DN authenticates with, as (algorithm, hex); empty: no password.

        A secondary of a shared line without a password of its own authenticates as the primary. Hashes of another realm
        are returned all the same: with them every challenge fails, which is safe; without them none would be made.
        """
        dn = self.dns.get(number)
        if dn is None:
            return ()
        if not dn.digests and dn.options.shared_line_number in self.dns:
            return self.dns[dn.options.shared_line_number].digests
        return dn.digests

    def authenticate(self, user_name: str, password: str) -> Person | None:
        """Return the person if the password is right, in a time that does not tell whether the user exists.

        Takes tens of milliseconds by design: call it in a thread (``asyncio.to_thread``).
        """
        person = self.persons.get(user_name)
        if person is None or not person.password_hash:
            check_person_password(decoy_hash(), password)
            return None
        return person if person.check_password(password) else None

    def stale_passwords(self) -> tuple[ObjectRef, ...]:
        """Return the DNs and Agent Logins whose password was hashed for another realm and has to be given anew."""
        holders: tuple[DN | AgentLogin, ...] = (*self.dns.values(), *self.agent_logins.values())
        return tuple(h.ref for h in holders if h.digests and h.options.password_realm not in {"", self.switch.realm})

    def notices(self) -> list[Notice]:
        """Return the warnings: what is accepted but will not do what one might expect."""
        found: list[Notice] = []
        for thing in self.objects():
            options = options_of(thing)
            if options is not None:
                found.extend(options.notices(str(thing.ref), thing.type if isinstance(thing, DN) else None))
        found.extend(
            Notice(str(ref), "password", f"was set for another realm than {self.switch.realm}; give it anew")
            for ref in self.stale_passwords()
        )
        found.extend(cross_notices(self))
        return found

    def applied(self, changes: Iterable[Change]) -> Environment:
        """Return the configuration with edits made, checked as a whole. Raises a config error; changes nothing then."""
        application, switch = self.application, self.switch
        dns, logins = dict(self.dns), dict(self.agent_logins)
        persons, places = dict(self.persons), dict(self.places)
        for change in changes:
            match change.after:
                case None:
                    self._drop(change.ref, dns, logins, persons, places)
                case Application():
                    application = change.after
                case Switch():
                    switch = change.after
                case DN():
                    dns[change.after.number] = change.after
                case AgentLogin():
                    logins[change.after.code] = change.after
                case Person():
                    persons[change.after.user_name] = change.after
                case Place():
                    places[change.after.name] = change.after
        return Environment.build(
            application=application, switch=switch, dns=dns.values(), agent_logins=logins.values(),
            persons=persons.values(), places=places.values(), revision=self.revision,
        )  # fmt: skip

    @staticmethod
    def _drop(
        ref: ObjectRef,
        dns: dict[str, DN],
        logins: dict[str, AgentLogin],
        persons: dict[str, Person],
        places: dict[str, Place],
    ) -> None:
        kinds: dict[ObjectKind, dict[str, DN] | dict[str, AgentLogin] | dict[str, Person] | dict[str, Place]] = {
            ObjectKind.DN: dns, ObjectKind.AGENT_LOGIN: logins, ObjectKind.PERSON: persons, ObjectKind.PLACE: places,
        }  # fmt: skip
        names = kinds.get(ref.kind)
        if names is None or ref.name not in names:
            raise UnknownObjectError(str(ref), nearest(ref.name, names or ()))
        del names[ref.name]

    @staticmethod
    def diff(old: Environment, new: Environment) -> list[Change]:
        """Return what differs, in the order application, switch, DNs, Agent Logins, persons, places.

        An object counts as changed when a value it inherits changed, so that whoever applies the changes need look at
        nothing else.
        """
        pairs: list[tuple[AnyObject | None, AnyObject | None]] = [
            (old.application, new.application),
            (old.switch, new.switch),
        ]
        mappings: tuple[tuple[Mapping[str, AnyObject], Mapping[str, AnyObject]], ...] = (
            (old.dns, new.dns),
            (old.agent_logins, new.agent_logins),
            (old.persons, new.persons),
            (old.places, new.places),
        )
        for before, after in mappings:
            pairs.extend((before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))
        return [change for pair in pairs if (change := _compare(*pair)) is not None]


def _compare(before: AnyObject | None, after: AnyObject | None) -> Change | None:
    """Return the change from one to the other, None if there is none."""
    if before is None or after is None:
        thing = after or before
        kind = ChangeKind.ADDED if before is None else ChangeKind.REMOVED
        return Change(kind, thing.ref, before, after) if thing else None
    names = (f.name for f in fields(before) if f.name != "options")
    changed_fields = tuple(name for name in names if getattr(before, name) != getattr(after, name))
    old_options, new_options = options_of(before), options_of(after)
    changed_options: tuple[str, ...] = ()
    restart = False
    if old_options is not None and new_options is not None:
        changed_options = old_options.differing(new_options)
        schema = new_options.schema
        restart = any(name in schema and schema[name].about.restart for name in changed_options)
        if not changed_options and old_options != new_options:
            changed_options = tuple(sorted(old_options.texts().keys() ^ new_options.texts().keys()))
    if not changed_fields and not changed_options:
        return None
    return Change(ChangeKind.CHANGED, after.ref, before, after, changed_options, changed_fields, restart)
