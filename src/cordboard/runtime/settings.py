"""From the configuration to what the switch wants to know."""

from typing import Final

from cordboard.config.dn_options import dial_plan
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
        max_forward_hops=options.max_forward_hops,
        moh=options.sip_enable_moh,
        music=options.music_on_hold,
        ring_tone=options.ring_tone,
        ring_tone_on_make_call=options.ring_tone_on_make_call,
        busy_tone=options.busy_tone,
        fast_busy_tone=options.fast_busy_tone,
        silence_tone=options.silence_tone,
        busy_tone_time=options.busy_tone_time,
        two_party_mcu=options.sip_enable_two_party_mcu,
        path_needs_support=environment.switch.options.registrar_path_needs_support,
        service_route=environment.switch.options.registrar_service_route,
        flow_timer=round(environment.switch.options.registrar_flow_timer),
        pass_messages=environment.switch.options.sip_pass_messages,
        nat_keep_alive=round(environment.switch.options.sip_nat_keep_alive),
    )


def dn_settings(environment: Environment, dn: DN) -> DnSettings:
    """The settings of a DN."""
    options = dn.options
    return DnSettings(
        number=dn.number,
        name=dn.display_name,
        address_type=_ADDRESS_TYPES.get(dn.type, AddressType.UNKNOWN),
        contact=options.contact,
        max_calls=_max_calls(dn),
        no_answer_timeout=options.no_answer_timeout,
        sip_invite_timeout=options.sip_invite_timeout,
        recovery_timeout=options.recovery_timeout,
        session_audit_interval=options.session_audit_interval,
        session_refresh_interval=options.session_refresh_interval,
        ha1=_offered(environment, dn),
        authenticate=tuple(options.authenticate_requests),
        peers=_peers(dn),
        nat=options.sip_nat,
        alert_info=options.sip_alert_info,
        alert_info_bare=options.sip_alert_info_form == "bare",
        answer_mode=options.sip_answer_mode,
        trusted=options.sip_trusted_peer,
        identity_headers=options.sip_identity_headers,
        reject_anonymous=options.reject_anonymous,
        hunt=options.hg_type if dn.type is DnType.ACD_QUEUE else "none",
        members=options.hg_members,
        hunt_timeout=options.hg_no_answer_timeout,
        dial_plan=dial_plan(options) if _has_plan(dn) else (),
        prefix=options.prefix,
        replace_prefix=options.replace_prefix if "replace-prefix" in options.explicit else None,
        priority=options.priority,
        capacity=options.capacity,
        account=options.trunk_user,
        account_password=options.trunk_password.reveal(),
        registers_with=options.trunk_register,
        register_expires=options.trunk_register_expires,
        service=options.service_type if dn.type is DnType.VOIP_SERVICE else "",
        moh=options.sip_enable_moh if "sip-enable-moh" in options.explicit else None,
        music=options.music_on_hold if "music-on-hold" in options.explicit else "",
        record=options.record,
        dtmf=options.sip_dtmf,
        media_anchor=options.sip_media_anchor,
        media_nat=options.sip_media_nat,
        srtp=options.sip_srtp,
        router_timeout=options.router_timeout,
        default_dn=options.default_dn,
        ring_tone_on_make_call=(
            options.ring_tone_on_make_call if "ring-tone-on-make-call" in options.explicit else None
        ),
        oos_check=options.oos_check,
        oos_force=options.oos_force,
    )


def _max_calls(dn: DN) -> int:
    """Of a Routing Point as many as there are, unless it says otherwise itself."""
    options = dn.options
    return 0 if dn.type is DnType.ROUTING_POINT and "max-calls" not in options.explicit else options.max_calls


def _has_plan(dn: DN) -> bool:
    return dn.type is DnType.VOIP_SERVICE and dn.options.service_type == "dial-plan"


def _peers(dn: DN) -> tuple[str, ...]:
    """The address a trunk's calls come from: their From shows numbers of outside, so it cannot tell the DN.

    The option ``trunk-addresses``, else the contact's host if it is a literal address. Those of a name are found by the
    switch.
    """
    if dn.type is DnType.TRUNK and dn.options.trunk_addresses:
        return dn.options.trunk_addresses
    if dn.type is not DnType.TRUNK or dn.options.contact in {"", "*"}:
        return ()
    place = place_of(dn.options.contact)
    return (place.host,) if place.literal else ()


def _offered(environment: Environment, dn: DN) -> tuple[tuple[str, str], ...]:
    """The hashes whose algorithm is to be offered; all there are rather than none, which would mean no challenge."""
    every = environment.digests(dn.number)
    offered = dn.options.digest_algorithms
    return tuple((algorithm, ha1) for algorithm, ha1 in every if algorithm.lower() in offered) or tuple(every)
