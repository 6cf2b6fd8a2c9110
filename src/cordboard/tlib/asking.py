"""The requests of a client, one method each: what is asked, and the event that answers it."""

from abc import ABC, abstractmethod
from typing import TypeVar

from cordboard.model.enums import ForwardMode, PrivateMessage, TreatmentType
from cordboard.model.events import (
    CallEvent,
    Event,
    EventAddressInfo,
    EventAttachedDataChanged,
    EventDialing,
    EventDNDOff,
    EventDNDOn,
    EventDTMFSent,
    EventForwardCancel,
    EventForwardSet,
    EventHeld,
    EventPartyAdded,
    EventPartyDeleted,
    EventPartyInfo,
    EventPrivateInfo,
    EventRegistered,
    EventReleased,
    EventRetrieved,
    EventRouteUsed,
    EventTreatmentApplied,
    EventTreatmentNotApplied,
    EventUnregistered,
)
from cordboard.model.requests import (
    AlternateCall,
    ApplyTreatment,
    AttachUserData,
    CallCancelForward,
    CallSetForward,
    ClearCall,
    CompleteConference,
    CompleteTransfer,
    DeleteFromConference,
    DeletePair,
    DeleteUserData,
    HoldCall,
    InitiateConference,
    InitiateTransfer,
    MakeCall,
    MuteTransfer,
    PrivateService,
    QueryAddress,
    QueryCall,
    ReconnectCall,
    RegisterAddress,
    ReleaseCall,
    Request,
    RetrieveCall,
    RouteCall,
    SendDTMF,
    SetDNDOff,
    SetDNDOn,
    SingleStepConference,
    SingleStepTransfer,
    UnregisterAddress,
    UpdateUserData,
)
from cordboard.model.userdata import KVList
from cordboard.tlib.errors import ServerFaultError

_E = TypeVar("_E", bound=Event)


