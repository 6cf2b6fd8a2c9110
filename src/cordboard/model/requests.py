"""T-Library requests: what a desktop asks. One structure per request, named as T-Library names it, without the "T".

In JSON a request is an object whose ``Request`` is its name. The ReferenceID is the client's own number, 1 or more;
it comes back on the first event the request causes, or on its EventError.
"""

from typing import Final

import msgspec

from cordboard.model.enums import AddressType, ForwardMode, MakeCallType, RegisterMode, TreatmentType
from cordboard.model.naming import attribute
from cordboard.model.userdata import KVList


class Request(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename=attribute,
    tag_field="Request",
    tag=True,
    forbid_unknown_fields=True,
):
    """What every request carries."""

    this_dn: str
    """The DN it is made for."""
    reference_id: int = 0
    """The client's number of the request."""
    reasons: KVList | None = None
    """Why, for whoever reads the events."""
    extensions: KVList | None = None
    """What has no attribute of its own."""


class CallRequest(Request, frozen=True, kw_only=True, gc=False):
    """What every request about a call carries."""

    conn_id: str
    """The call."""


class RegisterAddress(Request, frozen=True, kw_only=True, gc=False):
    """Send me the events of ThisDN. Answered by EventRegistered."""

    register_mode: RegisterMode = RegisterMode.SHARE
    """Whether others may register as well."""
    address_type: AddressType = AddressType.DN
    """What kind of address the client takes it for."""


class UnregisterAddress(Request, frozen=True, kw_only=True, gc=False):
    """No more events of ThisDN. Answered by EventUnregistered."""


class QueryAddress(Request, frozen=True, kw_only=True, gc=False):
    """How is ThisDN? Answered by EventAddressInfo."""


class QueryCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """How is the call? Answered by EventPartyInfo."""


class MakeCall(Request, frozen=True, kw_only=True, gc=False):
    """ThisDN calls OtherDN. Answered by EventDialing once ThisDN's phone is off hook."""

    other_dn: str
    """Whom to call."""
    location: str | None = None
    """The site of the destination; absent for this one."""
    make_call_type: MakeCallType = MakeCallType.REGULAR
    """The kind of call."""
    user_data: KVList | None = None
    """Data to attach from the start."""


class AnswerCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN takes the call that rings."""


class ReleaseCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN leaves the call. Answered by EventReleased."""


class HoldCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN holds the call. Answered by EventHeld."""


class RetrieveCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN takes the call from hold. Answered by EventRetrieved."""


class ClearCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """Ends the call for all its parties. Answered by EventReleased."""


class AlternateCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN holds the call and takes its other one from hold. Answered by EventHeld; EventRetrieved follows."""

    previous_conn_id: str
    """The call that is held."""


class ReconnectCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN leaves the call and takes its other one from hold. Answered by EventReleased; EventRetrieved follows."""

    previous_conn_id: str
    """The call that is held."""


