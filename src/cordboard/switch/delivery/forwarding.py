"""Where a DN that does not take a call sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.features.diversion import Why
from cordboard.switch.numbers import number_of
from cordboard.switch.records import Outcome
from cordboard.switch.trunks.selection import listed

if TYPE_CHECKING:
    from cordboard.model.forwarding import Features
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.legs import Failure


def forwarded(features: Features, why: Why) -> str:
    """Where a DN that did not take a call wants it to go; empty for nowhere."""
    return features.busy if why in (Why.BUSY, Why.DND) else features.no_answer


def sent_on(failure: Failure) -> str:
    """Where a phone that answered 3xx sends its caller; empty for nowhere."""
    if 300 <= failure.status < 400 and failure.message is not None:
        for uri in listed(failure.message.headers("Contact")):
            number = number_of(uri)
            if number:
                return number
    return ""


def reason_of(refusal: Refusal) -> Why | None:
    """Which kind of forwarding the refusal of a phone calls for; None for none."""
    if refusal.outcome == Outcome.BUSY or refusal.status == 603:
        return Why.BUSY
    if refusal.outcome == Outcome.NO_ANSWER:
        return Why.NO_ANSWER
    return Why.UNREACHABLE if refusal.outcome == Outcome.UNREACHABLE else None
