"""A dialog with one party by MSML (RFC 5707): prompts, digits, recording.

    party's leg              switch                     service
    |  joined as any limb, by INVITE sip:msml@service      |
    |                          | INFO <dialogstart> -----> |
    |                          | <----- 200 <result 200>   |
    | <------------------------------ RTP, RTP events ---> |
    |                          | <- INFO <event name="msml.dialog.exit">, what it found out
    |                          | 200 --------------------> |
    |                          | BYE --------------------> |

The leg is named by the tag the service gave itself (RFC 5707 section 6). A service that dies, or ends the leg before
the dialog is over, is replaced by another, which begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.bodies.msml import CONTENT_TYPE, model
from cordboard.sip.bodies.msml.read import parse
from cordboard.sip.bodies.msml.write import to_bytes
from cordboard.switch.services import errand
from cordboard.switch.services.limb import Input, Limb, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.legs import Called

EXIT: Final = "msml.dialog.exit"

MOST_STARTS: Final = 3
"""How many services may begin it: one after another they would all begin anew for ever."""

ACK_WAIT: Final = 0.05
"""Seconds between two looks whether a service that owes its party an answer has it."""


class Dialog(Limb):
    """Such a limb. UP is told when the dialog has begun, ENDED when it is over and has left its :attr:`result`."""

    __slots__ = ("_later", "_starts", "_steps", "_tag", "result")

    def __init__(
        self, flow: CallFlow, leg: Session, steps: tuple[model.Step, ...], told: Callable[[Limb], None]
    ) -> None:
        super().__init__(flow, leg, errand.dialog(), told)
        self._steps = steps
        self._tag = ""
        self._starts = 0
        self._later: Timer | None = None
        self.result: Mapping[str, str] = {}
        """What it found out, as ``dtmf.digits``."""

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """The service answered."""
        address = event.message.address("To")
        self._tag = address[2].get("tag", "") if address is not None else ""
        super().on_branch_answer(branches, session, event)

    def _let_go(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        super()._let_go()

    def _up(self) -> None:
        media = self.media
        if media is None:
            return
        if media.state.value != "confirmed":
            self._later = self.flow.server.clock.call_later(ACK_WAIT, self._up)
            return
        self._later = None
        start = model.DialogStart(f"conn:{self._tag}", self._steps, name="treatment")
        media.request("INFO", self._started, body=to_bytes((start,)), content_type=CONTENT_TYPE)

    def _started(self, status: int, event: _core.ResponseEvent | None) -> None:
        if self.state is not State.UP:
            return
        said = _read(event.message.body) if event is not None and status < 300 else None
        if isinstance(said, model.Result) and said.response is model.Response.OK:
            self._told(self)
            return
        why = said.description if isinstance(said, model.Result) else f"answered {status}"
        self.flow.server.log.warning("dialog not begun", conn_id=self.flow.call.conn_id, reason=why)
        self.leg.handler = self
        self._fail(Input.REFUSED)

    def takes_info(self, session: Session, event: _core.RequestEvent) -> bool:
        """The dialog is over, or says something on its way."""
        message = event.message
        if (message.header("Content-Type") or "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            return False
        said = _read(message.body)
        session.respond(event.transaction, 200 if isinstance(said, model.Event) else 400)
        if isinstance(said, model.Event) and said.name == EXIT and self.state is State.UP:
            self.result = dict(said.values)
            self.leg.handler = self
            self._finish()
        return True

    def _lost(self, *, died: bool = False) -> None:
        self._starts += 1
        super()._lost(died=died or (self.state is State.UP and self._starts < MOST_STARTS))


def _read(body: bytes) -> model.Body | None:
    try:
        return parse(body)
    except model.MsmlError:
        return None