class InitiateTransfer(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN holds the call and consults OtherDN. Answered by EventDialing of the consultation."""

    other_dn: str
    """Whom to ask."""
    location: str | None = None
    """The site of the destination; absent for this one."""
    user_data: KVList | None = None
    """Data to attach to the consultation, beside that of the call."""


class CompleteTransfer(CallRequest, frozen=True, kw_only=True, gc=False):
    """ThisDN leaves, its two other parties talk; or will, when the one consulted answers. Answered by EventReleased."""

    transfer_conn_id: str
    """The other of the two calls. Which of them is the consultation the switch knows."""


class MuteTransfer(InitiateTransfer, frozen=True, kw_only=True, gc=False):
    """InitiateTransfer, and CompleteTransfer as soon as OtherDN rings. Answered by EventDialing."""


class SingleStepTransfer(CallRequest, frozen=True, kw_only=True, gc=False):
    """OtherDN takes the place of ThisDN in the call. Answered by EventReleased, when OtherDN rings."""

    other_dn: str
    """Whom to call."""
    location: str | None = None
    """The site of the destination; absent for this one."""


class InitiateConference(InitiateTransfer, frozen=True, kw_only=True, gc=False):
    """The same as InitiateTransfer; what becomes of the consultation is said when it is completed."""


class CompleteConference(CallRequest, frozen=True, kw_only=True, gc=False):
    """All parties of both calls of ThisDN talk to each other. Answered by EventRetrieved or EventReleased."""

    conference_conn_id: str
    """The other of the two calls. Which of them is the consultation the switch knows."""


class SingleStepConference(CallRequest, frozen=True, kw_only=True, gc=False):
    """OtherDN is called into the call. Answered by EventPartyAdded, when OtherDN rings."""

    other_dn: str
    """Whom to call."""
    location: str | None = None
    """The site of the destination; absent for this one."""


class DeleteFromConference(CallRequest, frozen=True, kw_only=True, gc=False):
    """OtherDN is taken out of the conference. Answered by EventPartyDeleted."""

    other_dn: str
    """Whom."""


class RouteCall(CallRequest, frozen=True, kw_only=True, gc=False):
    """The call that waits at ThisDN, a Routing Point, goes to OtherDN. Answered by EventRouteUsed, when that rings."""

    other_dn: str
    """Where to."""
    location: str | None = None
    """The site of the destination; absent for this one."""


class ApplyTreatment(CallRequest, frozen=True, kw_only=True, gc=False):
    """Who waits at ThisDN, a Routing Point or a DN that holds the call, hears something. EventTreatmentApplied."""

    treatment_type: TreatmentType
    """What."""
    parameters: KVList | None = None
    """How; see docs/treatments.md."""


class SendDTMF(CallRequest, frozen=True, kw_only=True, gc=False):
    """The other party of the call gets digits. Answered by EventDTMFSent."""

    dtmf_digits: str
    """``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""


class PrivateService(CallRequest, frozen=True, kw_only=True, gc=False):
    """What has no request of its own: start, stop, pause, resume a recording. Answered by EventPrivateInfo."""

    private_msg_id: int
    """One of :class:`cordboard.model.enums.PrivateMessage`."""


class AttachUserData(CallRequest, frozen=True, kw_only=True, gc=False):
    """Adds data to the call. Answered by EventAttachedDataChanged on all parties."""

    user_data: KVList
    """The pairs to add; a key that is there is replaced."""


class UpdateUserData(CallRequest, frozen=True, kw_only=True, gc=False):
    """Changes data of the call. Answered by EventAttachedDataChanged on all parties."""

    user_data: KVList
    """The pairs to change or add."""


class DeletePair(CallRequest, frozen=True, kw_only=True, gc=False):
    """Removes one key from the call's data. Answered by EventAttachedDataChanged on all parties."""

    key: str
    """The key."""


class DeleteUserData(CallRequest, frozen=True, kw_only=True, gc=False):
    """Removes all data of the call. Answered by EventAttachedDataChanged on all parties."""


class CallSetForward(Request, frozen=True, kw_only=True, gc=False):
    """Forward the calls of ThisDN to OtherDN. Answered by EventForwardSet."""

    other_dn: str
    """Where to: a DN or a number outside."""
    forward_mode: ForwardMode = ForwardMode.UNCONDITIONAL
    """When. Each mode has its own destination."""


class CallCancelForward(Request, frozen=True, kw_only=True, gc=False):
    """Forward no longer. Answered by EventForwardCancel."""

    forward_mode: ForwardMode = ForwardMode.NONE
    """Which forwarding to cancel; NONE for all."""


class SetDNDOn(Request, frozen=True, kw_only=True, gc=False):
    """Let nobody disturb ThisDN. Answered by EventDNDOn."""


class SetDNDOff(Request, frozen=True, kw_only=True, gc=False):
    """Let ThisDN be called again. Answered by EventDNDOff."""


AnyRequest = (
    RegisterAddress
    | UnregisterAddress
    | QueryAddress
    | QueryCall
    | MakeCall
    | AnswerCall
    | ReleaseCall
    | HoldCall
    | RetrieveCall
    | ClearCall
    | AlternateCall
    | ReconnectCall
    | InitiateTransfer
    | CompleteTransfer
    | MuteTransfer
    | SingleStepTransfer
    | InitiateConference
    | CompleteConference
    | SingleStepConference
    | DeleteFromConference
    | RouteCall
    | ApplyTreatment
    | SendDTMF
    | PrivateService
    | AttachUserData
    | UpdateUserData
    | DeletePair
    | DeleteUserData
    | CallSetForward
    | CallCancelForward
    | SetDNDOn
    | SetDNDOff
)
"""Every request, as the type a decoder is made for: ``msgspec.json.Decoder(AnyRequest)``."""

ALL_REQUESTS: Final[tuple[type[Request], ...]] = AnyRequest.__args__
"""Every request's class."""
