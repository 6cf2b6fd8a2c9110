"""Our registration with a carrier: REGISTER sent, refreshed, and tried again with patience (RFC 3261 section 10.2).

    IDLE --BEGIN--> TRYING --ACCEPTED--> REGISTERED --REFRESH--> TRYING
                      |  ^                   '--END--> LEAVING (Expires: 0)
                      |  '---RETRY--- WAITING          TRYING, REGISTERED, WAITING --CHANGE--> TRYING
                      '--REFUSED, SILENT--^       LEAVING --ACCEPTED, REFUSED, SILENT--> IDLE

Refreshed after four fifths of what the carrier granted. After a failure the next try comes in 5 s, then twice as long
each time up to 10 min, a tenth more or less by chance so that many trunks do not come at once; Retry-After is kept to
(RFC 3261 20.33). 423 asks again with Min-Expires at once. Challenges are answered by the core, with the credentials
given as ``trunk-user`` and ``trunk-password``; a 401 that comes here all the same means that they are wrong.

Where a host name leads to several servers they are tried in turn, and refreshes go to the one that accepted, as the
calls of the trunk do. A Service-Route in its answer (RFC 3608) is the way those calls take, and the first
P-Associated-URI (RFC 7315) who we are to the carrier.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.sip.machine import Table
from cordboard.sip.numbers import whole_number
from cordboard.sip.resolver.failover import retry_after
from cordboard.sip.routed import Flows, RoutedRequest
from cordboard.switch.numbers import user_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.resolver.records import Destination
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.server import SipServer
    from cordboard.switch.settings import DnSettings

DELTA: Final = 2**32 - 1
"""The largest delta-seconds (RFC 3261 section 25.1)."""


class State(Enum):
    """Where a registration is."""

    IDLE = "idle"
    TRYING = "trying"
    REGISTERED = "registered"
    WAITING = "waiting"
    LEAVING = "leaving"


class Input(Enum):
    """What can happen to it."""

    BEGIN = "begin"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SILENT = "silent"
    REFRESH = "refresh"
    RETRY = "retry"
    CHANGE = "change"
    END = "end"


_S = State
_I = Input

TABLE: Final = Table(
    "registration",
    {
        (_S.IDLE, _I.BEGIN): _S.TRYING,
        (_S.IDLE, _I.CHANGE): _S.IDLE,
        (_S.IDLE, _I.END): _S.IDLE,
        (_S.TRYING, _I.ACCEPTED): _S.REGISTERED,
        (_S.TRYING, _I.REFUSED): _S.WAITING,
        (_S.TRYING, _I.SILENT): _S.WAITING,
        (_S.TRYING, _I.CHANGE): _S.TRYING,
        (_S.TRYING, _I.END): _S.LEAVING,
        (_S.REGISTERED, _I.REFRESH): _S.TRYING,
        (_S.REGISTERED, _I.CHANGE): _S.TRYING,
        (_S.REGISTERED, _I.END): _S.LEAVING,
        (_S.WAITING, _I.RETRY): _S.TRYING,
        (_S.WAITING, _I.CHANGE): _S.TRYING,
        (_S.WAITING, _I.END): _S.IDLE,
        (_S.LEAVING, _I.ACCEPTED): _S.IDLE,
        (_S.LEAVING, _I.REFUSED): _S.IDLE,
        (_S.LEAVING, _I.SILENT): _S.IDLE,
        (_S.LEAVING, _I.END): _S.LEAVING,
    },
)
"""Where each input leads. No entry: MachineError."""

FIRST_WAIT: Final = 5.0
"""Seconds until the first new try."""
LONGEST_WAIT: Final = 600.0
"""Seconds between two tries at most; a Retry-After may ask for more, up to an hour."""
LEAST_EXPIRES: Final = 10.0
"""Shortest expiry that is believed, in seconds."""


class Registration:
    """The registration with one trunk."""

    __slots__ = (
        "_done",
        "_expires",
        "_request",
        "_server",
        "_timer",
        "_user",
        "_wait",
        "_wanted",
        "extension",
        "failures",
        "registered_at",
        "state",
        "status",
    )

    def __init__(self, server: SipServer, extension: Extension) -> None:
        self._server = server
        self.extension = extension
        self.state = State.IDLE
        self.status = 0
        """Status of the last answer; 0 for none yet, 408 and 503 for no answer and no way."""
        self.failures = 0
        """Tries that failed, one after the other."""
        self.registered_at: float | None = None
        """When the carrier last accepted, on the switch's clock."""
        settings = extension.settings
        self._wanted = _wanted(settings)
        self._user = settings.account
        self._expires = settings.register_expires
        self._wait = FIRST_WAIT
        self._timer: Timer | None = None
        self._request: RoutedRequest | None = None
        self._done: Callable[[], None] | None = None

    def concerns(self, settings: DnSettings) -> bool:
        """Whether it is the registration those settings want: of that name with that carrier."""
        return self._wanted[:2] == _wanted(settings)[:2]

    def change(self, settings: DnSettings) -> None:
        """Takes over settings that it concerns: with another password, or for another time, it registers anew."""
        if self._wanted == _wanted(settings):
            return
        self._wanted, self._expires, self._wait = _wanted(settings), settings.register_expires, FIRST_WAIT
        self._step(Input.CHANGE)
        if self.state is State.TRYING:
            self._cancel_timer()
            if self._request is not None:
                self._request.cancel()
            self._send(self._expires)

    def begin(self) -> None:
        """Registers from now on."""
        self._step(Input.BEGIN)
        self._send(self._expires)

    def end(self, done: Callable[[], None] | None = None) -> None:
        """Takes the registration back, if there is one; calls ``done`` when the carrier has heard, or never will."""
        before = self.state
        self._done = done
        self._step(Input.END)
        self._cancel_timer()
        self.extension.take_way((), (), self._server.resolver)
        if before in (State.TRYING, State.REGISTERED):
            if self._request is not None:
                self._request.cancel()
            self._send(0)
        elif self.state is State.IDLE:
            self._rest()

    def _rest(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()

    def _step(self, what: Input) -> None:
        self.state = TABLE[self.state, what]

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, expires: float) -> None:
        server = self._server
        targets = self.extension.fixed_targets()
        if not targets:
            self._failed(503, Input.SILENT, 0.0)
            return
        target = targets[0]
        self._request = RoutedRequest(
            server.clock,
            server.dispatcher,
            self,
            target.route or Flows(server.clock, [(target.transport, target.remote)]),
            partial(self._send_to, target, expires),
            affinity=server.affinity,
            key=self.extension.dn.number,
            patience=self.extension.settings.sip_invite_timeout,
        )

    def _send_to(self, target: Target, expires: float, to: Destination) -> int:
        where = target.uri.partition("?")[0]
        registrar = where.partition(":")[0] + ":" + where.partition(":")[2].rpartition("@")[2]
        account = f"<sip:{user_part(self._user)}@{registrar.partition(':')[2].partition(';')[0]}>"
        return self._server.dispatcher.endpoint.send(
            "REGISTER",
            registrar,
            from_=account,
            to=account,
            transport=to.transport,
            remote=to.remote,
            connection=target.connection,
            contact_user=self._user,
            headers=(("Expires", str(int(expires))), ("Supported", "path")),
        )

    def on_final(self, status: int, message: _core.Message | None) -> None:
        """The carrier's answer, or none."""
        request, self._request = self._request, None
        if message is None:
            failed = request.failed if request is not None else None
            self._failed(status, Input.SILENT, 0.0, failed.reason if failed is not None else "no response")
            return
        if status < 300:
            self._accepted(message)
            return
        least = whole_number(message.header("Min-Expires"), DELTA) or 0
        wanted = min(float(least), 86_400.0)
        if status == 423 and self.state is State.TRYING and wanted > self._expires:
            self._expires = wanted
            self._send(self._expires)
            return
        self._failed(status, Input.REFUSED, retry_after(message.header("Retry-After")) or 0.0)

    def _accepted(self, message: _core.Message) -> None:
        server = self._server
        self._step(Input.ACCEPTED)
        self.status = message.status
        if self.state is State.IDLE:
            self._rest()
            return
        self.failures = 0
        self._wait = FIRST_WAIT
        self.registered_at = server.clock.now()
        ways, names = message.headers("Service-Route"), message.headers("P-Associated-URI")
        self.extension.take_way(ways, names, server.resolver)
        granted = _granted(message, self._user) or self._expires
        delay = max(LEAST_EXPIRES, granted) * 0.8
        self._timer = server.clock.call_later(delay, self._refresh)
        self._silent(silent=False)

    def _refresh(self) -> None:
        self._timer = None
        self._step(Input.REFRESH)
        self._send(self._expires)

    def _failed(self, status: int, what: Input, asked: float, reason: str = "refused") -> None:
        server = self._server
        self._step(what)
        self.status = status
        if self.state is State.IDLE:
            self._rest()
            return
        self.failures += 1
        self.registered_at = None
        number = self.extension.dn.number
        server.log.warning("trunk not registered", trunk=number, status=status, reason=reason, failures=self.failures)
        wait = self._wait * (0.9 + 0.2 * server.random())
        self._wait = min(self._wait * 2, LONGEST_WAIT)
        self._timer = server.clock.call_later(max(wait, min(asked, 3600.0)), self._retry)
        self._silent(silent=True)

    def _retry(self) -> None:
        self._timer = None
        self._step(Input.RETRY)
        self._send(self._expires)

    def _silent(self, *, silent: bool) -> None:
        """A trunk that must register is in service while it is registered."""
        dn = self.extension.dn
        before = dn.in_service
        dn.unregistered = silent
        if dn.in_service != before:
            self._server.reporter.service(dn)


def _wanted(settings: DnSettings) -> tuple[str, str, str, float]:
    """What a registration is made of."""
    return settings.contact, settings.account, settings.account_password, settings.register_expires


def _granted(message: _core.Message, user: str) -> float:
    """What the carrier granted our contact: its parameter, else the header Expires (RFC 3261 10.2.4); 0 for nothing."""
    for value in message.headers("Contact"):
        if f":{user_part(user)}@" in value:
            for part in value.rpartition(">")[2].split(";"):
                key, _, number = part.partition("=")
                seconds = whole_number(number.strip(' "'), DELTA)
                if key.strip().lower() == "expires" and seconds is not None:
                    return float(seconds)
    return float(whole_number(message.header("Expires"), DELTA) or 0)
