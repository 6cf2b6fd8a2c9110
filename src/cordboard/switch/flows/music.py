"""Hold with music: the two legs of a call are parted, and who is held is joined to a media service.

    A                       switch                  B              service
    |                         | <- re-INVITE (hold) - |                |        B holds, by its key
    |                         | 200 (inactive) -----> |                |        B: EventHeld
    |                         | INVITE (no offer), annc: play=music/on_hold --> |
    | <- re-INVITE (offer) -- | <------------------------------ 200 (offer)     |
    | 200 (answer) ---------> | ACK (answer) ----------------------------------> |
    | <------------------------------------------ RTP: music -----------------> |
    |                         | <- re-INVITE (talk) - |                |        B retrieves
    | <- re-INVITE (offer B)- |                       |                |
    | 200 (answer) ---------> | 200 (answer A) -----> |  BYE --------> |        B: EventRetrieved

By the desktop it is the switch that sends the re-INVITEs: :mod:`cordboard.switch.flows.desktop_hold`. Both may hold,
each for itself; then neither hears anything. Without ``sip-enable-moh``, or while no media service is there, a phone's
hold passes to the other phone as it is (:mod:`cordboard.switch.flows.hold`). A service that dies is replaced by
another; when there is none the party is told to send and expect nothing, and the call lives.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.model.party import Move, PartyState, advance
from cordboard.sip.media import HELD, RETRIEVED, direction, pointed
from cordboard.switch.bridge import OURS
from cordboard.switch.features.media_path import APART, NOT_ACCEPTABLE, UNACCEPTABLE
from cordboard.switch.flows.arrangement import OfTwo
from cordboard.switch.flows.quiet import Quiet, Quieting, quiet_answer
from cordboard.switch.services import errand
from cordboard.switch.services.limb import Limb, State

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.treatments.treatment import Treatment
    from cordboard.switch.services.errand import Errand
    from cordboard.switch.services.plan import Plan


def of(flow: CallFlow, holder: Party) -> Errand | None:
    """What a party held by that one hears: the music of the holder's DN, of its queue, of the switch; or nothing."""
    server = flow.server
    extension = server.extensions.get(holder.number)
    settings = extension.settings if extension is not None and holder.dn is not None else None
    queue = server.extensions.get(holder.queue) if holder.queue else None
    wanted = settings.moh if settings is not None else None
    if not (server.settings.moh if wanted is None else wanted):
        return None
    chosen = (settings.music if settings is not None else "") or (queue.settings.music if queue is not None else "")
    return errand.music(chosen or server.settings.music)


def takes_hold(flow: CallFlow, session: Session, event: _core.RequestEvent) -> bool:
    """A phone of two that talk makes an offer. Whether it holds, and the other is given music."""
    offer = event.message.body
    holder = flow.party_of(session)
    if not offer or holder is None or not holder.can(Move.HOLD) or session.media.change(offer) != HELD:
        return False
    wanted = of(flow, holder)
    server = flow.server
    if flow.transfer is not None or wanted is None or server.services.choose(wanted.need, server.clock.now()) is None:
        return False
    part(flow).hold(session, event)
    return True


def part(flow: CallFlow) -> Parted:
    """The call's legs, parted."""
    if isinstance(flow.arrangement, Parted):
        return flow.arrangement
    flow.part()
    parted = Parted(flow)
    flow.rearrange(parted)
    return parted


def go_on_holding(flow: CallFlow) -> None:
    """Two have been joined, and one of them holds since before: he goes on, and the other hears what he is to hear.

    One who holds by his phone's key has said so again while they were joined; without music that is enough.
    """
    held = [
        session
        for session in (flow.a, flow.b)
        if session is not None and (party := flow.party_of(session)) is not None and party.state is PartyState.HELD
    ]
    if flow.bridge is None or not held or all(_knows(flow, session) for session in held):
        return
    parted = part(flow)
    for session in held:
        parted.hush(session)
    parted.arrange()


