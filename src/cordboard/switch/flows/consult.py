"""A consultation by the phone's keys: who holds his only call and dials another number is asking somebody about it.

The call he makes is of CallType Consult, its PreviousConnID is the call he holds, and it has a copy of its UserData.
A phone with two calls, or with one it talks in, merely makes one more call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import CallType
from cordboard.model.party import PartyState
from cordboard.model.userdata import inherit

if TYPE_CHECKING:
    from cordboard.model.call import Call
    from cordboard.model.dn import DN


def recognise(call: Call, dn: DN) -> None:
    """Makes a call that a DN is about to place a consultation, if it is one."""
    if len(dn.parties) != 1:
        return
    (party,) = dn.parties
    if party.state is PartyState.HELD:
        about(call, party.call)


def about(call: Call, main: Call) -> None:
    """Makes a call a consultation about another."""
    call.call_type = CallType.CONSULT
    call.previous_conn_id = main.conn_id
    call.user_data = inherit(call.user_data, main.user_data)
