"""A consultation asked for by a desktop: InitiateTransfer, InitiateConference, MuteTransfer.

    A                     switch                  B                  C
    |                        | <- hold, see flows/desktop_hold      |        B: EventHeld 1
    | music                  | -- INVITE (black hole) --> |         |        a second dialog with B's phone
    |                        | <-------------------- 200  |         |        B: EventDialing 2 (ReferenceID)
    |                        | INVITE (no offer) -----------------> |        C: EventRinging 2
    |                        | <------------------------------- 200 |        B, C: EventEstablished 2

The consultation is a call of its own, placed as by MakeCall (:mod:`cordboard.switch.flows.make_call_rfc3725`): CallType
Consult, PreviousConnID the main call's, a copy of its UserData. When B's phone does not take it, B has the main call
back: EventRetrieved, and EventError for the request. When C does not take it, B has EventDestinationBusy and the main
call on hold. MuteTransfer completes by itself as soon as C rings.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from cordboard.model.call import Call
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import PartyState
from cordboard.switch.delivery import RINGING
from cordboard.switch.flows import consult, desktop_hold
from cordboard.switch.flows.make_call_rfc3725 import MakeCallFlow, Wanted, check
from cordboard.switch.flows.patience import when_settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.model.requests import InitiateTransfer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.patience import Done
    from cordboard.switch.legs import Called


class Consultation(MakeCallFlow):
    """The call that B makes to C."""

    __slots__ = ("_completes", "_main", "_party")

    def __init__(
        self,
        main: CallFlow,
        party: Party,
        call: Call,
        link: Link,
        reference_id: int,
        wanted: Wanted,
        completes: Callable[[CallFlow, CallFlow], None] | None,
    ) -> None:
        """``party``: B in the main call. ``completes``: what is to be done with both calls when C rings or answers."""
        super().__init__(main.server, call, link, reference_id, wanted.shown)
        self._main: CallFlow | None = main
        self._party = party
        self._completes = completes

    def _tell(self, code: int, detail: str) -> None:
        super()._tell(code, detail)
        main, self._main = self._main, None
        if main is not None:
            take_back(main, self._party)

    def on_branch_progress(self, branches: Called, event: _core.ResponseEvent) -> None:
        """A phone rings."""
        super().on_branch_progress(branches, event)
        if branches is self.branches and event.status in RINGING:
            self._complete()

    def on_branch_answer(self, branches: Called, session: Session, event: _core.ResponseEvent) -> None:
        """A phone answered."""
        super().on_branch_answer(branches, session, event)
        if session is self.b:
            self._complete()

    def _complete(self) -> None:
        completes, self._completes = self._completes, None
        main, self._main = self._main, None
        if completes is not None and main is not None:
            with suppress(TLibError):
                # Else the caller is gone, or has another change under way: the consultation remains as it is.
                when_settled((self, main), partial(completes, main, self), _nobody)


def _nobody(error: TLibError | None) -> None:
    """The request has been answered."""


def take_back(main: CallFlow, party: Party) -> None:
    """Gives a party its main call back, if that can be done."""

    def go() -> None:
        if not main.over and party.state is PartyState.HELD:
            desktop_hold.retrieve(main, party, _nobody)

    try:
        when_settled((main,), go, _nobody)
    except TLibError as error:
        main.server.log.warning("call not taken back", conn_id=main.call.conn_id, reason=str(error))


def start(
    main: CallFlow,
    party: Party,
    link: Link,
    request: InitiateTransfer,
    reference_id: int,
    done: Done,
    completes: Callable[[CallFlow, CallFlow], None] | None = None,
) -> None:
    """Holds the main call, if it is not held yet, and consults. Raises TLibError for what is wrong from the start."""
    check(main.server, request.this_dn, request.other_dn, request.location)
    if any(one.alive and one.number == request.other_dn for one in main.call.parties):
        raise TLibError(Code.INVALID_DESTINATION, "is in the call")
    place = partial(_place, main, party, link, request, reference_id, done, completes)
    if party.state is PartyState.HELD:
        desktop_hold.check(main, party, PartyState.HELD)
        place(None)
    else:
        desktop_hold.hold(main, party, place)


def _place(
    main: CallFlow,
    party: Party,
    link: Link,
    request: InitiateTransfer,
    reference_id: int,
    done: Done,
    completes: Callable[[CallFlow, CallFlow], None] | None,
    error: TLibError | None,
) -> None:
    if error is not None:
        done(error)
        return
    server = main.server
    try:
        wanted = check(server, request.this_dn, request.other_dn)
    except TLibError as found:
        done(found)
        take_back(main, party)
        return
    call = Call(
        server.ids.next(),
        call_type=wanted.call_type,
        ani=request.this_dn,
        dnis=request.other_dn,
        created_at=server.reporter.now(),
        user_data=request.user_data or None,
    )
    consult.about(call, main.call)
    flow = Consultation(main, party, call, link, reference_id, wanted, completes)
    server.begin(flow, flow.start, wanted.origin, wanted.targets)
