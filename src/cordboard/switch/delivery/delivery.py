"""The way of one call: who is called, in which order, and the parties this makes and takes out.

A DN that rang and is left has EventReleased (Forwarded, ThirdPartyDN the new one); the new one EventRinging with
CallState Forwarded. Members of a hunt group have EventRinging with CallState Covered and ThisQueue. At a Routing Point
the call waits (:mod:`cordboard.switch.delivery.at_point`), and whoever it is routed to has that as ThisQueue.

No DN is reached twice, and a call is diverted at most ``max-forward-hops`` times, what other servers tell in Diversion
included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from msgspec import structs

from cordboard.model import events as ev
from cordboard.model.enums import AddressType, CallState, DNRole
from cordboard.model.party import Move, Party, advance
from cordboard.switch.delivery import bridged, forwarding, refusals
from cordboard.switch.delivery.at_point import AtPoint
from cordboard.switch.delivery.attempt import Attempt, Recipient, connected
from cordboard.switch.delivery.hunt import Hunt
from cordboard.switch.delivery.offer import invitation
from cordboard.switch.delivery.refusals import Refusal, refusal_of
from cordboard.switch.delivery.trunks import Ways
from cordboard.switch.features import caller_id, hunting, media_path
from cordboard.switch.features.diversion import Trail, Why
from cordboard.switch.legs import ANSWERED_ELSEWHERE
from cordboard.switch.routing import Outside
from cordboard.switch.services.errand import MSML

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.outgoing import Outgoing
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.delivery.trunks import Way
    from cordboard.switch.legs import Called, Failure
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.server import SipServer
    from cordboard.switch.settings import DnSettings
    from cordboard.switch.trunks.selection import Trunk

RINGING: Final = frozenset({180, 183})
"""Provisional responses that mean the phone is being offered the call."""

MOST_ROUTES: Final = 100
"""How often one call may be routed, so that two Routing Points cannot send it to each other for ever."""


class Delivery:
    """See the module. To its flow it looks like the Branches of one DN."""

    __slots__ = (
        "_arrived",
        "_attempts",
        "_brought",
        "_flow",
        "_hunt",
        "_leaving",
        "_offer",
        "_point",
        "_reached",
        "_role",
        "_routes",
        "_seen",
        "_server",
        "_trail",
        "_ways",
        "apart",
        "call_id",
        "forsaken",
        "identity",
        "owner",
    )

    def __init__(
        self,
        server: SipServer,
        flow: CallFlow,
        offer: Offer,
        trail: Trail | None = None,
        *,
        owner: Recipient | None = None,
        role: DNRole = DNRole.DESTINATION,
        arrived: CallState = CallState.OK,
    ) -> None:
        """``role``: that of who is called. ``arrived``: what brings the call to the first of them."""
        self._server = server
        self._flow = flow
        """Whose call it is."""
        self.owner: Recipient = owner if owner is not None else flow
        """Who is told: the flow, or a transfer to whoever is being called."""
        self._offer = offer
        self._role = role
        self._arrived = arrived
        self._brought = self._trail = trail
        """What was told of the call before it came to us, and what the next callee is told; None: never diverted."""
        self._seen: tuple[str, ...] = ()
        """The DNs it was at."""
        self._attempts: list[Attempt] = []
        self._leaving: Party | None = None
        """Who rang and hands the call on."""
        self._hunt: Hunt | None = None
        """The hunt group whose members are being called."""
        self._point: AtPoint | None = None
        """The Routing Point the call waits at."""
        self._routes = 0
        """How often it was routed."""
        self._ways: Ways | None = None
        """The ways outside, of a call that goes there."""
        self._reached = False
        """Whether the network outside was."""
        self.call_id = ""
        """SIP Call-ID of the leg that answered or failed last."""
        self.identity: _core.Headers = ()
        """The headers that tell the caller who he is connected to."""
        self.apart = media_path.NOTHING
        """See Branches."""
        self.forsaken = False
        """Whether nobody is left but who waits: whoever does not answer him has been abandoned, not released."""

    # What the flow asks.

    def start(self, number: str, *, outward: bool | None = None) -> None:
        """Delivers the call to a number. The answer may come at once.

        ``outward``: whether it may leave by a trunk; if not given, all may but who came by one.
        """
        caller = self._offer.caller
        if outward is None:
            outward = caller is None or not caller.is_trunk
        self.start_to(self._server.find(number, outward=outward))

    def start_to(self, place: Extension | Outside | None) -> None:
        """The same, to what a number leads to."""
        self._go(place, self._arrived)

    @property
    def parties(self) -> list[Party]:
        """Who is being called now, or the Routing Point where the call waits."""
        found = [attempt.party for attempt in self._attempts]
        return found if found or self._point is None else [self._point.party]

    @property
    def calling(self) -> bool:
        """Whether somebody's phone is being called."""
        return bool(self._attempts)

    def party_of(self, outgoing: Outgoing) -> Party | None:
        """Whose phone an INVITE of ours calls."""
        return next((attempt.party for attempt in self._attempts if attempt.calls(outgoing)), None)

    def picked_up(self, ringing: Party, by: Party) -> None:
        """Somebody answers for one of those who are called: they are all let go, and the owner hears no more."""
        attempts, self._attempts = self._attempts, []
        self.owner.called(by)
        for attempt in attempts:
            attempt.cancel(ANSWERED_ELSEWHERE)
            if attempt.trunk is not None:
                self._flow.vacate(attempt.trunk)
            if attempt.party is ringing:
                self._drop(ringing, CallState.PICKED_UP, third=by)
            else:
                self._drop(attempt.party, CallState.OK)
        self._close()

    def move(self, flow: CallFlow) -> None:
        """From now on it is for another call, which has taken over its parties and trunks."""
        self._flow = flow

    def hush(self) -> None:
        """Who hears a treatment at a Routing Point is about to leave, and somebody else to wait in his place."""
        if self._point is not None:
            self._point.hush()

    def keep_out(self, extension: Extension | None) -> None:
        """From now on that DN cannot be called for it, wherever the call is sent on to."""
        self._offer = structs.replace(self._offer, besides=extension)

    def cancel(self, headers: _core.Headers = ()) -> None:
        """Gives up; the flow hears no more, and releases the parties itself."""
        if self._point is not None:
            self._point.close()
            self._point = None
        self._cancel(headers)

    def _cancel(self, headers: _core.Headers = ()) -> None:
        for attempt in self._attempts:
            self.call_id = attempt.call_id or self.call_id
            attempt.cancel(headers)
            if attempt.trunk is not None:
                self._flow.vacate(attempt.trunk)
        self._attempts.clear()
        self._close()

    def _close(self) -> None:
        self._hunt = None
        if self._ways is not None:
            self._ways.close()

    def decline(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """Somebody's desktop releases a call that rings. False for a party that is not being called."""
        point = self._point
        if point is not None and point.party is party:
            self._point = None
            point.release(reference_id, link)
            self._refuse(refusals.DECLINED)
            return True
        for attempt in self._attempts:
            if attempt.party is party:
                self._attempts.remove(attempt)
                attempt.cancel()
                if attempt.trunk is not None:
                    self._flow.vacate(attempt.trunk)
                self._drop(party, CallState.OK, reference_id=reference_id, link=link)
                if self._hunt is not None:
                    self._next_member()
                else:
                    self.call_id = attempt.call_id
                    self._refuse(refusals.DECLINED)
                return True
        return False

    # Where to.

    def _go(self, place: Extension | Outside | None, arrived: CallState) -> None:
        if place is None:
            self._refuse(refusals.UNKNOWN)
        elif isinstance(place, Outside):
            self._go_outside(place)
        elif place.settings.number in self._seen:
            self._refuse(refusals.LOOP)
        else:
            self._seen += (place.settings.number,)
            self._go_to(place, arrived)

    def _go_outside(self, place: Outside) -> None:
        self._ways = Ways(self._server, place, self._offer)
        self._through(self._ways.next(), refusals.NO_TRUNK, None)

    def _go_to(self, extension: Extension, arrived: CallState) -> None:
        offer, features = self._offer, extension.dn.features
        if extension is offer.caller or extension is offer.besides or self._there(extension):
            self._refuse(refusals.ITSELF)
        elif features.always:
            self._divert(extension, features.always, Why.ALWAYS, None)
        elif features.dnd:
            self._not_taken(extension, refusals.DND, Why.DND, None)
        elif extension.settings.reject_anonymous and offer.identity.anonymous:
            self._refuse(refusals.ANONYMOUS)
        elif extension.is_phone:
            self._go_to_phone(extension, arrived)
        elif extension.settings.address_type is AddressType.ROUTE_DN:
            self._wait_at(extension, arrived)
        elif hunting.is_group(extension):
            self._hunt_for(extension)
        else:
            self._go_outside(Outside("", (self._server.trunks[extension.settings.number],)))

    def _go_to_phone(self, extension: Extension, arrived: CallState) -> None:
        number = extension.settings.number
        known = extension.targets()
        targets = self._offer.allowed(known, number)
        if not known or not extension.dn.in_service:
            self._not_taken(extension, refusals.OUT_OF_SERVICE, Why.UNREACHABLE, None)
        elif not targets:
            refusal = refusals.NO_TLS if self._offer.secure else refusals.OUT_OF_SERVICE
            self._not_taken(extension, refusal, Why.UNREACHABLE, None)
        elif extension.full:
            self._not_taken(extension, refusals.FULL, Why.BUSY, None)
        else:
            party = self._party(number, extension, arrived)
            self._call(extension, party, targets, extension.settings)

    def _there(self, extension: Extension) -> bool:
        """Whether a DN is in the call: it talks in the conference somebody is to join, or is being called into it."""
        for party in self._flow.call.parties:  # noqa: SIM110 - a generator costs three times as much here
            if party.dn is extension.dn and party.ended_at == 0.0:
                return True
        return False

    def _not_taken(self, extension: Extension, refusal: Refusal, why: Why, party: Party | None) -> None:
        """The DN did not take the call: it is forwarded, if that is what the DN wants."""
        to = forwarding.forwarded(extension.dn.features, why)
        if to:
            self._divert(extension, to, why, party)
        else:
            self._refuse(refusal, party)

    def _divert(self, extension: Extension, to: str, why: Why, party: Party | None) -> None:
        """The call goes on to another number. ``party``: the DN's, if it was called."""
        if party is not None:
            self._leaving = party
        settings = self._server.settings
        if self._trail is None:
            self._trail = Trail(settings.domain)
        self._trail.divert(extension.dn.number, to, why)
        if self._trail.hops > settings.max_forward_hops:
            self._refuse(refusals.LOOP)
        else:
            self._go(self._server.find(to), CallState.FORWARDED)

    def _refuse(self, refusal: Refusal, party: Party | None = None) -> None:
        self._cancel()
        for one in (party, self._leaving):
            if one is None:
                continue
            if self.forsaken and refusal.timeout and one.can(Move.ABANDON):
                self._drop(one, CallState.OK, move=Move.ABANDON)
            else:
                self._drop(one, refusal.state)
        self._leaving = None
        point = self._point
        if point is not None:
            self.owner.called(point.party)
            if point.failed(refusal):
                return
            self._point = None
            point.release()
        self.owner.on_branch_failure(self, refusal)

    # Waiting at a Routing Point.

    def _wait_at(self, extension: Extension, arrived: CallState) -> None:
        if extension.full:
            self._not_taken(extension, refusals.FULL, Why.BUSY, None)
            return
        party = self._party(extension.dn.number, extension, arrived)
        if self._point is not None:
            self._left_point(self._point, party)
        party.queue = None
        self._point = AtPoint(self._server, self, extension, party)
        self._point.arrive()
        self.owner.queued()

    def _left_point(self, point: AtPoint, to: Party) -> None:
        """The call does not wait any more: it has come to somebody."""
        self._point = None
        point.used(to)

    def route(self, number: str) -> None:
        """The call that waits goes to a number: wherever it is, for it is not the caller who says so."""
        self._routes += 1
        if self._routes > MOST_ROUTES:
            self._refuse(refusals.LOOP)
            return
        self._seen = ()
        self._trail = self._brought
        if self._flow.offers_no_more():
            self._offer = structs.replace(self._offer, body=b"")
        self._go(self._server.find(number), CallState.OK)

    def not_routed(self, point: AtPoint) -> None:
        """Nobody said where the call that waits is to go."""
        self._point = None
        point.release()
        self._refuse(refusals.NOT_ROUTED)

    @property
    def flow(self) -> CallFlow:
        """Whose call it is."""
        return self._flow

    # Calling.

    def _party(self, number: str, extension: Extension, arrived: CallState, queue: str | None = None) -> Party:
        """A new party; who hands the call to it is released."""
        flow = self._flow
        party = flow.call.add(number, self._role, None if extension.is_trunk else extension.dn)
        party.arrived = arrived
        party.queue = queue if queue is not None or self._point is None else self._point.party.number
        if extension.is_trunk:
            flow.meet(party, extension, caller_id.unnamed(number, self._server.settings.domain))
        self.owner.called(party)
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            self._drop(leaving, CallState.FORWARDED, third=party)
        return party

    def _drop(
        self,
        party: Party,
        state: CallState,
        *,
        move: Move = Move.RELEASE,
        third: Party | None = None,
        reference_id: int = 0,
        link: Link | None = None,
    ) -> None:
        """Takes out a party that will not answer. One that never rang leaves no trace."""
        self.owner.dropped(party)
        if party.alive:
            advance(party, move, self._server.reporter, state, third=third, reference_id=reference_id, link=link)
        elif party in party.call.parties and party.ended_at == 0.0:
            party.call.parties.remove(party)

    def _call(
        self,
        extension: Extension,
        party: Party,
        targets: Sequence[Target],
        settings: DnSettings,
        trunk: Trunk | None = None,
        apart: frozenset[str] | None = None,
    ) -> None:
        """``apart``: what keeps the phones apart, if that is known already."""
        server = self._server
        offer = self._offer
        if apart is None:
            bridged_if_apart = server.services.known and self._bridged
            apart = offer.apart_from(extension, targets) if bridged_if_apart else media_path.NOTHING
        kind = bridged.Bridged if apart else Attempt
        attempt = kind(server.clock, self, settings, extension, party, targets, trunk)
        if apart and isinstance(attempt, bridged.Bridged):
            attempt.prepare(self._flow, apart, offer)
            if apart != {media_path.NAT}:
                offer = offer.without_body()
        to = extension.target_uri if trunk is None else f"<{targets[0].uri}>"
        withheld = self._ways is not None and self._ways.withheld
        identity = offer.identity.withheld() if withheld else offer.identity
        said = invitation(offer, identity, extension, settings, to, self._trail)
        self._attempts.append(attempt)
        handler = cast("SessionHandler", self._flow)
        attempt.start(server.dispatcher, handler, targets, said, server.affinity)

    @property
    def _bridged(self) -> bool:
        """Whether phones that cannot talk to each other can be bridged."""
        server = self._server
        return server.services.choose(MSML, server.clock.now()) is not None

    def _call_bridged(self, attempt: Attempt, failure: Failure) -> bool:
        """Whether somebody who refuses what the caller's phone offers is called again, to be bridged with it."""
        offer = self._offer
        refused = failure.status in media_path.NOT_ACCEPTABLE and failure.message is not None
        if not refused or attempt.apart or not offer.may_be_bridged(attempt.extension) or not self._bridged:
            return False
        trunk, again = attempt.trunk, media_path.UNACCEPTABLE
        self._call(attempt.extension, attempt.party, attempt.targets, attempt.settings, trunk, again)
        return True

    def _through(self, way: Way | None, refusal: Refusal, party: Party | None) -> None:
        """Calls by a way outside; ``refusal``, if there is none. ``party``: that of the ways tried before."""
        if way is None:
            self._refuse(refusal, party)
            return
        extension = way.trunk.extension
        if party is None:
            party = self._party(way.number, extension, CallState.FORWARDED if self._leaving else self._arrived)
        self._flow.occupy(way.trunk)
        self._call(extension, party, way.targets, extension.settings, way.trunk)

    # Hunting.

    def _hunt_for(self, group: Extension) -> None:
        self._hunt = hunt = Hunt(self._server, group, self._offer)
        if hunt.forks:
            while (found := hunt.next()) is not None:
                self._ring_member(hunt, *found)
        self._next_member()

    def _ring_member(self, hunt: Hunt, member: Extension, targets: Sequence[Target]) -> None:
        group = hunt.group
        party = self._party(member.dn.number, member, CallState.COVERED, group.dn.number)
        settings = replace(member.settings, no_answer_timeout=group.settings.hunt_timeout)
        self._call(member, party, targets, settings)

    def _next_member(self) -> None:
        """Calls the next member, if none is being called; when there is none, the group did not take the call."""
        hunt = self._hunt
        if self._attempts or hunt is None:
            return
        found = hunt.next()
        if found is not None:
            self._ring_member(hunt, *found)
            return
        self._hunt = None
        refusal, why = hunt.outcome()
        self._not_taken(hunt.group, refusal, why, None)

    # BranchesHandler

    def _tell(self, attempt: Attempt, message: _core.Message) -> None:
        """Works out who the caller is connected to, and whether the network was reached."""
        self.identity = connected(self._flow, self._offer, attempt, message)
        if attempt.trunk is None or self._reached:
            return
        self._reached = True
        attempt.trunk.works()
        party, reporter = self.owner.waiting, self._server.reporter
        if party is not None and reporter.wanted(party):
            reporter.call_event(ev.EventNetworkReached, party, self._arrived)

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """Somebody rings, or sends early media."""
        if not isinstance(branches, Attempt) or branches not in self._attempts:
            return
        self._tell(branches, event.message)
        self.apart = branches.apart
        if event.status in RINGING:
            if self._point is not None:
                self._left_point(self._point, branches.party)
            self._flow.ring(branches.party)
        self.owner.on_branch_progress(self, event)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """Somebody answered; all others are let go."""
        if not isinstance(branches, Attempt) or branches not in self._attempts:
            session.hang_up()
            return
        attempts, self._attempts = self._attempts, []
        if len(attempts) > 1:
            for loser in attempts:
                if loser is not branches:
                    loser.cancel(ANSWERED_ELSEWHERE)
                    self._drop(loser.party, CallState.OK)
        if self._point is not None:
            self._left_point(self._point, branches.party)
        self.owner.called(branches.party)
        self.call_id = branches.call_id
        self._close()
        self._tell(branches, event.message)
        self.apart = branches.apart
        self.owner.on_branch_answer(self, session, event)

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """Somebody will not answer: on to the next, if there is one."""
        if not isinstance(branches, Attempt) or branches not in self._attempts:
            return
        self._attempts.remove(branches)
        self.call_id = branches.call_id or self.call_id
        if self._call_bridged(branches, failure):
            return
        if branches.trunk is not None:
            self._trunk_failed(branches, branches.trunk, failure)
        elif self._hunt is not None:
            self._drop(branches.party, refusal_of(failure).state)
            self._next_member()
        else:
            self._dn_failed(branches, failure)

    def _trunk_failed(self, attempt: Attempt, trunk: Trunk, failure: Failure) -> None:
        self._flow.vacate(trunk)
        way = self._ways.after(trunk, failure) if self._ways is not None else None
        self._through(way, refusal_of(failure), attempt.party)

    def _dn_failed(self, attempt: Attempt, failure: Failure) -> None:
        extension = attempt.extension
        to = forwarding.sent_on(failure)
        if to:
            self._divert(extension, to, Why.BY_PHONE, attempt.party)
            return
        refusal = refusal_of(failure)
        why = forwarding.reason_of(refusal)
        if why is None:
            self._refuse(refusal, attempt.party)
        else:
            self._not_taken(extension, refusal, why, attempt.party)
