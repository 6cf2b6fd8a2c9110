"""A request of ours to a host name: it waits for the name's destinations and goes from one to the next (RFC 3263 4.3).

WAITING --destinations--> TRYING --503, timeout, transport--> TRYING (next destination, new transaction)
   |  |                    |  '---answer, other failure, none left--> SETTLED
   |  '--none, too late--> SETTLED
   '-------cancel----------'--> SETTLED (an answer that crosses the CANCEL is hung up by its Outgoing)

:class:`RoutedInvite` is that for INVITE, :class:`RoutedRequest` for REGISTER, OPTIONS and others that make no dialog.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.sip.resolver.failover import Cause, Health, Tries, retry_after
from cordboard.sip.resolver.locate import Located
from cordboard.sip.resolver.records import Destination, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from cordboard import _core
    from cordboard.sip.clock import Clock, Timer
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.outgoing import Outgoing, OutgoingHandler
    from cordboard.sip.resolver.failover import Affinity
    from cordboard.sip.resolver.lookup import Route
    from cordboard.sip.session import Session

WAIT: Final = 5.0
"""Seconds a request waits for a name that is not known yet."""

STATUSES: Final = {Problem.NOT_FOUND: 404, Problem.UNAVAILABLE: 503, Problem.NO_TRANSPORT: 503}
"""The status of a request that has no destination."""


class RoutedHandler(Protocol):
    """Who decides for it. As ``OutgoingHandler``, with the routed INVITE in place of the single one."""

    def on_progress(self, outgoing: RoutedInvite, event: _core.ResponseEvent) -> None:
        """A provisional response other than 100."""

    def on_answer(self, outgoing: RoutedInvite, session: Session, event: _core.ResponseEvent) -> None:
        """The first 2xx. The session's ACK is owed."""

    def on_reject(self, outgoing: RoutedInvite, status: int, event: _core.ResponseEvent | None) -> None:
        """It failed, at the last destination or for want of one."""

    def on_next(self, outgoing: RoutedInvite) -> None:
        """A destination failed and the next one is being tried."""


class FinalHandler(Protocol):
    """Who waits for the answer to a :class:`RoutedRequest`."""

    def on_final(self, status: int, message: _core.Message | None) -> None:
        """The final response; 404, 408 or 503 without one: no such host, nobody answered, nobody could be reached."""


class Flows:
    """Destinations that are known, the best first: the flows to one device (RFC 5626), or an address.

    Stands where the route to a host name does.
    """

    __slots__ = ("health", "located")

    def __init__(self, clock: Clock, flows: Sequence[tuple[_core.TransportName, _core.Address]]) -> None:
        """``flows``: transport and address of each. The name of its destination is its index."""
        self.health = Health(clock.now)
        self.located = Located(tuple(Destination(flow, *at, str(index)) for index, (flow, at) in enumerate(flows)))

    def draw(self) -> Located:
        """All of them."""
        return self.located

    def wait(self, timeout: float, known: Callable[[Located | None], None]) -> int:  # noqa: ARG002
        """Not needed: they are known."""
        return 0

    def wait_no_more(self, number: int) -> None:
        """Not needed, as :meth:`wait`."""


class _Routed:
    """What INVITE and all others have in common: the destinations, one after the other."""

    __slots__ = (
        "_clock",
        "_over",
        "_recovery",
        "_route",
        "_timer",
        "_tries",
        "_wait",
        "affinity",
        "failed",
        "key",
        "problem",
    )

    def __init__(
        self,
        clock: Clock,
        route: Route | Flows,
        *,
        recovery: float | None = None,
        affinity: Affinity | None = None,
        key: Hashable = None,
    ) -> None:
        """``recovery``, ``affinity`` and ``key``: see ``Tries``."""
        self._clock = clock
        self._route = route
        self._recovery = recovery
        self.affinity = affinity
        self.key = key
        self._tries: Tries | None = None
        self._timer: Timer | None = None
        self._wait: int | None = None
        self._over = False
        self.problem: Problem | None = None
        """Why there was no destination."""
        self.failed: _core.FailedEvent | None = None
        """Why the last destination gave no final response, if it gave none."""

    def _begin(self) -> None:
        located = self._route.draw()
        if located is None:
            self._wait = self._route.wait(WAIT, self._known)
        elif located.destinations:
            self._start(located)
        else:
            # Not at once: whoever makes it is not ready to hear of it.
            self._timer = self._clock.call_later(0.0, partial(self._known, located))

    def _give_up(self) -> None:
        self._over = True
        if self._wait is not None:
            self._route.wait_no_more(self._wait)
            self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _known(self, located: Located | None) -> None:
        self._wait = self._timer = None
        if self._over:
            return
        if located is not None and located.destinations:
            self._start(located)
            return
        self._over = True
        problem = located.problem if located is not None else None
        self.problem = problem if problem is not None else Problem.UNAVAILABLE
        self._nowhere(STATUSES[self.problem])

    def _start(self, located: Located) -> None:
        self._tries = Tries(
            located.destinations, self._route.health, recovery=self._recovery, affinity=self.affinity, key=self.key
        )
        self._next()

    def _next(self) -> None:
        destination = self._tries.next() if self._tries is not None else None
        if destination is not None:
            self._try(destination)

    def _answered(self, tries: Tries, status: int, message: _core.Message | None) -> bool:
        """Takes note of a final response, or of none; whether the next destination is to be tried."""
        if message is None:
            failed = self.failed
            tries.fail(Cause.TIMEOUT if failed is None else Cause(failed.failure), why=failed.reason if failed else "")
        elif status == 430:
            # RFC 5626 section 11: the flow is dead, says the proxy that should have it.
            tries.fail(Cause.TRANSPORT)
        elif status == 503:
            tries.fail(Cause.UNAVAILABLE, retry_after(message.header("Retry-After")))
        else:
            tries.answer()
            return False
        return tries.more

    def _try(self, destination: Destination) -> None:
        """Sends it there."""
        raise NotImplementedError

    def _nowhere(self, status: int) -> None:
        """There is no destination."""
        raise NotImplementedError


