"""How host names are looked up."""

from __future__ import annotations

from cordboard.config.kinds import Choice, DomainList, Duration, NameServerList, split_name_server
from cordboard.config.optionset import Option, OptionSet
from cordboard.config.shared_options import DAY, OURS


class DnsOptions(OptionSet):
    """The options of it."""

    __slots__ = ()

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

    def name_servers(self) -> list[tuple[str, int]]:
        """Return the name servers as (address, port); none for those of the system."""
        return [split_name_server(item) for item in self.dns_name_servers]
