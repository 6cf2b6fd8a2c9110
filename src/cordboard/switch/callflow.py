"""What every flow of a call has in common: the call, its parties, its bridge, its end and its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState
from cordboard.model.party import Move, Party, PartyState, advance
from cordboard.sip.handler import SILENT
from cordboard.switch import ending
from cordboard.switch.bridge import Bridge
from cordboard.switch.ending import Ending
from cordboard.switch.features.caller_id import unnamed
from cordboard.switch.features.media_path import NOTHING
from cordboard.switch.flows import anchoring, hold, music, refer
from cordboard.switch.records import Outcome, ReleasedBy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard import _core
    from cordboard.model.call import Call
    from cordboard.model.errors import TLibError
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.delivery import Delivery
    from cordboard.switch.features.caller_id import Identity
    from cordboard.switch.flows.anchoring import Anchoring
    from cordboard.switch.flows.arrangement import Arrangement
    from cordboard.switch.flows.overture import Overture
    from cordboard.switch.flows.patience import Done
    from cordboard.switch.flows.pickup import Pickup
    from cordboard.switch.flows.transfer import Transfer
    from cordboard.switch.legs import Called, Failure
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer
    from cordboard.switch.trunks.selection import Trunk

# Named once: looking a member up costs more than the step it stands for.
_ANSWER, _RING = Move.ANSWER, Move.RING
_NULL, _RELEASED = PartyState.NULL, PartyState.RELEASED

SHUTDOWN: Final = (("Reason", 'SIP;cause=503;text="Server shutdown"'),)


class CallFlow:
    """A call in one of its flows. It owns the sessions, and ends them all when it ends."""

    __slots__ = (
        "a",
        "anchoring",
        "arrangement",
        "b",
        "branches",
        "bridge",
        "call",
        "callee",
        "callee_call_id",
        "caller",
        "caller_call_id",
        "over",
        "owed",
        "ringing_at",
        "server",
        "strangers",
        "transfer",
        "trunks",
    )

    requested = False
    """Whether a desktop asked for the call."""

    asks_for_offer = False
    """Whether the callee is called without an offer, so that its answer has one."""

    def __init__(self, server: SipServer, call: Call) -> None:
        self.server = server
        self.call = call
        self.caller: Party | None = None
        self.callee: Party | None = None
        self.a: Session | None = None
        """The caller's leg."""
        self.b: Session | None = None
        """The leg of the contact that answered."""
        self.branches: Delivery | Pickup | None = None
        """The callee while it is being called."""
        self.trunks: tuple[Trunk, ...] = ()
        """The trunks the call takes up."""
        self.bridge: Bridge | None = None
        """Both legs, joined."""
        self.arrangement: Arrangement | None = None
        """What the legs are joined to in place of each other: media services, or nothing."""
        self.anchoring: Anchoring | None = None
        """Why the legs are to be joined to a media service, if they are."""
        self.caller_call_id = ""
        self.callee_call_id = ""
        self.ringing_at: float | None = None
        self.strangers: dict[Party, tuple[Extension, Identity]] | None = None
        """Who is not just his DN: the trunk, or DN, he is behind, and who he is."""
        self.transfer: Transfer | None = None
        """The transfer under way, of this call or to the target of this consultation."""
        self.over = False
        self.owed: tuple[Done, ...] = ()
        """Who is to be told that the call has ended before what he asked for was done."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call!r}>"

    # What flows share.

    def owe(self, done: Done) -> Done:
        """``done`` as it may be called any time: it is told once, at the latest that the call has ended."""

        def once(error: TLibError | None) -> None:
            if once in self.owed:
                self.owed = tuple(other for other in self.owed if other is not once)
                done(error)

        self.owed += (once,)
        return once

    def ring(self, party: Party | None = None) -> None:
        """The callee, or that party, rings, if it did not yet."""
        party = party or self.callee
        if party is not None and party.state is _NULL:
            reporter = self.server.reporter
            if self.ringing_at is None:
                self.ringing_at = reporter.now()
            advance(party, _RING, reporter, party.arrived)

    @property
    def waiting(self) -> Party | None:
        """The party that waits for the callee."""
        return self.caller

    def called(self, party: Party) -> None:
        """That party is being called now."""
        self.callee = party

    def dropped(self, party: Party) -> None:
        """That party is not being called any more."""
        if self.callee is party:
            self.callee = None

    def queued(self) -> None:
        """The call waits at a Routing Point."""

    def offers_no_more(self) -> bool:
        """Whether the caller's leg is up already, so that whoever is called from now on is to make the offer."""
        return False

    @property
    def early_dialog(self) -> int:
        """A dialog with one who rings, in which media are agreed already; 0 for none."""
        return 0

    def meet(self, party: Party, extension: Extension, identity: Identity) -> None:
        """Remembers who a party is that is not just its DN: a stranger behind a trunk, or a DN that hides."""
        if self.strangers is None:
            self.strangers = {}
        self.strangers[party] = (extension, identity)

    def forget(self, party: Party) -> None:
        """A party has left a call that goes on: nobody sees it any more, and its trunk is free."""
        self.free_trunk_of(party)
        if party in self.call.parties:
            self.call.parties.remove(party)
        if self.strangers is not None:
            self.strangers.pop(party, None)

    def extension_of(self, party: Party) -> Extension | None:
        """The DN of a party, or the trunk it is behind."""
        if self.strangers is not None and party in self.strangers:
            return self.strangers[party][0]
        return self.server.extensions.get(party.number)

    def identity_of(self, party: Party) -> Identity:
        """Who a party is, as others may be told by their trust."""
        known = self.strangers.get(party) if self.strangers is not None else None
        if known is not None:
            return known[1]
        extension = self.server.extensions.get(party.number)
        return extension.who if extension is not None else unnamed(party.number, self.server.settings.domain)

    def told(self, viewer: Extension | None, party: Party) -> _core.Headers:
        """The headers that tell a DN, or a trunk, whom it is connected to: no more than its trust allows."""
        if viewer is None:
            return ()
        settings = viewer.settings
        return self.identity_of(party).shown_to(settings)[1]

    def occupy(self, trunk: Trunk) -> None:
        """The call goes through a trunk, and counts there."""
        trunk.calls += 1
        self.trunks += (trunk,)

    def vacate(self, trunk: Trunk) -> None:
        """The call goes through that trunk no more."""
        if trunk in self.trunks:
            at = self.trunks.index(trunk)
            self.trunks = self.trunks[:at] + self.trunks[at + 1 :]
            trunk.calls -= 1

    def free_trunk_of(self, party: Party) -> None:
        """A party leaves the call: if it was behind a trunk, the call takes up less of that."""
        extension = self.extension_of(party) if party.dn is None else None
        trunk = self.server.trunks.get(extension.dn.number) if extension is not None else None
        if trunk is not None:
            self.vacate(trunk)

    def answer_nowhere(self) -> None:
        """Answers a caller who still waits, so that his media leads nowhere for now. His ACK will come."""

    def establish(self) -> None:
        """The callee answered: both parties are talking."""
        reporter = self.server.reporter
        self.ring()
        if self.callee is not None:
            advance(self.callee, _ANSWER, reporter)
        if self.caller is not None:
            advance(self.caller, _ANSWER, reporter)
        anchoring.as_configured(self)

    def join(self, a: Session, b: Session, interval: float) -> Bridge:
        """Joins both legs."""
        self.bridge = bridge = Bridge(self.server.clock, self, a, b, interval)
        anchoring.consider(self)
        return bridge

    def apart(self, one: Session, other: Session, offer: bytes = b"") -> frozenset[str]:
        """What keeps the phones of two legs apart, if a media service can bridge it. ``offer``: what the one says."""
        return anchoring.needs(self, one, other, offer)

    def may_be_bridged(self, one: Session, other: Session) -> bool:
        """Whether a media service can bridge the phones of two legs."""
        return anchoring.may_bridge(self, one, other)

    def consider_media(self, besides: frozenset[str] = NOTHING) -> None:
        """Both legs are joined, or have said anew where they receive: whether they are to be anchored.

        ``besides``: what is known to keep them apart that does not show in that.
        """
        anchoring.consider(self, besides)

    def anchor(self, needs: frozenset[str], headers: _core.Headers = ()) -> None:
        """Joins both legs not to each other but to a media service; ``headers``: for a caller not answered yet."""
        anchoring.at_once(self, needs, headers)

    def overture(self) -> Overture:
        """What is heard through a media service before the answer."""
        return anchoring.of(self).begin()

    def audit_interval(self) -> float:
        """How often the phones are asked whether they live: as often as the shortest of their DNs' options says."""
        shortest = 0.0
        for party in self.call.parties:
            extension = self.extension_of(party) if party.ended_at == 0.0 else None
            if extension is not None:
                interval = extension.settings.session_audit_interval
                if 0 < interval < shortest or shortest == 0.0:
                    shortest = interval
        return shortest

    @property
    def settled(self) -> bool:
        """Whether it is up and no change of its media is under way."""
        if self.bridge is not None:
            return self.bridge.settled
        return self.arrangement is not None and self.arrangement.settled

    def party_of(self, session: Session) -> Party | None:
        """The party at the end of a leg."""
        if session is self.a:
            return self.caller
        if session is self.b:
            return self.callee
        return self.arrangement.party_of(session) if self.arrangement is not None else None

    def session_of(self, party: Party) -> Session | None:
        """The leg of a party."""
        if party is self.caller:
            return self.a
        if party is self.callee:
            return self.b
        return self.arrangement.session_of(party) if self.arrangement is not None else None

    def party_opposite(self, session: Session) -> Party | None:
        """The party at the other end."""
        return self.callee if session is self.a else self.caller

    def session_opposite(self, session: Session) -> Session | None:
        """The leg of the party at the other end."""
        return self.b if session is self.a else self.a

    def part(self) -> None:
        """Takes both legs apart; what becomes of them is the caller's to say."""
        if self.bridge is not None:
            self.bridge.dissolve()
            self.bridge = None
        if self.anchoring is not None:
            self.anchoring.hush()
        self.rearrange(None)

    def rearrange(self, arrangement: Arrangement | None) -> None:
        """Puts another arrangement in the place of the one there is, or none."""
        before, self.arrangement = self.arrangement, arrangement
        if before is not None and before is not arrangement:
            before.close()

    def released_by(self, session: Session) -> str:
        """Who ends the call when this leg does: the one who called it, or another."""
        return self._released_by(self.party_of(session))

    def _released_by(self, party: Party | None) -> str:
        return ReleasedBy.CALLER if party is not None and party.number == self.call.ani else ReleasedBy.CALLEE

    # BranchesHandler, as flows have it

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """A phone that is being called rings."""

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """A phone that is being called answered."""

    def on_branch_failure(self, branches: Called, failure: Failure) -> None:
        """A phone that is being called will not answer."""

    # BridgeHandler

    def on_hang_up(self, session: Session, message: _core.Message) -> None:
        """A phone hung up."""
        if self.transfer is not None and self.transfer.left(session):
            return
        if self.arrangement is not None and self.arrangement.left(session):
            return
        outcome, status = (Outcome.ANSWERED, 200) if self.call.answered_at > 0 else (Outcome.CANCELLED, 487)
        party = self.party_of(session)
        by, method, headers = self._released_by(party), message.method, _reason(message)
        self.finish(Ending(outcome, status, by, method, party, headers=headers))

    def on_lost(self, session: Session, reason: str) -> None:
        """A phone is gone."""
        self.server.lost += 1
        if self.server.log.debugging:
            self.server.log.debug("far end lost", conn_id=self.call.conn_id, reason=reason)
        if self.transfer is not None and self.transfer.left(session):
            return
        if self.arrangement is not None and self.arrangement.left(session):
            return
        answered = self.call.answered_at > 0
        outcome, status = (Outcome.ANSWERED, 200) if answered else (Outcome.FAILED, 500)
        self.end(outcome, status, ReleasedBy.SERVER, reason, first=self.party_of(session))

    def on_media(self, session: Session, change: str) -> None:
        """A phone put the other on hold, or took it back."""
        hold.from_phone(self, session, change)

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether an offer of a phone is answered here, because the other party is to hear music, or does."""
        if self.arrangement is not None:
            return self.arrangement.takes_offer(session, event)
        return music.takes_hold(self, session, event)

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether an INFO of a phone that is joined to a service is for the other phone."""
        return self.arrangement is not None and self.arrangement.passes(session, event)

    def on_refer(self, session: Session, event: _core.RequestEvent) -> None:
        """A phone asks for a transfer."""
        refer.from_phone(self, session, event)

    # Ending.

    def release(self, party: Party, reference_id: int, link: Link | None) -> None:
        """Carries out ReleaseCall for one party: with two parties, the call ends."""
        transfer = self.transfer
        if transfer is not None and transfer.flow is self:
            if party is transfer.transferor:
                transfer.reference = (reference_id, link)
                transfer.session.hang_up()
                transfer.leave()
                return
            if transfer.decline(party, reference_id, link):
                return
        if self.branches is not None and self.branches.decline(party, reference_id, link):
            return
        if self.arrangement is not None and self.arrangement.release(party, reference_id, link):
            return
        self.clear(party, reference_id, link)

    def clear(self, party: Party, reference_id: int, link: Link | None) -> None:
        """Carries out ClearCall: the call ends for all."""
        answered = self.call.answered_at > 0
        by = ReleasedBy.CALLER if party is self.caller else ReleasedBy.CALLEE
        if answered:
            outcome, status = Outcome.ANSWERED, 200
        elif party is self.caller:
            outcome, status = Outcome.CANCELLED, 487
        else:
            outcome, status = Outcome.REJECTED, 603
        self.end(outcome, status, by, "ReleaseCall", first=party, reference_id=reference_id, link=link)

    def shut_down(self) -> None:
        """Ends the call because the server stops."""
        if self.call.answered_at > 0:
            self.end(Outcome.ANSWERED, 200, ReleasedBy.SERVER, "shutdown", headers=SHUTDOWN)
        else:
            self.end(Outcome.FAILED, 503, ReleasedBy.SERVER, "shutdown", headers=SHUTDOWN)

    def fault(self) -> None:
        """Ends the call after an error nobody foresaw, even one that has struck while it was ending."""
        if self.server.calls.get(self.call.conn_id) is self:
            self.over = True
            ending.end(self, Ending(Outcome.FAILED, 500, ReleasedBy.SERVER, "internal error"))

    def end(
        self,
        outcome: str,
        status: int,
        released_by: str,
        reason: str,
        *,
        first: Party | None = None,
        state: CallState = CallState.OK,
        headers: _core.Headers = (),
        reference_id: int = 0,
        link: Link | None = None,
    ) -> None:
        """Ends the call: see :class:`cordboard.switch.ending.Ending`. Once only."""
        self.finish(Ending(outcome, status, released_by, reason, first, state, headers, reference_id, link))

    def finish(self, how: Ending) -> None:
        """The same."""
        if not self.over:
            self.over = True
            ending.end(self, how)

    def wind_up(self) -> None:
        """Ends what only this flow has."""

    def let_go(self) -> None:
        """Nobody is told of this call any more, and nothing in it holds anything else in a circle.

        So an ended call is freed at once, and not when the collector comes by.
        """
        mine: tuple[object, ...] = (self.bridge, self)
        for session in (self.a, self.b):
            if session is not None and session.handler in mine:
                session.handler = SILENT
        self.a = self.b = self.branches = self.bridge = self.strangers = self.anchoring = None
        for party in self.call.parties:
            party.peer = None
            if party.dn is not None and party.state is not _RELEASED:
                # Not there any more, but after an error nobody foresaw.
                party.dn.parties.pop(party, None)
        self.call.parties.clear()

    def absorb(self, other: CallFlow, parties: Iterable[Party], outcome: str = Outcome.TRANSFERRED) -> None:
        """Takes over another call: see :func:`cordboard.switch.ending.absorb`."""
        ending.absorb(self, other, parties, outcome)


def _reason(message: _core.Message) -> _core.Headers:
    value = message.header("Reason")
    return (("Reason", value),) if value else ()
