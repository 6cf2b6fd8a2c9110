"""The options of the Media Server: of the SIP Server that has one within itself, and of one that runs alone."""

from __future__ import annotations

from cordboard.config.kinds import (
    Boolean,
    Choice,
    ChoiceList,
    Duration,
    Host,
    Integer,
    ListenList,
    PeerList,
    Text,
    split_listen,
)
from cordboard.config.optionset import Option, OptionSet
from cordboard.config.shared_options import DAY, OURS

CODECS = ("pcma", "pcmu", "g722", "opus", "l16")
"""Codecs that can be offered."""


class MediaOptions(OptionSet):
    """The options of it."""

    __slots__ = ()

    media_listen = Option(
        "media-listen",
        ListenList(),
        ("udp:0.0.0.0:5090", "tcp:0.0.0.0:5090"),
        "Addresses the Media Server listens on for SIP: udp, tcp, and tls with the certificate of sip-tls-certificate.",
        source=OURS,
        since="0.2",
        restart=True,
        example="udp:0.0.0.0:5090,tls:0.0.0.0:5091",
    )
    media_peers = Option(
        "media-peers",
        PeerList(),
        (),
        "Addresses of SIP Servers the Media Server works for; it refuses everybody else. Empty: this machine alone.",
        source=OURS,
        since="0.2",
        example="192.0.2.10,192.0.2.11",
    )
    media_addresses = Option(
        "media-addresses",
        PeerList(),
        (),
        "Literal addresses media is sent from and received at, one of each family. Empty: those this machine reaches "
        "others from.",
        source=OURS,
        since="0.2",
        restart=True,
        example="192.0.2.20,2001:db8::20",
    )
    media_advertise = Option(
        "media-advertise",
        Host(),
        "",
        "Public address told to the other side in place of the bound one of its family (NAT with the same ports).",
        source=OURS,
        since="0.2",
        restart=True,
        example="198.51.100.5",
    )
    media_first_port = Option(
        "media-first-port",
        Integer(1024, 65534),
        16_384,
        "First UDP port of media; a leg takes two.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_last_port = Option(
        "media-last-port",
        Integer(1025, 65535),
        32_767,
        "Last UDP port of media.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_threads = Option(
        "media-threads",
        Integer(1, 64),
        1,
        "Threads media is handled on; one for each core that is to be used.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_realtime = Option(
        "media-realtime",
        Boolean(),
        True,
        "Whether the threads of media go before all else on this machine that is not of real time (SCHED_RR, priority "
        "1): no packet waits then until another program's turn on the core is over. Needs the right to it (root, "
        "CAP_SYS_NICE or LimitRTPRIO=1) and a core more than media-threads; else they take turns, and the log says so.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_codecs = Option(
        "media-codecs",
        ChoiceList(CODECS),
        ("pcma", "pcmu", "g722"),
        "Codecs that are offered and taken, the preferred first.",
        source=OURS,
        since="0.2",
        restart=True,
        example="g722,pcma,pcmu",
    )
    media_srtp = Option(
        "media-srtp",
        Choice(("off", "optional", "required")),
        "optional",
        "Whether media is encrypted (SRTP with keys in the description): optional takes what is offered.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_comfort_noise = Option(
        "media-comfort-noise",
        Boolean(),
        False,
        "Whether comfort noise (RFC 3389) is offered and taken, so that phones may leave out their pauses. What comes "
        "of it unasked is heard anyway.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_inband_digits = Option(
        "media-inband-digits",
        Boolean(),
        False,
        "Whether keys heard in the sound of a phone or trunk without telephone events (RFC 4733) are sent as events to "
        "whom it is joined with, and taken out of the sound. Its packets are decoded then.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_max_legs = Option(
        "media-max-legs",
        Integer(1, 100_000),
        2_000,
        "Most legs at once; one more is answered 503.",
        source=OURS,
        since="0.2",
    )
    media_conference_limit = Option(
        "media-conference-limit", Integer(2, 10_000), 200, "Most parties of a conference.", source=OURS, since="0.2"
    )
    media_conference_loudest = Option(
        "media-conference-loudest",
        Integer(0, 1000),
        3,
        "How many of those who talk at once are heard in a conference, the loudest, unless MSML says it; 0: all.",
        source=OURS,
        since="0.2",
    )
    media_max_conferences = Option(
        "media-max-conferences",
        Integer(1, 100_000),
        500,
        "Most conferences at once.",
        source=OURS,
        since="0.2",
    )
    media_session_refresh = Option(
        "media-session-refresh",
        Duration(0, DAY),
        1800.0,
        "How often a leg must be refreshed (session timer), so that those of a SIP Server that is gone end; 0: as the "
        "SIP Server asks.",
        source=OURS,
        since="0.2",
    )
    media_sounds = Option(
        "media-sounds",
        Text(1024),
        "",
        "Folders with sounds and prompts of your own, looked into before those that ship; with commas between.",
        source=OURS,
        since="0.2",
        example="/var/lib/cordboard/sounds",
    )
    media_language = Option(
        "media-language", Text(64), "en", "Language of prompts where none is asked for.", source=OURS, since="0.2"
    )
    media_speech = Option(
        "media-speech",
        Choice(("auto", "flite", "espeak-ng", "espeak", "off")),
        "auto",
        "Speech synthesiser for texts that do not ship as prompts; auto: the first of these that is installed.",
        source=OURS,
        since="0.2",
        restart=True,
    )
    media_country = Option(
        "media-country",
        Text(64),
        "us",
        "Country whose tones are played (ISO 3166).",
        source=OURS,
        since="0.2",
        example="de",
    )
    media_recordings = Option(
        "media-recordings",
        Text(1024),
        "",
        "Folder recordings go to. Empty: recordings in the state directory; off: nothing is recorded.",
        source=OURS,
        since="0.2",
        restart=True,
        example="/srv/recordings",
    )
    media_record_format = Option(
        "media-record-format",
        Choice(("wav", "opus")),
        "wav",
        "Format of recordings whose name does not say it.",
        source=OURS,
        since="0.2",
    )
    media_record_channels = Option(
        "media-record-channels",
        Choice(("mono", "stereo")),
        "mono",
        "mono: all in one channel; stereo: the first party on the left, the others on the right; of one party "
        "alone what it says on the left, what it hears on the right.",
        source=OURS,
        since="0.2",
    )
    media_record_longest = Option(
        "media-record-longest", Duration(1, DAY), 14_400.0, "Longest recording there may be.", source=OURS, since="0.2"
    )
    media_record_keep = Option(
        "media-record-keep",
        Duration(0, 3650 * DAY),
        90 * DAY,
        "How long recordings are kept since they were last written; 0 means for ever.",
        source=OURS,
        since="0.2",
        example="30d",
    )

    def media_listening(self) -> list[tuple[str, str, int]]:
        """Return its SIP listening addresses as (transport, address, port)."""
        return [split_listen(item) for item in self.media_listen]
