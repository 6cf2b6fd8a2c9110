"""A limb to a service that is told by MSML what to do with it (RFC 5707).

    switch                     service
    | INVITE sip:msml@service ---> |        joined with the party's leg as any limb
    | INFO <requests> -----------> |
    | <------- 200 <result> ------ |
    | <-- INFO <event> ----------- |
    | 200 -----------------------> |

The leg is named by the tag the service gave itself (section 6).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.sip.bodies.msml import CONTENT_TYPE, model
from cordboard.sip.bodies.msml.read import parse
from cordboard.sip.bodies.msml.write import to_bytes
from cordboard.switch.services.limb import Input, Limb, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cordboard import _core
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.legs import Called
    from cordboard.switch.services.errand import Errand
    from cordboard.switch.services.pool import Service

ACK_WAIT: Final = 0.05
"""Seconds between two looks whether a service that is owed its party's answer has it."""


AGAIN: Final = 0.3
"""Seconds until a service that does not know its leg yet is told again."""


class Controlled(Limb):
    """Such a limb."""

    __slots__ = ("_later", "_tag")

    def __init__(
        self,
        flow: CallFlow,
        leg: Session,
        errand: Errand,
        told: Callable[[Limb], None],
        choose: Callable[[Collection[Service]], Service | None] | None = None,
    ) -> None:
        super().__init__(flow, leg, errand, told, choose)
        self._tag = ""
        self._later: Timer | None = None

    @property
    def name(self) -> str:
        """Its name in MSML."""
        return f"conn:{self._tag}"

    def begin(self) -> None:
        """It is up: the service is told what to do."""

    def heard(self, event: model.Event) -> None:
        """The service tells of something."""

    def say(self, requests: tuple[model.Request, ...], done: Callable[[model.Result], None], tries: int = 5) -> None:
        """Tells the service. ``done`` has its result, or one made of the status it refused with."""
        self._later = None
        if self.media is None or self.state is not State.UP:
            return

        def answered(status: int, event: _core.ResponseEvent | None) -> None:
            if self.state is not State.UP:
                return
            said = read(event.message.body) if event is not None and status < 300 else None
            if not isinstance(said, model.Result):
                said = model.Result(model.Response.INTERNAL, f"answered {status}")
            if said.response is model.Response.NO_SUCH_OBJECT and tries > 1:
                # The INFO has overtaken the ACK, with which the service knows its leg's name.
                self._later = self.flow.server.clock.call_later(AGAIN, partial(self.say, requests, done, tries - 1))
            else:
                done(said)

        self.media.request("INFO", answered, body=to_bytes(requests), content_type=CONTENT_TYPE)

    def give_up(self, result: model.Result) -> None:
        """The service will not do it."""
        self.flow.server.log.warning(
            "msml refused",
            conn_id=self.flow.call.conn_id,
            response=int(result.response),
            reason=result.description,
            service=self.service.extension.settings.number if self.service is not None else "",
        )
        self._part()
        self._fail(Input.REFUSED)

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
        self._later = None
        if self.media is None:
            return
        if self.media.confirmed:
            self.begin()
        else:
            self._later = self.flow.server.clock.call_later(ACK_WAIT, self._up)

    def takes_info(self, session: Session, event: _core.RequestEvent) -> bool:
        """An event of the service. Other bodies are for the party."""
        message = event.message
        if (message.header("Content-Type") or "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            return False
        said = read(message.body)
        session.respond(event.transaction, 200 if isinstance(said, model.Event) else 400)
        if isinstance(said, model.Event) and self.state is State.UP:
            self.heard(said)
        return True


def read(body: bytes) -> model.Body | None:
    """What a body says; None for one that cannot be read."""
    try:
        return parse(body)
    except model.MsmlError:
        return None
