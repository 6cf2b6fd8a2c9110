"""Hold and retrieve by a phone (first-party call control).

    A                     switch                     B
    |                        | <- re-INVITE (sendonly) -- |        B holds: any of sendonly, inactive, 0.0.0.0, port 0
    | <- re-INVITE (sendonly)|                            |
    | 200 (recvonly) ------> | 200 (recvonly) ----------> |        B: EventHeld; on A there is no event
    |                        | <- re-INVITE (sendrecv) -- |
    | <- re-INVITE (sendrecv)|                            |
    | 200 (sendrecv) ------> | 200 (sendrecv) ----------> |        B: EventRetrieved

UPDATE does the same (RFC 3311). Who holds is the one whose own offer stops its ears; an answer only follows
(RFC 6337 5.3). Both may hold, each for itself. What the other phone refuses has not happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.party import Move, advance
from cordboard.sip.media import HELD

if TYPE_CHECKING:
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow


def from_phone(flow: CallFlow, session: Session, change: str) -> None:
    """A phone's own offer changed which way its speech goes, and the other phone agreed."""
    party = flow.party_of(session)
    move = Move.HOLD if change == HELD else Move.RETRIEVE
    if party is not None and party.can(move):
        advance(party, move, flow.server.reporter)
