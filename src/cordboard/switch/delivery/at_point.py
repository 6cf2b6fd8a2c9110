"""A call at a Routing Point: it waits until somebody's RouteCall says where it goes.

    arrive        RP: EventQueued, EventRouteRequest                          the caller: 180
    RouteCall     the number is called; when it rings, RP: EventRouteUsed, EventDiverted (ThirdPartyDN the new party)
                  it does not take the call: EventError to the requester, and the call goes on waiting
    nobody says   after router-timeout it goes to default-dn, or the route a treatment has set; without one: 480

The party at the Routing Point is none the caller talks to: whoever is answered after all is the first to establish the
call. While a treatment is heard (:mod:`cordboard.switch.flows.treatments`) the timeout does not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model import events as ev
from cordboard.model.enums import CallState, DNRole
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import Move, advance
from cordboard.switch.delivery.refusals import error_of

if TYPE_CHECKING:
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.switch.delivery.delivery import Delivery
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.flows.treatments.treatment import Treatment
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer


class AtPoint:
    """Such a call."""

    __slots__ = (
        "_asked",
        "_reference_id",
        "_server",
        "_timer",
        "default",
        "delivery",
        "extension",
        "party",
        "treatment",
    )

    def __init__(self, server: SipServer, delivery: Delivery, extension: Extension, party: Party) -> None:
        self._server = server
        self.delivery = delivery
        self.extension = extension
        self.party = party
        """The Routing Point's party of the call."""
        self.default = extension.settings.default_dn
        """Where the call goes when nobody says."""
        self.treatment: Treatment | None = None
        """What the caller hears."""
        self._asked: Link | None = None
        """Who wants it routed, while the number is being called."""
        self._reference_id = 0
        self._timer: Timer | None = None
        server.points[party] = self

    def __repr__(self) -> str:
        return f"<AtPoint {self.party!r}>"

    def arrive(self) -> None:
        """The call has come."""
        reporter = self._server.reporter
        advance(self.party, Move.QUEUE, reporter, self.party.arrived)
        if reporter.wanted(self.party):
            reporter.call_event(ev.EventRouteRequest, self.party, self.party.arrived)
        self.wait()

    def wait(self) -> None:
        """From now on somebody has so long to say where it goes, unless somebody has said so already."""
        self.rest()
        if self.routing:
            return
        seconds = self.extension.settings.router_timeout
        if seconds > 0:
            self._timer = self._server.clock.call_later(seconds, self._nobody_said)

    def rest(self) -> None:
        """The time does not run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _nobody_said(self) -> None:
        self._timer = None
        self._go(self.default)

    def _go(self, number: str) -> None:
        if not number:
            self.delivery.not_routed(self)
        else:
            self.delivery.route(number)

    def route(self, number: str, reference_id: int, link: Link | None) -> None:
        """Carries out RouteCall. Raises TLibError."""
        if self.routing:
            raise TLibError(Code.WRONG_STATE, "is being routed")
        if number == self.party.number:
            raise TLibError(Code.SAME_DN)
        if self._server.find(number) is None:
            raise TLibError(Code.INVALID_DESTINATION, number)
        self.rest()
        self._asked, self._reference_id = link, reference_id
        self._go(number)

    @property
    def routing(self) -> bool:
        """Whether a number is being called that has not rung yet."""
        return self.delivery.calling

    def used(self, to: Party) -> None:
        """The number rings, or has answered: the call has left the Routing Point."""
        self.close()
        reporter = self._server.reporter
        if reporter.wanted(self.party):
            reporter.call_event(
                ev.EventRouteUsed,
                self.party,
                third=to,
                third_role=DNRole.DESTINATION,
                reference_id=self._reference_id,
                link=self._asked,
            )
        advance(self.party, Move.DIVERT, reporter, third=to)

    def failed(self, refusal: Refusal) -> bool:
        """The number did not take the call. Whether the call goes on waiting."""
        link, self._asked = self._asked, None
        if link is None:
            # It was the default.
            return False
        self._server.reporter.fail(
            error_of(refusal.status),
            self._reference_id,
            link,
            this_dn=self.party.number,
            conn_id=self.party.call.conn_id,
            history=self.party.call.history,
        )
        self._reference_id = 0
        if self.treatment is None:
            self.wait()
        return True

    def hush(self) -> None:
        """What the caller hears ends, for another one takes his place: it is for others to say what that one hears."""
        if self.treatment is not None:
            self.treatment.leave()

    def close(self) -> None:
        """The call does not wait any more. What the caller hears goes on until somebody answers."""
        self.rest()
        self._server.points.pop(self.party, None)
        treatment, self.treatment = self.treatment, None
        if treatment is not None:
            treatment.forget()

    def release(self, reference_id: int = 0, link: Link | None = None) -> None:
        """The Routing Point lets the call go."""
        self.close()
        if self.party.alive:
            advance(self.party, Move.RELEASE, self._server.reporter, CallState.OK, reference_id=reference_id, link=link)
