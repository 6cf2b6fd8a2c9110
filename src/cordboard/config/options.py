"""The schema: every option, by level. The single source of its type, default, meaning and documentation.

``docs/options.md`` is generated from here (``cordboard config options --markdown``). An option that no version acts on
yet is declared and checked all the same (``since=None``), so that an existing configuration can be taken over whole.
"""

from __future__ import annotations

from typing import Final

from cordboard.config import shared_options as shared
from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.dns_options import DnsOptions
from cordboard.config.kinds import Choice, DnNumber, Duration, Host, Integer, Text
from cordboard.config.listening_options import ListeningOptions, TlsOptions
from cordboard.config.media_options import MediaOptions
from cordboard.config.operations_options import OperationsOptions, ProcessOptions
from cordboard.config.optionset import Level, Option, OptionSet
from cordboard.config.protection_options import ProtectionOptions
from cordboard.config.shared_options import BOOL, DAY, GUIDE, OURS


class SwitchOptions(OptionSet):
    """The options of a Switch: defaults for its DNs."""

    __slots__ = ()
    level = Level.SWITCH

    no_answer_timeout = shared.no_answer_timeout
    sip_invite_timeout = shared.sip_invite_timeout
    max_calls = shared.max_calls
    digest_algorithms = shared.digest_algorithms
    session_audit_interval = shared.session_audit_interval
    session_refresh_interval = shared.session_refresh_interval
    registrar_default_timeout = shared.registrar_default_timeout
    registrar_path_needs_support = Option(
        "registrar-path-needs-support",
        BOOL,
        False,
        "A REGISTER that a proxy has put a Path into (RFC 3327) is refused with 420 if the phone does not support it.",
        source=OURS,
        since="0.2",
        example="true",
    )
    registrar_service_route = Option(
        "registrar-service-route",
        Text(512),
        "",
        "Service-Route handed out with each registration (RFC 3608): the way phones are to send their calls.",
        source=OURS,
        since="0.2",
        example="<sip:out@proxy.example.com;lr>",
    )
    registrar_flow_timer = Option(
        "registrar-flow-timer",
        Duration(0, 3600),
        120.0,
        "Flow-Timer told to phones that register a flow (RFC 5626): they send a keep-alive at least so often. 0: none.",
        source=OURS,
        since="0.2",
        example="60",
    )
    sip_nat_keep_alive = Option(
        "sip-nat-keep-alive",
        Duration(0, 600),
        30.0,
        "Time between two keep-alives to a phone behind a NAT that is registered over UDP, so that the NAT does not "
        "forget it. 0: none.",
        source=OURS,
        since="0.2",
        example="20",
    )
    sip_pass_messages = Option(
        "sip-pass-messages",
        BOOL,
        True,
        "Text messages (MESSAGE outside a call, RFC 3428) are passed from one DN of the Switch to another. If not, "
        "they are answered 403; within a call they always pass.",
        source=OURS,
        since="0.2",
        example="false",
    )
    dual_dialog_enabled = shared.dual_dialog_enabled
    make_call_rfc3725_flow = shared.make_call_flow
    refer_enabled = shared.refer_enabled
    dr_forward = shared.dr_forward


