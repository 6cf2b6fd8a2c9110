"""Digits (DTMF) to the other party of a call: SendDTMF of a desktop.

    sip-dtmf of the receiver's DN
    info    one INFO application/dtmf-relay after another, within its dialog                        EventDTMFSent
    rtp     the call is anchored for as long as it takes, and the service sends telephone events (RFC 4733)

What phones send each other is no matter of this: :mod:`cordboard.switch.flows.passing`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model import events as ev
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import PartyState
from cordboard.sip.bodies import dtmf
from cordboard.switch.flows import anchoring
from cordboard.switch.flows.anchored import Anchored
from cordboard.switch.flows.passing import DIGITS, press
from cordboard.switch.services.errand import MSML

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.patience import Done

MOST: Final = 64
"""Most digits of one request."""

LENGTH: Final = 160
"""Milliseconds of a digit."""

GAP: Final = 0.1
"""Seconds between two."""


def send(flow: CallFlow, party: Party, digits: str, done: Done, reference_id: int, link: Link | None) -> None:
    """Carries out SendDTMF. Raises TLibError."""
    if not 1 <= len(digits) <= MOST or any(digit not in dtmf.DIGITS for digit in digits.upper()):
        raise TLibError(Code.INVALID_ATTRIBUTE, "DTMFDigits")
    digits = digits.upper()
    session = flow.session_of(party)
    other = flow.session_opposite(session) if session is not None else None
    opposite = flow.party_opposite(session) if session is not None else None
    direct = flow.bridge is not None or isinstance(flow.arrangement, Anchored)
    if other is None or opposite is None or not direct or party.state is not PartyState.ESTABLISHED:
        raise TLibError(Code.WRONG_STATE, party.state.value)
    extension = flow.extension_of(opposite)

    def over(error: TLibError | None) -> None:
        if error is None and party.alive and flow.server.reporter.wanted(party):
            flow.server.reporter.call_event(
                ev.EventDTMFSent, party, reference_id=reference_id, link=link, own={"dtmf_digits": digits}
            )
        done(error)

    if extension is not None and extension.settings.dtmf == "rtp":
        _by_service(flow, other, digits, over)
    else:
        _by_info(flow, other, digits, flow.owe(over))


def _by_info(flow: CallFlow, session: Session, digits: str, done: Done) -> None:
    if flow.over or not session.confirmed:
        done(TLibError(Code.WRONG_STATE, "the other party is gone"))
        return

    def answered(status: int, event: _core.ResponseEvent | None) -> None:
        if event is None or status >= 300:
            done(TLibError(Code.PHONE_REFUSED, str(status)))
        elif len(digits) > 1:
            flow.server.clock.call_later(GAP, partial(_by_info, flow, session, digits[1:], done))
        else:
            done(None)

    session.request("INFO", answered, body=dtmf.relay(digits[0], LENGTH), content_type=dtmf.RELAY)


def _by_service(flow: CallFlow, session: Session, digits: str, done: Done) -> None:
    server = flow.server
    if server.services.choose(MSML, server.clock.now()) is None:
        raise TLibError(Code.NO_SERVICE, MSML)
    anchored = anchoring.of(flow)

    def up(arrangement: Anchored | None) -> None:
        seat = arrangement.seats.get(session) if arrangement is not None else None
        if seat is None:
            finished("no seat")
        else:
            press(seat, digits, LENGTH, finished)

    def finished(why: str) -> None:
        anchored.drop(DIGITS)
        done(TLibError(Code.NO_SERVICE, why) if why else None)

    anchored.when_up(DIGITS, up)
