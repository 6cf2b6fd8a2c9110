"""T-Library requests: one function each, found by the request's class.

A function returns what is for the requester alone, or raises TLibError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import AddressType, MakeCallType, RegisterMode
from cordboard.model.errors import Code, TLibError
from cordboard.model.userdata import UserDataError, attach, check, without
from cordboard.switch import call_control
from cordboard.switch.barrier import struck
from cordboard.switch.features import forwarding
from cordboard.switch.flows import make_call_rfc3725

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard.model.ports import Link
    from cordboard.model.userdata import KVList
    from cordboard.switch.routing import Extension
    from cordboard.switch.server import SipServer

    Answer = Sequence[ev.Event]


def carry_out(server: SipServer, link: Link, request: rq.Request, reference_id: int) -> Answer:
    """Carries out a request. A request that fails is answered by EventError."""
    function = TABLE.get(type(request), _unsupported)
    conn_id = request.conn_id if isinstance(request, rq.CallRequest) else None
    reporter = server.reporter
    try:
        _check(request)
        reporter.asked(link, request, reference_id)
        return tuple(reporter.caused(event, link) for event in function(server, link, request, reference_id))
    except TLibError as error:
        fault = error
    except UserDataError as error:
        fault = TLibError(Code.USER_DATA, str(error))
    except Exception as error:
        flow = server.calls.get(conn_id) if conn_id is not None else None
        name = type(request).__name__
        struck(server, "request not carried out", error, flow, request=name, this_dn=request.this_dn)
        fault = TLibError(Code.INTERNAL)
    refusal = reporter.error(fault, reference_id, this_dn=request.this_dn, conn_id=conn_id)
    return (reporter.caused(refusal, link),)


def _check(request: rq.Request) -> None:
    """Whether Reasons and Extensions may go on an event. Raises TLibError."""
    for name, pairs in (("Reasons", request.reasons), ("Extensions", request.extensions)):
        if pairs:
            try:
                check(pairs)
            except UserDataError as error:
                raise TLibError(Code.INVALID_ATTRIBUTE, f"{name} {error}") from None


def _extension(server: SipServer, number: str) -> Extension:
    extension = server.extensions.get(number)
    if extension is None:
        raise TLibError(Code.DN_NOT_CONFIGURED, number)
    return extension


def _register(server: SipServer, link: Link, request: rq.RegisterAddress, reference_id: int) -> Answer:  # noqa: ARG001
    dn = _extension(server, request.this_dn).dn
    if request.register_mode is not RegisterMode.SHARE:
        raise TLibError(Code.UNSUPPORTED, f"RegisterMode {request.register_mode.name}")
    if request.address_type not in (AddressType.DN, dn.address_type):
        raise TLibError(Code.INVALID_ATTRIBUTE, f"AddressType {request.address_type.name}")
    return (server.reporter.address(ev.EventRegistered, dn, reference_id),)


def _unregister(
    server: SipServer,
    link: Link,  # noqa: ARG001
    request: rq.UnregisterAddress,
    reference_id: int,
) -> Answer:
    return (server.reporter.address(ev.EventUnregistered, _extension(server, request.this_dn).dn, reference_id),)


def _query_address(server: SipServer, link: Link, request: rq.QueryAddress, reference_id: int) -> Answer:  # noqa: ARG001
    return (server.reporter.address(ev.EventAddressInfo, _extension(server, request.this_dn).dn, reference_id),)


def _query_call(server: SipServer, link: Link, request: rq.QueryCall, reference_id: int) -> Answer:  # noqa: ARG001
    _, party = call_control.party_of(server, request)
    return (server.reporter.party_info(party, reference_id),)


def _make_call(server: SipServer, link: Link, request: rq.MakeCall, reference_id: int) -> Answer:
    if request.make_call_type is not MakeCallType.REGULAR:
        raise TLibError(Code.UNSUPPORTED, f"MakeCallType {request.make_call_type.name}")
    if request.user_data:
        check(request.user_data)
    make_call_rfc3725.start(server, link, request, reference_id)
    return ()


def _unsupported(server: SipServer, link: Link, request: rq.Request, reference_id: int) -> Answer:  # noqa: ARG001
    raise TLibError(Code.UNSUPPORTED, type(request).__name__)


def _set_forward(server: SipServer, link: Link, request: rq.CallSetForward, reference_id: int) -> Answer:
    forwarding.set_forward(server, link, _extension(server, request.this_dn), request, reference_id)
    return ()


def _cancel_forward(server: SipServer, link: Link, request: rq.CallCancelForward, reference_id: int) -> Answer:
    forwarding.cancel_forward(server, link, _extension(server, request.this_dn), request, reference_id)
    return ()


def _dnd_on(server: SipServer, link: Link, request: rq.SetDNDOn, reference_id: int) -> Answer:
    forwarding.set_dnd(server, link, _extension(server, request.this_dn), reference_id, dnd=True)
    return ()


def _dnd_off(server: SipServer, link: Link, request: rq.SetDNDOff, reference_id: int) -> Answer:
    forwarding.set_dnd(server, link, _extension(server, request.this_dn), reference_id, dnd=False)
    return ()


def _change(server: SipServer, link: Link, request: rq.CallRequest, reference_id: int, change: Change) -> Answer:
    flow, party = call_control.party_of(server, request)
    call = flow.call
    call.user_data = change(call.user_data) or None
    server.reporter.data_changed(call, party, reference_id=reference_id, link=link)
    return ()


def _attach(server: SipServer, link: Link, request: rq.AttachUserData | rq.UpdateUserData, reference_id: int) -> Answer:
    return _change(server, link, request, reference_id, lambda old: attach(old, request.user_data))


def _delete_pair(server: SipServer, link: Link, request: rq.DeletePair, reference_id: int) -> Answer:
    return _change(server, link, request, reference_id, lambda old: without(old, request.key))


def _delete_all(server: SipServer, link: Link, request: rq.DeleteUserData, reference_id: int) -> Answer:
    return _change(server, link, request, reference_id, lambda _: None)


if TYPE_CHECKING:
    Change = Callable[[KVList | None], KVList | None]

TABLE: Final[dict[type[rq.Request], Callable[[SipServer, Any, Any, int], Answer]]] = {
    rq.RegisterAddress: _register,
    rq.UnregisterAddress: _unregister,
    rq.QueryAddress: _query_address,
    rq.QueryCall: _query_call,
    rq.MakeCall: _make_call,
    rq.AnswerCall: _unsupported,
    **call_control.TABLE,
    rq.AttachUserData: _attach,
    rq.UpdateUserData: _attach,
    rq.DeletePair: _delete_pair,
    rq.DeleteUserData: _delete_all,
    rq.CallSetForward: _set_forward,
    rq.CallCancelForward: _cancel_forward,
    rq.SetDNDOn: _dnd_on,
    rq.SetDNDOff: _dnd_off,
}
"""What carries out each request."""
