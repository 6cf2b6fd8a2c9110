"""What a party is to hear or to do at a media service, and the limb that has it done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cordboard.switch.services.application import Application
from cordboard.switch.services.dialog import Dialog
from cordboard.switch.services.errand import APPLICATION
from cordboard.switch.services.limb import Limb

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.bodies.msml import model
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.services.dialog import Following
    from cordboard.switch.services.errand import Errand


class Plan(NamedTuple):
    """What is asked of a media service."""

    errand: Errand
    steps: tuple[model.Step, ...] = ()
    """The dialog, if it is one by MSML."""
    following: Following | None = None
    """What comes after that dialog; None for nothing."""

    def limb(self, flow: CallFlow, leg: Session, told: Callable[[Limb], None]) -> Limb:
        """The limb for it, not started."""
        if self.steps:
            return Dialog(flow, leg, self.steps, told, self.following)
        kind = Application if self.errand.need == APPLICATION else Limb
        return kind(flow, leg, self.errand, told)
