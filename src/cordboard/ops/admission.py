"""Which part of new calls is taken, by how busy the server is.

    TAKING --over a limit for SUSTAINED seconds--> SHEDDING
    SHEDDING --all taken, and below RELIEF of every limit, for SUSTAINED seconds--> TAKING

Two limits: the share of a processor that decisions take, and how late they come. A moment's peak is nobody's trouble.
While SHEDDING, each measure multiplies the part that is taken by limit over load, within bounds, so that the load
settles at its limit and no more calls are refused than that asks for: the occupancy algorithm of telephone exchanges.
A part is refused, as in the loss-based scheme of RFC 7339, but by the server alone: peers are told 503, no ``oc``.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

SUSTAINED: Final = 1.0
"""Seconds for which a measure must hold."""
RELIEF: Final = 0.8
"""The part of a limit below which the server has room again."""
STEEPEST: Final = (0.5, 1.5)
"""What one measure multiplies the part that is taken by, at least and at most."""
LEAST: Final = 0.01
"""The smallest part that is taken; below it is none, and from none it begins here."""


class State(Enum):
    """What becomes of new calls."""

    TAKING = "taking"
    SHEDDING = "shedding"


class Input(Enum):
    """What has held for a while."""

    BUSY = "busy"
    RELIEVED = "relieved"


TABLE: Final[dict[tuple[State, Input], State]] = {
    (State.TAKING, Input.BUSY): State.SHEDDING,
    (State.TAKING, Input.RELIEVED): State.TAKING,
    (State.SHEDDING, Input.BUSY): State.SHEDDING,
    (State.SHEDDING, Input.RELIEVED): State.TAKING,
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

    def share(self, load: Load) -> float:
        """How much of its limit a load is; of the worse limit. 0.0 without any."""
        shares = [value / limit for value, limit in ((load.cpu, self.cpu), (load.lag, self.lag)) if limit]
        return max(shares, default=0.0)


class Admission:
    """The machine. Fed with measures, it says which part of new calls to refuse."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        """May be changed at any time."""
        self.state = State.TAKING
        self.refused = 0.0
        """The part of new calls to refuse, 0 to 1."""
        self.closed = 0
        """Times it began to refuse some."""
        self._input: Input | None = None
        self._since = 0.0

    def measured(self, load: Load, at: float) -> bool:
        """Takes a measure made at a monotonic time; returns whether the state has changed."""
        share = self.limits.share(load)
        if self.state is State.SHEDDING:
            self._adjust(share)
        found = self._input_of(share)
        if found is not self._input:
            self._input, self._since = found, at
        if found is None or at - self._since < SUSTAINED:
            return False
        before, self.state = self.state, TABLE[self.state, found]
        if self.state is before:
            return False
        if self.state is State.SHEDDING:
            self.closed += 1
            self._adjust(share)
        return True

    def _input_of(self, share: float) -> Input | None:
        """What a load is to the limits; None between the levels, and while room is still being given back."""
        if share > 1.0:
            return Input.BUSY
        return Input.RELIEVED if share < RELIEF and not self.refused else None

    def _adjust(self, share: float) -> None:
        least, most = STEEPEST
        taken = (1.0 - self.refused) * min(most, max(least, 1.0 / share if share else most))
        if taken < LEAST:
            taken = 0.0 if share > 1.0 else LEAST
        self.refused = max(0.0, 1.0 - taken)
