"""A call: its identifiers, its parties and the data attached to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cordboard.model.connid import CallUUID, ConnID
from cordboard.model.enums import CallType, DNRole
from cordboard.model.party import Party, PartyState

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.model.dn import DN
    from cordboard.model.history import History
    from cordboard.model.userdata import KVList

_ORIGINATION, _DESTINATION = DNRole.ORIGINATION, DNRole.DESTINATION
"""By their own names: see :mod:`cordboard.model.party`."""


class Call:
    """A call as T-Library knows it. Times are Unix time in seconds, 0.0 for not yet."""

    __slots__ = (
        "ani",
        "answered_at",
        "call_id",
        "call_type",
        "conn_id",
        "created_at",
        "dnis",
        "ended_at",
        "history",
        "parties",
        "previous_conn_id",
        "user_data",
        "uuid",
    )

    def __init__(
        self,
        ids: tuple[ConnID, CallUUID, int],
        call_type: CallType,
        ani: str,
        dnis: str,
        created_at: float,
        user_data: KVList | None = None,
    ) -> None:
        self.conn_id, self.uuid, self.call_id = ids
        self.call_type = call_type
        self.ani = ani
        """The number that called."""
        self.dnis = dnis
        """The number that was dialled."""
        self.created_at = created_at
        self.answered_at = 0.0
        """When the destination answered."""
        self.ended_at = 0.0
        self.user_data = user_data
        """All data attached; replaced as a whole on each change. None for none."""
        self.previous_conn_id: ConnID | None = None
        """Of a consultation, the main call."""
        self.parties: list[Party] = []
        """All parties there have been, in order of arrival."""
        self.history: History | None = None
        """What is kept of it for later; None where nobody wants that."""

    def __repr__(self) -> str:
        return f"<Call {self.conn_id} {self.call_type.name.lower()} {self.parties}>"

    def add(self, number: str, role: DNRole, dn: DN | None) -> Party:
        """A new party, in state NULL."""
        party = Party(self, number, role, dn)
        self.parties.append(party)
        return party

    def take_over(self, party: Party) -> None:
        """Takes a party out of another call into this one."""
        party.call.parties.remove(party)
        party.call = self
        self.parties.append(party)

    def party_of(self, number: str) -> Party | None:
        """The living party of that number."""
        for party in self.parties:
            if party.number == number and party.alive:
                return party
        return None

    def other(self, party: Party) -> tuple[str | None, DNRole]:
        """OtherDN and OtherDNRole as that party sees them.

        Before the destination is known, or while several are being called at once, it is the number that was dialled.
        Who is no longer there counts only if nobody else is, and then who left last. With more than two parties there
        is none, unless the party knows whom it talks to.
        """
        if party.peer is not None:
            return party.peer.number, party.peer.role
        count = len(self.parties)
        if count == 2:
            first, second = self.parties
            other = second if first is party else first
            if other.role is not party.role:
                return other.number, other.role
        found, several = self._others(party) if count > 1 else (None, False)
        if several and party.role is _ORIGINATION and party.answered_at == 0.0:
            return self.dnis, _DESTINATION
        if several:
            return None, DNRole.UNKNOWN
        if found is not None:
            return found.number, found.role
        if party.role is _ORIGINATION:
            return self.dnis, _DESTINATION
        return self.ani or None, _ORIGINATION

    def _others(self, party: Party) -> tuple[Party | None, bool]:
        """Whom a party sees, or who left last; and whether there are several."""
        found: Party | None = None
        several = False
        rings = _rings(party)
        for candidate in self.parties:
            # Where both were called and neither answered, each of them sees the caller alone.
            if candidate is party or (rings and _rings(candidate)):
                continue
            if found is None:
                found = candidate
            elif candidate.alive and found.alive:
                several = True
            elif candidate.alive or (not found.alive and candidate.ended_at >= found.ended_at):
                found = candidate
        return found, several

    @property
    def over(self) -> bool:
        """Whether no party is left."""
        return not any(party.alive for party in self.parties)

    def snapshot(self) -> dict[str, Any]:
        """The call as plain data, for another process or for a store."""
        return {
            "conn_id": self.conn_id,
            "uuid": self.uuid,
            "call_id": self.call_id,
            "call_type": int(self.call_type),
            "ani": self.ani,
            "dnis": self.dnis,
            "created_at": self.created_at,
            "answered_at": self.answered_at,
            "ended_at": self.ended_at,
            "user_data": self.user_data,
            "previous_conn_id": self.previous_conn_id,
            "parties": [
                {
                    "number": party.number,
                    "role": int(party.role),
                    "dn": party.dn.number if party.dn is not None else None,
                    "state": party.state.value,
                    "started_at": party.started_at,
                    "answered_at": party.answered_at,
                    "ended_at": party.ended_at,
                    "peer": self.parties.index(party.peer) if party.peer in self.parties else None,
                }
                for party in self.parties
            ],
        }

    @classmethod
    def restore(cls, data: dict[str, Any], find: Callable[[str], DN | None]) -> Call:
        """The call written by :meth:`snapshot`, its living parties put on their DNs. ``find`` looks a DN up."""
        call = cls(
            (ConnID(data["conn_id"]), CallUUID(data["uuid"]), data["call_id"]),
            call_type=CallType(data["call_type"]),
            ani=data["ani"],
            dnis=data["dnis"],
            created_at=data["created_at"],
            user_data=data["user_data"],
        )
        call.answered_at = data["answered_at"]
        call.ended_at = data["ended_at"]
        call.previous_conn_id = data["previous_conn_id"]
        for item in data["parties"]:
            dn = find(item["dn"]) if item["dn"] is not None else None
            party = call.add(item["number"], DNRole(item["role"]), dn)
            party.state = PartyState(item["state"])
            party.started_at = item["started_at"]
            party.answered_at = item["answered_at"]
            party.ended_at = item["ended_at"]
            if dn is not None and party.alive:
                dn.parties[party] = None
        for party, item in zip(call.parties, data["parties"], strict=True):
            if item.get("peer") is not None:
                party.peer = call.parties[item["peer"]]
        return call


def _rings(party: Party) -> bool:
    """Whether it was called, and has not answered."""
    return party.role is _DESTINATION and party.answered_at == 0.0
