"""Calling a DN: one INVITE to each of its contacts, until one answers or all have failed.

The first 2xx wins and the others are cancelled. If all fail, the best response is the one RFC 3261 16.7 (step 6) would
choose: a 6xx before anything, then the lowest class, and in it one that tells the caller something to act on. A 6xx
ends all others at once.

``no-answer-timeout`` bounds it all. Without that it is RFC 3261's timer C, set anew by each provisional response (16.6
step 11, 16.7 step 2). A contact that says nothing at all, not even 100, has failed after ``sip-invite-timeout``; the
core watches that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec.structs import replace

from cordboard.sip.outgoing import Invite, Outgoing
from cordboard.sip.routed import Flows, RoutedInvite
from cordboard.sip.session_timer import MIN_SE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.outgoing import OutgoingHandler
    from cordboard.sip.resolver.failover import Affinity
    from cordboard.sip.resolver.records import Destination, Problem
    from cordboard.sip.session import Session
    from cordboard.switch.barrier import GuardedClock
    from cordboard.switch.delivery import Delivery
    from cordboard.switch.routing import Target
    from cordboard.switch.settings import DnSettings
    from cordboard.switch.timeouts import Queue

    Called: TypeAlias = "Branches | Delivery"
    """Whoever is being called: one DN, or a number wherever it leads."""

NO_ANSWER: Final = (("Reason", 'SIP;cause=480;text="No answer"'),)
"""Why a phone that rang too long is no longer called (RFC 3326)."""

TIMER_C: Final = 180.5
"""Seconds; more than three minutes."""

ANSWERED_ELSEWHERE: Final = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)
"""Why the other phones stop ringing; keeps them from showing a missed call (RFC 3326)."""

_TELLING: Final = {status: order for order, status in enumerate((486, 484, 415, 420, 488, 404, 410))}
"""Of 4xx, those that tell the caller something to act on, the best first."""


class Failure:
    """The best of the responses of the contacts that failed."""

    __slots__ = ("fault", "message", "problem", "status", "timeout")

    def __init__(
        self,
        status: int,
        message: _core.Message | None,
        *,
        timeout: bool = False,
        problem: Problem | None = None,
        fault: str = "no response",
    ) -> None:
        self.status = status
        """Final status; 408 and 503 without a message for no response."""
        self.message = message
        """The response, if there was one."""
        self.timeout = timeout
        """Whether it is we who gave up, after ``no-answer-timeout``."""
        self.problem = problem
        """Why the contact has no address, if it has none."""
        self.fault = fault
        """Why there was no response, if there was none: ``connection refused``, ``certificate not trusted`` ..."""

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.problem is not None:
            return self.problem.value
        if self.timeout:
            return "no answer"
        return self.fault if self.message is None else f"answered {self.status}"


class BranchesHandler(Protocol):
    """Who decides for a DN that is being called."""

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """A provisional response other than 100 of any contact."""

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """A contact answered; the others are being cancelled. The session's ACK is owed."""

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """No contact will answer."""


