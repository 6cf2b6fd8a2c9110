"""From the configuration to what the switch wants to know."""

from typing import Final

from cordboard.config.environment import Environment
from cordboard.config.objects import DN
from cordboard.config.optionset import DnType
from cordboard.model.enums import AddressType
from cordboard.sip.resolver.locate import place_of
from cordboard.switch.settings import DnSettings, ServerSettings

_ADDRESS_TYPES: Final = {
    DnType.EXTENSION: AddressType.DN,
    DnType.ACD_POSITION: AddressType.POSITION,
    DnType.ACD_QUEUE: AddressType.QUEUE,
    DnType.ROUTING_POINT: AddressType.ROUTE_DN,
    DnType.TRUNK: AddressType.TRUNK,
}


def server_settings(environment: Environment) -> ServerSettings:
    """The switch's own settings."""
    options = environment.application.options
    return ServerSettings(
        domain=environment.switch.realm,
        name=environment.application.name,
        max_calls=options.sip_max_calls,
        retry_after=round(options.sip_retry_after),
        registration_expires=round(environment.switch.options.registrar_default_timeout),
    )


def dn_settings(environment: Environment, dn: DN) -> DnSettings:
    """The settings of a DN."""
    options = dn.options
    return DnSettings(
        number=dn.number,
        name=dn.display_name,
        address_type=_ADDRESS_TYPES.get(dn.type, AddressType.UNKNOWN),
        contact=options.contact,
        max_calls=options.max_calls,
        no_answer_timeout=options.no_answer_timeout,
        sip_invite_timeout=options.sip_invite_timeout,
        recovery_timeout=options.recovery_timeout,
        session_audit_interval=options.session_audit_interval,
        ha1=_offered(environment, dn),
        authenticate=tuple(options.authenticate_requests),
        peers=_peers(dn),
    )


def _peers(dn: DN) -> tuple[str, ...]:
    """The address a trunk's calls come from: their From shows numbers of outside, so it cannot tell the DN.

    Only a literal address; a trunk whose contact is a name is known by what it authenticates as.
    """
    if dn.type is not DnType.TRUNK or dn.options.contact in {"", "*"}:
        return ()
    place = place_of(dn.options.contact)
    return (place.host,) if place.literal else ()


def _offered(environment: Environment, dn: DN) -> tuple[tuple[str, str], ...]:
    """The hashes whose algorithm is to be offered; all there are rather than none, which would mean no challenge."""
    every = environment.digests(dn.number)
    offered = dn.options.digest_algorithms
    return tuple((algorithm, ha1) for algorithm, ha1 in every if algorithm.lower() in offered) or tuple(every)
