"""The schema: every option, by level. The single source of its type, default, meaning and documentation.

``docs/options.md`` is generated from here (``cordboard config options --markdown``). An option that no version acts on
yet is declared and checked all the same (``since=None``), so that an existing configuration can be taken over whole.
"""

from __future__ import annotations

from typing import Final

from cordboard.config import media_options as media
from cordboard.config import shared_options as shared
from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.kinds import (
    Choice,
    DnNumber,
    DomainList,
    Duration,
    Host,
    Integer,
    ListenList,
    NameServerList,
    SecretText,
    SocketAddress,
    Text,
    split_listen,
    split_name_server,
    split_socket_address,
)
from cordboard.config.optionset import Level, Option, OptionSet
from cordboard.config.secret import Secret
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
    dual_dialog_enabled = shared.dual_dialog_enabled
    make_call_rfc3725_flow = shared.make_call_flow
    refer_enabled = shared.refer_enabled
    dr_forward = shared.dr_forward


class ApplicationOptions(OptionSet):
    """The options of the SIP Server itself."""

    __slots__ = ()
    level = Level.APPLICATION

    max_forward_hops = shared.max_forward_hops
    sip_address = Option(
        "sip-address",
        Host(),
        "0.0.0.0",  # noqa: S104
        "Address SIP listens on, UDP and TCP.",
        source=GUIDE,
        since="0.1",
        restart=True,
        example="192.0.2.10",
    )
    sip_port = Option(
        "sip-port",
        Integer(0, 65535),
        5060,
        "Port SIP listens on, UDP and TCP; 0 takes any free one.",
        source=GUIDE,
        since="0.1",
        restart=True,
    )
    sip_listen = Option(
        "sip-listen",
        ListenList(),
        (),
        "Listening addresses in full; if set, sip-address and sip-port do not count.",
        source=OURS,
        since="0.1",
        restart=True,
        example="udp:0.0.0.0:5060,tcp:0.0.0.0:5060,udp:[::]:5060",
    )
    sip_advertise = Option(
        "sip-advertise",
        Host(),
        "",
        "Public address put into Via, Contact and SDP in place of the bound one (NAT).",
        source=OURS,
        since="0.1",
        restart=True,
        example="198.51.100.5",
    )
    sip_port_tls = Option(
        "sip-port-tls",
        Integer(0, 65535),
        5061,
        "Port of SIP over TLS, at sip-address, once sip-tls-certificate is set; with sip-listen it does not count.",
        source=GUIDE,
        since="0.1",
        restart=True,
    )
    sip_tls_certificate = Option(
        "sip-tls-certificate",
        Text(1024),
        "",
        "PEM file of the certificate shown over TLS, its chain behind it; several in a comma list are chosen by the"
        " name a phone asks for. Empty: what cordboard tls init made. Read again on SIGHUP.",
        source=OURS,
        since="0.1",
        example="/etc/cordboard/sip.example.com.pem",
    )
    sip_tls_key = Option(
        "sip-tls-key",
        Text(1024),
        "",
        "PEM file of the key to sip-tls-certificate, without a passphrase; a comma list goes with the one there.",
        source=OURS,
        since="0.1",
        example="/etc/cordboard/sip.example.com.key",
    )
    sip_tls_ca = Option(
        "sip-tls-ca",
        Text(1024),
        "",
        "PEM file of the authorities believed over TLS: for servers that are called and for certificates of phones."
        " Empty: those of the system for servers, the one of cordboard tls init for phones.",
        source=OURS,
        since="0.1",
        example="/etc/cordboard/ca.pem",
    )
    sip_tls_verify_client = Option(
        "sip-tls-verify-client",
        Choice(("no", "optional", "required")),
        "no",
        "Whether phones must prove themselves by a certificate: no asks for none, optional refuses a wrong one,"
        " required refuses to do without.",
        source=OURS,
        since="0.1",
    )
    sip_ban_failures = Option(
        "sip-ban-failures",
        Integer(0, 100_000),
        30,
        "Wrong passwords and unknown users of one source (IPv4 address, IPv6 /64) after which it is banned; one is"
        " forgotten every 20 s. Over UDP, and where a phone has registered, ten times as many. 0: nobody is banned.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    sip_ban_time = Option(
        "sip-ban-time",
        Duration(1, 7 * DAY),
        600.0,
        "How long a ban lasts. cordboard bans shows and ends them.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    sip_ban_allow = Option(
        "sip-ban-allow",
        Text(1024),
        "",
        "Addresses and networks, in a comma list, that are neither limited nor banned: proxies in front, carriers."
        " This machine is always one.",
        source=OURS,
        since="0.1",
        restart=True,
        example="192.0.2.0/24,2001:db8::/32",
    )
    sip_message_rate = Option(
        "sip-message-rate",
        Integer(10, 10_000_000),
        20_000,
        "Messages of one source read in a second, twice as many at once; more are dropped.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    sip_event_limit = Option(
        "sip-event-limit",
        Integer(100, 1_000_000),
        2_000,
        "Events waiting for a decision above which new calls are answered 503 with Retry-After, until half of them are "
        "done. What waits makes answers late: 2,000 are about a tenth of a second, well under the 500 ms after which "
        "phones repeat themselves (RFC 3261 timer T1). Registrations are not refused, they need no decision.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    sip_admission_cpu = Option(
        "sip-admission-cpu",
        Integer(0, 100),
        95,
        "Percent of a processor above which, for a second, new calls are answered 503 with Retry-After: those the "
        "thread of decisions takes of one, or the process of all it may use. Below four fifths of that, for a second, "
        "they are taken again. Calls there are and registrations go on. 0: CPU is not looked at.",
        source=OURS,
        since="0.2",
    )
    sip_admission_lag = Option(
        "sip-admission-lag",
        Duration(0, 60),
        1.0,
        "How late decisions may come, for a second, until new calls are refused as by sip-admission-cpu. 0: not looked "
        "at.",
        source=OURS,
        since="0.2",
    )
    dns_name_servers = Option(
        "dns-name-servers",
        NameServerList(),
        (),
        "Name servers, asked in this order. Empty: those of the system (/etc/resolv.conf).",
        source=OURS,
        since="0.1",
        restart=True,
        example="192.0.2.53,[2001:db8::53]:5353",
    )
    dns_search = Option(
        "dns-search",
        DomainList(),
        (),
        "Domains tried after a host name without a dot. Empty: those of the system.",
        source=OURS,
        since="0.1",
        restart=True,
        example="centre.example",
    )
    dns_timeout = Option(
        "dns-timeout",
        Duration(0.1, 30),
        5.0,
        "How long a question to the name service may take, all name servers together. One has two fifths of it.",
        source=OURS,
        since="0.1",
        restart=True,
        example="3",
    )
    dns_stale_timeout = Option(
        "dns-stale-timeout",
        Duration(0, 7 * DAY),
        3600.0,
        "How long an answer that has expired still serves while the name service fails (RFC 8767). 0: not at all.",
        source=OURS,
        since="0.1",
        restart=True,
        example="1d",
    )
    dns_address_family = Option(
        "dns-address-family",
        Choice(("ipv4", "ipv6")),
        "ipv4",
        "Which addresses of a host are tried first. Those of a family SIP does not listen on are not tried at all.",
        source=OURS,
        since="0.1",
        restart=True,
        example="ipv6",
    )
    registrar_default_timeout = shared.registrar_default_timeout
    no_answer_timeout = shared.no_answer_timeout
    sip_invite_timeout = shared.sip_invite_timeout
    max_calls = shared.max_calls
    digest_algorithms = shared.digest_algorithms
    session_audit_interval = shared.session_audit_interval
    session_refresh_interval = shared.session_refresh_interval
    sip_max_calls = Option(
        "sip-max-calls",
        Integer(1, 10_000_000),
        100_000,
        "Most calls the server carries at once; one more is answered 503 with Retry-After.",
        source=OURS,
        since="0.1",
    )
    sip_retry_after = Option(
        "sip-retry-after",
        Duration(1, 3600),
        10.0,
        "Retry-After of a 503 (RFC 3261 section 20.33).",
        source=OURS,
        since="0.1",
    )
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
    http_address = Option(
        "http-address",
        Host(),
        "127.0.0.1",
        "Address health and metrics listen on.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    http_port = Option(
        "http-port",
        Integer(0, 65535),
        8080,
        "Port of health and metrics; 0 takes any free one.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    log_level = Option(
        "log-level",
        Choice(("debug", "info", "warning", "error")),
        "info",
        "Least level that is logged.",
        source=OURS,
        since="0.1",
        example="debug",
    )
    log_format = Option(
        "log-format",
        Choice(("auto", "text", "json")),
        "auto",
        "Form of the log: text for people, JSON for machines; auto takes text on a terminal.",
        source=OURS,
        since="0.1",
        restart=True,
    )
    cdr_enabled = Option(
        "cdr-enabled", BOOL, True, "A record is written for every call.", source=OURS, since="0.1", restart=True
    )
    cdr_keep = Option(
        "cdr-keep",
        Duration(0, 3650 * DAY),
        90 * DAY,
        "How long call records are kept; 0 means for ever.",
        source=OURS,
        since="0.1",
        example="30d",
    )
    cdr_file = Option(
        "cdr-file",
        Text(1024),
        "",
        "File that also gets every call record, one JSON object a line.",
        source=OURS,
        since="0.1",
        restart=True,
        example="/var/log/cordboard/calls.jsonl",
    )
    cdr_csv_file = Option(
        "cdr-csv-file",
        Text(1024),
        "",
        "File that also gets every call record, as CSV; its name gets the day or hour: calls-20261128.csv.",
        source=OURS,
        since="0.2",
        restart=True,
        example="/var/log/cordboard/calls.csv",
    )
    cdr_csv_roll = Option(
        "cdr-csv-roll",
        Choice(("day", "hour", "never")),
        "day",
        "How often the file of cdr-csv-file gives way to the next, by local time.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    cdr_csv_size = Option(
        "cdr-csv-size",
        Integer(0, 1 << 40),
        0,
        "Bytes after which a next file of the same day or hour begins (calls-20261128.2.csv); 0: any size.",
        source=OURS,
        since="0.2",
        restart=True,
        example="100000000",
    )
    cdr_csv_keep = Option(
        "cdr-csv-keep",
        Integer(0, 1_000_000),
        0,
        "Files of cdr-csv-file that are kept, the latest; 0 keeps all.",
        source=OURS,
        since="0.2",
        restart=True,
        example="31",
    )
    trace_calls = Option(
        "trace-calls",
        Integer(0, 100_000),
        200,
        "Calls whose messages and T-Library events are kept for cordboard trace, the latest; 0 keeps none.",
        source=OURS,
        since="0.2",
        example="1000",
    )
    trace_memory = Option(
        "trace-memory",
        Integer(1 << 16, 1 << 32),
        16 << 20,
        "Bytes of messages kept for cordboard trace; the oldest go first.",
        source=OURS,
        since="0.2",
    )
    hep_address = Option(
        "hep-address",
        SocketAddress(),
        "",
        "Literal address and port of a collector that is sent a copy of every SIP message and T-Library event (HEPv3 "
        "over UDP). Empty: none.",
        source=OURS,
        since="0.2",
        example="192.0.2.60:9060",
    )
    hep_id = Option(
        "hep-id",
        Integer(0, 4_294_967_295),
        2001,
        "Number of this server at the collector.",
        source=OURS,
        since="0.2",
    )
    hep_password = Option(
        "hep-password", SecretText(), Secret(""), "What the collector wants to hear.", source=OURS, since="0.2"
    )
    drain_timeout = Option(
        "drain-timeout",
        Duration(0, DAY),
        30.0,
        "On a stop new calls are answered 503 and calls in progress have this long to end by themselves.",
        source=OURS,
        since="0.1",
        example="10m",
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

    media_server = media.media_server
    media_listen = media.listen
    media_peers = media.peers
    media_addresses = media.addresses
    media_advertise = media.advertise
    media_first_port = media.first_port
    media_last_port = media.last_port
    media_threads = media.threads
    media_codecs = media.codecs
    media_srtp = media.srtp
    media_max_legs = media.max_legs
    media_conference_limit = media.conference_limit
    media_max_conferences = media.max_conferences
    media_session_refresh = media.session_refresh
    media_sounds = media.sounds
    media_language = media.language
    media_speech = media.speech
    media_country = media.country
    media_recordings = media.recordings
    media_record_format = media.record_format
    media_record_channels = media.record_channels
    media_record_longest = media.record_longest
    media_record_keep = media.record_keep

    def listening(self) -> list[tuple[str, str, int]]:
        """Return the SIP listening addresses as (transport, address, port)."""
        if self.sip_listen:
            return [split_listen(item) for item in self.sip_listen]
        plain = [("udp", self.sip_address, self.sip_port), ("tcp", self.sip_address, self.sip_port)]
        return [*plain, ("tls", self.sip_address, self.sip_port_tls)] if self.sip_tls_certificate else plain

    def media_listening(self) -> list[tuple[str, str, int]]:
        """Return the SIP listening addresses of the Media Server as (transport, address, port)."""
        return [split_listen(item) for item in self.media_listen]

    def collector(self) -> tuple[str, int] | None:
        """Return the collector's address; None for none. The text has been checked."""
        return split_socket_address(self.hep_address) if self.hep_address else None

    def name_servers(self) -> list[tuple[str, int]]:
        """Return the name servers as (address, port); none for those of the system."""
        return [split_name_server(item) for item in self.dns_name_servers]


class MediaServerOptions(OptionSet):
    """The options of a Media Server that runs alone: those it has within a SIP Server, and those of any server."""

    __slots__ = ()
    level = Level.MEDIA_SERVER

    media_listen = media.listen
    media_peers = media.peers
    media_addresses = media.addresses
    media_advertise = media.advertise
    media_first_port = media.first_port
    media_last_port = media.last_port
    media_threads = media.threads
    media_codecs = media.codecs
    media_srtp = media.srtp
    media_max_legs = media.max_legs
    media_conference_limit = media.conference_limit
    media_max_conferences = media.max_conferences
    media_session_refresh = media.session_refresh
    media_sounds = media.sounds
    media_language = media.language
    media_speech = media.speech
    media_country = media.country
    media_recordings = media.recordings
    media_record_format = media.record_format
    media_record_channels = media.record_channels
    media_record_longest = media.record_longest
    media_record_keep = media.record_keep
    http_address = ApplicationOptions.http_address
    http_port = ApplicationOptions.http_port
    log_level = ApplicationOptions.log_level
    log_format = ApplicationOptions.log_format
    drain_timeout = ApplicationOptions.drain_timeout
    sip_event_limit = ApplicationOptions.sip_event_limit

    def media_listening(self) -> list[tuple[str, str, int]]:
        """Return the SIP listening addresses as (transport, address, port)."""
        return [split_listen(item) for item in self.media_listen]


SCHEMA: Final[tuple[type[OptionSet], ...]] = (ApplicationOptions, SwitchOptions, DnOptions, AgentLoginOptions)
"""All levels, in the order of the documentation."""
