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

import msgspec

from cordboard.sip.outgoing import Outgoing
from cordboard.sip.routed import Flows, RoutedInvite
from cordboard.sip.session_timer import MIN_SE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.sip.clock import Clock, Timer
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.outgoing import OutgoingHandler
    from cordboard.sip.resolver.failover import Affinity
    from cordboard.sip.resolver.records import Destination, Problem
    from cordboard.sip.session import Session
    from cordboard.switch.delivery import Delivery
    from cordboard.switch.routing import Target
    from cordboard.switch.settings import DnSettings

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


class Invite(msgspec.Struct, frozen=True):
    """What the INVITE to each contact of a DN says, wherever it goes."""

    from_: str
    to: str
    contact_user: str
    headers: _core.Headers
    body: bytes
    content_type: str = "application/sdp"


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
        "_endless",
        "_open",
        "_outgoing",
        "_settings",
        "_timer",
        "call_id",
        "owner",
    )

    def __init__(self, clock: Clock, handler: BranchesHandler) -> None:
        self._clock = clock
        self.owner = handler
        self._outgoing: list[Outgoing | RoutedInvite] = []
        self._settings: DnSettings | None = None
        self._open = 0
        self._best: Failure | None = None
        self._endless = False
        self._timer: Timer | None = None
        self.call_id = ""
        """SIP Call-ID of the contact that answered or failed last."""

    def start(
        self,
        dispatcher: Dispatcher,
        session_handler: SessionHandler,
        settings: DnSettings,
        targets: Sequence[Target],
        invite: Invite,
        affinity: Affinity | None = None,
    ) -> None:
        """Sends the INVITEs and starts the timers. ``affinity``: which server goes with a target that is ``kept``."""
        self._open = len(targets)
        headers = invite.headers
        if settings.session_refresh_interval > 0:
            interval = max(MIN_SE, int(settings.session_refresh_interval))
            headers = [*headers, ("Session-Expires", str(interval)), ("Min-SE", str(MIN_SE))]
        for target in targets:

            def send(
                handler: OutgoingHandler, to_: Target | Destination, target: Target = target, connection: int = 0
            ) -> Outgoing:
                return Outgoing(
                    dispatcher,
                    handler,
                    session_handler,
                    target.uri,
                    from_=invite.from_,
                    to=invite.to,
                    transport=to_.transport,
                    remote=to_.remote,
                    connection=connection,
                    contact_user=invite.contact_user,
                    headers=[*headers, ("Route", ", ".join(target.path))] if target.path else headers,
                    body=invite.body,
                    content_type=invite.content_type,
                    patience=settings.sip_invite_timeout,
                )

            if target.others:
                flows = (target, *target.others)

                def send_over(handler: OutgoingHandler, to_: Destination, flows: Sequence[Target] = flows) -> Outgoing:
                    flow = flows[int(to_.name)]
                    return send(handler, flow, flow, flow.connection)

                ways = Flows(self._clock, [(flow.transport, flow.remote) for flow in flows])
                self._outgoing.append(RoutedInvite(self._clock, self, ways, send_over))
            elif target.route is None:
                self._outgoing.append(send(self, target, connection=target.connection))
            else:
                with_ = affinity if target.kept else None
                recovery = settings.recovery_timeout or None
                routed = RoutedInvite(
                    self._clock, self, target.route, send, recovery=recovery, affinity=with_, key=target.kept
                )
                self._outgoing.append(routed)
        self._settings = settings
        self._endless = settings.no_answer_timeout <= 0
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        settings = self._settings
        if settings is not None:
            self._timer = self._clock.call_later(settings.no_answer_timeout or TIMER_C, self._no_answer)

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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _no_answer(self) -> None:
        self._timer = None
        if self._open:
            self.cancel(NO_ANSWER)
            self.owner.on_branch_failure(self, Failure(480, None, timeout=True))

    def on_next(self, outgoing: RoutedInvite) -> None:  # noqa: ARG002
        """A destination of a contact failed and the next one is being tried: it has all the time again."""
        if self._open:
            self._set_timer()

    def on_progress(self, outgoing: Outgoing | RoutedInvite, event: _core.ResponseEvent) -> None:
        """A contact rings, or otherwise progresses."""
        if self._endless and self._timer is not None:
            self._timer.cancel()
            self._timer = self._clock.call_later(TIMER_C, self._no_answer)
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
