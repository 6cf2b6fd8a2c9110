"""What a DN does with its calls by itself: forwarding and do-not-disturb. State of the DN, kept over a restart.

Three forwardings stand beside each other, each with its own destination: unconditional, when busy, when there is no
answer. The unconditional one comes before do-not-disturb, and that before the other two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cordboard.model.enums import ForwardMode

if TYPE_CHECKING:
    from cordboard.model.userdata import KVList

_FIELDS: Final[dict[ForwardMode, tuple[str, ...]]] = {
    ForwardMode.NONE: ("always", "busy", "no_answer"),
    ForwardMode.UNCONDITIONAL: ("always",),
    ForwardMode.ON_BUSY: ("busy",),
    ForwardMode.ON_NO_ANSWER: ("no_answer",),
    ForwardMode.ON_BUSY_AND_NO_ANSWER: ("busy", "no_answer"),
    ForwardMode.SEND_ALL_CALLS: ("always",),
}
"""The forwardings each mode speaks of; NONE, in a cancellation, of all."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a DN. Destinations are numbers; empty for none."""

    dnd: bool = False
    """Whether it is not to be disturbed."""
    always: str = ""
    """Where all calls go."""
    busy: str = ""
    """Where calls go that find it busy."""
    no_answer: str = ""
    """Where calls go that it does not answer, or that do not reach it."""

    def forwarding(self, mode: ForwardMode, destination: str) -> Features:
        """The same with a forwarding set, or with an empty destination cancelled."""
        fields = _FIELDS[mode]
        return replace(
            self,
            always=destination if "always" in fields else self.always,
            busy=destination if "busy" in fields else self.busy,
            no_answer=destination if "no_answer" in fields else self.no_answer,
        )

    def has(self, mode: ForwardMode) -> bool:
        """Whether any forwarding that mode speaks of is set."""
        return any(getattr(self, field) for field in _FIELDS[mode])

    def undisturbed(self, dnd: bool) -> Features:
        """The same with do-not-disturb on or off."""
        return replace(self, dnd=dnd)

    @property
    def empty(self) -> bool:
        """Whether nothing is set."""
        return self == NOTHING

    def extensions(self) -> KVList:
        """The features as EventRegistered and EventAddressInfo tell them in Extensions; what is not set is left out.

        ``dnd`` is 1; ``fwd``, ``fwd-busy`` and ``fwd-no-answer`` are the destinations.
        """
        found: KVList = {}
        if self.dnd:
            found["dnd"] = 1
        for key, destination in (("fwd", self.always), ("fwd-busy", self.busy), ("fwd-no-answer", self.no_answer)):
            if destination:
                found[key] = destination
        return found


NOTHING: Final = Features()
"""A DN as it is at first."""
