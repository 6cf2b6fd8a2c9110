"""The order of the words on a link, seen by the server. No I/O, no clock.

client                                   server
Hello{version, resume?} ------------->             AWAIT_HELLO -> AWAIT_LOGIN
Login{user, password} --------------->             AWAIT_LOGIN -> CHECKING
<------------- Welcome     CHECKING    -> OPEN
[<------------- Snapshot]   only where a resume could not be met event by event
Request{reference_id, request} ------>             OPEN
<------------- Events      batches, numbered without a gap within the session
Ack{sequence} ----------------------->
Ping{id} ---------------------------->
<------------- Pong{id}
<------------- Bye{reason} any state -> CLOSED
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cordboard.tlib.protocol import (
    CLOSE_CODES,
    MAX_LOGIN_ATTEMPTS,
    VERSIONS,
    Ack,
    BadMessageError,
    Bye,
    ByeReason,
    Hello,
    Login,
    Ping,
    Pong,
    Rejected,
    Request,
    Resume,
    ServerMessage,
    decode_client,
)


class State(enum.Enum):
    """Where a link stands, seen by the server."""

    AWAIT_HELLO = enum.auto()
    AWAIT_LOGIN = enum.auto()
    CHECKING = enum.auto()
    """A login is being checked."""
    OPEN = enum.auto()
    CLOSED = enum.auto()


class Input(enum.Enum):
    """What can happen to a link."""

    HELLO = enum.auto()
    LOGIN = enum.auto()
    ACCEPTED = enum.auto()
    REJECTED = enum.auto()
    REQUEST = enum.auto()
    ACK = enum.auto()
    PING = enum.auto()
    BAD = enum.auto()
    TIMEOUT = enum.auto()
    """The time to log in is over."""


@dataclass(frozen=True, slots=True)
class Send:
    """Output: send this message."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Close:
    """Output: send this Bye and close the connection with its code."""

    bye: Bye

    @property
    def code(self) -> int:
        """The WebSocket close code."""
        return CLOSE_CODES[self.bye.reason]


@dataclass(frozen=True, slots=True)
class CheckLogin:
    """Output: check these, then report with ``accepted`` or ``rejected``."""

    login: Login


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Output: the person may come in: open or resume a session and send the Welcome."""

    resume: Resume | None
    client: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Output: a request for the switch."""

    request: Request


@dataclass(frozen=True, slots=True)
class Acked:
    """Output: events up to this number need not be kept."""

    sequence: int


Output = Send | Close | CheckLogin | OpenSession | Deliver | Acked


class Link:
    """The server's half of one connection: what was said so far decides what may be said next."""

    __slots__ = ("_attempts", "_hello", "state")

    def __init__(self) -> None:
        self.state = State.AWAIT_HELLO
        self._hello: Hello | None = None
        self._attempts = 0

    def receive(self, data: bytes | str) -> Output | None:
        """Takes one frame of the client. Never raises on what the client sent."""
        try:
            message = decode_client(data)
        except BadMessageError as error:
            return self._handle(Input.BAD, error.detail)
        return self._handle(_INPUTS[type(message)], message)

    def accepted(self) -> Output | None:
        """The login being checked was right."""
        return self._handle(Input.ACCEPTED, None)

    def rejected(self) -> Output | None:
        """The login being checked was wrong."""
        return self._handle(Input.REJECTED, None)

    def timeout(self) -> Output | None:
        """The time to log in is over."""
        return self._handle(Input.TIMEOUT, None)

    def _handle(self, what: Input, value: Any) -> Output | None:  # noqa: ANN401 - what the input brings
        entry = TABLE.get((self.state, what))
        if entry is None:
            if self.state is State.CLOSED:
                return None
            return self._close(ByeReason.OUT_OF_ORDER, f"{what.name} is not allowed in {self.state.name}")
        action, self.state = entry
        return action(self, value)

    def _close(self, reason: ByeReason, message: str = "") -> Close:
        self.state = State.CLOSED
        return Close(Bye(reason=reason, message=message, versions=list(VERSIONS)))

    def on_hello(self, hello: Hello) -> Output | None:
        """Checks the version."""
        if hello.version not in VERSIONS:
            return self._close(ByeReason.VERSION, f"version {hello.version} is not spoken here")
        self._hello = hello
        return None

    def on_login(self, login: Login) -> Output:
        """Asks for the login to be checked."""
        return CheckLogin(login)

    def on_accepted(self, _: None) -> Output:
        """Asks for the session."""
        hello = self._hello
        return OpenSession(hello.resume if hello else None, hello.client if hello else "")

    def on_rejected(self, _: None) -> Output:
        """Counts the attempt."""
        self._attempts += 1
        if self._attempts >= MAX_LOGIN_ATTEMPTS:
            return self._close(ByeReason.LOGIN_FAILED, "wrong user or password")
        return Send(Rejected(message="wrong user or password", attempts_left=MAX_LOGIN_ATTEMPTS - self._attempts))

    def on_request(self, request: Request) -> Output:
        """Passes the request on."""
        return Deliver(request)

    def on_ack(self, ack: Ack) -> Output:
        """Passes the number on."""
        return Acked(ack.sequence)

    def on_ping(self, ping: Ping) -> Output:
        """Answers."""
        return Send(Pong(id=ping.id))

    def on_bad(self, detail: str) -> Output:
        """Closes."""
        return self._close(ByeReason.BAD_MESSAGE, detail)

    def on_timeout(self, _: None) -> Output:
        """Closes."""
        return self._close(ByeReason.LOGIN_TIMEOUT, "no login in time")


_INPUTS: Final[Mapping[type, Input]] = {
    Hello: Input.HELLO,
    Login: Input.LOGIN,
    Request: Input.REQUEST,
    Ack: Input.ACK,
    Ping: Input.PING,
}

_Action = Callable[[Link, Any], Output | None]

TABLE: Final[Mapping[tuple[State, Input], tuple[_Action, State]]] = {
    (State.AWAIT_HELLO, Input.HELLO): (Link.on_hello, State.AWAIT_LOGIN),
    (State.AWAIT_HELLO, Input.PING): (Link.on_ping, State.AWAIT_HELLO),
    (State.AWAIT_HELLO, Input.BAD): (Link.on_bad, State.CLOSED),
    (State.AWAIT_HELLO, Input.TIMEOUT): (Link.on_timeout, State.CLOSED),
    (State.AWAIT_LOGIN, Input.LOGIN): (Link.on_login, State.CHECKING),
    (State.AWAIT_LOGIN, Input.PING): (Link.on_ping, State.AWAIT_LOGIN),
    (State.AWAIT_LOGIN, Input.BAD): (Link.on_bad, State.CLOSED),
    (State.AWAIT_LOGIN, Input.TIMEOUT): (Link.on_timeout, State.CLOSED),
    (State.CHECKING, Input.ACCEPTED): (Link.on_accepted, State.OPEN),
    (State.CHECKING, Input.REJECTED): (Link.on_rejected, State.AWAIT_LOGIN),
    (State.CHECKING, Input.TIMEOUT): (Link.on_timeout, State.CLOSED),
    (State.OPEN, Input.REQUEST): (Link.on_request, State.OPEN),
    (State.OPEN, Input.ACK): (Link.on_ack, State.OPEN),
    (State.OPEN, Input.PING): (Link.on_ping, State.OPEN),
    (State.OPEN, Input.BAD): (Link.on_bad, State.CLOSED),
}
"""Everything else is ``out-of-order`` and closes the link. Nothing happens to a closed one."""
