"""The typed face of the Rust core. Whole messages and batches of events cross here, never a header, never a packet.

Times are seconds (float) on the caller's monotonic clock. Addresses are ``(host, port)`` with the host a literal
address. Headers are lists of ``(name, value)``. Identifiers of transactions and dialogs are ints, never reused.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, final

Headers: TypeAlias = Sequence[tuple[str, str]]
Address: TypeAlias = tuple[str, int]
TransportName: TypeAlias = Literal["udp", "tcp", "tls", "ws", "wss"]
Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
HoldChange: TypeAlias = Literal["none", "held", "retrieved"]

@final
class HeaderNames:
    """Names of headers to look for in messages; made once."""

    def __new__(cls, names: Sequence[str], *, prefix: str = "") -> HeaderNames:
        """Those, and all that begin with ``prefix``, unless it is empty; in any case."""

@final
class Message:
    """A SIP message, read on demand. Equality is by bytes."""

    @staticmethod
    def parse(data: bytes) -> Message:
        """Raises ValueError if the bytes are no SIP message."""
    is_request: bool
    method: str
    """Of a response, the method of its CSeq."""
    uri: str
    status: int
    """0 for a request."""
    reason: str
    call_id: str
    is_anonymous: bool
    """Whether its From is that of nobody (RFC 3323 section 4.1.1.3)."""
    body: bytes
    content: tuple[bytes, str]
    """The body and its Content-Type: ``application/octet-stream`` where it has none, ``application/sdp`` of no body."""
    def header(self, name: str) -> str | None:
        """The first value of that name (any case or compact form), unfolded."""
    def headers(self, name: str) -> list[str]:
        """All values of that name; comma lists of the list headers (Contact, Via, Route ...) split."""
    def select(self, names: HeaderNames) -> list[tuple[str, str]]:
        """The headers of those names, compact forms too, in their order, unfolded; a line that is a list is not split.

        Each under the name it was asked for by; as written, if by the prefix.
        """
    def supports(self, option_tag: str) -> bool:
        """Whether Supported or Require has that option tag, in any case."""
    def address(self, name: str) -> tuple[str, str, dict[str, str]] | None:
        """From, To, Contact, Refer-To ... as (display name, URI, header parameters)."""
    def to_bytes(self) -> bytes: ...

@final
class Uri:
    """A URI split into its parts (RFC 3261 section 19, RFC 3966)."""

    def __new__(cls, text: str) -> Uri:
        """Raises ValueError."""
    scheme: str
    user: str
    """Escapes decoded."""
    host: str
    port: int | None
    params: dict[str, str]
    headers: str

@final
class SdpMedia:
    """One stream of a session description."""

    kind: str
    """``audio``, ``video`` ..."""
    address: str
    """Where its sender receives: an address or a host name; empty if it says none."""
    port: int
    """0 refuses or ends the stream."""
    protocol: str
    formats: list[str]
    direction: Direction
    """As its sender says it. The address 0.0.0.0 receives nothing; a refused stream is inactive."""
    refused: bool

@final
class Sdp:
    """A session description (RFC 8866); never changed in place. Equal descriptions say the same, line by line.

    Directions are those of whoever sends the description: ``sendonly`` from a peer means that we hear it.
    """

    @staticmethod
    def parse(data: bytes) -> Sdp:
        """Raises ValueError with the line and the reason."""
    @staticmethod
    def black_hole(session_id: int, address: str) -> Sdp:
        """An offer that leads nowhere, G.711 and inactive at 0.0.0.0: for a party whose other one is still to be
        found (RFC 3725 section 5). ``address`` is printed in ``o=``. Raises ValueError if it is not literal."""
    def black_hole_answer(self, session_id: int, address: str) -> Sdp:
        """An answer to this offer that leads nowhere: its streams taken, inactive, at 0.0.0.0."""
    def to_bytes(self) -> bytes: ...
    session_id: str
    session_version: str
    address: str
    """The connection for all streams without their own; empty if there is none."""
    media: list[SdpMedia]
    """The streams in order, refused ones too."""
    audio_direction: Direction
    """What its sender does with speech, all such streams together; inactive if there are none."""
    held: bool
    """Whether its sender holds us: it has streams of speech and would receive none, by ``sendonly``, ``inactive``,
    0.0.0.0 or port 0. Without speech all streams count; without any stream it holds nobody."""
    def with_direction(self, direction: Direction, *, media: int | None = None) -> Sdp:
        """The same with this direction for all live streams, or for the one of that index. Raises IndexError."""
    def with_session_version(self, version: int) -> Sdp: ...
    def hold(self) -> Sdp:
        """The same, receiving nothing: ``sendrecv`` becomes ``sendonly``, ``recvonly`` becomes ``inactive``."""
    def retrieve(self, before: Sdp) -> Sdp:
        """The same with the directions of ``before``, stream by stream; ``sendrecv`` for streams that are new."""
    def following(self, last: Sdp) -> Sdp:
        """The same as the next thing to say in a dialog where ``last`` was said before (RFC 3264 section 8): ``o=``
        of ``last``, its version counted up exactly when something else changes; streams that are gone keep their
        place with port 0. Whoever made this description, the peer sees one continuous session."""
    def check_answer(self, answer: Sdp) -> None:
        """Raises ValueError with the reason if ``answer`` does not fit this offer (RFC 3264 section 6)."""

@final
class Flow:
    transport: TransportName
    local: Address
    remote: Address
    connection: int

@final
class Tls:
    """What TLS proves with and whom it believes, by PEM files.

    ``identities``: (certificate with its chain, key) pairs, chosen by the name a phone asks for, the first for any
    other name. ``ca``: the roots believed; without it those of the system, for servers we call. ``verify_client``:
    whether phones are asked for a certificate; needs ``ca``.
    """

    def __new__(
        cls,
        identities: Sequence[tuple[str, str]],
        *,
        ca: str | None = None,
        verify_client: Literal["no", "optional", "required"] = "no",
    ) -> Tls: ...

@final
class Guard:
    """How much a source may send and how often it may fail.

    ``failures``: wrong passwords and unknown users at once, over TCP or TLS, each forgotten after 20 s; one more bans
    the source for ``ban`` seconds; 0 bans nobody. Ten times as many over UDP, whose sources can be forged, and ten
    times as many where somebody has proved himself. ``messages``: a second; more are dropped. ``allow``: addresses and
    networks that are never limited; this machine is always one. ``bans``: those of an earlier run, as ``Endpoint.bans``
    gives them, each for what is left of it. Raises ValueError for what is no address, network or transport.
    """

    def __new__(
        cls,
        *,
        failures: int = 30,
        ban: float = 600.0,
        allow: Sequence[str] = (),
        messages: int = 20_000,
        bans: Sequence[tuple[str, str, int, int]] = (),
    ) -> Guard: ...

@final
class Location:
    uri: str
    flow: Flow
    q: float
    path: list[str]
    user_agent: str
    instance: str
    """Which device it is: its ``+sip.instance`` without the quotes (RFC 5626); empty if it gave none."""
    reg_id: int
    """Which of the flows of that device; 0 for one registered without ``reg-id``."""
    nat: bool
    """Whether a NAT hides the Contact, so that the phone is reached where it was heard."""

@final
class RequestEvent:
    """A new request; never ACK, CANCEL or REGISTER. An INVITE has been answered 100 already."""

    transaction: int
    dialog: int | None
    in_dialog: bool
    message: Message
    flow: Flow
    source: str
    """The host it came from: that of ``flow.remote``."""
    dn: str | None
    """The DN it was admitted as; None within a dialog."""
    replaces: int | None
    """The dialog of ours named by the Replaces of an INVITE, or of a REFER's Refer-To (RFC 3891), even if it has just
    ended; None for no other."""
    gruu: tuple[str, str] | None
    """DN and instance of the device that the Request-URI names, where that is a GRUU of ours (RFC 5627)."""

@final
class AckEvent:
    dialog: int
    message: Message

@final
class CancelledEvent:
    """A CANCEL took effect: it was answered 200 and the INVITE 487."""

    transaction: int
    dialog: int
    message: Message

@final
class ResponseEvent:
    """A response to a request of ours; never 100, nor one to BYE within a dialog.

    2xx to INVITE must be acknowledged with ``ack``, and a reliable 1xx (``Require: 100rel`` with RSeq; only where our
    INVITE had ``Supported: 100rel``) with a PRACK in its dialog.
    """

    transaction: int
    dialog: int | None
    message: Message
    status: int

@final
class FailedEvent:
    transaction: int
    dialog: int | None
    call_id: str
    """The request's Call-ID; empty for one that could not even be made."""
    failure: Literal["timeout", "transport", "tls"]
    """``tls``: a handshake that failed."""
    reason: str
    """In words: ``no response``, ``connection refused``, ``certificate not trusted`` ..."""

