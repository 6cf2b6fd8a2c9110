"""INFO of a phone whose media is anchored: it passes to the other phone, as from leg to leg of any call.

Digits that the other phone does not take in INFO are translated: the service sends it telephone events (RFC 4733).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.bodies import dtmf
from cordboard.sip.bodies.msml import model
from cordboard.switch.bridge import OURS
from cordboard.switch.headers import body_of, end_to_end

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.flows.anchored import Anchored
    from cordboard.switch.flows.anchoring import Finished
    from cordboard.switch.services.seat import Seat

DIGITS: Final = "digits"
"""Name of the dialog that sends them, and reason for anchoring a call meanwhile."""

NOT_TAKEN: Final = frozenset({405, 406, 415, 420, 469, 488, 489, 501})
"""Refusals that mean that a phone takes no digits in INFO."""


def press(seat: Seat, digits: str, length: int, done: Finished) -> None:
    """Has a service send telephone events to a party. ``done``: told why it was not done; nothing if it was."""
    steps = (model.GenerateDigits(digits, duration=length), model.Exit(("dtmfgen.end",)))

    def begun(result: model.Result) -> None:
        if result.response is not model.Response.OK:
            seat.pressing = None
            done(result.description)

    seat.pressing = done
    seat.say((model.DialogStart(seat.name, steps, name=DIGITS),), begun)


def passes(anchored: Anchored, session: Session, event: _core.RequestEvent) -> bool:
    """Passes an INFO of a phone in an anchored call to the other one. Whether that could be tried."""
    other = anchored.flow.session_opposite(session)
    if other is None or other.state.value != "confirmed":
        return False
    message = event.message
    body, kind = body_of(message)

    def answered(status: int, answer: _core.ResponseEvent | None) -> None:
        seat = anchored.seats.get(other)
        digit, length = dtmf.parse(body, kind.lower()) if kind.lower() in dtmf.TYPES else ("", 0)
        if status in NOT_TAKEN and digit and seat is not None and seat.pressing is None:
            press(seat, digit, length, lambda why: session.respond(event.transaction, 500 if why else 200))
        elif answer is None or status in OURS:
            session.respond(event.transaction, 500)
        else:
            content, its = body_of(answer.message)
            headers = end_to_end(answer.message)
            session.respond(event.transaction, status, headers=headers, body=content, content_type=its)

    other.request("INFO", answered, headers=end_to_end(message), body=body, content_type=kind)
    return True
