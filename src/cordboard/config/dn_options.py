"""The options of a DN and of an Agent Login (see :mod:`cordboard.config.options`)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cordboard.config import shared_options as shared
from cordboard.config.kinds import (
    Choice,
    ChoiceList,
    DnList,
    DnNumber,
    Duration,
    Integer,
    MethodList,
    PeerList,
    SecretText,
    SipUri,
    Text,
)
from cordboard.config.optionset import ENDPOINTS, MOST_OF_A_FAMILY, DnType, Level, Option, OptionSet
from cordboard.config.secret import Secret
from cordboard.config.shared_options import BOOL, DAY, GUIDE, NOTE, OURS
from cordboard.sip.numbers import whole_number

_SERVICE: Final = frozenset({DnType.VOIP_SERVICE})
_REACHED: Final = frozenset({DnType.TRUNK, DnType.VOIP_SERVICE})
_QUEUE: Final = frozenset({DnType.ACD_QUEUE})
_POINT: Final = frozenset({DnType.ROUTING_POINT})


class DnOptions(OptionSet):
    """The options of a DN: the section [TServer] of its Annex."""

    __slots__ = ()
    level = Level.DN
    families = MappingProxyType(
        {"dial-plan-rule-": "Rule of the dial plan: pattern => digits; key=value. The first that matches counts."}
    )

    authenticate_requests = Option(
        "authenticate-requests",
        MethodList(),
        (),
        "Requests from this DN to challenge with digest (RFC 3261 section 22). Takes effect once a password is set.",
        source=NOTE,
        since="0.1",
        dn_types=ENDPOINTS | _REACHED,
        example="register,invite",
    )
    contact = Option(
        "contact",
        SipUri(star=True),
        "",
        "Where the endpoint always is: it need not register. Empty or *: it registers. A Trunk must have one.",
        source=NOTE,
        since="0.1",
        dn_types=ENDPOINTS | _REACHED,
        example="sip:1502@192.0.2.7:2048",
    )
    password_ha1_md5 = shared.password_ha1_md5
    password_ha1_sha_256 = shared.password_ha1_sha256
    password_realm = shared.password_realm
    max_calls = shared.max_calls
    digest_algorithms = shared.digest_algorithms
    no_answer_timeout = shared.no_answer_timeout
    sip_invite_timeout = shared.sip_invite_timeout
    session_audit_interval = shared.session_audit_interval
    session_refresh_interval = shared.session_refresh_interval
    sip_cti_control = Option(
        "sip-cti-control",
        ChoiceList(("talk", "hold", "dtmf")),
        (),
        "What the desktop does by NOTIFY to the phone: talk answers and retrieves, hold holds, dtmf sends digits. Set "
        "talk and hold together or neither.",
        source=NOTE,
        dn_types=ENDPOINTS,
        example="talk,hold",
    )
    blind_transfer_enabled = Option(
        "blind-transfer-enabled",
        BOOL,
        False,
        "A transfer to this DN may be completed while it still rings.",
        source=NOTE,
        example="true",
    )
    dual_dialog_enabled = shared.dual_dialog_enabled
    make_call_rfc3725_flow = shared.make_call_flow
    refer_enabled = shared.refer_enabled
    sip_alert_info = Option(
        "sip-alert-info",
        Text(256),
        "",
        "Put into Alert-Info of the INVITE to this DN: remote auto-answer or a distinctive ring.",
        source=NOTE,
        since="0.2",
        example="info=alert-autoanswer",
    )
    sip_alert_info_form = Option(
        "sip-alert-info-form",
        Choice(("rfc", "bare")),
        "rfc",
        "rfc: a value of sip-alert-info without <URI> gets one, as RFC 3261 wants it. bare: it is sent as it is.",
        source=OURS,
        since="0.2",
        example="bare",
    )
    sip_answer_mode = Option(
        "sip-answer-mode",
        Choice(("pass", "none", "auto", "manual")),
        "pass",
        "Answer-Mode (RFC 5373) of the INVITE to this DN. pass: the caller's, if it is a DN or a trusted peer.",
        source=OURS,
        since="0.2",
        example="auto",
    )
    sip_trusted_peer = Option(
        "sip-trusted-peer",
        BOOL,
        False,
        "The device is within our trust domain (RFC 3325): a Trunk is believed who calls, why it was diverted and how "
        "to ring; whoever withholds his number is shown to it all the same, with Privacy: id.",
        source=OURS,
        since="0.2",
        example="true",
    )
    sip_identity_headers = Option(
        "sip-identity-headers",
        ChoiceList(("pai", "rpid")),
        ("pai",),
        "How the device is told who the other party is, beside From: P-Asserted-Identity, Remote-Party-ID, or nothing.",
        source=OURS,
        since="0.2",
        example="pai,rpid",
    )
    sip_nat = Option(
        "sip-nat",
        Choice(("auto", "yes", "no")),
        "auto",
        "Where a registered phone is called. yes: where it was heard, as behind a NAT. no: at its Contact. auto: where "
        "it was heard, if its REGISTER shows a NAT or came on a connection; else at its Contact.",
        source=OURS,
        since="0.2",
        dn_types=ENDPOINTS,
        example="yes",
    )
    reject_anonymous = Option(
        "reject-anonymous",
        BOOL,
        False,
        "Calls whose caller withholds his number are answered 433 (RFC 5079).",
        source=OURS,
        since="0.2",
        example="true",
    )
    trunk_addresses = Option(
        "trunk-addresses",
        PeerList(),
        (),
        "Addresses the Trunk's calls come from, host or host:port. Not set: those that the host of contact leads to.",
        source=OURS,
        since="0.2",
        dn_types=frozenset({DnType.TRUNK}),
        example="198.51.100.7,198.51.100.8",
    )
    trunk_register = Option(
        "trunk-register",
        BOOL,
        False,
        "The switch registers with the Trunk, as trunk-user, and has its calls sent there.",
        source=OURS,
        since="0.2",
        dn_types=frozenset({DnType.TRUNK}),
        example="true",
    )
    trunk_register_expires = Option(
        "trunk-register-expires",
        Duration(30, DAY),
        600.0,
        "Expiry asked for; the registration is refreshed in time.",
        source=OURS,
        since="0.2",
        dn_types=frozenset({DnType.TRUNK}),
        example="300",
    )
    trunk_user = Option(
        "trunk-user",
        Text(128),
        "",
        "Our account with the Trunk: user of the registration, and user name when the Trunk challenges a request.",
        source=OURS,
        since="0.2",
        dn_types=frozenset({DnType.TRUNK}),
        example="centre-1",
    )
    trunk_password = Option(
        "trunk-password",
        SecretText(),
        Secret(""),
        "Its password. Kept as it is, since the Trunk chooses realm and algorithm; never shown.",
        source=OURS,
        since="0.2",
        dn_types=frozenset({DnType.TRUNK}),
        example="secret",
    )
    enable_agentlogin_subscribe = Option(
        "enable-agentlogin-subscribe",
        BOOL,
        False,
        "The agent's state in SUBSCRIBE and NOTIFY from the phone is taken over, and pushed to it.",
        source=NOTE,
        dn_types=ENDPOINTS,
        example="true",
    )
    dr_forward = shared.dr_forward
    gvm_mailbox = shared.gvm_mailbox
    shared_line = Option(
        "shared-line",
        BOOL,
        False,
        "The DN is the primary of a shared line: calls for the group are addressed to it.",
        source=NOTE,
        dn_types=ENDPOINTS,
        example="true",
    )
    shared_line_capacity = Option(
        "shared-line-capacity",
        Integer(1, 100),
        1,
        "Number of appearances of the shared line.",
        source=NOTE,
        dn_types=ENDPOINTS,
        example="4",
    )
    shared_line_number = Option(
        "shared-line-number",
        DnNumber(),
        "",
        "Number of the primary: the DN is a secondary of its shared line and authenticates as the primary.",
        source=NOTE,
        dn_types=ENDPOINTS,
        example="1501",
    )
    sca_preferred_site = Option(
        "sca-preferred-site",
        Text(128),
        "",
        "Site that holds the shared line in business continuity.",
        source=GUIDE,
        dn_types=ENDPOINTS,
    )
    service_type = Option(
        "service-type",
        Choice(
            (
                "treatment",
                "music",
                "mcu",
                "moh",
                "recorder",
                "msml",
                "voicemail",
                "application",
                "softswitch",
                "sip-outbound-proxy",
                "call-recorder",
                "registrar",
                "dial-plan",
            )
        ),
        "application",
        "What a Voice over IP Service does.",
        source=GUIDE,
        since="0.2",
        dn_types=_SERVICE,
        example="msml",
    )
    prefix = Option(
        "prefix",
        Text(64),
        "",
        "Numbers that start with it go to this Trunk; the longest prefix wins.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED,
        example="9",
    )
    replace_prefix = Option(
        "replace-prefix",
        Text(64),
        "",
        "Put in place of the prefix of the number dialled.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED,
    )
    capacity = Option(
        "capacity",
        Integer(0, 100_000),
        0,
        "Most calls through the Trunk, or legs at the media service, at once; 0 means no limit.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED,
    )
    priority = Option(
        "priority",
        Integer(0, 1000),
        0,
        "Of Trunks with the same prefix the lowest priority is tried first.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED,
    )
    oos_check = Option(
        "oos-check",
        Duration(0, DAY),
        0.0,
        "Time between OPTIONS that test the device; 0 means none.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED | ENDPOINTS,
        example="10",
    )
    oos_force = Option(
        "oos-force",
        Duration(0, DAY),
        0.0,
        "Time without an answer after which the device is out of service.",
        source=GUIDE,
        since="0.2",
        dn_types=_REACHED | ENDPOINTS,
        example="5",
    )
    recovery_timeout = Option(
        "recovery-timeout",
        Duration(0, DAY),
        0.0,
        "How long an address that failed (no response, not reached, 503) is tried after all others of its host name, "
        "and a media service that failed is left out. 0 means 30 s.",
        source=GUIDE,
        since="0.1",
        dn_types=_REACHED,
        example="30",
    )
    hg_type = Option(
        "hg-type",
        Choice(("none", "fork", "linear", "circular")),
        "none",
        "The queue is a hunt group of this type.",
        source=GUIDE,
        since="0.2",
        dn_types=_QUEUE,
    )
    hg_members = Option(
        "hg-members",
        DnList(),
        (),
        "Members of the hunt group, in the order in which they are called.",
        source=GUIDE,
        since="0.2",
        dn_types=_QUEUE,
        example="1501,1502",
    )
    hg_no_answer_timeout = Option(
        "hg-no-answer-timeout",
        Duration(1, 600),
        20.0,
        "How long each member rings before the next one does; of a fork group, how long all do.",
        source=OURS,
        since="0.2",
        dn_types=_QUEUE,
        example="15",
    )
    record = Option(
        "record",
        Choice(("none", "source", "destination", "both")),
        "none",
        "Which calls of the DN are recorded from their answer on: source: those it makes, destination: those it takes. "
        "Any call can be recorded by a desktop's request.",
        source=GUIDE,
        since="0.2",
        example="both",
    )
    sip_dtmf = Option(
        "sip-dtmf",
        Choice(("info", "rtp", "info-only")),
        "info",
        "How the device gets the digits that the desktop of the other party sends (SendDTMF). info: by INFO, "
        "application/dtmf-relay. rtp: as telephone events (RFC 4733) of a Media Server of service-type msml. "
        "info-only: by INFO, and so does it get those that the other phone sends as telephone events or as sound: the "
        "media of its calls goes through a Media Server for that.",
        source=OURS,
        since="0.2",
        example="rtp",
    )
    sip_media_anchor = Option(
        "sip-media-anchor",
        Choice(("auto", "yes", "no")),
        "auto",
        "Whether the media of the DN's calls goes through a Media Server of service-type msml, if there is one, rather "
        "than from phone to phone. auto: where the phones cannot reach each other or cannot talk to each other (SRTP, "
        "IPv4 and IPv6, NAT), and when the one refuses what the other offers (488). no: not for that either.",
        source=OURS,
        since="0.2",
        example="yes",
    )
    sip_media_nat = Option(
        "sip-media-nat",
        Choice(("auto", "yes", "no")),
        "auto",
        "Whether the device receives media behind a NAT, so that its calls go through a Media Server, but for those to "
        "devices behind the same NAT. auto: if the address in its SDP is not where its signalling comes from, and it "
        "has registered through a NAT (sip-nat) or that address is private and the other one is not. no: what its SDP "
        "says is right.",
        source=OURS,
        since="0.2",
        example="no",
    )
    sip_srtp = Option(
        "sip-srtp",
        Choice(("auto", "required", "no")),
        "auto",
        "Whether the device speaks SRTP (RFC 4568) only, or none; a call between two that differ goes through a Media "
        "Server. auto: as its SDP says; before it has said anything the call is offered as it is, and offered again "
        "through the Media Server should the device refuse it (488).",
        source=OURS,
        since="0.2",
        example="required",
    )
    router_timeout = Option(
        "router-timeout",
        Duration(0, 3600),
        10.0,
        "How long a call waits at the Routing Point for RouteCall or ApplyTreatment before it goes to default-dn. 0: "
        "as long as the caller does. While a treatment is heard the time does not run.",
        source=GUIDE,
        since="0.2",
        dn_types=_POINT,
        example="30",
    )
    default_dn = Option(
        "default-dn",
        DnNumber(),
        "",
        "Where a call goes that nobody has routed in time. Empty: its caller gets 480.",
        source=GUIDE,
        since="0.2",
        dn_types=_POINT,
        example="9000",
    )
    line_type = Option(
        "line-type", Choice(("0", "1")), "0", "1: nailed-up connection.", source=GUIDE, dn_types=ENDPOINTS
    )
    reject_call_notready = shared.reject_call_notready
    transfer_complete_by_refer = shared.transfer_complete_by_refer
    sip_enable_moh = shared.sip_enable_moh
    music_on_hold = shared.music_on_hold
    ring_tone_on_make_call = shared.ring_tone_on_make_call
    use_contact_as_dn = Option(
        "use-contact-as-dn", BOOL, False, "The user part of Contact, not of From, tells the DN.", source=GUIDE
    )
    reuse_sdp_on_reinvite = Option(
        "reuse-sdp-on-reinvite", BOOL, False, "A re-INVITE repeats the last SDP of the device.", source=GUIDE
    )
    oosp_transfer_enabled = Option(
        "oosp-transfer-enabled", BOOL, False, "A transfer leaves the signalling path (302, REFER).", source=GUIDE
    )


def dial_plan(options: DnOptions) -> tuple[str, ...]:
    """The rules ``dial-plan-rule-<n>`` of a DN, by number."""
    prefix = "dial-plan-rule-"
    found = []
    for name, text in options.unknown.items():
        number = whole_number(name.lower().replace("_", "-").removeprefix(prefix), MOST_OF_A_FAMILY)
        if number is not None:
            found.append((number, text))
    return tuple(text for _, text in sorted(found))


class AgentLoginOptions(OptionSet):
    """The options of an Agent Login."""

    __slots__ = ()
    level = Level.AGENT_LOGIN

    password_ha1_md5 = shared.password_ha1_md5
    password_ha1_sha_256 = shared.password_ha1_sha256
    password_realm = shared.password_realm
    gvm_mailbox = shared.gvm_mailbox
    wrap_up_time = shared.wrap_up_time
    agent_no_answer_timeout = shared.agent_no_answer_timeout
    agent_no_answer_action = shared.agent_no_answer_action
    agent_no_answer_overflow = shared.agent_no_answer_overflow
    reject_call_notready = shared.reject_call_notready
