"""Transfers asked for by a desktop, on the machine of :mod:`cordboard.switch.flows.transfer`.

    CompleteTransfer     both calls are up: as REFER with Replaces. The one consulted rings: B leaves at once, A waits.
    SingleStepTransfer   as REFER, but B leaves as soon as C rings.
    MuteTransfer         a consultation that is completed when C rings: :mod:`cordboard.switch.flows.consultation`

AlternateCall and ReconnectCall are here as well: one call is held or left, the other taken back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.model.errors import Code, TLibError
from cordboard.model.party import PartyState
from cordboard.switch.delivery import Delivery, error_of
from cordboard.switch.flows import desktop_hold
from cordboard.switch.flows.consultation import take_back
from cordboard.switch.flows.transfer import Observer, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.patience import Done


class _Requester(Observer):
    """The desktop that asked for a transfer."""

    __slots__ = ("_done", "leave", "session")

    def __init__(self, session: Session, done: Done) -> None:
        self.session: Session = session
        self._done = done
        self.leave: Callable[[], None] | None = None
        """Called once, when the target rings."""

    def progress(self, status: int) -> None:  # noqa: ARG002
        """The target rings."""
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()

    def finish(self, status: int, done: Callable[[], None] | None = None) -> None:
        """It succeeded or failed."""
        self.leave = None
        if status < 300:
            self._done(None)
        else:
            self._done(error_of(status))
        if done is not None:
            done()


def single_step_transfer(
    flow: CallFlow, party: Party, number: str, reference: tuple[int, Link | None], done: Done
) -> None:
    """Carries out SingleStepTransfer. Raises TLibError."""
    session = _leg(flow, party, (PartyState.ESTABLISHED, PartyState.HELD))
    requester = _Requester(session, done)
    transfer = Transfer(flow, session, requester)
    transfer.reference = reference
    requester.leave = transfer.leave
    asking = flow.extension_of(party)
    transfer.call(number, [("Referred-By", asking.address)] if asking is not None else [])


def complete(main: CallFlow, consult: CallFlow, dn: str, reference: tuple[int, Link | None], done: Done) -> None:
    """Carries out CompleteTransfer. Raises TLibError."""
    party, consulting = main.call.party_of(dn), consult.call.party_of(dn)
    if party is None or consulting is None:
        raise TLibError(Code.NO_SUCH_PARTY, dn)
    session = _leg(main, party, (PartyState.ESTABLISHED, PartyState.HELD))
    rings = isinstance(consult.branches, Delivery)
    if rings:
        if consulting is not consult.caller or consult.transfer is not None or consult.a is None:
            raise TLibError(Code.WRONG_STATE, consulting.state.value)
        if consult.callee is None or not consult.callee.alive:
            raise TLibError(Code.WRONG_STATE, "nobody rings yet")
        other: Party | None = consult.callee
    else:
        other = consult.party_opposite(_leg(consult, consulting, (PartyState.ESTABLISHED, PartyState.HELD)))
    one = main.party_opposite(session)
    if one is None or other is None or one.number == other.number:
        raise TLibError(Code.WRONG_STATE, "would join a number to itself")
    transfer = Transfer(main, session, _Requester(session, done), consult)
    transfer.reference = reference
    transfer.complete()
    if rings:
        transfer.leave()


def _leg(flow: CallFlow, party: Party, states: tuple[PartyState, ...]) -> Session:
    """The leg of a party in one of those states, in a call that may be changed now. Raises TLibError."""
    session = flow.session_of(party)
    if party.state not in states:
        raise TLibError(Code.WRONG_STATE, party.state.value)
    if session is None or flow.transfer is not None or not flow.settled:
        raise TLibError(Code.WRONG_STATE, "a change of the call is under way")
    if flow.party_opposite(session) is None:
        raise TLibError(Code.WRONG_STATE, "a conference")
    return session


def main_and_consultation(one: CallFlow, other: CallFlow) -> tuple[CallFlow, CallFlow]:
    """Two calls of a DN, the consultation last, whichever way round a desktop names them."""
    if one.call.previous_conn_id == other.call.conn_id:
        return other, one
    return one, other


def alternate(current: CallFlow, held: CallFlow, dn: str, reference_id: int, link: Link | None, done: Done) -> None:
    """Carries out AlternateCall: what cannot be taken from hold leaves the DN what it had. Raises TLibError."""
    party, other = current.call.party_of(dn), held.call.party_of(dn)
    if party is None or other is None:
        raise TLibError(Code.NO_SUCH_PARTY, dn)
    desktop_hold.check(held, other, PartyState.HELD)

    def retrieved(error: TLibError | None) -> None:
        done(error)
        if error is not None:
            take_back(current, party)

    def holding(error: TLibError | None) -> None:
        if error is not None:
            done(error)
            return
        try:
            desktop_hold.retrieve(held, other, retrieved)
        except TLibError as found:
            retrieved(found)

    desktop_hold.hold(current, party, holding, reference_id, link)


def reconnect(current: CallFlow, held: CallFlow, dn: str, reference_id: int, link: Link | None, done: Done) -> None:
    """Carries out ReconnectCall. Raises TLibError."""
    party, other = current.call.party_of(dn), held.call.party_of(dn)
    if party is None or other is None:
        raise TLibError(Code.NO_SUCH_PARTY, dn)
    if party.state is PartyState.RINGING:
        raise TLibError(Code.WRONG_STATE, party.state.value)
    desktop_hold.check(held, other, PartyState.HELD)
    current.release(party, reference_id, link)
    desktop_hold.retrieve(held, other, done)


def completing(dn: str) -> Callable[[CallFlow, CallFlow], None]:
    """What MuteTransfer does with both calls when the one consulted rings or has answered."""
    return partial(_complete, dn)


def _complete(dn: str, main: CallFlow, consult: CallFlow) -> None:
    complete(main, consult, dn, (0, None), lambda _: None)
