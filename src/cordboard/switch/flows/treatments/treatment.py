"""A treatment: a party that waits hears something, and whoever asked for it is told when it begins and ends.

    A                     switch                    Media Server            desktop at RP
    | INVITE (offer) ------> |                           |        RP: EventQueued, EventRouteRequest
    | <---------------- 180  |                           |
    |                        | INVITE (offer), annc ---> |        ApplyTreatment
    |                        | <----------- 200 (answer) |
    | <-------- 200 (answer) | ACK --------------------> |        RP: EventTreatmentApplied (ReferenceID)
    | <------------------------------------------- RTP > |
    |                        | <-------------------- BYE |        RP: EventTreatmentEnd
    |                        | INVITE (no offer) --> B   |        RouteCall

    WAITING --UP--> APPLIED --ENDED--> OVER        EventTreatmentApplied, EventTreatmentEnd
       |               '----BROKEN--> OVER         EventTreatmentNotApplied
       '--BROKEN--> OVER                           EventTreatmentNotApplied (ReferenceID)

Another one takes its place: EventTreatmentEnd for the first. With the call, or its way to somebody else, it ends
without an event.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from cordboard.model import events as ev
from cordboard.model.errors import MESSAGES, Code
from cordboard.switch.flows.treatments.plans import APPLICATIONS
from cordboard.switch.flows.treatments.verification import RESULT
from cordboard.switch.services.limb import State as LimbState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cordboard.model.enums import TreatmentType
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.model.reporter import Reporter


class State(Enum):
    """Where a treatment is."""

    WAITING = "waiting"
    APPLIED = "applied"
    OVER = "over"


class Input(Enum):
    """What can happen to it."""

    UP = "up"
    ENDED = "ended"
    BROKEN = "broken"
    FORGET = "forget"


_S = State
_I = Input

TABLE: Final[dict[tuple[State, Input], State]] = {
    (_S.WAITING, _I.UP): _S.APPLIED,
    (_S.WAITING, _I.ENDED): _S.OVER,
    (_S.WAITING, _I.BROKEN): _S.OVER,
    (_S.WAITING, _I.FORGET): _S.OVER,
    (_S.APPLIED, _I.UP): _S.APPLIED,
    (_S.APPLIED, _I.ENDED): _S.OVER,
    (_S.APPLIED, _I.BROKEN): _S.OVER,
    (_S.APPLIED, _I.FORGET): _S.OVER,
    (_S.OVER, _I.UP): _S.OVER,
    (_S.OVER, _I.ENDED): _S.OVER,
    (_S.OVER, _I.BROKEN): _S.OVER,
    (_S.OVER, _I.FORGET): _S.OVER,
}
"""Where each input leads. It is complete: what is over hears nothing any more."""

OUTCOMES: Final = {
    "record.recordid": "USER_ANN_ID",
    "record.len": "RECORD_LENGTH",
    "record.end": "RECORD_END",
    "dtmf.end": "COLLECT_END",
    RESULT: "VERIFY_RESULT",
}
"""What a dialog found out, beside digits, and its key in Extensions."""


class Treatment:
    """One treatment of the party that waits for ``party``, the one it was asked for."""

    __slots__ = ("_link", "_over", "_reference_id", "_reporter", "kind", "party", "state")

    def __init__(
        self,
        reporter: Reporter,
        party: Party,
        kind: TreatmentType,
        reference_id: int,
        link: Link | None,
        over: Callable[[], None],
    ) -> None:
        """``over``: told that it has ended by itself, or never began."""
        self._reporter = reporter
        self.party = party
        self.kind = kind
        self._reference_id = reference_id
        self._link = link
        self._over = over
        self.state = State.WAITING

    def __repr__(self) -> str:
        return f"<Treatment {self.kind.name.lower()} {self.state.value} of {self.party!r}>"

    def _step(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    def _emit(self, kind: type[ev.CallEvent], **more: Any) -> None:  # noqa: ANN401 - what the event has of its own
        reference_id, self._reference_id = self._reference_id, 0
        if self.party.alive and self._reporter.wanted(self.party):
            self._reporter.call_event(
                kind,
                self.party,
                reference_id=reference_id,
                link=self._link if reference_id else None,
                own={"treatment_type": self.kind, **more},
            )

    def told(self, state: LimbState, result: Mapping[str, str] | None = None) -> None:
        """How its limb is. ``result``: what a dialog found out."""
        if state is LimbState.UP:
            self.begin()
        elif state is LimbState.FAILED:
            self.fail()
        else:
            self.end(result or {})

    def begin(self) -> None:
        """It is heard."""
        if self._step(Input.UP) is State.WAITING:
            self._emit(ev.EventTreatmentApplied)

    def fail(self, code: int = Code.NO_SERVICE) -> None:
        """It cannot be heard, or not to its end."""
        if self._step(Input.BROKEN) is not State.OVER:
            self._emit(ev.EventTreatmentNotApplied, error_code=code, error_message=MESSAGES[code])
            self._over()

    def end(self, result: Mapping[str, str]) -> None:
        """It has been heard."""
        before = self._step(Input.ENDED)
        if before is State.OVER:
            return
        if before is State.WAITING:
            self._emit(ev.EventTreatmentApplied)
        self._ended(result)
        self._over()

    def _ended(self, result: Mapping[str, str]) -> None:
        digits, last = result.get("dtmf.digits"), result.get("dtmf.last")
        extensions: dict[str, Any] = {key: result[name] for name, key in OUTCOMES.items() if name in result}
        if self.kind in APPLICATIONS:
            extensions, digits, last = dict(result), None, None
        self._emit(
            ev.EventTreatmentEnd,
            collected_digits=digits,
            last_collected_digit=last or None,
            extensions=extensions or None,
        )

    def replaced(self) -> None:
        """Another one takes its place."""
        self._break_off("Replaced by another")

    def leave(self) -> None:
        """Who hears it has left the call."""
        self._break_off("The party is gone")
        self._over()

    def _break_off(self, why: str) -> None:
        before = self._step(Input.FORGET)
        if before is State.APPLIED:
            self._ended({})
        elif before is State.WAITING:
            self._emit(ev.EventTreatmentNotApplied, error_code=Code.WRONG_STATE, error_message=why)

    def forget(self) -> None:
        """Nobody is to be told of it any more."""
        self._step(Input.FORGET)
