"""Where SIP is listened for, and TLS."""

from __future__ import annotations

from cordboard.config.kinds import Choice, Host, Integer, ListenList, Text, split_listen
from cordboard.config.optionset import Option, OptionSet
from cordboard.config.shared_options import GUIDE, OURS


class TlsOptions(OptionSet):
    """What a server shows and whom it believes over TLS."""

    __slots__ = ()

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


class ListeningOptions(TlsOptions):
    """Where a SIP Server listens."""

    __slots__ = ()

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
        "Public address put into Via and Contact in place of the bound one (NAT).",
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

    def listening(self) -> list[tuple[str, str, int]]:
        """Return the SIP listening addresses as (transport, address, port)."""
        if self.sip_listen:
            return [split_listen(item) for item in self.sip_listen]
        plain = [("udp", self.sip_address, self.sip_port), ("tcp", self.sip_address, self.sip_port)]
        return [*plain, ("tls", self.sip_address, self.sip_port_tls)] if self.sip_tls_certificate else plain
