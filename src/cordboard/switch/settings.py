"""What the switch must know of a DN, and of itself. The configuration fills these in; see ``cordboard.config``."""

from __future__ import annotations

from dataclasses import dataclass, field

from cordboard.model.enums import AddressType


@dataclass(frozen=True, slots=True)
class DnSettings:
    """A DN as configured. Times are seconds."""

    number: str
    """Its number, the user part of its SIP address."""
    name: str = ""
    """What others see next to the number."""
    address_type: AddressType = AddressType.DN
    """What kind of DN it is."""
    contact: str = ""
    """Option ``contact``: where it is without registering; empty or ``*`` for a DN that registers."""
    max_calls: int = 10
    """Option ``max-calls``: most calls at once, ringing ones included; 0 for no limit."""
    no_answer_timeout: float = 60.0
    """Option ``no-answer-timeout``: how long it rings; 0 for as long as the caller likes."""
    sip_invite_timeout: float = 4.0
    """Option ``sip-invite-timeout``: how long to wait for any response, even 100; 0 for RFC 3261's timer B."""
    recovery_timeout: float = 0.0
    """Option ``recovery-timeout``: how long a destination that failed is tried last; 0 for the resolver's own time."""
    session_audit_interval: float = 60.0
    """Option ``session-audit-interval``: how often its phone is asked whether a call still lives; 0 for never."""
    session_refresh_interval: float = 0.0
    """Option ``session-refresh-interval``: the session timer asked of its phone; 0 for none but what it asks for."""
    ha1: tuple[tuple[str, str], ...] = ()
    """(algorithm, hex hash) of its password."""
    authenticate: tuple[str, ...] = ()
    """Option ``authenticate-requests``."""
    peers: tuple[str, ...] = ()
    """Addresses its requests come from when they are not authenticated otherwise."""
    nat: str = "auto"
    """Option ``sip-nat``: whether its phones are reached where they were heard (``yes``), at their Contact (``no``) or
    wherever a NAT, if there seems to be one, makes it necessary (``auto``)."""
    alert_info: str = ""
    """Option ``sip-alert-info``: Alert-Info of the INVITEs to it."""
    alert_info_bare: bool = False
    """Option ``sip-alert-info-form``: whether that is sent as it is, without the URI that RFC 3261 wants."""
    answer_mode: str = "pass"
    """Option ``sip-answer-mode``: ``auto`` or ``manual`` for Answer-Mode (RFC 5373) of the INVITEs to it, ``none`` for
    none, ``pass`` for the caller's."""
    trusted: bool = False
    """Option ``sip-trusted-peer``: whether it is within our trust domain (RFC 3325), with who withholds his number."""
    identity_headers: tuple[str, ...] = ("pai",)
    """Option ``sip-identity-headers``: how it is told who the other party is."""
    reject_anonymous: bool = False
    """Option ``reject-anonymous``: whether calls without a number are refused (433, RFC 5079)."""
    hunt: str = "none"
    """Option ``hg-type``: ``fork``, ``linear`` or ``circular`` for a hunt group."""
    members: tuple[str, ...] = ()
    """Option ``hg-members``."""
    hunt_timeout: float = 20.0
    """Option ``hg-no-answer-timeout``: how long each member rings."""
    dial_plan: tuple[str, ...] = ()
    """Options ``dial-plan-rule-<n>``, by number."""
    prefix: str = ""
    """Option ``prefix``: the numbers a trunk takes; empty for none."""
    replace_prefix: str | None = None
    """Option ``replace-prefix``: what is dialled in its place; None for the prefix itself."""
    priority: int = 0
    """Option ``priority``: of trunks with the same prefix the lowest is tried first."""
    capacity: int = 0
    """Option ``capacity``: most calls through a trunk; 0 for no limit."""
    account: str = ""
    """Option ``trunk-user``: our account with a trunk."""
    account_password: str = field(default="", repr=False)
    """Option ``trunk-password``."""
    registers_with: bool = False
    """Option ``trunk-register``: whether we register with a trunk."""
    register_expires: float = 600.0
    """Option ``trunk-register-expires``: the expiry asked for."""
    service: str = ""
    """Option ``service-type`` of a Voice over IP Service; empty for any other DN."""
    moh: bool | None = None
    """Option ``sip-enable-moh``: whether those it holds hear music; None for as the switch says."""
    music: str = ""
    """Option ``music-on-hold``: what they hear; empty for the queue's or the switch's."""
    router_timeout: float = 10.0
    """Option ``router-timeout``: how long a call waits at a Routing Point for a route; 0 for as long as it likes."""
    default_dn: str = ""
    """Option ``default-dn``: where a call goes that nobody has routed; empty for nowhere."""
    ring_tone_on_make_call: bool | None = None
    """Option ``ring-tone-on-make-call``: whether its phone hears ringback; None for as the switch says."""
    record: str = "none"
    """Option ``record``: which of its calls are recorded: ``none``, ``source``, ``destination`` or ``both``."""
    dtmf: str = "info"
    """Option ``sip-dtmf``: how it gets digits: a desktop's by ``info`` or ``rtp``, all by ``info-only``."""
    media_anchor: str = "auto"
    """Option ``sip-media-anchor``: whether the media of its calls goes through a Media Server: ``yes``, ``no`` or
    ``auto``, where its phone and the other one cannot talk directly."""
    media_nat: str = "auto"
    """Option ``sip-media-nat``: whether its phones receive behind a NAT: ``yes``, ``no`` or, as it shows, ``auto``."""
    srtp: str = "auto"
    """Option ``sip-srtp``: whether its phones speak SRTP only (``required``), none (``no``) or what they say."""
    oos_check: float = 0.0
    """Option ``oos-check``: time between two OPTIONS that test it; 0 for none."""
    oos_force: float = 0.0
    """Option ``oos-force``: time without an answer until it is out of service; 0 for the first one unanswered."""

    @property
    def static_contact(self) -> str | None:
        """The fixed contact, or None."""
        return None if self.contact in ("", "*") else self.contact


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The switch as configured."""

    domain: str
    """Host part of the addresses we give out."""
    name: str = "sips"
    """Attribute Server of its events."""
    max_calls: int = 100_000
    """Calls at once above which new ones are answered 503."""
    max_forward_hops: int = 5
    """Option ``max-forward-hops``: how often a call may be forwarded."""
    retry_after: int = 10
    """Seconds of Retry-After with a 503."""
    moh: bool = True
    """Option ``sip-enable-moh``: whether a held party hears music."""
    music: str = "music/on_hold"
    """Option ``music-on-hold``: what it hears."""
    ring_tone: str = "music/ring_back"
    """Option ``ring-tone``."""
    ring_tone_on_make_call: bool = True
    """Option ``ring-tone-on-make-call``: whether the caller of a call made by a desktop hears ringback."""
    busy_tone: str = "music/busy_5sec"
    """Option ``busy-tone``."""
    fast_busy_tone: str = "music/atb_5sec"
    """Option ``fast-busy-tone``."""
    silence_tone: str = "music/silence"
    """Option ``silence-tone``."""
    busy_tone_time: float = 5.0
    """Option ``busy-tone-time``: how long either is heard before the call ends; 0 for not at all."""
    two_party_mcu: bool = False
    """Option ``sip-enable-two-party-mcu``: whether the last two of a conference stay on its server."""
    registration_expires: int = 1800
    """Option ``registrar-default-timeout``: seconds of a registration whose REGISTER asks for none."""
    path_needs_support: bool = False
    """Option ``registrar-path-needs-support``."""
    service_route: str = ""
    """Option ``registrar-service-route``."""
    flow_timer: int = 120
    """Option ``registrar-flow-timer``, in seconds."""
    pass_messages: bool = True
    """Option ``sip-pass-messages``: whether text messages are passed from DN to DN."""
    nat_keep_alive: int = 30
    """Option ``sip-nat-keep-alive``, in seconds."""