@final
class NoAckEvent:
    dialog: int

@final
class NoPrackEvent:
    """A reliable provisional response of ours got no PRACK in 64*T1; the INVITE is still owed its final response,
    which should be a 5xx (RFC 3262 section 3)."""

    transaction: int
    dialog: int
    message: Message
    """The INVITE."""

@final
class BindingEvent:
    dn: str
    change: Literal["appeared", "moved", "gone"]
    locations: list[Location]

Event: TypeAlias = (
    RequestEvent | AckEvent | CancelledEvent | ResponseEvent | FailedEvent | NoAckEvent | NoPrackEvent | BindingEvent
)

@final
class Endpoint:
    """The SIP core behind one door: the same commands and events live or on a virtual network."""

    @staticmethod
    def live(
        listen: Sequence[tuple[TransportName, str, int]],
        *,
        realm: str,
        software: str,
        journal: str | None = None,
        advertise: Sequence[tuple[str, str]] = (),
        event_limit: int = 2_000,
        tls: Tls | None = None,
        guard: Guard | None = None,
    ) -> Endpoint:
        """Binds the addresses and starts the engine thread. Raises OSError naming the address that could not be bound.

        ``journal``: path of the file that keeps bindings over a restart. ``advertise``: (bound address, public address)
        pairs. ``event_limit``: events waiting for Python above which new calls are answered 503. ``tls``: needed for
        addresses of transport ``tls`` and for connections opened over it; raises ValueError naming the file that cannot
        be used.
        """
    @staticmethod
    def virtual(local: Sequence[tuple[TransportName, str, int]], *, realm: str, software: str, seed: int) -> Endpoint:
        """No sockets, no clock, repeatable identifiers: for the testkit's virtual network."""

    # Both
    def events(self) -> list[Event]:
        """Takes all waiting events, in order. Never blocks."""
    def set_dn(
        self,
        dn: str,
        *,
        ha1: Sequence[tuple[str, str]] = (),
        authenticate: Sequence[str] = (),
        registers: bool = True,
        peers: Sequence[str] = (),
        username: str | None = None,
    ) -> None:
        """Declares a DN. ``ha1``: (algorithm, hex hash). ``authenticate``: methods to challenge. ``registers``: may
        REGISTER. ``peers``: source addresses (host or host:port) admitted as this DN, for trunks and static contacts.
        ``username``: what it answers challenges with where that is not its own number (a secondary shared line)."""
    def remove_dn(self, dn: str) -> None: ...
    def set_credentials(
        self,
        realm: str,
        username: str,
        *,
        ha1: Sequence[tuple[str, str]] = (),
        password: str | None = None,
        host: str = "",
    ) -> None:
        """Gives an account of ours with somebody else (a carrier, a trunk), or gives it anew. From then on requests of
        ours that are challenged with 401 or 407 are sent again with credentials, under the same transaction.

        ``realm``: empty for any. ``host``: the host of the Request-URI or the literal address it is for; empty for any.
        Either a ``password`` or ``ha1``, (algorithm, hex hash) for that realm; else ValueError. What knows more of
        a challenge goes first: the host, then the realm, then the name in From.
        """
    def remove_credentials(self, realm: str, username: str, *, host: str = "") -> None: ...
    def set_policy(
        self,
        *,
        allow: str,
        registration_expires: int,
        retry_after: int,
        path_needs_support: bool = False,
        service_route: str = "",
        flow_timer: int = 120,
        nat_keep_alive: int = 0,
    ) -> None:
        """What its user serves and wants, from now on. Raises ValueError for text that is not one line.

        ``allow``: the methods printed in Allow. ``registration_expires``: seconds of a registration whose REGISTER asks
        for none. ``retry_after``: seconds printed with a 503. ``path_needs_support``: a Path in the REGISTER of a phone
        that does not support it is refused (420). ``service_route``: handed out with each registration (RFC 3608).
        ``flow_timer``: seconds printed in Flow-Timer (RFC 5626), 0 for none. ``nat_keep_alive``: seconds between two
        keep-alives to a phone behind a NAT, 0 for none.
        """
    def refuse_new(self, part: float) -> None:
        """From now on a part of the requests that would make something new, 0 to 1, is answered 503 with Retry-After
        without the user, who has no time for them: calls, subscriptions; OPTIONS while it is more than half. What there
        is goes on, and registrations. Raises ValueError for what is no part."""
    def set_options_headers(self, headers: Headers) -> None:
        """What answers to OPTIONS outside a dialog, which are given without the user, say besides from now on: how busy
        the user is, what bodies it takes. Raises ValueError for what cannot be a header."""
    def respond(
        self,
        transaction: int,
        status: int,
        *,
        reason: str | None = None,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        reliable: bool = False,
    ) -> None:
        """Answers a request. ``reliable``: a provisional response to an INVITE is repeated until its PRACK comes, where
        the caller supports that (RFC 3262); where it requires that, always. The next one, and a 2xx behind one with a
        body, waits for the PRACK by itself. The PRACK comes as a request within the dialog that wants its 200."""
    def send(
        self,
        method: str,
        uri: str,
        *,
        from_: str,
        to: str,
        transport: TransportName,
        remote: Address,
        connection: int = 0,
        contact_user: str = "",
        headers: Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        patience: float = 0.0,
    ) -> int:
        """Sends a request outside any dialog; returns its transaction.

        ``patience``: seconds an INVITE may go without any response, even 100, before it has failed with ``timeout``; 0
        for the 32 of RFC 3261's timer B.
        """
    def send_in_dialog(
        self,
        dialog: int,
        method: str,
        *,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> int:
        """Sends a request within a dialog; returns its transaction. A PRACK without RAck is given that of the latest
        reliable response."""
    def ack(
        self, dialog: int, *, headers: Headers = (), body: bytes = b"", content_type: str = "application/sdp"
    ) -> None: ...
    def cancel(self, transaction: int, *, headers: Headers = ()) -> None: ...
    def forget(self, dialog: int) -> None: ...
    def counters(self) -> dict[str, int]:
        """Everything counted since the start: messages by kind, drops by reason, retransmissions, challenges ..."""

    # Live only
    def fileno(self) -> int:
        """An eventfd, readable while events wait: give it to ``loop.add_reader``."""
    def flush(self) -> None:
        """Hands the commands given since the last flush to the engine. Call once per drain."""
    def listening(self) -> list[tuple[TransportName, str, int]]: ...
    def bans(self) -> list[tuple[str, TransportName, int, int]]:
        """The bans that last: source (an IPv4 address or the first of an IPv6 /64), transport of the last failure,
        begin and end in Unix seconds."""
    def unban(self, address: str | None = None) -> None:
        """Ends the ban of the source an address belongs to, or every ban. Raises ValueError for no literal address."""
    def reload_tls(self, tls: Tls) -> None:
        """Reads certificates anew: connections from now on use them, those that live go on with the old ones. Raises
        ValueError naming the file that cannot be used; nothing has changed then."""
    def keep_messages(self, limit: int) -> None:
        """Keeps the latest messages, registrations apart, up to so many bytes; 0 keeps none."""
    def messages(
        self, call_ids: Sequence[str], *, after: int = 0
    ) -> list[tuple[int, float, bool, TransportName, Address, Address, bytes]]:
        """The kept messages of these Call-IDs numbered above ``after``, in the order of the wire: number, Unix time,
        whether we sent it, transport, our address, the peer's, the message."""
    def collect(self, collector: Address | None, *, agent: int = 0, password: str = "") -> None:
        """Sends copies of all messages to a collector (HEPv3 over UDP) from now on, or to none. Raises ValueError for
        an address that is not literal, OSError when it cannot be reached from here."""
    def correlate(self, call_id: str, call: str) -> None:
        """Says which call a Call-ID belongs to, as the collector is to be told."""
    def tell_collector(
        self, call: str, at: float, json: bytes, *, source: Address, target: Address, quality: bool = False
    ) -> None:
        """Sends the collector a JSON document about a call: what happened at that Unix time or, with ``quality``, how
        well it was heard."""
    def close(self) -> None: ...

    # Virtual only
    def receive(self, data: bytes, transport: TransportName, local: Address, remote: Address, now: float) -> None: ...
    def transport_failed(self, transport: TransportName, remote: Address, now: float) -> None:
        """What an ICMP error or a refused connection would tell a live endpoint."""
    def advance(self, now: float) -> None:
        """Fires the timers due at ``now``."""
    def next_timeout(self) -> float | None: ...
    def transmits(self) -> list[tuple[Flow, bytes]]:
        """Takes what is to be sent."""

def digest_ha1(username: str, realm: str, password: str, algorithm: Literal["MD5", "SHA-256"]) -> str:
    """The hash a directory keeps in place of the password (RFC 7616 3.4.2), in hex."""

def is_private(host: str) -> bool:
    """Whether a literal address means something in its own network only (RFC 1918, 3927, 4193, 6598, loopback)."""

def hold_change(old: Sdp | None, new: Sdp) -> HoldChange:
    """What ``new`` changes next to ``old``, both from the same peer; without ``old`` the call was not held."""

MediaSource: TypeAlias = str | tuple[str, str] | tuple[int, Sequence[tuple[float, float]]]
"""A file's path; the name of a tone and the country whose it is; or milliseconds and frequencies (Hz) with levels."""
MediaRole: TypeAlias = tuple[bool, bool, float, bool, int | None]
"""Talks, hears, gain in dB, digits clamped, the id of the only leg that hears it."""
MediaAct: TypeAlias = Literal["stop", "pause", "resume", "seek"]
MediaEvent: TypeAlias = (
    tuple[Literal["digit"], int, str, int]
    | tuple[Literal["played"], int, str, int]
    | tuple[Literal["recorded"], int, str, int]
    | tuple[Literal["lost"], int, bool]
    | tuple[Literal["one-way"], int]
    | tuple[Literal["quality"], int]
    | tuple[Literal["talking"], int, bool]
)
"""What happened, to which leg, player or recorder (its id), and how: digit and milliseconds; why it ended and how long
it is; whether it is back; whether it talks."""

class MediaRefused(Exception):  # noqa: N818 - it is no error of the program
    """A description or a leg that is refused. ``args`` are the SIP status and the reason."""

    args: tuple[int, str]

@final
class MediaStats:
    """What came and went on a leg; as :class:`cordboard.media.LegStats`."""

    packets_received: int
    bytes_received: int
    comfort_received: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    jitter_ms: float
    packets_sent: int
    bytes_sent: int
    lost_there: float
    jitter_there_ms: float
    round_trip_ms: float | None
    mos: float | None
    mos_assumed: bool
    remote: Address | None
    codec: str

@final
class MediaLeg:
    """A leg of the engine, with ports of its own."""

    id: int
    place: Address
    def offer(self) -> bytes: ...
    def answer(self, offer: bytes) -> bytes:
        """Raises MediaRefused and changes nothing."""
    def accept(self, answer: bytes) -> None:
        """Raises MediaRefused and changes nothing."""
    def send_digits(self, digits: str, on_ms: int, off_ms: int) -> int:
        """How long that takes, milliseconds. Raises ValueError for what is no row of digits."""
    def stats(self) -> MediaStats: ...
    def close(self) -> None: ...

@final
class MediaRoom:
    """A room of the engine."""

    id: int
    def speakers(self) -> list[int]:
        """The ids of the legs that speak, the loudest first."""

@final
class MediaEngine:
    """The media engine: threads that carry, mix, play and record. Nothing here waits for them, but for ``close``."""

    def __new__(
        cls,
        addresses: Sequence[str],
        *,
        ports: tuple[int, int] = (16384, 32767),
        advertise: Sequence[tuple[str, str]] = (),
        threads: int = 1,
        realtime: bool = False,
        codecs: Sequence[str] | None = None,
        ptime: int = 20,
        srtp: Literal["off", "optional", "required"] = "optional",
        comfort_noise: bool = False,
        inband_digits: bool = False,
        port_rest: float = 5.0,
        report_interval: float = 5.0,
        lost_after: float = 10.0,
        one_way_after: float = 5.0,
        sound_cache: int = 67108864,
    ) -> MediaEngine:
        """``advertise``: pairs of a bound address and the one told to peers. Raises ValueError and OSError."""
    def leg(
        self,
        offer: bytes,
        *,
        srtp: Literal["off", "optional", "required"] | None = None,
        ipv6: bool | None = None,
        source: str | None = None,
    ) -> MediaLeg:
        """Without ``srtp`` it is encrypted as the engine's legs are. ``ipv6``: its family of addresses, where there is
        no offer to say so. ``source``: the address its signalling comes from. Raises MediaRefused and ValueError."""
    def join(self, one: int, other: int, one_to_other: MediaRole, other_to_one: MediaRole) -> None: ...
    def part(self, one: int, other: int) -> None: ...
    def room(self, loudest: int) -> MediaRoom: ...
    def enter(self, room: int, leg: int, as_: MediaRole) -> None: ...
    def change(self, room: int, leg: int, as_: MediaRole) -> None: ...
    def leave(self, room: int, leg: int) -> None: ...
    def set_loudest(self, room: int, loudest: int) -> None: ...
    def close_room(self, room: int) -> None: ...
    def play(
        self,
        target: int,
        sources: Sequence[MediaSource],
        *,
        room: bool,
        repeat: int,
        delay_ms: int,
        duration_ms: int,
        offset_ms: int,
        gain: float,
    ) -> int:
        """A player's id; its ``played`` event always comes. Raises ValueError for a tone there is not."""
    def player(self, player: int, act: MediaAct, *, target: int, room: bool, by_ms: int = 0) -> None: ...
    def record(
        self,
        target: int,
        path: str,
        *,
        room: bool,
        max_ms: int,
        speech_within_ms: int,
        silence_ms: int,
        beep: bool,
        append: bool,
        channels: int,
    ) -> int:
        """A recorder's id; its ``recorded`` event always comes."""
    def recorder(self, recorder: int, act: MediaAct, *, target: int, room: bool) -> None: ...
    def fileno(self) -> int:
        """An eventfd, readable while events wait."""
    def events(self) -> list[MediaEvent]: ...
    failure: str | None
    """Why a thread has ended that was not asked to."""
    behind: str | None
    """Why its threads do not go before all else, where ``realtime`` was wanted."""
    def counters(self) -> list[tuple[str, int]]:
        """How many there are: legs, rooms, free ports, commands that wait, events left out; whether ``realtime``."""
    def close(self) -> None:
        """Ends all legs and threads, and waits for them: recordings are whole when it returns."""
