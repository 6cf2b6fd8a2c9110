"""T-Library requests about calls that are there: hold, consult, transfer, release. One function each.

A request that finds a call's media in change waits for the end of that change (:mod:`cordboard.switch.flows.patience`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cordboard.model import requests as rq
from cordboard.model.enums import PrivateMessage
from cordboard.model.errors import Code, TLibError
from cordboard.model.userdata import check
from cordboard.switch.flows import (
    anchoring,
    consultation,
    desktop_conference,
    desktop_hold,
    desktop_transfer,
    digits,
    recording,
)
from cordboard.switch.flows.patience import when_settled
from cordboard.switch.flows.treatments import apply as treatments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard.model import events as ev
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.flows.patience import Done
    from cordboard.switch.server import SipServer

    Answer = Sequence[ev.Event]


def party_of(server: SipServer, request: rq.CallRequest) -> tuple[CallFlow, Party]:
    """The call of a request, and ThisDN in it. Raises TLibError."""
    flow = call_of(server, request.conn_id)
    party = flow.call.party_of(request.this_dn)
    if party is None:
        raise TLibError(Code.NO_SUCH_PARTY, request.this_dn)
    return flow, party


def call_of(server: SipServer, conn_id: str) -> CallFlow:
    """A call by its ConnID. Raises TLibError."""
    flow = server.calls.get(conn_id)
    if flow is None:
        raise TLibError(Code.INVALID_CALL, conn_id)
    return flow


def later(server: SipServer, link: Link, request: rq.CallRequest, reference_id: int) -> Done:
    """What tells the requester that a request begun well failed after all."""
    flow = server.calls.get(request.conn_id)
    history = flow.call.history if flow is not None else None

    def done(error: TLibError | None) -> None:
        if error is not None:
            dn, conn_id = request.this_dn, request.conn_id
            server.reporter.fail(error, reference_id, link, this_dn=dn, conn_id=conn_id, history=history)

    return done


def _release_call(server: SipServer, link: Link, request: rq.ReleaseCall, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    flow.release(party, reference_id, link)
    return ()


def _clear_call(server: SipServer, link: Link, request: rq.ClearCall, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    flow.clear(party, reference_id, link)
    return ()


def _hold_call(server: SipServer, link: Link, request: rq.HoldCall, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    when_settled((flow,), partial(desktop_hold.hold, flow, party, done, reference_id, link), done)
    return ()


def _retrieve_call(server: SipServer, link: Link, request: rq.RetrieveCall, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    when_settled((flow,), partial(desktop_hold.retrieve, flow, party, done, reference_id, link), done)
    return ()


def _initiate(server: SipServer, link: Link, request: rq.InitiateTransfer, reference_id: int) -> Answer:
    if request.user_data:
        check(request.user_data)
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    completes = desktop_transfer.completing(request.this_dn) if isinstance(request, rq.MuteTransfer) else None
    go = partial(consultation.start, flow, party, link, request, reference_id, done, completes)
    when_settled((flow,), go, done)
    return ()


def _complete_transfer(server: SipServer, link: Link, request: rq.CompleteTransfer, reference_id: int) -> Answer:
    main, consult = desktop_transfer.main_and_consultation(*_both(server, request.conn_id, request.transfer_conn_id))
    done = later(server, link, request, reference_id)
    go = partial(desktop_transfer.complete, main, consult, request.this_dn, (reference_id, link), done)
    when_settled((main, consult), go, done)
    return ()


def _complete_conference(server: SipServer, link: Link, request: rq.CompleteConference, reference_id: int) -> Answer:
    main, consult = desktop_transfer.main_and_consultation(*_both(server, request.conn_id, request.conference_conn_id))
    go = partial(desktop_conference.complete, main, consult, request.this_dn, reference_id, link)
    when_settled((main, consult), go, later(server, link, request, reference_id))
    return ()


def _single_step_conference(
    server: SipServer, link: Link, request: rq.SingleStepConference, reference_id: int
) -> Answer:
    if request.location:
        raise TLibError(Code.UNSUPPORTED, "Location")
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    go = partial(desktop_conference.invite, flow, party, request.other_dn, reference_id, link, done)
    when_settled((flow,), go, done)
    return ()


def _delete(server: SipServer, link: Link, request: rq.DeleteFromConference, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    desktop_conference.delete(flow, party, request.other_dn, reference_id, link)
    return ()


def _route(server: SipServer, link: Link, request: rq.RouteCall, reference_id: int) -> Answer:
    if request.location:
        raise TLibError(Code.UNSUPPORTED, "Location")
    flow, party = party_of(server, request)
    treatments.route(flow, party, request.other_dn, reference_id, link)
    return ()


def _treat(server: SipServer, link: Link, request: rq.ApplyTreatment, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    treatments.apply(flow, party, request, reference_id, link)
    return ()


_RECORDING: Final = {
    PrivateMessage.RECORD_START: recording.Input.START,
    PrivateMessage.RECORD_STOP: recording.Input.STOP,
    PrivateMessage.RECORD_PAUSE: recording.Input.PAUSE,
    PrivateMessage.RECORD_RESUME: recording.Input.RESUME,
}


def _private_service(server: SipServer, link: Link, request: rq.PrivateService, reference_id: int) -> Answer:
    what = {int(key): value for key, value in _RECORDING.items()}.get(request.private_msg_id)
    if what is None:
        raise TLibError(Code.UNSUPPORTED, f"PrivateMsgID {request.private_msg_id}")
    flow, party = party_of(server, request)
    anchoring.request(flow, party, what, reference_id, link)
    return ()


def _send_dtmf(server: SipServer, link: Link, request: rq.SendDTMF, reference_id: int) -> Answer:
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    go = partial(digits.send, flow, party, request.dtmf_digits, done, reference_id, link)
    when_settled((flow,), go, done)
    return ()


def _both(server: SipServer, one: str, other: str) -> tuple[CallFlow, CallFlow]:
    if one == other:
        raise TLibError(Code.INVALID_ATTRIBUTE, "both calls are the same")
    return call_of(server, one), call_of(server, other)


def _single_step(server: SipServer, link: Link, request: rq.SingleStepTransfer, reference_id: int) -> Answer:
    if request.location:
        raise TLibError(Code.UNSUPPORTED, "Location")
    flow, party = party_of(server, request)
    done = later(server, link, request, reference_id)
    go = partial(desktop_transfer.single_step_transfer, flow, party, request.other_dn, (reference_id, link), done)
    when_settled((flow,), go, done)
    return ()


def _alternate(server: SipServer, link: Link, request: rq.AlternateCall, reference_id: int) -> Answer:
    return _swap(server, link, request, reference_id, desktop_transfer.alternate)


def _reconnect(server: SipServer, link: Link, request: rq.ReconnectCall, reference_id: int) -> Answer:
    return _swap(server, link, request, reference_id, desktop_transfer.reconnect)


def _swap(
    server: SipServer,
    link: Link,
    request: rq.AlternateCall | rq.ReconnectCall,
    reference_id: int,
    what: Callable[[CallFlow, CallFlow, str, int, Link | None, Done], None],
) -> Answer:
    current, held = _both(server, request.conn_id, request.previous_conn_id)
    done = later(server, link, request, reference_id)
    when_settled((current, held), partial(what, current, held, request.this_dn, reference_id, link, done), done)
    return ()


TABLE: Final[dict[type[rq.Request], Callable[[SipServer, Any, Any, int], Answer]]] = {
    rq.ReleaseCall: _release_call,
    rq.ClearCall: _clear_call,
    rq.HoldCall: _hold_call,
    rq.RetrieveCall: _retrieve_call,
    rq.InitiateTransfer: _initiate,
    rq.MuteTransfer: _initiate,
    rq.InitiateConference: _initiate,
    rq.CompleteConference: _complete_conference,
    rq.SingleStepConference: _single_step_conference,
    rq.DeleteFromConference: _delete,
    rq.RouteCall: _route,
    rq.ApplyTreatment: _treat,
    rq.SendDTMF: _send_dtmf,
    rq.PrivateService: _private_service,
    rq.CompleteTransfer: _complete_transfer,
    rq.SingleStepTransfer: _single_step,
    rq.AlternateCall: _alternate,
    rq.ReconnectCall: _reconnect,
}
"""What carries out each request."""
