"""Makes T-Library events from the model and hands them to the sink: once each, and only if somebody listens."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from cordboard.model import events as ev
from cordboard.model.enums import CallState, CallType, DNRole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cordboard.model.call import Call
    from cordboard.model.connid import ConnID
    from cordboard.model.dn import DN
    from cordboard.model.errors import TLibError
    from cordboard.model.history import History
    from cordboard.model.party import Party
    from cordboard.model.ports import EventSink, Link
    from cordboard.model.requests import Request

MOST_SAID: Final = 1000
"""Requests whose Reasons and Extensions are kept for the first event they cause."""

_CONSULT, _Time = CallType.CONSULT, ev.Time
"""By their own names: see :mod:`cordboard.model.party`."""

AnyEvent = TypeVar("AnyEvent", bound=ev.Event)


def moment(at: float) -> ev.Time:
    """Unix time in seconds as T-Library's pair."""
    seconds = floor(at)
    return _Time(seconds, floor((at - seconds) * 1e6))


class Reporter:
    """The voice of the model. ``wall`` gives Unix time in seconds."""

    __slots__ = ("_said", "emitted", "now", "server", "sink", "wants")

    def __init__(self, server: str, sink: EventSink, wall: Callable[[], float]) -> None:
        self.server = server
        self.now = wall
        self.listen(sink)
        self.emitted = 0
        """Events given to the sink so far."""
        self._said: dict[tuple[Link, int], Request] = {}
        """Requests that say why, until the first event they cause."""

    def listen(self, sink: EventSink) -> None:
        """Gives all events to that sink from now on."""
        self.sink = sink
        self.wants = sink.wants
        """Whether anybody listens to a DN."""

    def wanted(self, party: Party) -> bool:
        """Whether events of a party are made: somebody listens to its DN, or what happens in its call is kept."""
        return party.dn is not None and (party.call.history is not None or self.wants(party.number))

    def asked(self, link: Link, request: Request, reference_id: int) -> None:
        """A request has come: what it says in Reasons and Extensions is for the first event it causes."""
        if reference_id and (request.reasons or request.extensions):
            self._said[link, reference_id] = request
            if len(self._said) > MOST_SAID:
                del self._said[next(iter(self._said))]

    def caused(self, event: AnyEvent, link: Link | None) -> AnyEvent:
        """An event with what the request that caused it says, if it is the first; what it has of its own goes first."""
        if not event.reference_id or not self._said:
            return event
        request = self._said.pop((link, event.reference_id), None)
        if request is None or not isinstance(event, ev.DNEvent | ev.EventError):
            return event
        return msgspec.structs.replace(
            event,
            reasons={**(request.reasons or {}), **(event.reasons or {})} or None,
            extensions={**(request.extensions or {}), **(event.extensions or {})} or None,
        )

    def hook(self, kind: type[ev.EventOffHook | ev.EventOnHook], dn: DN, time: ev.Time) -> None:
        """Tells that a DN went off or on the hook at that time. The caller has asked :attr:`wants`."""
        self.emitted += 1
        self.sink.emit(kind(server=self.server, time=time, this_dn=dn.number))

    def call_event(
        self,
        kind: type[ev.CallEvent],
        party: Party,
        state: CallState = CallState.OK,
        time: ev.Time | None = None,
        reference_id: int = 0,
        link: Link | None = None,
        third: Party | None = None,
        third_role: DNRole | None = None,
        previous: ConnID | None = None,
        other: tuple[str | None, DNRole] | None = None,
        own: Mapping[str, object] | None = None,
    ) -> None:
        """Tells an event of a call as that party sees it. The caller has asked :meth:`wanted`.

        ``time``: when, if not now. ``previous`` is its PreviousConnID; every event of a consultation has
        one of its own. ``other``: OtherDN and its role, where they are not whom the party talks to. ``own``: what no
        other event has.
        """
        self.emitted += 1
        call = party.call
        other_dn, other_role = call.other(party) if other is None else other
        # Fifteen: with more of them Python makes a dictionary first, which costs as much as all the rest.
        event = kind(
            server=self.server,
            time=moment(self.now()) if time is None else time,
            this_dn=party.number,
            conn_id=call.conn_id,
            call_id=call.call_id,
            call_uuid=call.uuid,
            call_type=call.call_type,
            propagated_call_type=call.call_type,
            call_state=state,
            this_dn_role=party.role,
            other_dn=other_dn,
            other_dn_role=other_role,
            dnis=call.dnis,
            ani=call.ani,
            user_data=call.user_data or None,
        )
        if third is not None:
            role = third.role if third_role is None else third_role
            event = msgspec.structs.replace(event, third_party_dn=third.number, third_party_dn_role=role)
        if previous is None and call.call_type is _CONSULT:
            previous = call.previous_conn_id
        if reference_id or own or previous is not None or party.queue is not None:
            event = msgspec.structs.replace(
                event,
                reference_id=reference_id,
                this_queue=party.queue,
                previous_conn_id=previous,
                **(own or {}),
            )
            event = self.caused(event, link)
        if call.history is not None:
            call.history.step(event)
        self.sink.emit(event, link)

    def party_changed(self, party: Party, previous: ConnID, by: Party, *, conference: bool = False) -> None:
        """Tells a party of this switch that a transfer gave it another one to talk to, or a conference all others."""
        if party.alive and self.wanted(party):
            self.call_event(
                ev.EventPartyChanged,
                party,
                CallState.CONFERENCED if conference else CallState.TRANSFERRED,
                third=by,
                third_role=DNRole.CONFERENCED_BY if conference else DNRole.TRANSFERRED_BY,
                previous=previous,
                other=(None, DNRole.UNKNOWN) if conference else None,
            )

    def party_added(
        self, party: Party, added: Party, by: Party, *, reference_id: int = 0, link: Link | None = None
    ) -> None:
        """Tells a party of this switch who has come into its conference."""
        if party.alive and self.wanted(party):
            self.call_event(
                ev.EventPartyAdded,
                party,
                CallState.CONFERENCED,
                other=(added.number, DNRole.NEW_PARTY),
                third=by,
                third_role=DNRole.ADDED_BY,
                reference_id=reference_id,
                link=link,
            )

    def party_deleted(
        self,
        party: Party,
        gone: Party,
        by: Party,
        state: CallState,
        *,
        reference_id: int = 0,
        link: Link | None = None,
    ) -> None:
        """Tells a party of this switch who has left its conference; ``state`` is Conferenced while it remains one."""
        if party.alive and self.wanted(party):
            self.call_event(
                ev.EventPartyDeleted,
                party,
                state,
                other=(gone.number, DNRole.DELETED_PARTY),
                third=by,
                third_role=DNRole.DELETED_BY,
                reference_id=reference_id,
                link=link,
            )

    def data_changed(
        self, call: Call, changer: Party | None, *, reference_id: int = 0, link: Link | None = None
    ) -> None:
        """Tells every living party of a call of this switch that the attached data changed.

        The ReferenceID goes on the event of the party that changed it, and is the requester's alone.
        """
        for party in call.parties:
            if party.alive and self.wanted(party):
                mine = party is changer
                self.call_event(
                    ev.EventAttachedDataChanged,
                    party,
                    reference_id=reference_id if mine else 0,
                    link=link if mine else None,
                    third=changer,
                )

    def feature(
        self,
        kind: type[ev.EventForwardSet | ev.EventForwardCancel | ev.EventDNDOn | ev.EventDNDOff],
        dn: DN,
        *,
        reference_id: int = 0,
        link: Link | None = None,
        **more: Any,  # noqa: ANN401 - what the event has of its own
    ) -> None:
        """Tells that a feature of a DN was set or taken back."""
        if self.wants(dn.number):
            self.emitted += 1
            event = kind(
                server=self.server,
                time=moment(self.now()),
                reference_id=reference_id,
                this_dn=dn.number,
                **more,
            )
            self.sink.emit(self.caused(event, link), link)

    def service(self, dn: DN) -> None:
        """Tells that a DN went out of service or came back, whichever it is in now."""
        if self.wants(dn.number):
            self.emitted += 1
            kind = ev.EventDNBackInService if dn.in_service else ev.EventDNOutOfService
            self.sink.emit(kind(server=self.server, time=moment(self.now()), this_dn=dn.number))

    def error(
        self, error: TLibError, reference_id: int, *, this_dn: str | None = None, conn_id: str | None = None
    ) -> ev.EventError:
        """The EventError for a request that failed. It is returned, not emitted: only the requester gets it."""
        return ev.EventError(
            server=self.server,
            time=moment(self.now()),
            reference_id=reference_id,
            error_code=error.code,
            error_message=error.message,
            this_dn=this_dn,
            conn_id=conn_id,
        )

    def fail(
        self,
        error: TLibError,
        reference_id: int,
        link: Link,
        *,
        this_dn: str,
        conn_id: str | None = None,
        history: History | None = None,
    ) -> None:
        """Tells a requester that the request it made a while ago failed. ``history``: of the call it was about."""
        self.emitted += 1
        event = self.caused(self.error(error, reference_id, this_dn=this_dn, conn_id=conn_id), link)
        if history is not None:
            history.step(event)
        self.sink.emit(event, link)

    def address(
        self,
        kind: type[ev.EventRegistered | ev.EventUnregistered | ev.EventAddressInfo],
        dn: DN,
        reference_id: int,
    ) -> ev.Event:
        """The answer to a request about a DN."""
        if issubclass(kind, ev.EventUnregistered):
            return ev.EventUnregistered(
                server=self.server,
                time=moment(self.now()),
                reference_id=reference_id,
                this_dn=dn.number,
            )
        return kind(
            server=self.server,
            time=moment(self.now()),
            reference_id=reference_id,
            this_dn=dn.number,
            address_type=dn.address_type,
            extensions=dn.extensions(),
        )

    def party_info(self, party: Party, reference_id: int) -> ev.EventPartyInfo:
        """The answer to QueryCall, as that party sees the call."""
        call = party.call
        other, other_role = call.other(party)
        return ev.EventPartyInfo(
            server=self.server,
            time=moment(self.now()),
            reference_id=reference_id,
            this_dn=party.number,
            conn_id=call.conn_id,
            call_id=call.call_id,
            call_uuid=call.uuid,
            call_type=call.call_type,
            propagated_call_type=call.call_type,
            this_dn_role=party.role,
            other_dn=other,
            other_dn_role=other_role,
            previous_conn_id=call.previous_conn_id if call.call_type is CallType.CONSULT else None,
            dnis=call.dnis,
            ani=call.ani,
            user_data=call.user_data or None,
            party_state=party.state.value,
            creation_time=moment(call.created_at),
            parties=[one.number for one in call.parties if one.alive],
        )
