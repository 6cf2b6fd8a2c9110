"""The members of a hunt group, in turn: see :mod:`cordboard.switch.features.hunting` for what each type means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.delivery.refusals import NOBODY_ANSWERED, NOBODY_FREE
from cordboard.switch.features import hunting
from cordboard.switch.features.diversion import Why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.server import SipServer


class Hunt:
    """One call for a hunt group."""

    __slots__ = ("_members", "_offer", "_rang", "_server", "group")

    def __init__(self, server: SipServer, group: Extension, offer: Offer) -> None:
        self._server = server
        self._offer = offer
        self.group = group
        self._members = [m for m in hunting.order(group, server.extensions, server.turns) if m is not offer.caller]
        """Those still to be called."""
        self._rang = False
        """Whether any member was called."""

    @property
    def forks(self) -> bool:
        """Whether all members are called at once."""
        return self.group.settings.hunt == "fork"

    def next(self) -> tuple[Extension, Sequence[Target]] | None:
        """The next member that can be called now, with its contacts; None if there is none left."""
        group = self.group
        while self._members:
            member = self._members.pop(0)
            targets = self._offer.allowed(self._server.targets(member), member.dn.number)
            if targets and hunting.free(member):
                if group.settings.hunt == "circular":
                    self._server.turns[group.dn.number] = hunting.turn_after(group, member)
                self._rang = True
                return member, targets
        return None

    def outcome(self) -> tuple[Refusal, Why]:
        """What it means that no member took the call."""
        return (NOBODY_ANSWERED, Why.NO_ANSWER) if self._rang else (NOBODY_FREE, Why.BUSY)
