"""What holds between the objects of a configuration, checked all in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.config.errors import ConfigError, MissingReferenceError, Notice, OptionValueError
from cordboard.config.optionset import DnType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cordboard.config.environment import Environment
    from cordboard.config.objects import DN

_OVERFLOW_WORDS: Final = frozenset({"none", "recall", "release"})


def cross_check(env: Environment) -> Iterator[ConfigError]:
    """Give every contradiction."""
    for dn in env.dns.values():
        yield from _check_dn(env, dn)
    yield from _check_persons(env)
    yield from _check_places(env)
    yield from _check_ports(env)


def _check_dn(env: Environment, dn: DN) -> Iterator[ConfigError]:
    owner, options = str(dn.ref), dn.options
    if dn.type is DnType.TRUNK and options.contact in {"", "*"}:
        yield OptionValueError(owner, "contact", options.contact, "a SIP URI: a Trunk does not register")
    if options.shared_line_number:
        yield from _check_shared_line(env, dn)
    for member in options.hg_members:
        if member not in env.dns:
            yield MissingReferenceError(owner, "hg-members", member, "there is no such DN")


def _check_shared_line(env: Environment, dn: DN) -> Iterator[ConfigError]:
    owner, number = str(dn.ref), dn.options.shared_line_number
    primary = env.dns.get(number)
    if number == dn.number:
        yield MissingReferenceError(owner, "shared-line-number", number, "a DN cannot be a secondary of itself")
    elif dn.options.shared_line:
        yield MissingReferenceError(
            owner, "shared-line-number", number, "the DN is a primary itself (shared-line=true)"
        )
    elif primary is None:
        yield MissingReferenceError(owner, "shared-line-number", number, "there is no such DN")
    elif not primary.options.shared_line:
        reason = f"DN {number} is not the primary of a shared line (shared-line=true)"
        yield MissingReferenceError(owner, "shared-line-number", number, reason)


def _check_persons(env: Environment) -> Iterator[ConfigError]:
    holder: dict[str, str] = {}
    for person in env.persons.values():
        owner = str(person.ref)
        for code in person.agent_logins:
            if code not in env.agent_logins:
                yield MissingReferenceError(owner, "agent-logins", code, "there is no such Agent Login")
            elif code in holder:
                yield MissingReferenceError(owner, "agent-logins", code, f"it already belongs to {holder[code]}")
            else:
                holder[code] = owner
        if person.place and person.place not in env.places:
            yield MissingReferenceError(owner, "place", person.place, "there is no such Place")


def _check_places(env: Environment) -> Iterator[ConfigError]:
    holder: dict[str, str] = {}
    for place in env.places.values():
        owner = str(place.ref)
        for number in place.dns:
            if number not in env.dns:
                yield MissingReferenceError(owner, "dns", number, "there is no such DN")
            elif number in holder:
                yield MissingReferenceError(owner, "dns", number, f"it already belongs to {holder[number]}")
            else:
                holder[number] = owner


def _check_ports(env: Environment) -> Iterator[ConfigError]:
    """Refuse two TCP listeners on one port of one address (UDP and TCP of one port do not disturb each other)."""
    owner, options = str(env.application.ref), env.application.options
    taken: dict[tuple[str, str, int], str] = {}
    wanted = [("sip-listen" if options.sip_listen else "sip-port", *item) for item in options.listening()]
    wanted.append(("tlib-port", "tcp", options.tlib_address, options.tlib_port))
    wanted.append(("http-port", "tcp", options.http_address, options.http_port))
    for option, transport, host, port in wanted:
        key = ("udp" if transport == "udp" else "tcp", host, port)
        wildcard = (key[0], "::" if ":" in host else "0.0.0.0", port)  # noqa: S104
        other = taken.get(key) or taken.get(wildcard)
        if port and other:
            yield OptionValueError(owner, option, str(port), f"a port that is not taken already by {other}")
        taken[key] = option


def cross_notices(env: Environment) -> Iterator[Notice]:
    """Give what is allowed but hardly meant."""
    owned = {code for person in env.persons.values() for code in person.agent_logins}
    for dn in env.dns.values():
        owner, options = str(dn.ref), dn.options
        if options.authenticate_requests and not env.digests(dn.number):
            yield Notice(owner, "authenticate-requests", "has no effect: the DN has no password, everybody is let in")
        if dn.digests and not options.authenticate_requests:
            yield Notice(owner, "password", "has no effect: authenticate-requests is empty, everybody is let in")
        if "talk" in options.sip_cti_control and "hold" not in options.sip_cti_control:
            yield Notice(owner, "sip-cti-control", "talk without hold: retrieve goes by NOTIFY, hold by re-INVITE")
        if dn.type is DnType.VOIP_SERVICE and "service-type" not in options.explicit:
            yield Notice(owner, "service-type", "is not set: the service will not be used")
        yield from _loose_overflow(env, owner, options.in_force.get("agent-no-answer-overflow", ()))
    for login in env.agent_logins.values():
        if login.code not in owned:
            yield Notice(str(login.ref), "code", "belongs to no Person")
        yield from _loose_overflow(env, str(login.ref), login.options.agent_no_answer_overflow)
    for person in env.persons.values():
        if not person.password_hash:
            yield Notice(str(person.ref), "password", "is not set: this person cannot log in")


def _loose_overflow(env: Environment, owner: str, targets: tuple[str, ...]) -> Iterator[Notice]:
    for target in targets:
        if target not in env.dns and target.lower() not in _OVERFLOW_WORDS:
            yield Notice(
                owner,
                "agent-no-answer-overflow",
                f"{target} is no DN of the switch: it is dialled as an outside number",
            )