class Branches:
    """A DN being called."""

    identity: _core.Headers = ()
    """The headers that tell the caller who he is connected to, where it is not for the handler to know."""

    apart: frozenset[str] = frozenset()
    """What keeps the one who answered apart from the caller, so that he was called without the caller's offer."""

    __slots__ = (
        "_best",
        "_clock",
        "_limit",
        "_open",
        "_outgoing",
        "call_id",
        "owner",
        "settings",
    )

    def __init__(self, clock: GuardedClock, handler: BranchesHandler, settings: DnSettings) -> None:
        self._clock = clock
        self.owner = handler
        self.settings = settings
        self._outgoing: list[Outgoing | RoutedInvite] = []
        self._open = 0
        self._best: Failure | None = None
        self._limit: Queue | None = None
        """Where it waits for the end of its time."""
        self.call_id = ""
        """SIP Call-ID of the contact that answered or failed last."""

    def start(
        self,
        dispatcher: Dispatcher,
        session_handler: SessionHandler,
        targets: Sequence[Target],
        invite: Invite,
        affinity: Affinity | None = None,
    ) -> None:
        """Sends the INVITEs and starts the timers. ``affinity``: which server goes with a target that is ``kept``."""
        settings = self.settings
        self._open = len(targets)
        if settings.session_refresh_interval > 0:
            interval = max(MIN_SE, int(settings.session_refresh_interval))
            asked = ("Session-Expires", str(interval)), ("Min-SE", str(MIN_SE))
            invite = replace(invite, headers=[*invite.headers, *asked])
        for target in targets:
            outgoing: Outgoing | RoutedInvite
            if target.route is None and not target.others:
                said = _along(target, invite) if target.path else invite
                outgoing = Outgoing(
                    dispatcher,
                    self,
                    session_handler,
                    said,
                    target.uri,
                    target.transport,
                    target.remote,
                    target.connection,
                )
            else:
                outgoing = self._routed(dispatcher, session_handler, target, invite, affinity)
            self._outgoing.append(outgoing)
        self._limit = self._clock.limit(settings.no_answer_timeout or TIMER_C, self)

    def _routed(
        self,
        dispatcher: Dispatcher,
        session_handler: SessionHandler,
        target: Target,
        invite: Invite,
        affinity: Affinity | None,
    ) -> RoutedInvite:
        """An INVITE to a target that several destinations may lead to."""
        flows = (target, *target.others) if target.others else ()

        def send(handler: OutgoingHandler, to: Destination) -> Outgoing:
            flow, connection = target, 0
            if flows:
                flow = flows[int(to.name)]
                connection = flow.connection
            said = _along(flow, invite) if flow.path else invite
            return Outgoing(dispatcher, handler, session_handler, said, flow.uri, to.transport, to.remote, connection)

        if target.route is None:
            ways = Flows(self._clock, [(flow.transport, flow.remote) for flow in flows])
            return RoutedInvite(self._clock, self, ways, send)
        with_ = affinity if target.kept else None
        recovery = self.settings.recovery_timeout or None
        return RoutedInvite(self._clock, self, target.route, send, recovery=recovery, affinity=with_, key=target.kept)

    def _more_time(self) -> None:
        """From now on it has all the time again."""
        if self._limit is not None:
            self._limit.take_back(self)
        self._limit = self._clock.limit(self.settings.no_answer_timeout or TIMER_C, self)

    def calls(self, outgoing: Outgoing) -> bool:
        """Whether an INVITE is one of these."""
        return any(one is outgoing or outgoing.handler is one for one in self._outgoing)

    @property
    def settled(self) -> bool:
        """Whether the call of the DN is decided."""
        return self._open == 0

    def cancel(self, headers: _core.Headers = ()) -> None:
        """Gives up all contacts; the handler hears no more. Harmless when it is settled."""
        self._stop()
        for outgoing in self._outgoing:
            outgoing.cancel(headers)
        self._outgoing.clear()

    def _stop(self) -> None:
        self._open = 0
        if self._limit is not None:
            self._limit.take_back(self)
            self._limit = None

    def on_limit(self) -> None:
        """Nobody answered in time."""
        self._limit = None
        if self._open:
            self.cancel(NO_ANSWER)
            self.owner.on_branch_failure(self, Failure(480, None, timeout=True))

    def on_next(self, outgoing: RoutedInvite) -> None:  # noqa: ARG002
        """A destination of a contact failed and the next one is being tried: it has all the time again."""
        if self._open:
            self._more_time()

    def on_progress(self, outgoing: Outgoing | RoutedInvite, event: _core.ResponseEvent) -> None:
        """A contact rings, or otherwise progresses."""
        if self.settings.no_answer_timeout <= 0 and self._limit is not None:
            self._more_time()
        self.call_id = outgoing.call_id
        self.owner.on_branch_progress(self, event)

    def on_answer(self, outgoing: Outgoing | RoutedInvite, session: Session, event: _core.ResponseEvent) -> None:
        """A contact answered."""
        self._stop()
        self.call_id = outgoing.call_id
        if len(self._outgoing) > 1:
            for other in self._outgoing:
                other.cancel(ANSWERED_ELSEWHERE)
        self._outgoing.clear()
        self.owner.on_branch_answer(self, session, event)

    def on_reject(self, outgoing: Outgoing | RoutedInvite, status: int, event: _core.ResponseEvent | None) -> None:
        """A contact failed."""
        if self._open == 0:
            return
        self._open -= 1
        self.call_id = outgoing.call_id or self.call_id
        problem = outgoing.problem if isinstance(outgoing, RoutedInvite) else None
        fault = outgoing.failed.reason if outgoing.failed is not None else "no response"
        failure = Failure(status, event.message if event is not None else None, problem=problem, fault=fault)
        if self._best is None or rank(status) < rank(self._best.status):
            self._best = failure
        if status >= 600 and self._open:
            self.cancel()
        if self._open == 0:
            self._stop()
            self._outgoing.clear()
            self.owner.on_branch_failure(self, self._best)

    def on_cancelled(self, outgoing: Outgoing, status: int) -> None:
        """A contact that was given up has ended, as it should."""


def _along(target: Target, invite: Invite) -> Invite:
    """The INVITE to a target with a Path, which is the Route of it (RFC 3327)."""
    return replace(invite, headers=[*invite.headers, ("Route", ", ".join(target.path))])


def rank(status: int) -> int:
    """The order in which final responses are preferred (RFC 3261 16.7 step 6); the least is the best.

    A 408 or 503 made by ourselves, for a contact that did not answer, comes after what any contact did say.
    """
    if status >= 600:
        return status - 600
    if status in (408, 503):
        return 9000 + status
    if status in _TELLING:
        return 3900 + _TELLING[status]
    return status * 10