class Asking(ABC):
    """Whatever can be asked over a link."""

    @abstractmethod
    async def ask(self, request: Request, answer: type[_E], *, timeout: float = 10.0) -> _E:  # noqa: ASYNC109
        """Sends any request and waits for the first event with its ReferenceID.

        Raises RequestError on EventError, RequestTimeoutError, RequestLostError, and ServerFaultError when it is not
        the kind ``answer``. The answer also shows up in ``events()``.
        """

    async def register(self, dn: str) -> EventRegistered:
        """Asks for the events of a DN; an administrator may ask for ``*``. Its state is in ``extensions``."""
        return await self.ask(RegisterAddress(this_dn=dn), EventRegistered)

    async def unregister(self, dn: str) -> EventUnregistered:
        """Asks for no more events of a DN."""
        return await self.ask(UnregisterAddress(this_dn=dn), EventUnregistered)

    async def query_address(self, dn: str) -> EventAddressInfo:
        """How a DN is, registered or not."""
        return await self.ask(QueryAddress(this_dn=dn), EventAddressInfo)

    async def query_call(self, dn: str, conn_id: str) -> EventPartyInfo:
        """How a call is, as a registered DN sees it."""
        return await self.ask(QueryCall(this_dn=dn, conn_id=conn_id), EventPartyInfo)

    async def make_call(
        self,
        dn: str,
        to: str,
        *,
        user_data: KVList | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> EventDialing:
        """Calls from a registered DN; comes back when its phone is off hook and the call is on its way."""
        return await self.ask(MakeCall(this_dn=dn, other_dn=to, user_data=user_data), EventDialing, timeout=timeout)

    async def release_call(self, dn: str, conn_id: str) -> EventReleased:
        """Takes a registered DN out of a call."""
        return await self.ask(ReleaseCall(this_dn=dn, conn_id=conn_id), EventReleased)

    async def hold_call(self, dn: str, conn_id: str) -> EventHeld:
        """Holds a call for a registered DN; the other party hears music, if there is a Media Server."""
        return await self.ask(HoldCall(this_dn=dn, conn_id=conn_id), EventHeld)

    async def retrieve_call(self, dn: str, conn_id: str) -> EventRetrieved:
        """Takes a call of a registered DN from hold."""
        return await self.ask(RetrieveCall(this_dn=dn, conn_id=conn_id), EventRetrieved)

    async def clear_call(self, dn: str, conn_id: str) -> EventReleased:
        """Ends a call for all its parties."""
        return await self.ask(ClearCall(this_dn=dn, conn_id=conn_id), EventReleased)

    async def alternate_call(self, dn: str, conn_id: str, held: str) -> EventHeld:
        """Holds a call of a registered DN and takes its other one, ``held``, back."""
        return await self.ask(AlternateCall(this_dn=dn, conn_id=conn_id, previous_conn_id=held), EventHeld)

    async def reconnect_call(self, dn: str, conn_id: str, held: str) -> EventReleased:
        """Takes a registered DN out of a call, mostly a consultation, and back to its other one, ``held``."""
        return await self.ask(ReconnectCall(this_dn=dn, conn_id=conn_id, previous_conn_id=held), EventReleased)

    async def initiate_transfer(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventDialing:  # noqa: ASYNC109
        """Holds a call and consults; comes back with the consultation when the DN's phone has taken it."""
        request = InitiateTransfer(this_dn=dn, conn_id=conn_id, other_dn=to)
        return await self.ask(request, EventDialing, timeout=timeout)

    async def complete_transfer(self, dn: str, conn_id: str, consultation: str) -> EventReleased:
        """Takes a registered DN out of both its calls, and joins those who are left."""
        request = CompleteTransfer(this_dn=dn, conn_id=conn_id, transfer_conn_id=consultation)
        return await self.ask(request, EventReleased)

    async def mute_transfer(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventDialing:  # noqa: ASYNC109
        """Consults, and completes the transfer when the one consulted rings."""
        return await self.ask(MuteTransfer(this_dn=dn, conn_id=conn_id, other_dn=to), EventDialing, timeout=timeout)

    async def single_step_transfer(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventReleased:  # noqa: ASYNC109
        """Puts somebody else in the place of a registered DN; comes back when he rings."""
        request = SingleStepTransfer(this_dn=dn, conn_id=conn_id, other_dn=to)
        return await self.ask(request, EventReleased, timeout=timeout)

    async def initiate_conference(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventDialing:  # noqa: ASYNC109
        """Holds a call and consults, as :meth:`initiate_transfer`."""
        request = InitiateConference(this_dn=dn, conn_id=conn_id, other_dn=to)
        return await self.ask(request, EventDialing, timeout=timeout)

    async def complete_conference(self, dn: str, conn_id: str, consultation: str) -> EventRetrieved | EventReleased:
        """Makes a conference of both calls of a registered DN."""
        request = CompleteConference(this_dn=dn, conn_id=conn_id, conference_conn_id=consultation)
        answer = await self.ask(request, CallEvent)
        if not isinstance(answer, EventRetrieved | EventReleased):
            raise ServerFaultError(f"CompleteConference was answered by {type(answer).__name__}")
        return answer

    async def single_step_conference(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventPartyAdded:  # noqa: ASYNC109
        """Has somebody called into a call; comes back when he rings."""
        request = SingleStepConference(this_dn=dn, conn_id=conn_id, other_dn=to)
        return await self.ask(request, EventPartyAdded, timeout=timeout)

    async def delete_from_conference(self, dn: str, conn_id: str, who: str) -> EventPartyDeleted:
        """Takes somebody out of a conference a registered DN is in."""
        request = DeleteFromConference(this_dn=dn, conn_id=conn_id, other_dn=who)
        return await self.ask(request, EventPartyDeleted)

    async def route_call(self, dn: str, conn_id: str, to: str, *, timeout: float = 60.0) -> EventRouteUsed:  # noqa: ASYNC109
        """Sends a call that waits at a registered Routing Point to a number; comes back when that rings."""
        request = RouteCall(this_dn=dn, conn_id=conn_id, other_dn=to)
        return await self.ask(request, EventRouteUsed, timeout=timeout)

    async def apply_treatment(
        self, dn: str, conn_id: str, kind: TreatmentType, parameters: KVList | None = None
    ) -> EventTreatmentApplied | EventTreatmentNotApplied:
        """Lets who waits at a registered Routing Point, or is held by a registered DN, hear something."""
        request = ApplyTreatment(this_dn=dn, conn_id=conn_id, treatment_type=kind, parameters=parameters)
        answer = await self.ask(request, CallEvent)
        if not isinstance(answer, EventTreatmentApplied | EventTreatmentNotApplied):
            raise ServerFaultError(f"ApplyTreatment was answered by {type(answer).__name__}")
        return answer

    async def send_dtmf(self, dn: str, conn_id: str, digits: str) -> EventDTMFSent:
        """Sends digits to the other party of a call of a registered DN; comes back when they have been sent."""
        request = SendDTMF(this_dn=dn, conn_id=conn_id, dtmf_digits=digits)
        return await self.ask(request, EventDTMFSent, timeout=60.0)

    async def private_service(self, dn: str, conn_id: str, message: PrivateMessage) -> EventPrivateInfo:
        """Asks what has no request of its own: RECORD_START, RECORD_STOP, RECORD_PAUSE, RECORD_RESUME."""
        request = PrivateService(this_dn=dn, conn_id=conn_id, private_msg_id=message)
        return await self.ask(request, EventPrivateInfo, timeout=30.0)

    async def attach_user_data(self, dn: str, conn_id: str, user_data: KVList) -> EventAttachedDataChanged:
        """Attaches data to a call of a registered DN."""
        request = AttachUserData(this_dn=dn, conn_id=conn_id, user_data=user_data)
        return await self.ask(request, EventAttachedDataChanged)

    async def update_user_data(self, dn: str, conn_id: str, user_data: KVList) -> EventAttachedDataChanged:
        """Changes data of a call of a registered DN."""
        request = UpdateUserData(this_dn=dn, conn_id=conn_id, user_data=user_data)
        return await self.ask(request, EventAttachedDataChanged)

    async def delete_pair(self, dn: str, conn_id: str, key: str) -> EventAttachedDataChanged:
        """Takes one key out of the data of a call of a registered DN."""
        return await self.ask(DeletePair(this_dn=dn, conn_id=conn_id, key=key), EventAttachedDataChanged)

    async def delete_user_data(self, dn: str, conn_id: str) -> EventAttachedDataChanged:
        """Takes all data from a call of a registered DN."""
        return await self.ask(DeleteUserData(this_dn=dn, conn_id=conn_id), EventAttachedDataChanged)

    async def set_forward(self, dn: str, to: str, mode: ForwardMode = ForwardMode.UNCONDITIONAL) -> EventForwardSet:
        """Forwards the calls of a DN, all of them or those that ``mode`` names; each mode has its own destination."""
        return await self.ask(CallSetForward(this_dn=dn, other_dn=to, forward_mode=mode), EventForwardSet)

    async def cancel_forward(self, dn: str, mode: ForwardMode = ForwardMode.NONE) -> EventForwardCancel:
        """Forwards no longer: not at all, or not when ``mode`` says."""
        return await self.ask(CallCancelForward(this_dn=dn, forward_mode=mode), EventForwardCancel)

    async def set_dnd(self, dn: str) -> EventDNDOn:
        """Lets nobody disturb a DN."""
        return await self.ask(SetDNDOn(this_dn=dn), EventDNDOn)

    async def cancel_dnd(self, dn: str) -> EventDNDOff:
        """Lets a DN be called again."""
        return await self.ask(SetDNDOff(this_dn=dn), EventDNDOff)
