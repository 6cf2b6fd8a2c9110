"""Tones for a caller who is answered and has nobody to talk to: ringback, and busy when the call has come to nothing.

A phone that made its call by itself has 180 or 486 and makes its own; this is for those whose leg is up already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState
from cordboard.switch.flows.waiting import Waiting, available, end_refused
from cordboard.switch.services import errand
from cordboard.switch.services.limb import State
from cordboard.switch.services.plan import Plan

if TYPE_CHECKING:
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.refusals import Refusal

SLACK: Final = 2.0
"""Seconds a service may take for a tone beyond the tone itself."""


def wanted(flow: CallFlow) -> bool:
    """Whether the caller's DN, or the switch, wants tones."""
    caller = flow.extension_of(flow.caller) if flow.caller is not None else None
    own = caller.settings.ring_tone_on_make_call if caller is not None else None
    return flow.server.settings.ring_tone_on_make_call if own is None else own


def ring_back(flow: CallFlow) -> None:
    """Lets the caller hear that the callee rings, unless it hears something already."""
    leg = flow.a
    tone = errand.tone(flow.server.settings.ring_tone)
    if flow.arrangement is not None or leg is None or leg.over or leg.early:
        return
    if wanted(flow) and available(flow, tone):
        waiting = Waiting(flow, leg)
        flow.rearrange(waiting)
        waiting.play(Plan(tone))


def refuse(flow: CallFlow, refusal: Refusal) -> None:
    """Lets the caller hear that there is nobody, then ends the call; at once if that cannot be heard."""
    leg = flow.a
    settings = flow.server.settings
    seconds = settings.busy_tone_time
    tone = errand.announcement(
        settings.busy_tone if refusal.state is CallState.BUSY else settings.fast_busy_tone, seconds
    )
    if leg is None or leg.over or seconds <= 0 or not wanted(flow) or not available(flow, tone):
        end_refused(flow, refusal)
        return
    waiting = flow.arrangement
    if not isinstance(waiting, Waiting):
        waiting = Waiting(flow, leg)
        flow.rearrange(waiting)
    waiting.refused = refusal
    busy = waiting

    def over(state: State, _: object) -> None:
        if state is not State.UP:
            busy.end()

    busy.play(Plan(tone), over, most=seconds + SLACK)
