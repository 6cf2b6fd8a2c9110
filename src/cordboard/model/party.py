"""A party of a call: one state machine, from which the T-Library events follow.

             DIAL                ANSWER
    NULL ----------> DIALING ------------> ESTABLISHED --HOLD----> HELD
     |                  |  '--FAIL--> FAILED     ^ |  <--RETRIEVE--' |
     | RING             |               |        | |                 |
     '----> RINGING ----+--------ANSWER-+--------' |                 |
               |        |               |          |                 |
               |     RELEASE         RELEASE    RELEASE           RELEASE
               '-ABANDON, RELEASE-------'----------'-----------------'--> RELEASED

At a Routing Point:

    NULL --QUEUE--> QUEUED --DIVERT, ABANDON, RELEASE--> RELEASED

Each entry of the table names the event it gives. EventOffHook and EventOnHook are not in it: they follow from the
parties of a DN, whose first party off the hook brings the one (before the call's event) and whose last brings the
other (after it).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.model import events as ev
from cordboard.model.enums import CallState, DNRole
from cordboard.model.errors import PartyStateError
from cordboard.model.reporter import moment

if TYPE_CHECKING:
    from cordboard.model.call import Call
    from cordboard.model.dn import DN
    from cordboard.model.ports import Link
    from cordboard.model.reporter import Reporter


class PartyState(Enum):
    """Where a party is in its call."""

    NULL = "null"
    DIALING = "dialing"
    RINGING = "ringing"
    ESTABLISHED = "established"
    HELD = "held"
    FAILED = "failed"
    QUEUED = "queued"
    RELEASED = "released"

    # Identity is equality for members, and the hash is asked for on every step of every call.
    __hash__ = object.__hash__


class Move(Enum):
    """What can happen to a party."""

    DIAL = "dial"
    RING = "ring"
    ANSWER = "answer"
    FAIL = "fail"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    QUEUE = "queue"
    DIVERT = "divert"
    ABANDON = "abandon"
    RELEASE = "release"

    __hash__ = object.__hash__


_S = PartyState
_M = Move

TABLE: Final[dict[tuple[PartyState, Move], tuple[PartyState, type[ev.CallEvent]]]] = {
    (_S.NULL, _M.DIAL): (_S.DIALING, ev.EventDialing),
    (_S.NULL, _M.RING): (_S.RINGING, ev.EventRinging),
    (_S.NULL, _M.QUEUE): (_S.QUEUED, ev.EventQueued),
    (_S.QUEUED, _M.DIVERT): (_S.RELEASED, ev.EventDiverted),
    (_S.QUEUED, _M.ABANDON): (_S.RELEASED, ev.EventAbandoned),
    (_S.QUEUED, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
    (_S.DIALING, _M.ANSWER): (_S.ESTABLISHED, ev.EventEstablished),
    (_S.DIALING, _M.FAIL): (_S.FAILED, ev.EventDestinationBusy),
    (_S.DIALING, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
    (_S.FAILED, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
    (_S.RINGING, _M.ANSWER): (_S.ESTABLISHED, ev.EventEstablished),
    (_S.RINGING, _M.ABANDON): (_S.RELEASED, ev.EventAbandoned),
    (_S.RINGING, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
    (_S.ESTABLISHED, _M.HOLD): (_S.HELD, ev.EventHeld),
    (_S.ESTABLISHED, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
    (_S.HELD, _M.RETRIEVE): (_S.ESTABLISHED, ev.EventRetrieved),
    (_S.HELD, _M.RELEASE): (_S.RELEASED, ev.EventReleased),
}
"""What each input does in each state, and the event it gives. No entry: PartyStateError."""

OFF_HOOK: Final = frozenset({_S.DIALING, _S.ESTABLISHED, _S.HELD, _S.FAILED})
"""The states in which a party keeps its DN off the hook."""

LIVE: Final = frozenset(PartyState) - {_S.NULL, _S.RELEASED}
"""The states in which a party takes part in its call."""

_Step = tuple[PartyState, type[ev.CallEvent], type[ev.EventOffHook | ev.EventOnHook] | None]


def _step(before: PartyState, after: PartyState, event: type[ev.CallEvent]) -> _Step:
    if (before in OFF_HOOK) == (after in OFF_HOOK):
        return after, event, None
    return after, event, ev.EventOffHook if after in OFF_HOOK else ev.EventOnHook


_STEPS: Final = {(before, move): _step(before, after, event) for (before, move), (after, event) in TABLE.items()}
"""The table, with what an input does to the hook of a DN that has no other party."""

# By names of their own: before Python 3.12 asking an enumeration for a member costs more than calling a function.
_NULL, _ESTABLISHED, _RELEASED = _S.NULL, _S.ESTABLISHED, _S.RELEASED
_OK = CallState.OK
_ORIGINATION = DNRole.ORIGINATION
_OFF_HOOK, _ON_HOOK = ev.EventOffHook, ev.EventOnHook


class Party:
    """One end of a call."""

    __slots__ = (
        "answered_at",
        "arrived",
        "call",
        "dn",
        "ended_at",
        "number",
        "peer",
        "queue",
        "role",
        "started_at",
        "state",
    )

    def __init__(self, call: Call, number: str, role: DNRole, dn: DN | None) -> None:
        self.call = call
        """The call it is in."""
        self.number = number
        """Its number, as others see it: ThisDN or OtherDN."""
        self.role = role
        """The part it plays."""
        self.dn = dn
        """The DN, if it is one of this switch; a stranger has none and gives no events."""
        self.peer: Party | None = None
        """Whom it talks to, where the call cannot tell by itself: one that is, or was, a transfer."""
        self.arrived = _OK
        """What brought the call to it: the CallState of its EventRinging."""
        self.queue: str | None = None
        """The queue that brought the call to it: ThisQueue."""
        self.state = _NULL
        self.started_at = 0.0
        """When it left NULL, Unix time in seconds; 0.0 for not yet, as the others."""
        self.answered_at = 0.0
        """When it was first established."""
        self.ended_at = 0.0
        """When it was released."""

    def __repr__(self) -> str:
        return f"<Party {self.number} {self.role.name.lower()} {self.state.value} of {self.call.conn_id}>"

    @property
    def alive(self) -> bool:
        """Whether it takes part in the call now."""
        return self.state in LIVE

    @property
    def off_hook(self) -> bool:
        """Whether it keeps its DN off the hook."""
        return self.state in OFF_HOOK

    def can(self, move: Move) -> bool:
        """Whether the table has an entry for that input now."""
        return (self.state, move) in TABLE


def advance(
    party: Party,
    move: Move,
    reporter: Reporter,
    state: CallState = CallState.OK,
    reference_id: int = 0,
    link: Link | None = None,
    third: Party | None = None,
) -> None:
    """Gives an input to a party and reports what follows from it. Raises PartyStateError and changes nothing.

    ``state`` is the CallState of the event. ``reference_id`` and ``link`` name the request that caused it. ``third``
    is its ThirdPartyDN, with its own role.
    """
    before = party.state
    try:
        party.state, event, hook = _STEPS[before, move]
    except KeyError:
        raise PartyStateError(party.number, before.value, move.value) from None
    after = party.state
    clock, dn = reporter.now, party.dn
    now = clock()
    if before is _NULL:
        party.started_at = now
        if dn is not None:
            dn.parties[party] = None
    elif after is _RELEASED:
        party.ended_at = now
        if dn is not None:
            del dn.parties[party]
    if after is _ESTABLISHED and party.answered_at == 0.0:
        party.answered_at = now
        call = party.call
        if call.answered_at == 0.0 and party.role is not _ORIGINATION:
            call.answered_at = now
    if dn is None or not reporter.wanted(party):
        return
    if hook is not None and dn.parties and dn.off_hook_besides(party):
        hook = None
    time = moment(now)
    if hook is _OFF_HOOK:
        reporter.hook(hook, dn, time)
    reporter.call_event(event, party, state, time, reference_id, link, third)
    if hook is _ON_HOOK:
        reporter.hook(hook, dn, time)
