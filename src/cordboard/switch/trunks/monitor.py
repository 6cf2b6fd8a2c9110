"""Whether a device answers: OPTIONS to its contact every ``oos-check`` seconds (RFC 3261 section 11).

    UP --SILENT--> DOUBTFUL --SILENT, for oos-force in all--> DOWN
     ^---ANSWER-------'                                        |
     '---------------------ANSWER------------------------------'

Any response but 408 and 503 is an answer: a device that says 404 or 405 is there. DOWN is out of service, with
EventDNOutOfService; the next answer brings it back. With ``oos-force`` 0 the first silence is enough. Where a host name
leads to several servers, a test that one leaves unanswered goes to the next.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.sip.routed import Flows, RoutedRequest

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.resolver.records import Destination
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.server import SipServer


class State(Enum):
    """What is known of a device."""

    UP = "up"
    DOUBTFUL = "doubtful"
    DOWN = "down"


class Input(Enum):
    """What a test says."""

    ANSWER = "answer"
    SILENT = "silent"
    """No answer, and ``oos-force`` has not passed yet."""
    DEAD = "dead"
    """No answer, for ``oos-force``."""


_S = State
_I = Input

TABLE: Final[dict[tuple[State, Input], State]] = {
    (_S.UP, _I.ANSWER): _S.UP,
    (_S.UP, _I.SILENT): _S.DOUBTFUL,
    (_S.UP, _I.DEAD): _S.DOWN,
    (_S.DOUBTFUL, _I.ANSWER): _S.UP,
    (_S.DOUBTFUL, _I.SILENT): _S.DOUBTFUL,
    (_S.DOUBTFUL, _I.DEAD): _S.DOWN,
    (_S.DOWN, _I.ANSWER): _S.UP,
    (_S.DOWN, _I.SILENT): _S.DOWN,
    (_S.DOWN, _I.DEAD): _S.DOWN,
}
"""Where each test leads."""


class Monitor:
    """The tests of one device. They go on until :meth:`stop`."""

    __slots__ = ("_asked_at", "_force", "_request", "_server", "_silent_since", "_timer", "extension", "state")

    def __init__(self, server: SipServer, extension: Extension) -> None:
        self._server = server
        self.extension = extension
        self.state = State.UP
        self._request: RoutedRequest | None = None
        """The OPTIONS that waits for its answer."""
        self._asked_at = 0.0
        self._silent_since: float | None = None
        """When the first question that was not answered was asked."""
        self._force: Timer | None = None
        # The first test comes soon, and not of all devices at once.
        first = min(extension.settings.oos_check, 5.0) * server.random()
        self._timer: Timer | None = server.clock.call_later(first, self._ask)

    def stop(self) -> None:
        """Tests no more; the device counts as working."""
        for timer in (self._timer, self._force):
            if timer is not None:
                timer.cancel()
        self._timer = self._force = None
        if self._request is not None:
            self._request.cancel()
            self._request = None
        self.extension.dn.silent = False

    def _ask(self) -> None:
        server = self._server
        settings = self.extension.settings
        self._timer = server.clock.call_later(max(1.0, settings.oos_check), self._ask)
        if self._request is not None:
            return
        targets = self.extension.targets()
        if not targets:
            self._unanswered()
            return
        target = targets[0]
        self._asked_at = server.clock.now()
        if self._silent_since is None and settings.oos_force > 0:
            self._force = server.clock.call_later(settings.oos_force, self._too_late)
        route = target.route or Flows(server.clock, [(target.transport, target.remote)])
        # Several servers are to be tried before one test's time is over.
        patience = max(1.0, min(settings.oos_check, settings.oos_force or settings.oos_check) / 3)
        send = partial(self._send, target)
        self._request = RoutedRequest(server.clock, server.dispatcher, self, route, send, patience=patience)

    def _send(self, target: Target, to: Destination) -> int:
        return self._server.dispatcher.endpoint.send(
            "OPTIONS",
            target.uri,
            from_=f"<sip:{self._server.settings.domain}>",
            to=f"<{target.uri}>",
            transport=to.transport,
            remote=to.remote,
            connection=target.connection,
            headers=[("Route", ", ".join(target.path))] if target.path else (),
        )

    def _too_late(self) -> None:
        self._force = None
        if self._silent_since is None:
            self._silent_since = self._asked_at
        self._unanswered()

    def on_final(self, status: int, message: _core.Message | None) -> None:
        """The answer to a test, or none."""
        self._request = None
        if message is None or status in (408, 503):
            self._unanswered()
            return
        service = self._server.services.of(self.extension.settings.number)
        if service is not None:
            service.heard(message)
        self._silent_since = None
        if self._force is not None:
            self._force.cancel()
            self._force = None
        self._step(Input.ANSWER)

    def _unanswered(self) -> None:
        now = self._server.clock.now()
        if self._silent_since is None:
            self._silent_since = self._asked_at or now
        force = self.extension.settings.oos_force
        self._step(Input.DEAD if now - self._silent_since >= force else Input.SILENT)

    def _step(self, what: Input) -> None:
        server = self._server
        self.state = TABLE[self.state, what]
        dn = self.extension.dn
        before = dn.in_service
        dn.silent = self.state is State.DOWN
        trunk = server.trunks.get(dn.number)
        if what is Input.ANSWER and trunk is not None:
            trunk.works()
        if dn.in_service != before:
            server.reporter.service(dn)
        service = server.services.of(dn.number)
        if dn.silent and before and service is not None:
            service.died(server.clock.now())
