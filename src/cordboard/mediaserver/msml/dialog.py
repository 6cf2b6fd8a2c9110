"""A dialog of MSML (RFC 5707 section 9): steps one after another on a leg or a conference.

RUNNING --NEXT--> RUNNING                          a step is over, its actions are done, the next begins
   |-----LAST-----> OVER                           no step is left, or ``exit``: msml.dialog.exit
   |-----STOP-----> STOPPING --LAST--> OVER        ``dialogend``: the step ends, its actions are done
   '-----ABANDON--> OVER                           the leg or conference is gone
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.mediaserver.msml.steps import prepare
from cordboard.sip.bodies.msml.model import Disconnect, Event, Exit, Send
from cordboard.sip.machine import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.media import Leg, Room
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.msml.steps import Running
    from cordboard.mediaserver.server import MediaServer
    from cordboard.sip.bodies.msml import model
    from cordboard.sip.bodies.msml.model import Action

MOST_WAITING: Final = 64
"""Most digits kept that no step has asked for; the oldest go first."""


class State(Enum):
    """How far it is."""

    RUNNING = "running"
    STOPPING = "stopping"
    OVER = "over"


class Input(Enum):
    """What can happen."""

    NEXT = "next"
    LAST = "last"
    STOP = "stop"
    ABANDON = "abandon"


TABLE: Final = Table(
    "dialog",
    {
        (State.RUNNING, Input.NEXT): State.RUNNING,
        (State.RUNNING, Input.LAST): State.OVER,
        (State.RUNNING, Input.STOP): State.STOPPING,
        (State.RUNNING, Input.ABANDON): State.OVER,
        (State.STOPPING, Input.STOP): State.STOPPING,
        (State.STOPPING, Input.LAST): State.OVER,
        (State.STOPPING, Input.ABANDON): State.OVER,
        (State.OVER, Input.STOP): State.OVER,
        (State.OVER, Input.ABANDON): State.OVER,
    },
)
"""Where each input leads. No entry: MachineError."""


class Controller(Protocol):
    """Who started it and is told."""

    def tell(self, event: Event) -> None:
        """Something happened."""


class Holder(Protocol):
    """What a dialog runs on."""

    dialogs: dict[str, Dialog]
    """Those there are, by name."""

    @property
    def id(self) -> str:
        """Its name in MSML, as ``conn:<tag>``."""

    @property
    def sound(self) -> Leg | Room:
        """What plays and is recorded."""

    @property
    def one(self) -> ServedLeg | None:
        """The leg, if it is one: a conference sends no digits and cannot be told any."""


class Dialog:
    """See the module."""

    def __init__(
        self,
        server: MediaServer,
        holder: Holder,
        name: str,
        steps: Iterable[model.Step],
        controller: Controller,
    ) -> None:
        """Raises MsmlError where a step needs what cannot be had."""
        self.server = server
        self.holder = holder
        self.name = name
        self.state = State.RUNNING
        self.variables: dict[str, str] = {}
        """What its steps found out, as ``dtmf.digits``."""
        self.waiting = ""
        """Digits pressed that no step has asked for."""
        self._steps = prepare(self, steps)[::-1]
        self._controller = controller
        self._step: Running | None = None
        holder.dialogs[name] = self

    def __repr__(self) -> str:
        return f"<Dialog {self.id} {self.state.value}>"

    @property
    def id(self) -> str:
        """Its name in MSML."""
        return f"{self.holder.id}/dialog:{self.name}"

    def _enter(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    # From outside

    def begin(self) -> None:
        """The first step."""
        self._go_on()

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """The party pressed a digit."""
        if self._step is None or not self._step.on_digit(digit, duration_ms):
            self.waiting = (self.waiting + digit)[-MOST_WAITING:]

    def on_event(self, event: str) -> bool:
        """An event for its step, as ``pause`` (RFC 5707 9.6); whether the step knows it."""
        if event == "terminate":
            self.stop()
            return True
        return self._step is not None and self._step.on_event(event)

    def stop(self) -> None:
        """``dialogend``: ends with the step it is at, whose actions are done; the controller is told."""
        if self._enter(Input.STOP) is not State.RUNNING:
            return
        if self._step is not None:
            self._step.stop()
        else:
            self._finish(())

    def abandon(self) -> None:
        """What it runs on is gone. The controller is told, if it is still there."""
        if self._enter(Input.ABANDON) is State.OVER:
            return
        step, self._step = self._step, None
        if step is not None:
            step.abandon()
        self._ended(())

    # From its steps

    def step_over(self, actions: Iterable[Action], **variables: str) -> None:
        """The step is over: ``actions`` are done with what it found out, then the next step begins."""
        self._step = None
        for name, value in variables.items():
            self.variables[name.replace("_", ".", 1)] = value
        if self._act(actions):
            return
        self._go_on()

    def _go_on(self) -> None:
        while self.state is State.RUNNING and self._steps:
            self._enter(Input.NEXT)
            step = self._steps.pop()
            if isinstance(step, Send | Exit | Disconnect):
                if self._act((step,)):
                    return
                continue
            self._step = step
            step.begin()
            return
        if self.state is not State.OVER:
            self._finish(())

    def _act(self, actions: Iterable[Action]) -> bool:
        """Does actions in their order; whether the dialog has ended by one."""
        for action in actions:
            if isinstance(action, Send):
                self._send(action)
                continue
            self._finish(action.names)
            if isinstance(action, Disconnect) and (leg := self.holder.one) is not None:
                # The controller is told first.
                self.server.soon(leg.hang_up)
            return True
        return False

    def _send(self, action: Send) -> None:
        self._controller.tell(Event(action.event, self.id, self._values(action.names)))

    def _values(self, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self.variables.get(name, "")) for name in names)

    def _finish(self, names: Iterable[str]) -> None:
        self._enter(Input.LAST)
        self._ended(names)

    def _ended(self, names: Iterable[str]) -> None:
        if self.holder.dialogs.get(self.name) is self:
            del self.holder.dialogs[self.name]
        self._controller.tell(Event("msml.dialog.exit", self.id, self._values(names)))
