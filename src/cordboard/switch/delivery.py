"""A call on its way, from the number that was dialled to the phone that is picked up, or to the reason for none.

    number --> DN -----------> INVITE to its phones --> answered
      ^         |                   | 302, 486, 600, 603, no answer, out of service
      '---------+-- forwarding <----'
      |
      +--> hunt group --> members, one after the other or all at once
      '--> outside ----> trunk after trunk, while they fail by 5xx, 6xx, 408, timeout or transport; 3xx followed

The guard against loops: no DN is reached twice, no contact of a trunk's 3xx is tried twice, and a call is diverted at
most ``max-forward-hops`` times, what other servers tell in Diversion included.

A DN that rang and is left has EventReleased (Forwarded, ThirdPartyDN the new one); the new one EventRinging with
CallState Forwarded. Members of a hunt group have EventRinging with CallState Covered and ThisQueue.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from cordboard.model import events as ev
from cordboard.model.enums import CallState, DNRole
from cordboard.model.party import Move, Party, advance
from cordboard.sip.resolver.locate import UnlocatableError
from cordboard.switch.callflow import outcome_of
from cordboard.switch.features import alerting, caller_id, hunting
from cordboard.switch.features.diversion import Trail, Why
from cordboard.switch.legs import ANSWERED_ELSEWHERE, Branches, Failure
from cordboard.switch.numbers import number_of, user_part
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.routing import NOWHERE, SIPS_NOT_ALLOWED, Outside, Target, is_sips
from cordboard.switch.trunks.selection import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.model.ports import Link
    from cordboard.sip.resolver.lookup import Route
    from cordboard.sip.session import Session, SessionHandler
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.features.caller_id import Identity
    from cordboard.switch.legs import BranchesHandler, Called
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer
    from cordboard.switch.settings import DnSettings
    from cordboard.switch.trunks.selection import Trunk

RINGING: Final = frozenset({180, 183})
"""Provisional responses that mean the phone is being offered the call."""


class Refusal(Failure):
    """Why a call is not delivered; as a Failure, with what it means to the caller."""

    __slots__ = ("_why", "by", "headers", "outcome", "state")

    def __init__(
        self,
        outcome: str,
        status: int,
        state: CallState,
        why: str,
        by: str = ReleasedBy.SERVER,
        message: _core.Message | None = None,
        *,
        timeout: bool = False,
        headers: _core.Headers = (),
    ) -> None:
        super().__init__(status, message, timeout=timeout)
        self.outcome = outcome
        self.state = state
        """CallState of the caller's EventDestinationBusy."""
        self.by = by
        """Who is to blame, one of ReleasedBy."""
        self._why = why
        self.headers = headers
        """What the caller is told besides."""

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self._why


UNKNOWN: Final = Refusal(Outcome.UNKNOWN_NUMBER, 404, CallState.SIT_INVALID_NUMBER, "unknown number", ReleasedBy.CALLEE)
OUT_OF_SERVICE: Final = Refusal(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "out of service")
NO_TLS: Final = Refusal(
    Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "no TLS to the callee", headers=SIPS_NOT_ALLOWED
)
NO_TRUNK: Final = Refusal(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "no trunk available")
FULL: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "max-calls")
ITSELF: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "called itself", ReleasedBy.CALLEE)
DND: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "do not disturb", ReleasedBy.CALLEE)
ANONYMOUS: Final = Refusal(Outcome.REJECTED, 433, CallState.GENERAL_ERROR, "anonymous", ReleasedBy.CALLEE)
LOOP: Final = Refusal(Outcome.UNREACHABLE, 482, CallState.GENERAL_ERROR, "forwarding loop")
NO_ANSWER: Final = Refusal(Outcome.NO_ANSWER, 480, CallState.NO_ANSWER, "no answer", timeout=True)
NOBODY_FREE: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "no member free")
NOBODY_ANSWERED: Final = Refusal(Outcome.NO_ANSWER, 480, CallState.NO_ANSWER, "no member answered")


class Offer(NamedTuple):
    """What the caller brings: the same for whoever is called."""

    caller: Extension | None
    """His DN, or the trunk he comes by; None for the switch itself."""
    identity: Identity
    headers: Sequence[tuple[str, str]] = ()
    """What passes of his INVITE."""
    body: bytes = b""
    content_type: str = "application/sdp"
    secure: bool = False
    """Whether every hop must be TLS: he called a ``sips`` URI (RFC 5630)."""


