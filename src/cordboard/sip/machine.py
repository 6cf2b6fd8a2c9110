"""What machines that are tables have in common: a step, and the error of one that is not in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

    AnyState = TypeVar("AnyState", bound=Enum)
    AnyInput = TypeVar("AnyInput", bound=Enum)


class MachineError(Exception):
    """A machine was given an input its state has no entry for. The caller's mistake."""

    def __init__(self, machine: str, state: Enum, what: Enum) -> None:
        self.machine = machine
        """Which machine."""
        self.state = state
        """The state it is in."""
        self.input = what
        """The input."""
        super().__init__(f"{machine}: no {what.value} in state {state.value}")


def following(
    machine: str, table: Mapping[tuple[AnyState, AnyInput], AnyState], state: AnyState, what: AnyInput
) -> AnyState:
    """Where an input leads from a state. Raises MachineError."""
    after = table.get((state, what))
    if after is None:
        raise MachineError(machine, state, what)
    return after
