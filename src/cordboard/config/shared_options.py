"""Options that may be set at several levels: declared once, shared by the classes of the levels."""

from __future__ import annotations

from typing import Final

from cordboard.config.kinds import Boolean, Choice, ChoiceList, DnList, DnNumber, Duration, Integer, SecretHex, Text
from cordboard.config.optionset import Option, Source
from cordboard.config.secret import Secret

NOTE, GUIDE, OURS = Source.NOTE, Source.GUIDE, Source.OURS
BOOL: Final = Boolean()
DAY: Final = 86400.0

no_answer_timeout = Option(
    "no-answer-timeout",
    Duration(0, 600),
    60.0,
    "How long a call rings at a DN before it is taken back (CANCEL, Reason 480) and its caller gets 480. 0 leaves it "
    "to the caller and to the limit of RFC 3261 timer C (3 minutes).",
    source=OURS,
    since="0.1",
    example="30",
)
sip_invite_timeout = Option(
    "sip-invite-timeout",
    Duration(0, 32),
    4.0,
    "How long an INVITE waits for any response, be it 100 Trying, before the destination counts as unreachable and the "
    "next contact, server or trunk is called. Over UDP it is sent four times within 4 s. A destination that wakes up "
    "later is cancelled. 0 means RFC 3261 timer B (32 s).",
    source=GUIDE,
    since="0.1",
    example="5",
)
max_calls = Option(
    "max-calls",
    Integer(0, 1000),
    10,
    "Most calls a DN may have at once, ringing and held ones included; one more is answered 486. 0 means no limit.",
    source=OURS,
    since="0.1",
    example="2",
)
digest_algorithms = Option(
    "digest-algorithms",
    ChoiceList(("md5", "sha-256")),
    ("md5",),
    "Algorithms offered when a request is challenged (RFC 7616, RFC 8760). Phones with older software give up on a "
    "challenge that offers sha-256 beside md5. A DN whose only hash is of another algorithm is challenged with that.",
    source=OURS,
    since="0.1",
    example="sha-256,md5",
)
session_audit_interval = Option(
    "session-audit-interval",
    Duration(0, DAY),
    60.0,
    "How often the far end of an established call is asked whether it is still there (OPTIONS within the dialog). A "
    "far end that does not answer, or answers 481, ends the call. 0 switches the audit off.",
    source=OURS,
    since="0.1",
    example="30",
)
max_forward_hops = Option(
    "max-forward-hops",
    Integer(1, 50),
    5,
    "How often a call may be forwarded, what other servers tell in Diversion included; one more is answered 482.",
    source=OURS,
    since="0.2",
    example="3",
)
session_refresh_interval = Option(
    "session-refresh-interval",
    Duration(0, DAY),
    0.0,
    "Session timer asked of the device (RFC 4028): unless the call is refreshed within this time, by UPDATE or "
    "re-INVITE, it ends. Values below 90 s count as 90 s. 0 asks for none; what the device itself asks for is granted.",
    source=GUIDE,
    since="0.1",
    example="1800",
)
registrar_default_timeout = Option(
    "registrar-default-timeout",
    Duration(5, DAY),
    1800.0,
    "Expiry of a registration whose REGISTER asks for none.",
    source=GUIDE,
    since="0.1",
    example="3600",
)
dr_forward = Option(
    "dr-forward",
    Choice(("off", "no-agent", "oos")),
    "off",
    "Business continuity: when a call for the DN goes to the other site. no-agent: when no agent is logged in here; "
    "oos: when the DN is not registered here.",
    source=NOTE,
    example="no-agent",
)
dual_dialog_enabled = Option(
    "dual-dialog-enabled",
    BOOL,
    True,
    "A consultation call opens a second dialog to the same phone; false swings the one dialog between both parties.",
    source=NOTE,
)
make_call_flow = Option(
    "make-call-rfc3725-flow",
    Choice(("1", "2")),
    "2",
    "Flow of RFC 3725 for a call made from the desktop: 1 without, 2 with a re-INVITE. So far flow 2 is always used.",
    source=NOTE,
    example="1",
)
refer_enabled = Option(
    "refer-enabled",
    BOOL,
    True,
    "Calls, consultations and single-step transfers asked for by the desktop use REFER towards the phone; false uses "
    "INVITE and re-INVITE.",
    source=NOTE,
    example="false",
)
sip_enable_moh = Option(
    "sip-enable-moh",
    BOOL,
    True,
    "A held party hears music, if there is a Media Server. Of a DN: whom it holds.",
    source=GUIDE,
    since="0.2",
    example="false",
)
music_on_hold = Option(
    "music-on-hold",
    Text(256),
    "music/on_hold",
    "What the Media Server plays to a held party: of the DN that holds, else of the queue that brought the call to it, "
    "else of the SIP Server.",
    source=GUIDE,
    since="0.2",
    example="music/on_hold",
)
ring_tone = Option(
    "ring-tone",
    Text(256),
    "music/ring_back",
    "What the Media Server plays for ringback.",
    source=GUIDE,
    since="0.2",
    example="tone/ringback/de",
)
busy_tone = Option(
    "busy-tone",
    Text(256),
    "music/busy_5sec",
    "What the Media Server plays when the number called is busy.",
    source=GUIDE,
    since="0.2",
    example="tone/busy/de",
)
fast_busy_tone = Option(
    "fast-busy-tone",
    Text(256),
    "music/atb_5sec",
    "What the Media Server plays when a call cannot be completed for another reason (reorder tone).",
    source=GUIDE,
    since="0.2",
    example="tone/fast-busy/de",
)
silence_tone = Option(
    "silence-tone",
    Text(256),
    "music/silence",
    "What the Media Server plays for the treatment Silence.",
    source=GUIDE,
    since="0.2",
    example="tone/silence",
)
ring_tone_on_make_call = Option(
    "ring-tone-on-make-call",
    BOOL,
    True,
    "The phone of a DN for which the desktop makes a call (make-call-rfc3725-flow 2) hears ringback while the number "
    "called rings, and busy or fast busy when it does not answer, if there is a Media Server.",
    source=GUIDE,
    since="0.2",
    example="false",
)
transfer_complete_by_refer = Option(
    "transfer-complete-by-refer", BOOL, False, "A two-step transfer is completed by REFER with Replaces.", source=GUIDE
)
agent_no_answer_timeout = Option(
    "agent-no-answer-timeout",
    Duration(0, 600),
    15.0,
    "No-answer supervision: how long a call rings at an agent. 0: off.",
    source=GUIDE,
)
agent_no_answer_action = Option(
    "agent-no-answer-action",
    Choice(("none", "notready", "logout")),
    "none",
    "What becomes of an agent who did not answer.",
    source=GUIDE,
)
agent_no_answer_overflow = Option(
    "agent-no-answer-overflow",
    DnList(),
    (),
    "Where a call not answered by an agent goes: none, recall, release, or DNs tried in order.",
    source=GUIDE,
    example="1504,9000",
)
wrap_up_time = Option(
    "wrap-up-time",
    Duration(0, DAY),
    0.0,
    "After-call work after a business call; 0 means none.",
    source=GUIDE,
    example="30",
)
reject_call_notready = Option(
    "reject-call-notready", BOOL, False, "Direct calls to an agent who is not ready are answered 486.", source=GUIDE
)
gvm_mailbox = Option("gvm_mailbox", DnNumber(), "", "Voice mailbox of the object.", source=NOTE, example="1502")
password_ha1_md5 = Option(
    "password-ha1-md5",
    SecretHex(32),
    Secret(""),
    "Digest hash MD5(name:realm:password), kept in place of the password (RFC 7616).",
    source=OURS,
    since="0.1",
    example="32 hex digits",
)
password_ha1_sha256 = Option(
    "password-ha1-sha-256",
    SecretHex(64),
    Secret(""),
    "Digest hash SHA-256(name:realm:password), kept in place of the password (RFC 7616, RFC 8760).",
    source=OURS,
    since="0.1",
    example="64 hex digits",
)
password_realm = Option(
    "password-realm",
    Text(255),
    "",
    "Realm the hashes were made for. If it is not the switch's realm, the password has to be given anew.",
    source=OURS,
    since="0.1",
    example="centre.example",
)
