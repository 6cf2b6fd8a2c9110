"""What machines that are tables have in common: the table, and the error of a step that is not in it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class Table(dict[tuple[AnyState, AnyInput], AnyState]):
    """Where each input leads from each state: ``table[state, what]``. No entry: MachineError."""

    def __init__(self, machine: str, entries: Mapping[tuple[AnyState, AnyInput], AnyState]) -> None:
        """``machine``: its name, for the error."""
        super().__init__(entries)
        self.machine = machine

    def __missing__(self, key: tuple[AnyState, AnyInput]) -> NoReturn:
        raise MachineError(self.machine, *key)
