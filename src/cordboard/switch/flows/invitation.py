"""Somebody is called into a conference: a delivery like that of any call, to an offer that leads nowhere yet.

    C                     switch
    | <-- INVITE (black hole) |
    | 180 ------------------> |        C: EventRinging, ConferenceMember; all others: EventPartyAdded
    | 200 ------------------> |        C: EventEstablished
    | <------------------ ACK |        and C is joined to the conference as the others are

Whoever does not answer leaves again: EventPartyDeleted. Who refuses before he rang was never seen: EventError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import DNRole
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import Move, advance
from cordboard.switch.delivery import RINGING, Delivery, Offer, error_of, refusal_of
from cordboard.switch.features.sdp_origin import Origin
from cordboard.switch.flows.early_media import SUPPORTED, EarlyMedia
from cordboard.switch.flows.make_call_rfc3725 import black_hole

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.conference import Conference
    from cordboard.switch.flows.patience import Done
    from cordboard.switch.legs import Called, Failure


class Invitation:
    """The Recipient of such a delivery."""

    __slots__ = (
        "_announced",
        "_by",
        "_done",
        "_early",
        "_offer",
        "_party",
        "_reference",
        "branches",
        "conference",
        "flow",
    )

    def __init__(self, flow: CallFlow, by: Party, done: Done, reference_id: int = 0, link: Link | None = None) -> None:
        """``by``: who asks for it. ``done``: told once, that somebody rings, or why nobody will."""
        self.flow = flow
        self.conference: Conference | None = None
        """The conference, once it is one."""
        self._by = by
        self._done: Done | None = done
        self._reference = (reference_id, link)
        self._party: Party | None = None
        """Who was called last."""
        self._announced: list[Party] = []
        """Of whom the others know."""
        self._offer = b""
        """What leads nowhere yet."""
        self._early = EarlyMedia(flow, offered=True)
        self.branches: Delivery | None = None

    def start(self, number: str) -> bool:
        """Calls a number. Whether somebody is being called."""
        flow = self.flow
        asking = flow.extension_of(self._by)
        asked = flow.server.extensions.get(number)
        srtp = asked is not None and asked.settings.srtp == "required"
        self._offer = black_hole(Origin(flow.call.call_id, ipv6=False), ipv6=False, srtp=srtp)
        offer = Offer(asking, flow.identity_of(self._by), body=self._offer, added=[SUPPORTED])
        self.branches = delivery = Delivery(flow.server, flow, offer, owner=self, role=DNRole.CONFERENCE_MEMBER)
        delivery.start(number)
        return self.branches is not None

    def cancel(self) -> None:
        """Nobody is to be called any more; who rings is left for the end of the call to release."""
        branches, self.branches = self.branches, None
        if branches is not None:
            branches.cancel()
        self._tell(TLibError(Code.WRONG_STATE, "the conference has ended"))

    def decline(self, party: Party, by: Party, reference_id: int, link: Link | None) -> bool:
        """Takes out somebody who still rings, at his own desktop's wish or another's."""
        if self.branches is None or party not in self.branches.parties:
            return False
        own = party is by
        if not own:
            self._by, self._reference = by, (reference_id, link)
        return self.branches.decline(party, reference_id if own else 0, link if own else None)

    # Recipient

    @property
    def waiting(self) -> Party | None:
        """Who waits for an answer."""
        return self._by

    def called(self, party: Party) -> None:
        """Somebody is being called."""
        self._party = party

    def dropped(self, party: Party) -> None:
        """Somebody is not being called any more."""
        if party in self._announced and self.conference is not None:
            self._announced.remove(party)
            self.conference.tell_gone(party, self._by, *self._take_reference())

    def queued(self) -> None:
        """Who was called is a Routing Point: what comes of it is seen later."""
        self._tell(None)

    def _take_reference(self) -> tuple[int, Link | None]:
        reference, self._reference = self._reference, (0, None)
        return reference

    def _announce(self, party: Party) -> None:
        if party in self._announced or not party.alive:
            return
        self._announced.append(party)
        reporter = self.flow.server.reporter
        reference_id, link = self._take_reference()
        for one in self.flow.call.parties:
            if one is not party and one.alive and one not in self._announced:
                mine = one is self._by
                reporter.party_added(
                    one, party, self._by, reference_id=reference_id if mine else 0, link=link if mine else None
                )
        self._tell(None)

    def _tell(self, error: TLibError | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(error)

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        """Somebody rings."""
        self._early.take(event)
        if event.status in RINGING and self.branches is not None:
            for party in self.branches.parties:
                self._announce(party)

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:  # noqa: ARG002
        """Somebody answered."""
        self.branches = None
        party, conference = self._party, self.conference
        session.media.continued = True
        heard = self._early.description(session, event.message.body)
        session.media.said, session.media.heard = self._offer, heard
        session.ack()
        if party is None or conference is None:
            session.hang_up()
            return
        self.flow.ring(party)
        self._announce(party)
        advance(party, Move.ANSWER, self.flow.server.reporter)
        conference.invitations.remove(self)
        conference.seat(party, session)
        conference.thin_out()

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:  # noqa: ARG002
        """Nobody will answer; whoever was called has been let go."""
        self.branches = None
        self._tell(error_of(refusal_of(failure).status))
        if self.conference is not None:
            self.conference.invitations.remove(self)
            self.conference.thin_out()
