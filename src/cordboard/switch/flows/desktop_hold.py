"""HoldCall and RetrieveCall of a desktop, in the form that asks nothing of the phone but a re-INVITE.

    B                     switch                     A
    | <- re-INVITE (0.0.0.0)  |                          |        HoldCall
    | 200 ------------------> | music, see flows/music   |        B: EventHeld (ReferenceID)
    | <- re-INVITE (no offer) |                          |        RetrieveCall
    | 200 (offer) ----------> | re-INVITE (offer) -----> |
    | <--------- ACK (answer) | <----------- 200 (answer)|        B: EventRetrieved (ReferenceID)

NOTIFY ``hold`` and ``talk`` (``sip-cti-control``) is not sent to any phone. A phone that refuses leaves all as it was:
EventError. So does one that holds by its own key: it goes on offering ``sendonly``, and EventRetrieved is told when its
user presses the key.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model.errors import Code, TLibError
from cordboard.model.party import Move, PartyState, advance
from cordboard.sip.media import direction
from cordboard.switch.features.media_path import APART
from cordboard.switch.flows import music
from cordboard.switch.flows.conference import Conference
from cordboard.switch.flows.music import Parted
from cordboard.switch.flows.quiet import Quieting
from cordboard.switch.flows.reconnect import Reconnect

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import Bridge
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.arrangement import Arrangement
    from cordboard.switch.flows.patience import Done

OWN_KEY: Final = "it holds by its own key"
"""Why a phone is not taken back by a desktop."""


def check(flow: CallFlow, party: Party, state: PartyState) -> Session:
    """The leg of a party that is in that state, in a call that may be changed now. Raises TLibError."""
    if party.state is not state:
        already = {PartyState.ESTABLISHED: PartyState.HELD, PartyState.HELD: PartyState.ESTABLISHED}.get(state)
        raise TLibError(Code.ALREADY_IN_STATE if party.state is already else Code.WRONG_STATE, party.state.value)
    session = flow.session_of(party)
    if session is None or flow.transfer is not None or not flow.settled:
        raise TLibError(Code.WRONG_STATE, "a change of the call is under way")
    return session


def hold(flow: CallFlow, party: Party, done: Done, reference_id: int = 0, link: Link | None = None) -> None:
    """Holds for a party. Raises TLibError when that is wrong from the start."""
    session = check(flow, party, PartyState.ESTABLISHED)
    held = partial(_held, flow, session, done, reference_id, link)
    _joining(flow).engage(Quieting(flow, session, held, stopped=partial(done, _overtaken()))).start()


def _overtaken() -> TLibError:
    return TLibError(Code.WRONG_STATE, "the call has changed meanwhile")


def _joining(flow: CallFlow) -> Bridge | Arrangement:
    """What a call that is up has its legs joined by."""
    joining = flow.bridge if flow.bridge is not None else flow.arrangement
    assert joining is not None  # noqa: S101 - it is settled
    return joining


def _held(flow: CallFlow, session: Session, done: Done, reference_id: int, link: Link | None, status: int) -> None:
    _joining(flow).disengage()
    if status >= 300:
        done(TLibError(Code.PHONE_REFUSED, str(status)))
        return
    holding = flow.arrangement if flow.arrangement is not None else music.part(flow)
    holding.held(session, reference_id, link)
    done(None)


def retrieve(flow: CallFlow, party: Party, done: Done, reference_id: int = 0, link: Link | None = None) -> None:
    """Takes the other party back. Raises TLibError when that is wrong from the start."""
    session = check(flow, party, PartyState.HELD)
    if isinstance(flow.arrangement, Conference):
        flow.arrangement.retrieved(session, reference_id, link)
        done(None)
        return
    opposite, other = flow.party_opposite(session), flow.session_opposite(session)
    back = partial(advance, party, Move.RETRIEVE, flow.server.reporter, reference_id=reference_id, link=link)
    if opposite is not None and opposite.state is PartyState.HELD:

        def alone() -> None:
            parted = music.part(flow)
            back()
            parted.arrange()

        _ask(flow, session, done, alone)
        return
    if other is None:
        raise TLibError(Code.WRONG_STATE, party.state.value)
    needs = flow.apart(session, other)
    if needs & APART:

        def anchored() -> None:
            back()
            flow.anchor(needs)

        _ask(flow, session, done, anchored)
        return
    if isinstance(flow.arrangement, Parted):
        flow.arrangement.rejoin()
    bridge = flow.bridge
    if bridge is None:
        raise TLibError(Code.WRONG_STATE, party.state.value)

    def joined() -> None:
        bridge.disengage()
        if reconnect.joined and direction(session.media.heard) == "sendrecv":
            back()
            done(None)
            return
        # The phone would not, or holds by its own key: as before.
        music.part(flow).arrange()
        done(TLibError(Code.PHONE_REFUSED, OWN_KEY if reconnect.joined else ""))

    reconnect = Reconnect(flow, session, other, joined, lifting=True, stopped=partial(done, _overtaken()))
    bridge.engage(reconnect).start()


def _ask(flow: CallFlow, session: Session, done: Done, willing: Callable[[], None]) -> None:
    """Asks a phone whether its user wants to hear, where that does not show by joining it to the other one."""

    def asked(status: int) -> None:
        _joining(flow).disengage()
        if status >= 300:
            done(TLibError(Code.PHONE_REFUSED, str(status)))
        elif direction(session.media.heard) not in ("sendrecv", "recvonly"):
            done(TLibError(Code.PHONE_REFUSED, OWN_KEY))
        else:
            willing()
            done(None)

    _joining(flow).engage(Quieting(flow, session, asked, asking=True, stopped=partial(done, _overtaken()))).start()