class _Attempt:
    """One DN, or one trunk, being called."""

    __slots__ = ("branches", "extension", "party", "trunk")

    def __init__(self, branches: Branches, extension: Extension, party: Party, trunk: Trunk | None) -> None:
        self.branches = branches
        self.extension = extension
        self.party = party
        self.trunk = trunk


class Delivery:
    """See the module. To its flow it looks like the Branches of one DN."""

    __slots__ = (
        "_attempts",
        "_contacts",
        "_flow",
        "_group",
        "_leaving",
        "_members",
        "_offer",
        "_outside",
        "_rang",
        "_reached",
        "_routes",
        "_seen",
        "_server",
        "_trail",
        "_trunks",
        "call_id",
        "identity",
        "owner",
    )

    def __init__(self, server: SipServer, flow: CallFlow, offer: Offer, trail: Trail | None = None) -> None:
        self._server = server
        self._flow = flow
        """Whose call it is."""
        self.owner: BranchesHandler = flow
        """Who is told: the flow, or a transfer to whoever is being called."""
        self._offer = offer
        self._trail = trail
        self._attempts: list[_Attempt] = []
        self._seen: set[str] = set()
        """DNs that were reached, and contacts that were tried."""
        self._leaving: Party | None = None
        """Who rang and hands the call on."""
        self._group: Extension | None = None
        """The hunt group whose members are being called."""
        self._members: list[Extension] = []
        """Those of them still to be called."""
        self._rang = False
        """Whether any member was called."""
        self._trunks: list[Trunk] = []
        """Those still to be tried."""
        self._contacts: list[str] = []
        """Contacts of a 3xx still to be tried."""
        self._routes: list[Route] = []
        """Where contacts of a 3xx lead, kept known while the call is on its way."""
        self._outside: Outside | None = None
        self._reached = False
        self.call_id = ""
        """SIP Call-ID of the leg that answered or failed last."""
        self.identity: _core.Headers = ()
        """The headers that tell the caller who he is connected to."""

    # What the flow asks.

    def start(self, number: str) -> None:
        """Delivers the call to a number. The answer may come at once."""
        caller = self._offer.caller
        self._go(number, CallState.OK, outward=caller is None or not caller.is_trunk)

    def cancel(self, headers: _core.Headers = ()) -> None:
        """Gives up; the flow hears no more, and releases the parties itself."""
        for attempt in self._attempts:
            self.call_id = attempt.branches.call_id or self.call_id
            attempt.branches.cancel(headers)
        self._attempts.clear()
        self._members.clear()
        self._trunks.clear()
        self._contacts.clear()
        self._close()

    def _close(self) -> None:
        for route in self._routes:
            route.close()
        self._routes.clear()

    def decline(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """Takes one member of a hunt group that rings out of it, and returns True; False for anybody else."""
        for attempt in self._attempts:
            if attempt.party is party and self._group is not None:
                self._attempts.remove(attempt)
                attempt.branches.cancel()
                self._drop(party, CallState.OK, reference_id=reference_id, link=link)
                self._member_failed()
                return True
        return False

    # Where to.

    def _go(self, number: str, arrived: CallState, *, outward: bool = True) -> None:
        server = self._server
        place = server.find(number, outward=outward)
        if place is None:
            self._refuse(UNKNOWN)
        elif isinstance(place, Outside):
            self._outside = place
            self._trunks = list(place.trunks)
            self._next_trunk(NO_TRUNK)
        elif place.dn.number in self._seen:
            self._refuse(LOOP)
        else:
            self._seen.add(place.dn.number)
            self._go_to(place, arrived)

    def _go_to(self, extension: Extension, arrived: CallState) -> None:
        features = extension.dn.features
        if extension is self._offer.caller:
            self._refuse(ITSELF)
        elif features.always:
            self._divert(extension, features.always, Why.ALWAYS, None)
        elif features.dnd:
            self._not_taken(extension, DND, Why.DND, None)
        elif extension.settings.reject_anonymous and self._offer.identity.anonymous:
            self._refuse(ANONYMOUS)
        elif hunting.is_group(extension):
            self._hunt(extension)
        elif extension.is_trunk and (trunk := self._server.trunks.get(extension.dn.number)) is not None:
            self._outside = Outside("", (trunk,))
            self._trunks = [trunk]
            self._next_trunk(NO_TRUNK)
        else:
            known = self._server.targets(extension)
            targets = self._allowed(known)
            if not known or not extension.dn.in_service:
                self._not_taken(extension, OUT_OF_SERVICE, Why.UNREACHABLE, None)
            elif not targets:
                self._not_taken(extension, NO_TLS, Why.UNREACHABLE, None)
            elif extension.full:
                self._not_taken(extension, FULL, Why.BUSY, None)
            else:
                party = self._party(extension.dn.number, extension, arrived)
                self._call(extension, party, targets, extension.settings, extension.target_uri)

    def _allowed(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Of some contacts, those the call may go to: with TLS, if the caller wants it all the way."""
        return [target for target in targets if target.secure] if self._offer.secure else targets

    def _not_taken(self, extension: Extension, refusal: Refusal, why: Why, party: Party | None) -> None:
        """The DN did not take the call: it is forwarded, if that is what the DN wants."""
        features = extension.dn.features
        to = features.busy if why in (Why.BUSY, Why.DND) else features.no_answer
        if to:
            self._divert(extension, to, why, party)
        else:
            self._refuse(refusal, party)

    def _divert(self, extension: Extension, to: str, why: Why, party: Party | None) -> None:
        """The call goes on to another number. ``party``: the DN's, if it was called."""
        server = self._server
        if self._trail is None:
            self._trail = Trail(server.settings.domain)
        trail = self._trail
        trail.divert(extension.dn.number, to, why)
        if party is not None:
            self._leaving = party
        if trail.hops > server.settings.max_forward_hops:
            self._refuse(LOOP)
        elif self.owner is not self._flow:
            # Who is being transferred to rings, or does not: the call goes nowhere else behind the transfer's back.
            self._refuse(NO_ANSWER)
        else:
            self._go(to, CallState.FORWARDED)

    def _refuse(self, refusal: Refusal, party: Party | None = None) -> None:
        self.cancel()
        for one in (party, self._leaving):
            if one is not None:
                self._drop(one, refusal.state)
        self._leaving = None
        self.owner.on_branch_failure(self, refusal)

    # Calling.

    def _party(self, number: str, extension: Extension, arrived: CallState, queue: str | None = None) -> Party:
        """A new party; who hands the call to it is released."""
        flow = self._flow
        party = flow.call.add(number, DNRole.DESTINATION, None if extension.is_trunk else extension.dn)
        party.arrived = arrived
        party.queue = queue
        flow.callee = party
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            self._drop(leaving, CallState.FORWARDED, third=party)
        return party

    def _drop(
        self,
        party: Party,
        state: CallState,
        *,
        third: Party | None = None,
        reference_id: int = 0,
        link: Link | None = None,
    ) -> None:
        """Takes out a party that will not answer. One that never rang leaves no trace."""
        flow = self._flow
        if flow.callee is party:
            flow.callee = None
        if party.alive:
            advance(
                party, Move.RELEASE, self._server.reporter, state, third=third, reference_id=reference_id, link=link
            )
        elif party in party.call.parties and party.ended_at == 0.0:
            party.call.parties.remove(party)

    def _call(
        self,
        extension: Extension,
        party: Party,
        targets: Sequence[Target],
        settings: DnSettings,
        to: str,
        trunk: Trunk | None = None,
    ) -> None:
        server = self._server
        offer = self._offer
        identity = offer.identity
        if self._outside is not None and self._outside.withheld:
            identity = identity._replace(private=True)
        from_, told = identity.shown_to(trusted=settings.trusted, kinds=settings.identity_headers)
        passed = offer.headers
        hidden = identity.anonymous and not settings.trusted
        if hidden:
            passed = caller_id.without_revealing(passed)
        headers = alerting.merged(passed, extension.alerting, settings)
        headers.extend(told)
        if self._trail is not None:
            headers.extend(self._trail.headers())
        branches = Branches(server.clock, self)
        self._attempts.append(_Attempt(branches, extension, party, trunk))
        branches.start(
            server.dispatcher,
            cast("SessionHandler", self._flow),
            settings,
            targets,
            from_=from_,
            to=to,
            contact_user="anonymous" if hidden else user_part(identity.number),
            headers=headers,
            body=offer.body,
            content_type=offer.content_type,
        )

    # Outside.

    def _next_trunk(self, refusal: Refusal, party: Party | None = None) -> None:
        """Tries the next trunk that is available; ``refusal``, if there is none."""
        server = self._server
        outside = self._outside
        now = server.clock.now()
        while self._trunks and outside is not None:
            trunk = self._trunks.pop(0)
            extension = trunk.extension
            targets = self._allowed(server.targets(extension)) if trunk.available(now) else ()
            if not targets:
                continue
            number = outside.number or extension.dn.number
            uri = trunk.uri(outside.number) if outside.number else targets[0].uri
            if party is None:
                party = self._party(number, extension, CallState.FORWARDED if self._leaving else CallState.OK)
            self._flow.occupy(trunk)
            self._call(
                extension,
                party,
                [target._replace(uri=uri) for target in targets],
                extension.settings,
                f"<{uri}>",
                trunk,
            )
            return
        self._refuse(refusal, party)

    def _trunk_failed(self, attempt: _Attempt, failure: Failure) -> None:
        server = self._server
        trunk = attempt.trunk
        if trunk is None:
            return
        self._flow.vacate(trunk)
        status, message = failure.status, failure.message
        refusal = refusal_of(failure)
        if 300 <= status < 400 and message is not None:
            self._contacts = listed(message.headers("Contact")) + self._contacts
            if self._follow(attempt):
                return
            self._next_trunk(refusal, attempt.party)
            return
        if self._contacts and self._follow(attempt):
            return
        down = not failure.timeout and (message is None or status == 503)
        if down:
            trunk.failed(server.clock.now())
        if down or status == 408 or (status >= 500 and not failure.timeout):
            self._next_trunk(refusal, attempt.party)
        else:
            self._refuse(refusal, attempt.party)

    def _follow(self, attempt: _Attempt) -> bool:
        """Tries the next contact of a trunk's 3xx (RFC 3261 8.1.3.4), and returns whether there was one."""
        server = self._server
        trunk = attempt.trunk
        while self._contacts and trunk is not None:
            uri = self._contacts.pop(0)
            if self._offer.secure and not is_sips(uri):
                continue
            if uri in self._seen or len(self._seen) > server.settings.max_forward_hops * 4:
                continue
            self._seen.add(uri)
            try:
                route = server.resolver.route(uri)
            except UnlocatableError:
                continue
            self._routes.append(route)
            target = Target(uri, "udp", NOWHERE, route=route)
            self._flow.occupy(trunk)
            self._call(attempt.extension, attempt.party, [target], attempt.extension.settings, f"<{uri}>", trunk)
            return True
        return False

    # Hunting.

    def _hunt(self, group: Extension) -> None:
        server = self._server
        self._group = group
        self._rang = False
        caller = self._offer.caller
        self._members = [m for m in hunting.order(group, server.extensions, server.turns) if m is not caller]
        if group.settings.hunt == "fork":
            for member in self._members:
                self._ring_member(member)
            self._members = []
            self._flow.callee = None
            if not self._attempts:
                self._member_failed()
        else:
            self._member_failed()

    def _ring_member(self, member: Extension) -> bool:
        group = self._group
        targets = self._allowed(self._server.targets(member))
        if group is None or not targets or not hunting.free(member):
            return False
        if group.settings.hunt == "circular":
            self._server.turns[group.dn.number] = hunting.turn_after(group, member)
        self._rang = True
        party = self._party(member.dn.number, member, CallState.COVERED, group.dn.number)
        settings = replace(member.settings, no_answer_timeout=group.settings.hunt_timeout)
        self._call(member, party, targets, settings, member.target_uri)
        return True

    def _member_failed(self) -> None:
        """Calls the next member, if none is being called; when there is none, the group did not take the call."""
        if self._attempts:
            return
        while self._members and self.owner is self._flow:
            if self._ring_member(self._members.pop(0)):
                return
        group, self._group = self._group, None
        if group is not None:
            refusal, why = (NOBODY_ANSWERED, Why.NO_ANSWER) if self._rang else (NOBODY_FREE, Why.BUSY)
            self._not_taken(group, refusal, why, None)

    # BranchesHandler

    def _attempt_of(self, branches: Called) -> _Attempt | None:
        for attempt in self._attempts:
            if attempt.branches is branches:
                return attempt
        return None

    def _tell(self, attempt: _Attempt, message: _core.Message) -> None:
        """Works out who the caller is connected to, and whether the network was reached."""
        extension = attempt.extension
        trunk = attempt.trunk
        caller = self._offer.caller
        kinds = caller.settings.identity_headers if caller is not None else ("pai",)
        if trunk is None:
            plain = kinds == ("pai",)
            self.identity = extension.identity if plain else extension.who.headers(kinds, "called")
        else:
            domain = self._server.settings.domain
            told = caller_id.connected(message, domain) if extension.settings.trusted else None
            if told is None:
                told = caller_id.Identity(caller_id.name_addr("", attempt.party.number, domain), attempt.party.number)
            self.identity = told.headers(kinds, "called")
            if not self._reached:
                self._reached = True
                trunk.works()
                party, reporter = self._flow.caller, self._server.reporter
                if party is not None and party.dn is not None and reporter.wants(party.number):
                    reporter.call_event(ev.EventNetworkReached, party)
        if message.header("Privacy") is not None and caller_id.wants_privacy(message):
            trusted = caller is not None and caller.settings.trusted
            self.identity = [*self.identity, ("Privacy", "id")] if trusted else []

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """Somebody rings, or sends early media."""
        attempt = self._attempt_of(branches)
        if attempt is None:
            return
        self._tell(attempt, event.message)
        if event.status in RINGING and self.owner is self._flow:
            self._flow.ring(attempt.party)
        self.owner.on_branch_progress(self, event)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """Somebody answered; all others are let go."""
        attempt = self._attempt_of(branches)
        if attempt is None:
            session.hang_up()
            return
        self._attempts.remove(attempt)
        losers, self._attempts = self._attempts, []
        for loser in losers:
            loser.branches.cancel(ANSWERED_ELSEWHERE)
            self._drop(loser.party, CallState.OK)
        if self.owner is self._flow:
            self._flow.callee = attempt.party
        self.call_id = branches.call_id
        self._close()
        self._tell(attempt, event.message)
        self.owner.on_branch_answer(self, session, event)

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """Somebody will not answer: on to the next, if there is one."""
        attempt = self._attempt_of(branches)
        if attempt is None:
            return
        self._attempts.remove(attempt)
        self.call_id = branches.call_id or self.call_id
        if attempt.trunk is not None:
            self._trunk_failed(attempt, failure)
        elif self._group is not None:
            self._drop(attempt.party, refusal_of(failure).state)
            self._member_failed()
        else:
            self._dn_failed(attempt, failure)

    def _dn_failed(self, attempt: _Attempt, failure: Failure) -> None:
        extension = attempt.extension
        status = failure.status
        if 300 <= status < 400 and failure.message is not None:
            for uri in listed(failure.message.headers("Contact")):
                number = number_of(uri)
                if number:
                    self._divert(extension, number, Why.BY_PHONE, attempt.party)
                    return
        refusal = refusal_of(failure)
        if refusal.outcome == Outcome.BUSY or status == 603:
            self._not_taken(extension, refusal, Why.BUSY, attempt.party)
        elif refusal.outcome == Outcome.NO_ANSWER:
            self._not_taken(extension, refusal, Why.NO_ANSWER, attempt.party)
        elif refusal.outcome == Outcome.UNREACHABLE:
            self._not_taken(extension, refusal, Why.UNREACHABLE, attempt.party)
        else:
            self._refuse(refusal, attempt.party)


def refusal_of(failure: Failure) -> Refusal:
    """What a failure of the callee means."""
    if isinstance(failure, Refusal):
        return failure
    outcome, status, state = outcome_of(failure)
    by = ReleasedBy.SERVER if failure.timeout else ReleasedBy.CALLEE
    return Refusal(outcome, status, state, failure.reason, by, failure.message, timeout=failure.timeout)
