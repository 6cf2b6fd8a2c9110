"""T-Library events: what a desktop is told. One structure per event, named as T-Library names it.

In JSON an event is an object whose ``Event`` is its name; attributes have T-Library's names, and those with their
default value (0, nothing) are left out. Times are wall-clock time. Enumerations are numbers.
"""

from typing import Final

import msgspec

from cordboard.model.enums import AddressType, CallState, CallType, DNRole, ForwardMode, TreatmentType
from cordboard.model.naming import attribute
from cordboard.model.userdata import KVList


class Time(msgspec.Struct, frozen=True, omit_defaults=False, gc=False):
    """A moment, as T-Library gives it."""

    sec: int
    """Whole seconds of Unix time."""
    usec: int
    """Microseconds on top, 0 to 999999."""


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename=attribute,
    tag_field="Event",
    tag=True,
):
    """What every event carries."""

    server: str = ""
    """Name of the SIP Server that made the event."""
    time: Time = Time(0, 0)
    """When it happened."""
    event_sequence_number: int = 0
    """Counts the events of a link from 1, by the link; 0 where none has carried it."""
    reference_id: int = 0
    """The ReferenceID of the request that caused it, on the first event of that request; else 0."""


class DNEvent(Event, frozen=True, kw_only=True, gc=False):
    """What every event of a DN carries."""

    this_dn: str
    """The DN it happened on; who registered for this DN gets the event."""
    agent_id: str | None = None
    """The agent logged in on the DN."""
    reasons: KVList | None = None
    """Why, in the requester's words."""
    extensions: KVList | None = None
    """What has no attribute of its own."""


class CallEvent(DNEvent, frozen=True, kw_only=True, gc=False):
    """What every event of a call carries, seen from one of its parties."""

    conn_id: str
    """The call: 16 hex digits. Survives transfers."""
    call_id: int
    """The switch's number of the call."""
    call_uuid: str
    """The call, unique in the world: 32 characters of base32."""
    call_type: CallType = CallType.UNKNOWN
    """What the call is to the switch."""
    propagated_call_type: CallType = CallType.UNKNOWN
    """What the call was where it entered the centre."""
    call_state: CallState = CallState.OK
    """Why the event happened."""
    this_dn_role: DNRole = DNRole.UNKNOWN
    """The part ThisDN plays."""
    this_queue: str | None = None
    """The queue that brought the call to ThisDN."""
    other_dn: str | None = None
    """The party at the other end; absent in a conference."""
    other_dn_role: DNRole = DNRole.UNKNOWN
    """The part OtherDN plays."""
    third_party_dn: str | None = None
    """Who caused the event, if neither of the two."""
    third_party_dn_role: DNRole = DNRole.UNKNOWN
    """The part ThirdPartyDN plays."""
    previous_conn_id: str | None = None
    """The main call of a consultation, or the ConnID this party had before."""
    transfer_conn_id: str | None = None
    """The other call of a transfer."""
    dnis: str | None = None
    """The number that was dialled."""
    ani: str | None = None
    """The number that called."""
    user_data: KVList | None = None
    """All data attached to the call."""


