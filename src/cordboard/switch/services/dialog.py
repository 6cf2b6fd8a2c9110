"""A dialog with one party by MSML (RFC 5707 section 9): prompts, digits, recording.

    party's leg              switch                     service
    |                          | INFO <dialogstart> -----> |
    |                          | <----- 200 <result 200>   |
    | <------------------------------ RTP, RTP events ---> |
    |                          | <- INFO <event name="msml.dialog.exit">, what it found out
    |                          | BYE --------------------> |

A service that dies, or ends the leg before the dialog is over, is replaced by another, which begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.bodies.msml import model
from cordboard.switch.services import errand
from cordboard.switch.services.controlled import Controlled
from cordboard.switch.services.limb import Limb, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow

EXIT: Final = "msml.dialog.exit"

MOST_STARTS: Final = 3
"""How many services may begin it: one after another they would all begin anew for ever."""


class Dialog(Controlled):
    """Such a limb. UP is told when the dialog has begun, ENDED when it is over and has left its :attr:`result`."""

    __slots__ = ("_starts", "_steps", "result")

    def __init__(
        self, flow: CallFlow, leg: Session, steps: tuple[model.Step, ...], told: Callable[[Limb], None]
    ) -> None:
        super().__init__(flow, leg, errand.dialog(), told)
        self._steps = steps
        self._starts = 0
        self.result: Mapping[str, str] = {}
        """What it found out, as ``dtmf.digits``."""

    def begin(self) -> None:
        """See Controlled."""
        self.say((model.DialogStart(self.name, self._steps, name="treatment"),), self._begun)

    def _begun(self, result: model.Result) -> None:
        if result.response is model.Response.OK:
            self._told(self)
        else:
            self.give_up(result)

    def heard(self, event: model.Event) -> None:
        """See Controlled: the dialog is over, or says something on its way."""
        if event.name == EXIT:
            self.result = dict(event.values)
            self.leg.handler = self
            self._finish()

    def _lost(self, *, died: bool = False) -> None:
        self._starts += 1
        super()._lost(died=died or (self.state is State.UP and self._starts < MOST_STARTS))
