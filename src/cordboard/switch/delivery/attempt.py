"""One DN, or one trunk, being called, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cordboard.switch.features import caller_id
from cordboard.switch.legs import BranchesHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.legs import Branches
    from cordboard.switch.routing import Extension
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


class Attempt:
    """One DN, or one trunk, being called."""

    __slots__ = ("again", "branches", "extension", "party", "trunk")

    def __init__(
        self,
        branches: Branches,
        extension: Extension,
        party: Party,
        trunk: Trunk | None,
        again: Callable[[frozenset[str]], None],
    ) -> None:
        self.branches = branches
        self.extension = extension
        self.party = party
        self.trunk = trunk
        self.again = again
        """Calls it once more, without the caller's offer."""


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
