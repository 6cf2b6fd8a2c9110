"""A DN while the server runs: where it can be reached, and which calls are on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cordboard.model.enums import AddressType
from cordboard.model.forwarding import NOTHING
from cordboard.model.party import OFF_HOOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.model.forwarding import Features
    from cordboard.model.party import Party
    from cordboard.model.userdata import KVList

_ROUTE_DN = AddressType.ROUTE_DN
"""By its own name: see :mod:`cordboard.model.party`."""


class DN:
    """The run-time side of a DN. What it is doing is derived from its parties and locations, never stored."""

    __slots__ = (
        "address_type",
        "features",
        "gone",
        "locations",
        "number",
        "parties",
        "silent",
        "static_contact",
        "unregistered",
    )

    def __init__(
        self, number: str, address_type: AddressType = AddressType.DN, static_contact: str | None = None
    ) -> None:
        self.number = number
        self.address_type = address_type
        self.static_contact = static_contact
        """The option ``contact``: where it is reached without registering; None for none."""
        self.features: Features = NOTHING
        """Where it forwards its calls, and whether it is not to be disturbed."""
        self.silent = False
        """Whether its device does not answer its tests (option ``oos-check``)."""
        self.unregistered = False
        """Whether we should be registered with its device, and are not (option ``trunk-register``)."""
        self.gone = False
        """Whether it has been taken out of the configuration. Calls it is in go on."""
        self.locations: Sequence[Any] = ()
        """Where phones have registered, best first."""
        self.parties: dict[Party, None] = {}
        """The parties it is in calls with, in order of arrival. A set in effect: a trunk may have thousands."""

    def __repr__(self) -> str:
        return f"<DN {self.number}{' off hook' if self.off_hook else ''}{'' if self.in_service else ' out of service'}>"

    @property
    def in_service(self) -> bool:
        """Whether a call can be offered to it; to a Routing Point, which is no device, always."""
        if self.gone:
            return False
        if self.address_type is _ROUTE_DN:
            return True
        return not (self.silent or self.unregistered) and (self.static_contact is not None or bool(self.locations))

    @property
    def off_hook(self) -> bool:
        """Whether it has a call, other than one that merely rings."""
        return self.off_hook_besides(None)

    def off_hook_besides(self, one: Party | None) -> bool:
        """The same, whatever that party does."""
        for party in self.parties:  # noqa: SIM110 - a generator costs three times as much here
            if party.state in OFF_HOOK and party is not one:
                return True
        return False

    def extensions(self) -> KVList:
        """The DN's state as EventRegistered and EventAddressInfo tell it in Extensions.

        ``in-service`` and ``off-hook`` are 0 or 1; what :meth:`Features.extensions` gives comes next; for the calls
        ``conn-1``, ``conn-2`` ... are ConnIDs, ``ct-1`` ... their CallType and ``ps-1`` ... the state of this DN's
        party.
        """
        state: KVList = {"in-service": int(self.in_service), "off-hook": int(self.off_hook)}
        state.update(self.features.extensions())
        for number, party in enumerate(self.parties, 1):
            state[f"conn-{number}"] = party.call.conn_id
            state[f"ct-{number}"] = int(party.call.call_type)
            state[f"ps-{number}"] = party.state.value
        return state
