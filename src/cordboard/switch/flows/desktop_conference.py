"""Conferences as a desktop asks for them: CompleteConference, SingleStepConference, DeleteFromConference.

CompleteConference, B having held A and consulted C:

    B: EventRetrieved 1 and EventReleased 2, CallState Conferenced, the first with the ReferenceID
    A, B: EventPartyAdded 1, OtherDN C NewParty, ThirdPartyDN B AddedBy; one for each new party
    C: EventPartyChanged 1, PreviousConnID 2, no OtherDN, ThirdPartyDN B ConferencedBy

B goes on with the leg he talks on; his other one is ended. Either call may be a conference already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import CallState, DNRole
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import Move, Party, PartyState, advance
from cordboard.model.userdata import inherit
from cordboard.switch.flows.conference import Conference, form
from cordboard.switch.flows.invitation import Invitation
from cordboard.switch.flows.leaving import Leaving
from cordboard.switch.records import Outcome
from cordboard.switch.services.errand import MCU

if TYPE_CHECKING:
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.patience import Done

TALKING = (PartyState.ESTABLISHED, PartyState.HELD)


def _ready(flow: CallFlow, party: Party) -> Session:
    """The leg of a party that is up, in a call that may be changed now. Raises TLibError."""
    session = flow.session_of(party)
    if party.state not in TALKING:
        raise TLibError(Code.WRONG_STATE, party.state.value)
    if session is None or flow.transfer is not None or not flow.settled:
        raise TLibError(Code.WRONG_STATE, "a change of the call is under way")
    return session


def _server(flow: CallFlow) -> None:
    """Raises TLibError when the call can be no conference, because there is no server for it."""
    server = flow.server
    if not isinstance(flow.arrangement, Conference) and server.services.choose(MCU, server.clock.now()) is None:
        raise TLibError(Code.NO_SERVICE, "conference")


def complete(main: CallFlow, consult: CallFlow, dn: str, reference_id: int, link: Link | None) -> None:
    """Carries out CompleteConference. Raises TLibError."""
    party, consulting = main.call.party_of(dn), consult.call.party_of(dn)
    if party is None or consulting is None:
        raise TLibError(Code.NO_SUCH_PARTY, dn)
    session, leg = _ready(main, party), _ready(consult, consulting)
    if not consult.call.answered_at or (
        isinstance(consult.arrangement, Conference) and consult.arrangement.invitations
    ):
        raise TLibError(Code.WRONG_STATE, "somebody still rings")
    _server(main)
    others = [one for one in consult.call.parties if one.alive and one is not consulting]
    # Whoever is being called into it counts, before he rings.
    present = {one.number for one in main.call.parties if one.ended_at == 0.0}
    if any(one.number in present for one in others):
        raise TLibError(Code.WRONG_STATE, "would join a number to itself")
    spare, kept = (session, leg) if consulting.state is PartyState.ESTABLISHED else (leg, session)
    legs = _legs_of(consult)
    party.role = DNRole.CONFERENCE_MEMBER
    conference = form(main, without=session)
    reporter = main.server.reporter
    if party.can(Move.RETRIEVE):
        advance(party, Move.RETRIEVE, reporter, CallState.CONFERENCED, reference_id=reference_id, link=link)
        reference_id, link = 0, None
    advance(consulting, Move.RELEASE, reporter, CallState.CONFERENCED, reference_id=reference_id, link=link)
    main.call.user_data = inherit(main.call.user_data, consult.call.user_data)
    old = [one for one in main.call.parties if one.alive]
    previous = consult.call.conn_id
    main.absorb(consult, others, Outcome.CONFERENCED)
    for _, its in legs:
        if its is not spare:
            main.server.note_leg(main.call, its.call_id)
    conference.seat(party, kept)
    for one, its in legs:
        if one is not consulting:
            conference.seat(one, its)
    for added in others:
        for one in old:
            reporter.party_added(one, added, party)
        reporter.party_changed(added, previous, party, conference=True)
    Leaving(spare, [spare]).end()


def _legs_of(flow: CallFlow) -> list[tuple[Party, Session]]:
    """All legs of a call, taken out of it."""
    if isinstance(flow.arrangement, Conference):
        found = [(party, session) for session, party in flow.arrangement.surrender().items()]
    else:
        both = ((flow.caller, flow.a), (flow.callee, flow.b))
        found = [(party, session) for party, session in both if party is not None and session is not None]
    flow.part()
    flow.a = flow.b = None
    return found


def invite(flow: CallFlow, party: Party, number: str, reference_id: int, link: Link | None, done: Done) -> None:
    """Carries out SingleStepConference. Raises TLibError."""
    _ready(flow, party)
    _server(flow)
    if any(one.number == number and one.ended_at == 0.0 for one in flow.call.parties):
        raise TLibError(Code.WRONG_STATE, "is in the call already")
    invitation = Invitation(flow, party, done, reference_id, link)
    if invitation.start(number):
        conference = form(flow)
        invitation.conference = conference
        conference.invitations.append(invitation)


def delete(flow: CallFlow, party: Party, number: str, reference_id: int, link: Link | None) -> None:
    """Carries out DeleteFromConference. Raises TLibError."""
    conference = flow.arrangement
    if not isinstance(conference, Conference) or party.state not in TALKING:
        raise TLibError(Code.WRONG_STATE, "no conference")
    target = flow.call.party_of(number)
    if target is None:
        raise TLibError(Code.NO_SUCH_PARTY, number)
    if not conference.drop(target, party, reference_id, link):
        flow.clear(party, reference_id, link)
