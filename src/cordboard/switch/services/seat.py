"""A seat in a room of a service that takes MSML: a conference that can be recorded (RFC 5707 section 8).

switch                     service
| INFO <createconference name=ConnID deletewhen=nomedia>, <join conn:tag conf:ConnID> --> |
| <- 200 <result 200>, or 431 where the room is there already: then <join> alone          |
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cordboard.sip.bodies import dtmf
from cordboard.sip.bodies.msml import model
from cordboard.switch.services import errand
from cordboard.switch.services.controlled import Controlled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cordboard import _core
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.services.limb import Limb
    from cordboard.switch.services.pool import Service


class Seat(Controlled):
    """Such a limb. UP is told when the party is in the room; events of the room go to ``events``."""

    __slots__ = ("_clamped", "_events", "_keys", "once", "pressing", "room", "waiting")

    def __init__(
        self,
        flow: CallFlow,
        leg: Session,
        room: str,
        told: Callable[[Limb], None],
        choose: Callable[[Collection[Service]], Service | None],
        events: Callable[[Seat, model.Event], None],
        *,
        clamped: bool,
        keys: Callable[[str, int], None] | None = None,
    ) -> None:
        """``clamped``: whether the digits of its party are kept from the others.

        ``keys``: told each that the service hears, and its length in ms.
        """
        super().__init__(flow, leg, errand.room(), told, choose)
        self.room = f"conf:{room}"
        """The room's name in MSML."""
        self._events = events
        self._clamped = clamped
        self._keys = keys
        self.once = dtmf.Once()
        """Which of its party's digits count."""
        self.pressing: Callable[[str], None] | None = None
        """Told when the digits that are sent to the party have been sent, or why not."""
        self.waiting: list[tuple[str, int, Callable[[str], None]]] = []
        """Digits for it that come next, their length in ms, and who is told of each."""

    @property
    def translates(self) -> bool:
        """Whether the digits of its party go to somebody who is to have them otherwise."""
        return self._keys is not None

    def _headers(self) -> _core.Headers:
        told = super()._headers()
        return [*told, (dtmf.TELL, "info")] if self.translates else told

    def takes_info(self, session: Session, event: _core.RequestEvent) -> bool:
        """A digit the service has heard, or what any Controlled takes."""
        body, kind = event.message.content
        if self._keys is None or kind.lower() not in dtmf.TYPES:
            return super().takes_info(session, event)
        digit, length = dtmf.parse(body, kind.lower())
        session.respond(event.transaction, 200 if digit else 400)
        if digit and self.once.counts(digit, self.flow.server.clock.now(), by_info=False):
            self._keys(digit, length)
        return True

    def _took(self, answer: _core.Message | None) -> None:
        if self.flow.anchoring is not None:
            self.flow.anchoring.note(self.leg, answer)

    @property
    def _join(self) -> model.Join:
        return model.Join(self.name, self.room, () if self._clamped else (model.Stream(clamp_dtmf=False),))

    def begin(self) -> None:
        """See Controlled."""
        create = model.CreateConference(self.room.removeprefix("conf:"))
        self.say((create, self._join), self._entered)

    def _entered(self, result: model.Result) -> None:
        if result.response is model.Response.NAME_IN_USE:
            self.say((self._join,), self._joined_room)
        else:
            self._joined_room(result)

    def _joined_room(self, result: model.Result) -> None:
        if result.response is model.Response.OK:
            self._told(self)
        else:
            self.give_up(result)

    def heard(self, event: model.Event) -> None:
        """See Controlled."""
        if event.id == f"{self.name}/dialog:digits" and event.name == "msml.dialog.exit":
            pressing, self.pressing = self.pressing, None
            if pressing is not None:
                end = dict(event.values).get("dtmfgen.end", "")
                pressing("" if end == "dtmfgen.complete" else end or "broken off")
        else:
            self._events(self, event)

    def _let_go(self) -> None:
        pressing, self.pressing = self.pressing, None
        super()._let_go()
        if pressing is not None:
            # Not at once: who is told may take this limb away, which is just going to another service.
            self.flow.server.clock.call_later(0.0, partial(pressing, "the service is gone"))