class RoutedRequest(_Routed):
    """A request without a dialog. ``send`` sends it and returns its transaction."""

    __slots__ = ("_dispatcher", "_handler", "_patience", "_send", "_transaction")

    def __init__(
        self,
        clock: Clock,
        dispatcher: Dispatcher,
        handler: FinalHandler,
        route: Route | Flows,
        send: Callable[[Destination], int],
        *,
        recovery: float | None = None,
        affinity: Affinity | None = None,
        key: Hashable = None,
        patience: float = 0.0,
    ) -> None:
        """``recovery``, ``affinity`` and ``key``: see ``Tries``.

        ``patience``: seconds after which a silent destination is left for the next; 0: those of RFC 3261's timer F.
        """
        super().__init__(clock, route, recovery=recovery, affinity=affinity, key=key)
        self._dispatcher = dispatcher
        self._handler = handler
        self._send = send
        self._patience = patience
        self._transaction = 0
        self._begin()

    def __repr__(self) -> str:
        return f"<RoutedRequest {self._transaction}>"

    def cancel(self) -> None:
        """Wants its answer no more; the handler hears nothing."""
        self._give_up()
        self._forget()

    def _forget(self) -> None:
        self._dispatcher.transactions.pop(self._transaction, None)
        self._transaction = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _try(self, destination: Destination) -> None:
        self.failed = None
        self._transaction = self._send(destination)
        self._dispatcher.transactions[self._transaction] = self
        if self._patience > 0 and self._tries is not None and self._tries.more:
            self._timer = self._clock.call_later(self._patience, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        self._final(408, None)

    def _nowhere(self, status: int) -> None:
        self._handler.on_final(status, None)

    def _final(self, status: int, message: _core.Message | None) -> None:
        self._forget()
        if self._over or self._tries is None:
            return
        if self._answered(self._tries, status, message):
            self._next()
            return
        self._over = True
        self._handler.on_final(status, message)

    # TransactionOwner

    def on_response(self, event: _core.ResponseEvent) -> None:
        """A response."""
        if event.status >= 200:
            self._final(event.status, event.message)

    def on_failed(self, event: _core.FailedEvent) -> None:
        """There will be none."""
        self.failed = event
        self._final(408 if event.failure == "timeout" else 503, None)

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Does not come: it is we who ask."""


class RoutedInvite(_Routed):
    """The INVITE. ``send`` makes one transaction of it."""

    __slots__ = ("_current", "_send", "call_id", "handler")

    def __init__(
        self,
        clock: Clock,
        handler: RoutedHandler,
        route: Route | Flows,
        send: Callable[[OutgoingHandler, Destination], Outgoing],
        *,
        recovery: float | None = None,
        affinity: Affinity | None = None,
        key: Hashable = None,
    ) -> None:
        """``recovery``, ``affinity`` and ``key``: see ``Tries``."""
        super().__init__(clock, route, recovery=recovery, affinity=affinity, key=key)
        self.handler = handler
        self._send = send
        self._current: Outgoing | None = None
        self.call_id = ""
        """Call-ID of the transaction that answered or failed last."""
        self._begin()

    def __repr__(self) -> str:
        return f"<RoutedInvite {self._current}>"

    def cancel(self, headers: _core.Headers = ()) -> None:
        """Gives up; the handler hears no more. Harmless when it is settled."""
        self._give_up()
        if self._current is not None:
            self._current.cancel(headers)

    def _try(self, destination: Destination) -> None:
        self.failed = None
        self._current = self._send(self, destination)

    def _nowhere(self, status: int) -> None:
        self.handler.on_reject(self, status, None)

    # OutgoingHandler

    def on_progress(self, outgoing: Outgoing, event: _core.ResponseEvent) -> None:
        """The destination lives."""
        if outgoing is not self._current or self._over:
            return
        self.call_id = outgoing.call_id
        if self._tries is not None:
            self._tries.answer()
        self.handler.on_progress(self, event)

    def on_answer(self, outgoing: Outgoing, session: Session, event: _core.ResponseEvent) -> None:
        """The call is answered."""
        self._over = True
        self.call_id = outgoing.call_id
        if self._tries is not None:
            self._tries.answer()
        self.handler.on_answer(self, session, event)

    def on_reject(self, outgoing: Outgoing, status: int, event: _core.ResponseEvent | None) -> None:
        """The destination failed, or refused the call."""
        tries = self._tries
        if outgoing is not self._current or self._over or tries is None:
            return
        self.call_id = outgoing.call_id or self.call_id
        self.failed = outgoing.failed
        if self._answered(tries, status, event.message if event is not None else None):
            self._next()
            self.handler.on_next(self)
            return
        self._over = True
        self.handler.on_reject(self, status, event)

    def on_cancelled(self, outgoing: Outgoing, status: int) -> None:
        """One that was given up has ended, as it should."""
