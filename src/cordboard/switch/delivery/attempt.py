"""One DN, or one trunk, being called, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cordboard.switch.features import caller_id
from cordboard.switch.legs import Branches, BranchesHandler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.switch.barrier import GuardedClock
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.routing import Extension, Target
    from cordboard.switch.settings import DnSettings
    from cordboard.switch.trunks.selection import Trunk


class Recipient(BranchesHandler, Protocol):
    """For whom a call is delivered: a flow for its caller, or a transfer for the party that is left."""

    @property
    def waiting(self) -> Party | None:
        """The party that waits for the callee."""

    def called(self, party: Party) -> None:
        """That party is being called now, in place of or beside those before."""

    def dropped(self, party: Party) -> None:
        """That party is not being called any more."""

    def queued(self) -> None:
        """The call waits at a Routing Point."""


class Attempt(Branches):
    """One DN, or one trunk, being called."""

    __slots__ = ("extension", "party", "targets", "trunk")

    def __init__(
        self,
        clock: GuardedClock,
        handler: BranchesHandler,
        settings: DnSettings,
        extension: Extension,
        party: Party,
        targets: Sequence[Target],
        trunk: Trunk | None,
    ) -> None:
        super().__init__(clock, handler, settings)
        self.extension = extension
        self.party = party
        self.targets = targets
        self.trunk = trunk


def connected(flow: CallFlow, offer: Offer, attempt: Attempt, message: _core.Message) -> _core.Headers:
    """The headers that tell the caller who he is connected to: by the DN, or by what a carrier that is trusted says."""
    extension, caller = attempt.extension, offer.caller
    kinds = caller.settings.identity_headers if caller is not None else ("pai",)
    if attempt.trunk is None:
        told = extension.identity if kinds == ("pai",) else extension.who.headers(kinds, "called")
    else:
        domain = flow.server.settings.domain
        who = caller_id.connected(message, domain) if extension.settings.trusted else None
        if who is None:
            who = caller_id.unnamed(attempt.party.number, domain)
        flow.meet(attempt.party, extension, who)
        told = who.headers(kinds, "called")
    if message.header("Privacy") is None or not caller_id.wants_privacy(message):
        return told
    if attempt.trunk is None:
        # Whoever he is given to later is not told either.
        flow.meet(attempt.party, extension, extension.who.withheld())
    return [*told, ("Privacy", "id")] if caller is not None and caller.settings.trusted else []