def _knows(flow: CallFlow, session: Session) -> bool:
    """Whether the hold of a leg shows to the other one, and nothing else is wanted for that one."""
    holder = flow.party_of(session)
    wanted = of(flow, holder) if holder is not None else None
    server = flow.server
    music = wanted is not None and server.services.choose(wanted.need, server.clock.now()) is not None
    return not music and direction(session.media.heard) in ("sendonly", "inactive")


class Parted(OfTwo):
    """The arrangement of a call of two while somebody holds."""

    __slots__ = ("_asked", "_closed", "_treated", "flow", "seats")

    def __init__(self, flow: CallFlow) -> None:
        super().__init__()
        self.flow = flow
        self.seats: dict[Session, Limb | Quiet] = {}
        """What each leg is joined to."""
        self._treated: dict[Session, Treatment] = {}
        """Legs that hear a treatment in place of music."""
        self._asked: tuple[Session, _core.RequestEvent] | None = None
        """The re-INVITE or UPDATE that takes a party from hold, while the other phone is being asked."""
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether no change is under way. A limb on its way is none: it may be taken back at any time."""
        return self._asked is None and self._engaged is None

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:  # noqa: ARG002
        """What a phone says in INFO is for the service."""
        return False

    def again(self, session: Session) -> None:
        """Gives a leg its music again, or its silence."""
        seat = self.seats.pop(session, None)
        if isinstance(seat, Limb):
            seat.close()
            self.play(session, seat.errand)
        else:
            if seat is not None:
                seat.close()
            self.hush(session)

    def close(self) -> None:
        """Takes both legs from what they hear."""
        self._closed = True
        super().close()
        if self._asked is not None:
            session, asked = self._asked
            self._asked = None
            if not session.over:
                session.respond(asked.transaction, 491)
        for seat in self.seats.values():
            seat.close()
        self.seats.clear()
        self._treated.clear()

    # Who hears what

    def arrange(self) -> None:
        """Gives each leg what its party is to hear now."""
        flow = self.flow
        for session in (flow.a, flow.b):
            party = flow.party_of(session) if session is not None else None
            if session is None or party is None:
                continue
            holder = flow.party_opposite(session)
            wanted = None
            if party.state is not PartyState.HELD and holder is not None:
                wanted = of(flow, holder)
            if party.state is PartyState.HELD:
                self.hush(session, told=True)
            elif wanted is None:
                self.hush(session)
            elif not isinstance(self.seats.get(session), Limb):
                self.play(session, wanted)

    def hush(self, session: Session, *, told: bool = False) -> None:
        """Lets a leg hear nothing. ``told``: whether its phone knows."""
        seat = self.seats.get(session)
        if isinstance(seat, Quiet):
            return
        if seat is not None:
            seat.close()
        treatment = self._treated.pop(session, None)
        if treatment is not None:
            treatment.forget()
        self.seats[session] = Quiet(self.flow, session)
        if not told:
            Quieting(self.flow, session).start()

    def play(self, session: Session, wanted: Errand) -> None:
        """Lets a leg hear something."""
        self._seat(session, Limb(self.flow, session, wanted, self._told))

    def _seat(self, session: Session, limb: Limb) -> None:
        seat = self.seats.pop(session, None)
        if seat is not None:
            seat.close()
        before = self._treated.pop(session, None)
        if before is not None:
            before.replaced()
        self.seats[session] = limb
        limb.start()

    def treat(self, session: Session, wanted: Plan, treatment: Treatment) -> None:
        """Lets a party that is held hear something in place of its music, until it ends."""
        self._seat(session, wanted.limb(self.flow, session, self._told))
        self._treated[session] = treatment

    def _told(self, limb: Limb) -> None:
        if self._closed or self.seats.get(limb.leg) is not limb:
            return
        session = limb.leg
        treatment = self._treated.get(session)
        if limb.state in (State.FAILED, State.ENDED):
            self._treated.pop(session, None)
            self.hush(session)
        if treatment is not None:
            treatment.told(limb.state, limb.result)
            if isinstance(self.seats.get(session), Quiet):
                self.arrange()

    # A phone's keys

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """A phone holds, takes back, or says the same again."""
        party = self.flow.party_of(session)
        if party is None:
            return False
        if not self.settled or self.flow.transfer is not None:
            session.respond(event.transaction, 491)
            return True
        offer = event.message.body
        change = session.media.change(offer) if offer else "none"
        if change == HELD and party.can(Move.HOLD):
            self.hold(session, event)
        elif change == RETRIEVED and party.can(Move.RETRIEVE):
            self.retrieve(session, event)
        elif isinstance(self.seats.get(session), Quiet):
            quiet_answer(session, event)
        else:
            return False
        return True

    def hold(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone holds."""
        quiet_answer(session, event)
        self.held(session)

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A phone was told to hold, or told us so: its party holds from now on."""
        party = self.flow.party_of(session)
        if party is not None:
            advance(party, Move.HOLD, self.flow.server.reporter, reference_id=reference_id, link=link)
            self.arrange()

    def retrieve(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone takes the other party back: its offer goes there, unless that one holds as well."""
        flow = self.flow
        opposite, other = flow.party_opposite(session), flow.session_opposite(session)
        if other is None or other.busy:
            session.respond(event.transaction, 491)
            return
        if opposite is not None and opposite.state is PartyState.HELD:
            quiet_answer(session, event)
            self.retrieved(session)
            return
        needs = flow.apart(session, other, event.message.body)
        if needs & APART:
            self._retrieved_apart(session, event, needs)
            return
        self._asked = (session, event)
        told = other.media.next(event.message.body)
        other.request("INVITE", partial(self._answered, session, event, told), body=told)

    def _retrieved_apart(self, session: Session, event: _core.RequestEvent, needs: frozenset[str]) -> None:
        """A party holds no more, and its phone and the other one cannot talk directly."""
        flow = self.flow
        quiet_answer(session, event)
        party = flow.party_of(session)
        if party is not None and party.can(Move.RETRIEVE):
            advance(party, Move.RETRIEVE, flow.server.reporter)
        flow.anchor(needs)

    def retrieved(self, session: Session) -> None:
        """A party holds no more, but the other does."""
        party = self.flow.party_of(session)
        if party is not None:
            advance(party, Move.RETRIEVE, self.flow.server.reporter)
            self.arrange()

    def _answered(
        self,
        session: Session,
        request: _core.RequestEvent,
        told: bytes,
        status: int,
        event: _core.ResponseEvent | None,
    ) -> None:
        method, offer = request.message.method, request.message.body
        flow = self.flow
        other = flow.session_opposite(session) if not self._closed else None
        asked, self._asked = self._asked, None
        accepted = event is not None and status < 300
        if accepted and event is not None and other is not None:
            other.media.said, other.media.heard = told, event.message.body
            other.ack_again()
        if asked is None or self._closed or session.over:
            return
        transaction = request.transaction
        if event is None or not accepted:
            serving = method != "INVITE" or session.serving
            refused = status in NOT_ACCEPTABLE and other is not None and flow.may_be_bridged(session, other)
            if serving and refused:
                self._retrieved_apart(session, request, UNACCEPTABLE)
            elif serving:
                session.respond(transaction, 500 if event is None or status in OURS else status)
            return
        if method == "INVITE" and not session.serving:
            # Taken back meanwhile: who is held hears music again.
            self._swing_back()
            return
        body, kind = event.message.content
        answer = session.media.next(pointed(body, direction(offer)))
        session.media.heard, session.media.said = offer, answer
        party = flow.party_of(session)
        self.rejoin()
        session.respond(transaction, 200, body=answer, content_type=kind)
        if party is not None and party.can(Move.RETRIEVE):
            advance(party, Move.RETRIEVE, flow.server.reporter)

    def _swing_back(self) -> None:
        for session, seat in list(self.seats.items()):
            if isinstance(seat, Limb):
                self.play(session, seat.errand)

    def rejoin(self) -> None:
        """Joins both legs to each other."""
        flow = self.flow
        a, b = flow.a, flow.b
        flow.rearrange(None)
        if a is not None and b is not None:
            flow.join(a, b, flow.audit_interval())