class ApplicationOptions(ListeningOptions, ProtectionOptions, DnsOptions, OperationsOptions, MediaOptions):
    """The options of the SIP Server itself."""

    __slots__ = ()
    level = Level.APPLICATION

    max_forward_hops = shared.max_forward_hops
    registrar_default_timeout = shared.registrar_default_timeout
    no_answer_timeout = shared.no_answer_timeout
    sip_invite_timeout = shared.sip_invite_timeout
    max_calls = shared.max_calls
    digest_algorithms = shared.digest_algorithms
    session_audit_interval = shared.session_audit_interval
    session_refresh_interval = shared.session_refresh_interval
    tlib_address = Option(
        "tlib-address",
        Host(),
        "127.0.0.1",
        "Address the T-Library link listens on.",
        source=OURS,
        since="0.1",
        restart=True,
        example="0.0.0.0",  # noqa: S104
    )
    tlib_port = Option(
        "tlib-port",
        Integer(0, 65535),
        5080,
        "Port the T-Library link listens on; 0 takes any free one.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    tlib_history = Option(
        "tlib-history",
        Integer(0, 1_000_000),
        10_000,
        "Events kept for a desktop that comes back after a lost connection; one further behind gets a snapshot.",
        source=OURS,
        since="0.1",
    )
    tlib_session_timeout = Option(
        "tlib-session-timeout",
        Duration(0, DAY),
        120.0,
        "How long the session of a lost desktop can be resumed.",
        source=OURS,
        since="0.1",
    )
    tlib_ping_interval = Option(
        "tlib-ping-interval",
        Duration(1, 600),
        20.0,
        "Time between pings that notice a dead desktop.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    shutdown_sip_reject_code = Option(
        "shutdown-sip-reject-code", Integer(300, 699), 603, "Answer to new calls during a stop.", source=GUIDE
    )
    dr_forward = shared.dr_forward
    dr_peer_trunk = Option("dr-peer-trunk", DnNumber(), "", "Trunk to the SIP Server of the other site.", source=GUIDE)
    dual_dialog_enabled = shared.dual_dialog_enabled
    make_call_rfc3725_flow = shared.make_call_flow
    refer_enabled = shared.refer_enabled
    sip_enable_moh = shared.sip_enable_moh
    sip_enable_two_party_mcu = Option(
        "sip-enable-two-party-mcu",
        BOOL,
        False,
        "The last two of a conference stay on the conference server, rather than talk to each other directly.",
        source=GUIDE,
        since="0.2",
        example="true",
    )
    music_on_hold = shared.music_on_hold
    ring_tone = shared.ring_tone
    ring_tone_on_make_call = shared.ring_tone_on_make_call
    busy_tone = shared.busy_tone
    fast_busy_tone = shared.fast_busy_tone
    busy_tone_time = Option(
        "busy-tone-time",
        Duration(0, 60),
        5.0,
        "How long busy-tone or fast-busy-tone is heard before the call ends. 0: the call ends at once.",
        source=OURS,
        since="0.2",
        example="10",
    )
    silence_tone = shared.silence_tone
    transfer_complete_by_refer = shared.transfer_complete_by_refer
    agent_no_answer_timeout = shared.agent_no_answer_timeout
    agent_no_answer_action = shared.agent_no_answer_action
    agent_no_answer_overflow = shared.agent_no_answer_overflow
    wrap_up_time = shared.wrap_up_time
    reject_call_notready = shared.reject_call_notready
    auto_logout_timeout = Option(
        "auto-logout-timeout",
        Duration(0, DAY),
        0.0,
        "An agent whose desktop is gone this long is logged out; 0: never.",
        source=GUIDE,
    )
    after_routing_timeout = Option(
        "after-routing-timeout",
        Duration(0, 600),
        0.0,
        "How long a routed call rings before it is routed anew; 0: off.",
        source=GUIDE,
    )
    media_server = Option(
        "media-server",
        Choice(("auto", "on", "off")),
        "auto",
        "Whether cordboard up runs a Media Server within itself; auto: where the contact of a Voice over IP Service "
        "points at a port of media-listen on this machine.",
        source=OURS,
        since="0.2",
        restart=True,
        example="on",
    )


class MediaServerOptions(ProcessOptions, TlsOptions, MediaOptions):
    """The options of a Media Server that runs alone."""

    __slots__ = ()
    level = Level.MEDIA_SERVER

    sip_event_limit = ProtectionOptions.sip_event_limit


SCHEMA: Final[tuple[type[OptionSet], ...]] = (ApplicationOptions, SwitchOptions, DnOptions, AgentLoginOptions)
"""All levels, in the order of the documentation."""
