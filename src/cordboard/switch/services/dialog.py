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
    from collections.abc import Callable

    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow

    Following = Callable[[dict[str, str]], tuple[model.Step, ...]]
    """What comes after a dialog that has found that out, on the same leg; nothing where it is over. May add to it."""

EXIT: Final = "msml.dialog.exit"

MOST_STARTS: Final = 3
"""How many services may begin it: one after another they would all begin anew for ever."""


class Dialog(Controlled):
    """Such a limb. UP is told when the dialog has begun, ENDED when it is over and has left its :attr:`result`."""

    __slots__ = ("_following", "_starts", "_steps")

    def __init__(
        self,
        flow: CallFlow,
        leg: Session,
        steps: tuple[model.Step, ...],
        told: Callable[[Limb], None],
        following: Following | None = None,
    ) -> None:
        """``following``: see Following; without, nothing follows."""
        super().__init__(flow, leg, errand.dialog(), told)
        self._steps = steps
        self._following = following
        self._starts = 0

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
            self.result = found = dict(event.values)
            following = self._following(found) if self._following is not None else ()
            if following:
                self._steps = following
                self.begin()
                return
            self._part()
            self._finish()

    def _lost(self, *, died: bool = False) -> None:
        self._starts += 1
        super()._lost(died=died or (self.state is State.UP and self._starts < MOST_STARTS))
