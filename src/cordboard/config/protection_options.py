"""What keeps a server from being overrun: limits of sources, bans, admission of calls."""

from __future__ import annotations

from cordboard.config.kinds import Duration, Integer, Text
from cordboard.config.optionset import Option, OptionSet
from cordboard.config.shared_options import DAY, OURS


class ProtectionOptions(OptionSet):
    """The options of it."""

    __slots__ = ()

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
        "Percent of a processor above which, for a second, new calls begin to be answered 503 with Retry-After, as "
        "many as it takes to hold this: what the thread of decisions takes of one, or the process of all it may use. "
        "Calls there are and registrations go on. 0: CPU is not looked at.",
        source=OURS,
        since="0.2",
    )
    sip_admission_lag = Option(
        "sip-admission-lag",
        Duration(0, 60),
        0.5,
        "How late decisions may come, for a second, until new calls are refused as by sip-admission-cpu; phones repeat "
        "after half a second what was not answered (RFC 3261, T1). 0: not looked at.",
        source=OURS,
        since="0.2",
    )
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
