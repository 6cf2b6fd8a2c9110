"""What is kept of a call for who looks into it later: its legs, and what the desktops asked and were told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from cordboard.model.events import Event
    from cordboard.model.requests import Request

LEGS_OF_A_CALL: Final = 64
STEPS_OF_A_CALL: Final = 500


class History(msgspec.Struct, gc=False, eq=False):
    """Of one call. Bounded: what comes when it is full is not kept."""

    call_ids: list[str] = []
    """Of its legs, in the order in which they became known."""
    steps: list[Event | tuple[float, Request]] = []
    """In the order in which they happened; an event says itself when that was, in Unix time."""

    def leg(self, call_id: str) -> None:
        """The call has a leg of that Call-ID."""
        if call_id not in self.call_ids and len(self.call_ids) < LEGS_OF_A_CALL:
            self.call_ids.append(call_id)

    def step(self, step: Event | tuple[float, Request]) -> None:
        """A desktop was told something of the call, or asked something of it at that Unix time."""
        if len(self.steps) < STEPS_OF_A_CALL:
            self.steps.append(step)
