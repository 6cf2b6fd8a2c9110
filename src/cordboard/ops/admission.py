"""Whether new calls are taken, by how busy the server is.

    TAKING --over a limit for SUSTAINED seconds--> REFUSING
    REFUSING --below RELIEF of every limit for SUSTAINED seconds--> TAKING

Two limits: the share of a processor that decisions take, and how late they come. A moment's peak is nobody's trouble,
and between the two levels all stays as it is, so that the server does not go back and forth with every call.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

SUSTAINED: Final = 1.0
"""Seconds for which a measure must hold."""
RELIEF: Final = 0.8
"""The part of a limit below which calls are taken again."""


class State(Enum):
    """What becomes of new calls."""

    TAKING = "taking"
    REFUSING = "refusing"


class Input(Enum):
    """What has held for a while."""

    BUSY = "busy"
    RELIEVED = "relieved"


TABLE: Final[dict[tuple[State, Input], State]] = {
    (State.TAKING, Input.BUSY): State.REFUSING,
    (State.TAKING, Input.RELIEVED): State.TAKING,
    (State.REFUSING, Input.BUSY): State.REFUSING,
    (State.REFUSING, Input.RELIEVED): State.TAKING,
}
"""Every state and input."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the server is."""

    cpu: float
    """Share of a processor, 0 to 1, that the event loop takes; or all of the process of all processors, if more."""
    lag: float
    """Seconds that what is due comes late."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much; 0 for a limit that is not looked at."""

    cpu: float = 0.0
    lag: float = 0.0

    def input(self, load: Load) -> Input | None:
        """What a load is to these limits; None between the levels."""
        shares = [value / limit for value, limit in ((load.cpu, self.cpu), (load.lag, self.lag)) if limit]
        worst = max(shares, default=0.0)
        if worst > 1.0:
            return Input.BUSY
        return Input.RELIEVED if worst < RELIEF else None


class Admission:
    """The machine. Fed with measures, it tells when its state changes."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        """May be changed at any time."""
        self.state = State.TAKING
        self.closed = 0
        """Times new calls began to be refused."""
        self._input: Input | None = None
        self._since = 0.0

    @property
    def refusing(self) -> bool:
        """Whether new calls are refused."""
        return self.state is State.REFUSING

    def measured(self, load: Load, at: float) -> bool:
        """Takes a measure made at a monotonic time; returns whether the state has changed."""
        found = self.limits.input(load)
        if found is not self._input:
            self._input, self._since = found, at
        if found is None or at - self._since < SUSTAINED:
            return False
        before, self.state = self.state, TABLE[self.state, found]
        if self.state is before:
            return False
        self.closed += self.refusing
        return True
