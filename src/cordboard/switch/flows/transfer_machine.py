"""Where a transfer is, and where what happens leads.

(none) --START--> CALLING: the target is being called, the transferor still has his call
(none) --CONSULTED--> RINGING: the target of the consultation rings, the transferor still has both calls
(none) --BOTH_UP--> JOINING: survivor and target are both up, and are being joined

CALLING, RINGING --ANSWERED--> JOINING
|      |----FAILED--> UNDONE: the transferor has what he had
|      |----SURVIVOR_LEFT--> UNDONE
'------'----TRANSFEROR_LEFT--> BLIND --ANSWERED--> DONE
'---FAILED, SURVIVOR_LEFT--> OVER: nobody is left to talk to

JOINING --JOINED, TRANSFEROR_LEFT--> DONE
'-----FAILED, SURVIVOR_LEFT----> UNDONE
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from cordboard.sip.machine import Table


class State(Enum):
    """Where a transfer is."""

    NEW = "new"
    CALLING = "calling"
    RINGING = "ringing"
    JOINING = "joining"
    BLIND = "blind"
    DONE = "done"
    UNDONE = "undone"
    OVER = "over"


class Input(Enum):
    """What can happen to it."""

    START = "start"
    CONSULTED = "consulted"
    BOTH_UP = "both up"
    ANSWERED = "answered"
    JOINED = "joined"
    FAILED = "failed"
    TRANSFEROR_LEFT = "transferor left"
    SURVIVOR_LEFT = "survivor left"


_S = State
_I = Input

TABLE: Final = Table(
    "transfer",
    {
        (_S.NEW, _I.START): _S.CALLING,
        (_S.NEW, _I.CONSULTED): _S.RINGING,
        (_S.NEW, _I.BOTH_UP): _S.JOINING,
        (_S.CALLING, _I.ANSWERED): _S.JOINING,
        (_S.CALLING, _I.FAILED): _S.UNDONE,
        (_S.CALLING, _I.TRANSFEROR_LEFT): _S.BLIND,
        (_S.CALLING, _I.SURVIVOR_LEFT): _S.UNDONE,
        (_S.RINGING, _I.ANSWERED): _S.JOINING,
        (_S.RINGING, _I.FAILED): _S.UNDONE,
        (_S.RINGING, _I.TRANSFEROR_LEFT): _S.BLIND,
        (_S.RINGING, _I.SURVIVOR_LEFT): _S.UNDONE,
        (_S.JOINING, _I.JOINED): _S.DONE,
        (_S.JOINING, _I.FAILED): _S.UNDONE,
        (_S.JOINING, _I.TRANSFEROR_LEFT): _S.DONE,
        (_S.JOINING, _I.SURVIVOR_LEFT): _S.UNDONE,
        (_S.BLIND, _I.ANSWERED): _S.DONE,
        (_S.BLIND, _I.FAILED): _S.OVER,
        (_S.BLIND, _I.SURVIVOR_LEFT): _S.OVER,
    },
)
"""Where each input leads. No entry: MachineError."""

PENDING: Final = frozenset({_S.CALLING, _S.RINGING, _S.BLIND})
"""The states in which the target has not answered."""
