"""Whether a device answers: OPTIONS to its contact every ``oos-check`` seconds (RFC 3261 section 11).

    UP --SILENT--> DOUBTFUL --SILENT, for oos-force in all--> DOWN
     ^---ANSWER-------'                                        |
     '---------------------ANSWER------------------------------'

Any response but 408 and 503 is an answer: a device that says 404 or 405 is there. DOWN is out of service, with
EventDNOutOfService; the next answer brings it back. With ``oos-force`` 0 the first silence is enough.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.switch.routing import Extension
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

    __slots__ = ("_asked_at", "_force", "_server", "_silent_since", "_timer", "_transaction", "extension", "state")

    def __init__(self, server: SipServer, extension: Extension) -> None:
        self._server = server
        self.extension = extension
        self.state = State.UP
        self._transaction = 0
        """The OPTIONS that waits for its answer; 0 for none."""
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
        self._server.dispatcher.transactions.pop(self._transaction, None)
        self._transaction = 0
        self.extension.dn.silent = False

    def _ask(self) -> None:
        server = self._server
        settings = self.extension.settings
        self._timer = server.clock.call_later(max(1.0, settings.oos_check), self._ask)
        if self._transaction:
            return
        targets = self.extension.targets()
        if not targets or not targets[0].remote[0]:
            self._unanswered()
            return
        target = targets[0]
        domain = server.settings.domain
        self._asked_at = server.clock.now()
        self._transaction = server.dispatcher.endpoint.send(
            "OPTIONS",
            target.uri,
            from_=f"<sip:{domain}>",
            to=f"<{target.uri}>",
            transport=target.transport,
            remote=target.remote,
            connection=target.connection,
            headers=[("Route", ", ".join(target.path))] if target.path else (),
        )
        server.dispatcher.transactions[self._transaction] = self
        if self._silent_since is None and settings.oos_force > 0:
            self._force = server.clock.call_later(settings.oos_force, self._too_late)

    def _too_late(self) -> None:
        self._force = None
        if self._silent_since is None:
            self._silent_since = self._asked_at
        self._unanswered()

    def _settle(self) -> None:
        self._server.dispatcher.transactions.pop(self._transaction, None)
        self._transaction = 0

    def on_response(self, event: _core.ResponseEvent) -> None:
        """An answer to a test."""
        if event.status < 200:
            return
        self._settle()
        if event.status in (408, 503):
            self._unanswered()
        else:
            service = self._server.services.of(self.extension.settings.number)
            if service is not None:
                service.heard(event.message)
            self._silent_since = None
            if self._force is not None:
                self._force.cancel()
                self._force = None
            self._step(Input.ANSWER)

    def on_failed(self, event: _core.FailedEvent) -> None:  # noqa: ARG002
        """A test was not answered."""
        self._settle()
        self._unanswered()

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Does not come: it is we who ask."""

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