class EventDialing(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN is placing a call."""


class EventRinging(CallEvent, frozen=True, kw_only=True, gc=False):
    """A call is being offered to ThisDN."""


class EventEstablished(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN is talking."""


class EventHeld(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN put the call on hold."""


class EventRetrieved(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN took the call from hold."""


class EventReleased(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN is no longer in the call."""


class EventAbandoned(CallEvent, frozen=True, kw_only=True, gc=False):
    """The caller gave up while ThisDN was ringing."""


class EventDestinationBusy(CallEvent, frozen=True, kw_only=True, gc=False):
    """The call ThisDN is placing cannot be completed; CallState tells why."""


class EventNetworkReached(CallEvent, frozen=True, kw_only=True, gc=False):
    """The call ThisDN is placing has left the switch: the trunk has taken it."""


class EventAttachedDataChanged(CallEvent, frozen=True, kw_only=True, gc=False):
    """The data attached to the call changed; UserData is the full set, ThirdPartyDN the one who changed it."""


class EventPartyChanged(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN talks to somebody else now: OtherDN. ThirdPartyDN made it so; PreviousConnID is ThisDN's ConnID before."""


class EventPartyAdded(CallEvent, frozen=True, kw_only=True, gc=False):
    """OtherDN has come into the conference ThisDN is in. ThirdPartyDN made it so."""


class EventPartyDeleted(CallEvent, frozen=True, kw_only=True, gc=False):
    """OtherDN has left the conference ThisDN is in. ThirdPartyDN made it so: itself, or who had it taken out."""


class EventQueued(CallEvent, frozen=True, kw_only=True, gc=False):
    """A call has come to ThisDN, a Routing Point, and waits there."""


class EventRouteRequest(CallEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN, a Routing Point, wants to know where the call is to go: RouteCall, or ApplyTreatment meanwhile."""


class EventRouteUsed(CallEvent, frozen=True, kw_only=True, gc=False):
    """The call at ThisDN goes where RouteCall said: ThirdPartyDN."""


class EventDiverted(CallEvent, frozen=True, kw_only=True, gc=False):
    """The call has left ThisDN for ThirdPartyDN."""


class EventTreatmentApplied(CallEvent, frozen=True, kw_only=True, gc=False):
    """Who waits at ThisDN hears what ApplyTreatment asked for."""

    treatment_type: TreatmentType = TreatmentType.UNKNOWN
    """The treatment."""


class EventTreatmentEnd(CallEvent, frozen=True, kw_only=True, gc=False):
    """A treatment is over, by itself or because the call goes on. Extensions tell of a recording."""

    treatment_type: TreatmentType = TreatmentType.UNKNOWN
    """The treatment."""
    collected_digits: str | None = None
    """The digits that were collected, without the one that ended them."""
    last_collected_digit: str | None = None
    """The digit that ended them, if one did."""


class EventTreatmentNotApplied(CallEvent, frozen=True, kw_only=True, gc=False):
    """A treatment that was asked for could not be applied, or broke off."""

    treatment_type: TreatmentType = TreatmentType.UNKNOWN
    """The treatment."""
    error_code: int = 0
    """Why: one of :class:`cordboard.model.errors.Code`."""
    error_message: str = ""
    """The same in words."""


class EventDTMFSent(CallEvent, frozen=True, kw_only=True, gc=False):
    """The digits ThisDN's desktop wanted sent have been."""

    dtmf_digits: str = ""
    """Which."""


class EventPrivateInfo(CallEvent, frozen=True, kw_only=True, gc=False):
    """What has no event of its own: a recording began, ended, pauses, goes on."""

    private_msg_id: int = 0
    """One of :class:`cordboard.model.enums.PrivateMessage`."""


class EventPartyInfo(CallEvent, frozen=True, kw_only=True, gc=False):
    """Answer to QueryCall: the call as ThisDN sees it."""

    party_state: str = ""
    """The party's state: ``dialing``, ``ringing``, ``established``, ``held``, ``failed``."""
    creation_time: Time | None = None
    """When the call began."""
    parties: list[str] = []
    """The numbers of all parties."""


class EventOffHook(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN was idle and has a call now."""


class EventOnHook(DNEvent, frozen=True, kw_only=True, gc=False):
    """The last call of ThisDN ended."""


class EventDNOutOfService(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN cannot be reached any more: no registration and no fixed contact."""


class EventDNBackInService(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN can be reached again."""


class EventForwardSet(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN forwards its calls to OtherDN, when ForwardMode says."""

    other_dn: str
    """Where to."""
    forward_mode: ForwardMode = ForwardMode.NONE
    """When."""


class EventForwardCancel(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN no longer forwards its calls as ForwardMode says; NONE means not at all any more."""

    forward_mode: ForwardMode = ForwardMode.NONE
    """When it did."""


class EventDNDOn(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN is not to be disturbed: calls to it are refused."""


class EventDNDOff(DNEvent, frozen=True, kw_only=True, gc=False):
    """ThisDN takes calls again."""


class EventRegistered(DNEvent, frozen=True, kw_only=True, gc=False):
    """Answer to RegisterAddress. Extensions tell the DN's state; see :meth:`cordboard.model.dn.DN.extensions`."""

    address_type: AddressType = AddressType.DN
    """What kind of address it is."""


class EventUnregistered(DNEvent, frozen=True, kw_only=True, gc=False):
    """Answer to UnregisterAddress."""


class EventAddressInfo(DNEvent, frozen=True, kw_only=True, gc=False):
    """Answer to QueryAddress. Extensions as in EventRegistered."""

    address_type: AddressType = AddressType.DN
    """What kind of address it is."""


class EventError(Event, frozen=True, kw_only=True, gc=False):
    """A request failed. Goes to the requester only."""

    error_code: int
    """One of :class:`cordboard.model.errors.Code`."""
    error_message: str
    """The same in words."""
    this_dn: str | None = None
    """The DN of the request."""
    conn_id: str | None = None
    """The call of the request."""
    reasons: KVList | None = None
    """Those of the request."""
    extensions: KVList | None = None
    """Those of the request."""


AnyEvent = (
    EventDialing
    | EventRinging
    | EventEstablished
    | EventHeld
    | EventRetrieved
    | EventReleased
    | EventAbandoned
    | EventDestinationBusy
    | EventNetworkReached
    | EventAttachedDataChanged
    | EventPartyChanged
    | EventPartyAdded
    | EventPartyDeleted
    | EventQueued
    | EventRouteRequest
    | EventRouteUsed
    | EventDiverted
    | EventTreatmentApplied
    | EventTreatmentEnd
    | EventTreatmentNotApplied
    | EventDTMFSent
    | EventPrivateInfo
    | EventPartyInfo
    | EventOffHook
    | EventOnHook
    | EventDNOutOfService
    | EventDNBackInService
    | EventForwardSet
    | EventForwardCancel
    | EventDNDOn
    | EventDNDOff
    | EventRegistered
    | EventUnregistered
    | EventAddressInfo
    | EventError
)
"""Every event, as the type a decoder is made for: ``msgspec.json.Decoder(AnyEvent)``."""

ALL_EVENTS: Final[tuple[type[Event], ...]] = AnyEvent.__args__
"""Every event's class."""
