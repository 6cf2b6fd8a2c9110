"""The words of the T-Library link. No I/O, no clock.

The link is JSON over WebSocket, one message a text frame, each with its kind in ``type``. ``docs/tlib-link.md`` is the
reference for people who write clients in other languages; :mod:`cordboard.tlib.machine` has the order of the words.
"""

import enum
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

VERSION: Final = 1
"""The version of the link spoken here."""

VERSIONS: Final = (1,)
"""All versions the server understands."""

PATH: Final = "/tlib"
"""Where the link lives on the HTTP port."""

MAX_CLIENT_MESSAGE: Final = 256 * 1024
"""Bytes of one message from a client; a larger one closes the link."""

MAX_DNS_PER_LINK: Final = 20_000
"""DNs one link may register."""

MAX_LOGIN_ATTEMPTS: Final = 3
"""Failed logins after which the link is closed."""


class ByeReason(enum.StrEnum):
    """Why the server closes a link."""

    BAD_MESSAGE = "bad-message"
    """Not JSON, not one of the known messages, or a field of the wrong type."""
    OUT_OF_ORDER = "out-of-order"
    """A message that may not come now, such as a Request before the Welcome."""
    VERSION = "version"
    """The client speaks no version of the link the server speaks; ``versions`` of the Bye tells which it does."""
    LOGIN_TIMEOUT = "login-timeout"
    LOGIN_FAILED = "login-failed"
    TAKEN_OVER = "taken-over"
    """The same session was resumed over another connection."""
    BUSY = "busy"
    """Too many links; try later."""
    SHUTDOWN = "shutdown"
    """The server is stopping; reconnect with resume."""
    FAILURE = "failure"
    """A fault of the server; reconnect with resume."""


CLOSE_CODES: Final[Mapping[ByeReason, int]] = {
    ByeReason.BAD_MESSAGE: 4400,
    ByeReason.OUT_OF_ORDER: 4405,
    ByeReason.VERSION: 4426,
    ByeReason.LOGIN_TIMEOUT: 4408,
    ByeReason.LOGIN_FAILED: 4401,
    ByeReason.TAKEN_OVER: 4409,
    ByeReason.BUSY: 4429,
    ByeReason.SHUTDOWN: 1012,
    ByeReason.FAILURE: 1011,
}
"""WebSocket close codes (RFC 6455 7.4; 4000 to 4999 are for private use)."""


class Role(enum.StrEnum):
    """What the person behind a link may do."""

    AGENT = "agent"
    """Sees and controls the configured DNs it registers."""
    ADMINISTRATOR = "administrator"
    """Sees and controls every DN, and may register all of them with ``*``."""


class _Word(msgspec.Struct, tag_field="type", tag=True, frozen=True, kw_only=True, omit_defaults=True):
    """A message of the link."""


class Resume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wish to go on with an earlier session."""

    session: str
    sequence: int
    """The last event the client has handled; -1 when it still waits for a Snapshot."""
    dns: list[str] = []
    """The DNs it had registered: taken up again when the server no longer knows the session."""


# From the client.


class Hello(_Word, tag="Hello", frozen=True):
    """Opens the link."""

    version: int
    client: str = ""
    """Name and version of the program, for the server's log."""
    resume: Resume | None = None


class Login(_Word, tag="Login", frozen=True):
    """Says who is asking: a person's name and password, or the token of the local administrator."""

    user: str = ""
    password: str = ""
    token: str = ""


class Request(_Word, tag="Request", frozen=True):
    """A T-Library request. Its answer is an event that carries ``reference_id`` as ReferenceID."""

    reference_id: int
    """1 or more, and higher than the one before."""
    request: msgspec.Raw
    repeated: bool = False
    """Sent again after a reconnect, as the answer did not come: done only if it did not arrive the first time."""


class Ack(_Word, tag="Ack", frozen=True):
    """All events up to and with this one were handled: the server may forget them."""

    sequence: int


class Ping(_Word, tag="Ping", frozen=True):
    """Asks for a Pong, to see that the server is alive."""

    id: int = 0


# From the server.


class Welcome(_Word, tag="Welcome", frozen=True, omit_defaults=False):
    """The login was accepted."""

    server: str
    version: int
    versions: list[int]
    session: str
    """Keep it: with it, a Hello after a broken connection resumes."""
    sequence: int
    """The number of the last event before what follows. Of a new session 0."""
    resumed: bool
    """True: every event after the ``sequence`` of the Resume follows. False with a Resume asked: a Snapshot follows."""
    role: Role
    retention: float
    """Seconds the server keeps the session after the connection is lost."""


class Rejected(_Word, tag="Rejected", frozen=True, omit_defaults=False):
    """The login was refused; another may be tried on the same link."""

    message: str
    attempts_left: int


class Events(_Word, tag="Events", frozen=True, omit_defaults=False):
    """A batch of events, numbered ``first``, ``first`` + 1 and so on; each also carries EventSequenceNumber."""

    first: int
    events: list[msgspec.Raw]


class SnapshotReason(enum.StrEnum):
    """Why a Snapshot came in place of events."""

    TOO_FAR_BEHIND = "too-far-behind"
    """More events came than the server keeps for one link."""
    UNKNOWN_SESSION = "unknown-session"
    """The server restarted, or the session was given up."""


class Snapshot(_Word, tag="Snapshot", frozen=True, omit_defaults=False):
    """The present state in place of events that are lost: replaces all the client knew. Live events follow."""

    reason: SnapshotReason
    sequence: int
    """The snapshot tells the state after this event; the next event is ``sequence`` + 1."""
    dns: list[msgspec.Raw]
    """An EventAddressInfo for each registered DN."""
    calls: list[msgspec.Raw]
    """An EventPartyInfo for each party of a registered DN in a call."""


class Pong(_Word, tag="Pong", frozen=True):
    """The answer to Ping."""

    id: int = 0


class Bye(_Word, tag="Bye", frozen=True):
    """The last message before the server closes."""

    reason: ByeReason
    message: str = ""
    versions: list[int] = []


ClientMessage = Hello | Login | Request | Ack | Ping
ServerMessage = Welcome | Rejected | Events | Snapshot | Pong | Bye

_T = TypeVar("_T")
_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


class BadMessageError(Exception):
    """The peer sent something that is no message of the link.

    ``detail`` names what was expected and where, as in ``Expected `int`, got `str` - at `$.sequence```.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def encode(message: ClientMessage | ServerMessage) -> bytes:
    """Writes a message."""
    return _encoder.encode(message)


def decode_client(data: bytes | str) -> ClientMessage:
    """Reads a message of a client. Raises BadMessageError, and nothing else, for every possible input."""
    return _decode(_client_decoder, data)


def decode_server(data: bytes | str) -> ServerMessage:
    """Reads a message of a server. Raises BadMessageError, and nothing else, for every possible input."""
    return _decode(_server_decoder, data)


def _decode(decoder: "msgspec.json.Decoder[_T]", data: bytes | str) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadMessageError(str(error)) from None
