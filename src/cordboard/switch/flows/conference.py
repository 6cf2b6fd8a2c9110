"""A conference: each party's leg is joined to a dialog of its own with one conference server, by the same name.

    A                     switch                       server
    |                        | INVITE conf=<ConnID> ----> |        one for each party, without an offer
    | <- re-INVITE (offer) - | <------------- 200 (offer) |
    | 200 (answer) --------> | ACK (answer) ------------> |
    | <------------------ RTP: all others -------------> |

A party that holds leaves the mix, so that its music is heard by nobody, and comes back when it retrieves. One that is
being called is no part of the mix yet. When a server dies, all go to another one together; while there is none, nobody
hears anything, and it is tried again. Of the last two the legs are joined to each other, unless
``sip-enable-two-party-mcu`` keeps them where they are. When one is left the call ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState, DNRole
from cordboard.model.party import Move, PartyState, advance
from cordboard.sip.media import HELD, RETRIEVED, direction
from cordboard.switch.flows import music
from cordboard.switch.flows.arrangement import Changing
from cordboard.switch.flows.quiet import Quiet, Quieting, quiet_answer
from cordboard.switch.flows.reconnect import Reconnect
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.services import errand
from cordboard.switch.services.errand import MCU, MSML
from cordboard.switch.services.limb import Limb, State
from cordboard.switch.services.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Collection

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.invitation import Invitation
    from cordboard.switch.flows.recording import Recording
    from cordboard.switch.services.pool import Service

RETRY: Final = 5.0
"""Seconds until a conference without a server looks for one again."""


def form(flow: CallFlow, without: Session | None = None) -> Conference:
    """The call as a conference: that which it is, or one made of its two parties.

    ``without``: a leg that is not to take part, and goes on joined to nothing.
    """
    if isinstance(flow.arrangement, Conference):
        if without is not None:
            flow.arrangement.unseat(without)
        return flow.arrangement
    both = [(flow.caller, flow.a), (flow.callee, flow.b)]
    flow.part()
    flow.caller = flow.callee = flow.a = flow.b = None
    conference = Conference(flow)
    flow.rearrange(conference)
    for party, session in both:
        if party is not None and session is not None and session is not without:
            conference.seat(party, session)
    return conference


class Conference(Changing):
    """The arrangement of a call of any number of parties."""

    __slots__ = ("_closed", "_retry", "flow", "invitations", "parties", "seats", "service")

    def __init__(self, flow: CallFlow) -> None:
        super().__init__()
        self.flow = flow
        self.parties: dict[Session, Party] = {}
        """Who takes part, by leg."""
        self.seats: dict[Session, Limb | Quiet] = {}
        """What each leg is joined to."""
        self.invitations: list[Invitation] = []
        """Who is being called into it."""
        self.service: Service | None = None
        """The server it is at."""
        self._retry: Timer | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Conference {self.flow.call.conn_id} of {len(self.parties)}>"

    # Arrangement

    @property
    def settled(self) -> bool:
        """Whether no change is under way. A limb on its way is none: it may be taken back at any time."""
        return self._engaged is None

    def party_of(self, session: Session) -> Party | None:
        """Whose leg it is."""
        return self.parties.get(session)

    def session_of(self, party: Party) -> Session | None:
        """The leg of a party."""
        for session, one in self.parties.items():
            if one is party:
                return session
        return None

    def close(self) -> None:
        """Ends the legs of all but caller and callee, if there are those two, and all invitations."""
        self._closed = True
        self._quit()
        for invitation in self.invitations:
            invitation.cancel()
        self.invitations.clear()
        for session in self.surrender():
            if session is not self.flow.a and session is not self.flow.b:
                session.hang_up()

    def _quit(self) -> None:
        super().close()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def surrender(self) -> dict[Session, Party]:
        """Gives all its legs away: they are joined to nothing, and the caller's."""
        self._quit()
        for session in list(self.seats):
            self._vacate(session)
        parties, self.parties = self.parties, {}
        return parties

    # Coming

    def seat(self, party: Party, session: Session) -> None:
        """A party takes part, or merely belongs to it as long as it holds."""
        party.role = DNRole.CONFERENCE_MEMBER
        party.peer = None
        self.parties[session] = party
        if party.state is PartyState.HELD:
            self.seats[session] = Quiet(self.flow, session)
        else:
            self._swing(session)

    def _swing(self, session: Session) -> None:
        """Joins a leg to the conference, wherever it is now."""
        self._vacate(session)
        limb = self._limb(session)
        self.seats[session] = limb
        limb.start()

    def _vacate(self, session: Session) -> None:
        """Takes a leg from what it is joined to."""
        seat = self.seats.pop(session, None)
        if isinstance(seat, Seat) and self.flow.anchoring is not None:
            self.flow.anchoring.recording.unseated(seat)
        if seat is not None:
            seat.close()

    @property
    def _recording(self) -> Recording | None:
        """The recording of the call, if there is to be one."""
        anchoring = self.flow.anchoring
        return anchoring.recording if anchoring is not None and anchoring.recording.wanted else None

    def _limb(self, session: Session) -> Limb:
        anchoring = self.flow.anchoring
        if anchoring is not None and self._recording is not None:
            return anchoring.seat(session, self._told, self._choose)
        return Limb(self.flow, session, errand.conference(self.flow.call.conn_id), self._told, self._choose)

    def reseat(self) -> None:
        """A recording has begun or ended: it is made by services that take MSML, at seats of their own."""
        for session, seat in list(self.seats.items()):
            if isinstance(seat, Limb) and isinstance(seat, Seat) is not (self._recording is not None):
                self._swing(session)

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:  # noqa: ARG002
        """What a phone says in INFO is for the service."""
        return False

    def again(self, session: Session) -> None:
        """Lets a leg hear anew what it is to hear."""
        if self.parties[session].state is not PartyState.HELD:
            self._swing(session)

    def _choose(self, failed: Collection[Service]) -> Service | None:
        """The server it is at; another one for all, if that one has failed."""
        server = self.flow.server
        now = self.service
        need = MCU if self._recording is None else MSML
        if now is not None and now not in failed and need in now.able and now.extension.dn.in_service:
            return now
        found = server.services.choose(need, server.clock.now(), failed)
        self.service = found
        if found is not None:
            for session, seat in list(self.seats.items()):
                if isinstance(seat, Limb) and seat.service is not None and seat.service is not found:
                    self._swing(session)
        return found

    def _told(self, limb: Limb) -> None:
        session = limb.leg
        if self._closed or self.seats.get(session) is not limb:
            return
        party = self.parties[session]
        if limb.state is State.UP:
            if isinstance(limb, Seat) and self.flow.anchoring is not None:
                self.flow.anchoring.recording.seated(limb)
            if direction(session.media.heard) in ("sendonly", "inactive") and party.can(Move.HOLD):
                # Its user holds by the phone's key, which no offer of ours can undo.
                self.held(session)
        elif limb.state in (State.FAILED, State.ENDED):
            limb.close()
            self.seats[session] = Quiet(self.flow, session)
            Quieting(self.flow, session).start()
            if self.service is None and self._retry is None:
                self._retry = self.flow.server.clock.call_later(RETRY, self._again)

    def _again(self) -> None:
        """There was no server: whoever does not hold is to be joined to one again."""
        self._retry = None
        for session, party in list(self.parties.items()):
            if party.state is PartyState.ESTABLISHED and isinstance(self.seats.get(session), Quiet):
                self._swing(session)

    # Holding

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """A phone holds, takes back, or says the same again. Any other offer is for the server."""
        party = self.parties.get(session)
        if party is None:
            return False
        offer = event.message.body
        change = session.media.change(offer) if offer else "none"
        if change == HELD and party.can(Move.HOLD):
            quiet_answer(session, event)
            self.held(session)
        elif change == RETRIEVED and party.can(Move.RETRIEVE):
            quiet_answer(session, event)
            self.retrieved(session)
        elif isinstance(self.seats.get(session), Quiet):
            quiet_answer(session, event)
        else:
            return False
        return True

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A phone was told to hold, or told us so: its party holds, and leaves the mix."""
        party = self.parties.get(session)
        if party is None or not party.can(Move.HOLD):
            return
        self._vacate(session)
        self.seats[session] = Quiet(self.flow, session)
        advance(party, Move.HOLD, self.flow.server.reporter, reference_id=reference_id, link=link)

    def retrieved(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A party comes back into the mix."""
        advance(self.parties[session], Move.RETRIEVE, self.flow.server.reporter, reference_id=reference_id, link=link)
        self._swing(session)

    # Leaving

    def left(self, session: Session) -> bool:
        """A phone hung up or is gone. Whether the call goes on without it."""
        party = self.parties.get(session)
        return party is not None and self.drop(party, party)

    def release(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """A desktop releases the call for its own party. Whether the call goes on without it."""
        return self.drop(party, party, reference_id, link)

    def drop(self, party: Party, by: Party, reference_id: int = 0, link: Link | None = None) -> bool:
        """Takes a party out, one that still rings too. False if the call is to end instead, as with one of two."""
        if any(invitation.decline(party, by, reference_id, link) for invitation in list(self.invitations)):
            return True
        if len(self.parties) < 2 or (len(self.parties) == 2 and not self.invitations):
            return False
        session = self.session_of(party)
        if session is not None:
            self.unseat(session)
            session.hang_up()
        if party.alive:
            mine = (reference_id, link) if party is by else (0, None)
            advance(party, Move.RELEASE, self.flow.server.reporter, reference_id=mine[0], link=mine[1])
        self.tell_gone(party, by, reference_id, link)
        self.flow.forget(party)
        self.thin_out()
        return True

    def unseat(self, session: Session) -> None:
        """Takes a leg out; it goes on, joined to nothing."""
        self._vacate(session)
        self.parties.pop(session, None)

    def tell_gone(self, gone: Party, by: Party, reference_id: int = 0, link: Link | None = None) -> None:
        """Tells all others that a party has gone."""
        reporter = self.flow.server.reporter
        others = [one for one in self.flow.call.parties if one.alive and one is not gone]
        state = CallState.CONFERENCED if len(others) > 2 else CallState.OK
        for one in others:
            mine = (reference_id, link) if one is by else (0, None)
            reporter.party_deleted(one, gone, by, state, reference_id=mine[0], link=mine[1])

    def thin_out(self) -> None:
        """Somebody has gone: two that remain may do without the server, one alone does not remain."""
        flow = self.flow
        if self._closed or flow.over or self.invitations or len(self.parties) > 2:
            return
        if len(self.parties) < 2:
            last = next(iter(self.parties.values()), None)
            flow.end(Outcome.ANSWERED, 200, ReleasedBy.SERVER, "last of a conference", first=last)
        elif not flow.server.settings.two_party_mcu:
            self._part_company()

    def _part_company(self) -> None:
        """Joins the legs of the two who are left."""
        flow = self.flow
        parties = self.surrender()
        (flow.a, flow.caller), (flow.b, flow.callee) = parties.items()
        flow.rearrange(None)
        if any(party.state is PartyState.HELD for party in parties.values()):
            music.part(flow).arrange()
            return
        bridge = flow.join(flow.a, flow.b, flow.audit_interval())
        bridge.engage(Reconnect(flow, flow.a, flow.b, bridge.disengage)).start()
