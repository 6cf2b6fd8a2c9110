"""INFO of a phone whose media is anchored: it passes to the other phone, as from leg to leg of any call.

Digits are translated, each once, also those of a phone that sends them both ways:

    in INFO, to a phone that takes none          the service sends it telephone events (RFC 4733). Its Allow says so, if
                                                 its description has them; or a refusal, once
    in RTP, to a phone that takes INFO alone     the service lets none through and tells what it hears; the phone gets
    (sip-dtmf=info-only)                         INFO
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.sip.bodies import dtmf
from cordboard.sip.bodies.msml import model
from cordboard.switch.bridge import ENDS, GOES_ON, OURS, leave
from cordboard.switch.headers import end_to_end

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.anchored import Anchored
    from cordboard.switch.flows.anchoring import Finished
    from cordboard.switch.services.seat import Seat

INFO_ALONE: Final = "info-only"
"""Value of ``sip-dtmf``, and reason for anchoring a call."""

DIGITS: Final = "digits"
"""Name of the dialog that sends them, and reason for anchoring a call meanwhile."""

NOT_TAKEN: Final = frozenset({405, 406, 415, 420, 469, 488, 489, 501})
"""Refusals that mean that a phone takes no digits in INFO."""


MOST_WAITING: Final = 32
"""Digits that may wait until those before them have been sent."""


def press(seat: Seat, digits: str, length: int, done: Finished) -> None:
    """Has a service send telephone events to a party, when it has sent those it was told before.

    ``done``: told why it was not done; nothing if it was.
    """
    if seat.pressing is None:
        _press(seat, digits, length, partial(_pressed, seat, done))
    elif len(seat.waiting) < MOST_WAITING:
        seat.waiting.append((digits, length, done))
    else:
        done("too many digits wait")


def _pressed(seat: Seat, done: Finished, why: str) -> None:
    waiting = seat.waiting
    if why:
        # Nobody is there who could send the others.
        seat.waiting = []
        for _, _, one in waiting:
            one(why)
    elif waiting:
        digits, length, after = waiting.pop(0)
        _press(seat, digits, length, partial(_pressed, seat, after))
    done(why)


def _press(seat: Seat, digits: str, length: int, done: Finished) -> None:
    steps = (model.GenerateDigits(digits, duration=length), model.Exit(("dtmfgen.end",)))

    def begun(result: model.Result) -> None:
        if result.response is not model.Response.OK:
            seat.pressing = None
            done(result.description)

    seat.pressing = done
    seat.say((model.DialogStart(seat.name, steps, name=DIGITS),), begun)


def takes_info_alone(flow: CallFlow, session: Session) -> bool:
    """Whether the phone opposite of a leg takes digits by INFO only."""
    opposite = flow.party_opposite(session)
    extension = flow.extension_of(opposite) if opposite is not None else None
    return extension is not None and extension.settings.dtmf == INFO_ALONE


def give(flow: CallFlow, session: Session, digit: str, length: int) -> None:
    """A phone has pressed a digit in RTP: the other one gets it by INFO."""
    other = flow.session_opposite(session)
    if other is None or not other.confirmed:
        return

    def answered(status: int, event: _core.ResponseEvent | None) -> None:
        if event is None or status >= 300:
            flow.server.log.warning("digit not taken", conn_id=flow.call.conn_id, status=status)

    other.request("INFO", answered, body=dtmf.relay(digit, length), content_type=dtmf.RELAY)


def passes(anchored: Anchored, session: Session, event: _core.RequestEvent) -> bool:
    """Passes an INFO of a phone in an anchored call to the other one. Whether that could be tried."""
    other = anchored.flow.session_opposite(session)
    if other is None or not other.confirmed:
        return False
    message = event.message
    body, kind = message.content
    near = anchored.seats.get(session)
    if near is not None and near.translates and kind.lower() in dtmf.TYPES:
        key, _ = dtmf.parse(body, kind.lower())
        if key and not near.once.counts(key, anchored.flow.server.clock.now(), by_info=True):
            session.respond(event.transaction, 200)
            return True

    def answered(status: int, answer: _core.ResponseEvent | None) -> None:
        if event.transaction not in anchored.passed:
            return
        seat = anchored.seats.get(other)
        if status in NOT_TAKEN and digit:
            anchored.anchoring.info[other] = False
        if status in NOT_TAKEN and digit and seat is not None:
            press(seat, digit, length, pressed)
        elif answer is None or status in OURS:
            finish(500)
        else:
            content, its = answer.message.content
            finish(status, end_to_end(answer.message), content, its)

    def pressed(why: str) -> None:
        finish(500 if why else 200)

    def finish(status: int, headers: _core.Headers = (), content: bytes = b"", its: str = "application/sdp") -> None:
        if anchored.passed.pop(event.transaction, None) is not None:
            session.respond(event.transaction, status, headers=headers, body=content, content_type=its)

    anchored.passed[event.transaction] = session
    digit, length = dtmf.parse(body, kind.lower()) if kind.lower() in dtmf.TYPES else ("", 0)
    seat = anchored.seats.get(other)
    if digit and seat is not None and _wants_events(anchored, other):
        press(seat, digit, length, pressed)
        return True
    other.request("INFO", answered, headers=end_to_end(message), body=body, content_type=kind)
    return True


def _wants_events(anchored: Anchored, session: Session) -> bool:
    """Whether a phone has said that it takes no INFO, and that it takes telephone events."""
    return anchored.anchoring.info.get(session) is False and b"telephone-event/" in session.media.heard


def leave_all(anchored: Anchored) -> None:
    """Answers what the phones have not answered each other: the call ends, or they part."""
    passed, anchored.passed = anchored.passed, {}
    for transaction, asker in passed.items():
        leave(asker, transaction, ENDS if anchored.flow.over else GOES_ON)
