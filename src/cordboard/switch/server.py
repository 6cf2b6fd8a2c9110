"""The SIP Server: its DNs, its calls, and the way of each event and request to the flow it belongs to.

One thread owns it. Time, randomness, identifiers and all that leaves it come in as arguments. The driver's loop is:
wait until ``endpoint.fileno()`` is readable, call :meth:`SipServer.drain_events`, then ``endpoint.flush()``; and flush
after each T-Library request and each timer as well.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVarTuple

from cordboard.model import events as ev
from cordboard.model.reporter import Reporter
from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.resolver.failover import Affinity
from cordboard.sip.resolver.lookup import Resolver
from cordboard.sip.session_timer import SessionTimers
from cordboard.switch import configuring, requests, text_message
from cordboard.switch.barrier import GuardedClock, flow_behind, flow_of, struck
from cordboard.switch.bridge import ALLOW
from cordboard.switch.flows import basic_call
from cordboard.switch.log import Log
from cordboard.switch.ports import NoBook, NoFeatureStore, NoMeters, NoRecords
from cordboard.switch.routing import find
from cordboard.switch.services.pool import Services
from cordboard.switch.thinning import Thinning
from cordboard.switch.trunks.accounts import Accounts
from cordboard.switch.trunks.dial_plan import DialPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cordboard import _core
    from cordboard.model.call import Call
    from cordboard.model.connid import CallIds
    from cordboard.model.forwarding import Features
    from cordboard.model.party import Party
    from cordboard.model.ports import EventSink, Link
    from cordboard.model.requests import Request
    from cordboard.sip.clock import Clock
    from cordboard.sip.endpoint import Endpoint
    from cordboard.sip.outgoing import Outgoing
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.at_point import AtPoint
    from cordboard.switch.ports import Book, FeatureStore, Meters, RecordSink
    from cordboard.switch.routing import Extension, Outside, Target
    from cordboard.switch.settings import DnSettings, ServerSettings
    from cordboard.switch.text_message import TextMessage
    from cordboard.switch.trunks.monitor import Monitor
    from cordboard.switch.trunks.registration import Registration
    from cordboard.switch.trunks.selection import Trunk

Given = TypeVarTuple("Given")

REFUSED: Final = {"REFER": 403, "SUBSCRIBE": 489, "PUBLISH": 489, "NOTIFY": 481}
"""Requests outside a dialog that are known, but not for this server yet, and their answer; others get 405."""


class SipServer:
    """The switch. A ``cordboard.model.ports.RequestHandler`` to T-Library links."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        endpoint: Endpoint,
        clock: Clock,
        ids: CallIds,
        wall: Callable[[], float],
        random: Callable[[], float],
        events: EventSink,
        records: RecordSink | None = None,
        meters: Meters | None = None,
        resolver: Resolver | None = None,
        features: FeatureStore | None = None,
        book: Book | None = None,
    ) -> None:
        """``wall``: Unix time in seconds. ``random``: a number from 0 to 1."""
        self.clock = clock = GuardedClock(clock, self._on_late_fault)
        self.ids = ids
        self.random = random
        self.reporter = Reporter(settings.name, events, wall)
        self.records = records if records is not None else NoRecords()
        self.meters = meters if meters is not None else NoMeters()
        self.resolver = resolver if resolver is not None else Resolver(clock, random=random)
        self.log = Log()
        self.book = book if book is not None else NoBook()
        self.dispatcher = Dispatcher(endpoint, self)
        self.dispatcher.on_leg = self._on_leg
        self.dispatcher.timers = SessionTimers(clock)
        self.extensions: dict[str, Extension] = {}
        """All DNs, by number."""
        self.calls: dict[str, CallFlow] = {}
        """All calls, by ConnID."""
        self.trunks: dict[str, Trunk] = {}
        """The trunks, by the number of their DN."""
        self.affinity = Affinity()
        """The server of a carrier that we are registered with, by the number of the trunk's DN."""
        self.messages: set[TextMessage] = set()
        """Text messages under way."""
        self.points: dict[Party, AtPoint] = {}
        """The calls that wait at Routing Points, by the party there."""
        self.services = Services()
        """The media services."""
        self.monitors: dict[str, Monitor] = {}
        """The tests of DNs that are tested, by number."""
        self.registrations: dict[str, Registration] = {}
        """Our registrations with trunks, by the number of their DN."""
        self.accounts = Accounts(self)
        """Our accounts with carriers."""
        self.plan = DialPlan()
        self.turns: dict[str, int] = {}
        """Where each circular hunt group goes on."""
        self.features = features if features is not None else NoFeatureStore()
        self.kept: dict[str, Features] = {}
        """Features of DNs that are not configured, or not yet."""
        self.draining = False
        """Whether new calls are refused because the server is to stop."""
        self.thinning = Thinning()
        """Which calls that desktops ask for are refused because there is no time for them."""
        self.lost = 0
        """Calls ended because a phone had died."""
        self.faults = 0
        """Errors nobody foresaw."""
        self._when_empty: Callable[[], None] | None = None
        self.set_settings(settings)

    # Configuration

    def set_settings(self, settings: ServerSettings) -> None:
        """Takes over settings of its own, and tells the core what it serves. Calls there are go on."""
        self.settings = settings
        self.dispatcher.endpoint.set_policy(
            allow=ALLOW[0][1],
            registration_expires=settings.registration_expires,
            retry_after=settings.retry_after,
            path_needs_support=settings.path_needs_support,
            service_route=settings.service_route,
            flow_timer=settings.flow_timer,
            nat_keep_alive=settings.nat_keep_alive,
        )

    def refuse_new(self, part: float) -> None:
        """Refuses a part of new calls, 0 to 1; those of phones are not even heard of. Raises ValueError for another."""
        self.dispatcher.endpoint.refuse_new(part)
        self.thinning.part = part

    def configure(self, settings: DnSettings) -> None:
        """See :func:`cordboard.switch.configuring.configure`."""
        configuring.configure(self, settings)

    def unconfigure(self, number: str) -> None:
        """See :func:`cordboard.switch.configuring.unconfigure`."""
        configuring.unconfigure(self, number)

    def restore(self, number: str, features: Features) -> None:
        """Takes over the features of a DN from before a restart; nobody is told."""
        extension = self.extensions.get(number)
        if extension is None:
            self.kept[number] = features
        else:
            extension.dn.features = features

    def find(self, number: str, *, outward: bool = True) -> Extension | Outside | None:
        """See :func:`cordboard.switch.routing.find`."""
        return find(number, self.extensions, self.trunks, self.plan, outward=outward)

    def dns(self) -> Iterable[str]:
        """The numbers of all DNs."""
        return self.extensions.keys()

    def targets(self, extension: Extension) -> Sequence[Target]:
        """The contacts of a DN to try now."""
        return extension.targets()

    # Events of the core

    def drain_events(self) -> int:
        """Handles all events that wait, and returns how many there were."""
        return self.dispatcher.drain()

    def handle(self, event: _core.Event) -> None:
        """Handles one event."""
        self.dispatcher.handle(event)

    def on_new_request(self, event: _core.RequestEvent) -> None:
        """A request outside any dialog."""
        method = event.message.method
        if method == "INVITE":
            basic_call.start(self, event)
        elif method == "MESSAGE":
            text_message.start(self, event)
        else:
            self.dispatcher.endpoint.respond(event.transaction, REFUSED.get(method, 405), headers=ALLOW)

    def on_binding(self, event: _core.BindingEvent) -> None:
        """The registrations of a DN changed."""
        extension = self.extensions.get(event.dn)
        if extension is None:
            return
        before = extension.dn.in_service
        extension.dn.locations = event.locations
        if extension.dn.in_service != before:
            self.reporter.service(extension.dn)

    def on_fault(self, event: _core.Event, owner: object | None, error: Exception) -> None:
        """Handling an event failed: the call it belongs to is ended, all others go on."""
        struck(self, "event not handled", error, flow_of(owner), sip_event=type(event).__name__)

    def _on_leg(self, outgoing: Outgoing, call_id: str) -> None:
        """An INVITE of ours is a leg of that Call-ID."""
        flow = flow_of(outgoing.session_handler) or flow_of(outgoing)
        if flow is not None:
            self.note_leg(flow.call, call_id)

    def _on_late_fault(self, function: Callable[[], None], error: Exception) -> None:
        """What a timer was for failed: as :meth:`on_fault`."""
        struck(self, "timer not handled", error, flow_behind(function))

    def note_fault(self, what: str, error: Exception, **fields: object) -> None:
        """Logs and counts an error nobody foresaw."""
        self.faults += 1
        self.log.fault(what, error, **fields)

    # T-Library

    def request(self, link: Link, request: Request, reference_id: int) -> Sequence[ev.Event]:
        """See :class:`cordboard.model.ports.RequestHandler`."""
        return requests.carry_out(self, link, request, reference_id)

    def snapshot(self, dn: str) -> Sequence[ev.Event]:
        """See :class:`cordboard.model.ports.RequestHandler`."""
        extension = self.extensions.get(dn)
        if extension is None:
            return ()
        found: list[ev.Event] = [self.reporter.address(ev.EventAddressInfo, extension.dn, 0)]
        found.extend(self.reporter.party_info(party, 0) for party in extension.dn.parties)
        return found

    # Calls

    def begin(self, flow: CallFlow, start: Callable[[*Given], None], *given: *Given) -> None:
        """Takes a new call in and starts it, with what is given for that. If that fails, there is none."""
        self.calls[flow.call.conn_id] = flow
        self.meters.call_started()
        try:
            self.book.begin(flow.call)
            start(*given)
        except Exception:
            flow.fault()
            raise

    def note_leg(self, call: Call, call_id: str) -> None:
        """A call has a leg of that Call-ID, new or from another call. Who merely keeps the book ends no call."""
        try:
            self.book.leg(call, call_id)
        except Exception as error:
            self.note_fault("leg not noted", error, conn_id=call.conn_id, call_id=call_id)

    def refuse(self, transaction: int, status: int, headers: _core.Headers = ()) -> None:
        """Answers an INVITE that becomes no call."""
        self.meters.call_refused(status)
        self.dispatcher.endpoint.respond(transaction, status, headers=headers)

    def drain(self, empty: Callable[[], None] | None = None) -> None:
        """Refuses new calls from now on, and calls ``empty`` when the last call has ended; at once if there is none."""
        self.draining = True
        self._when_empty = empty
        if not self.calls:
            self.empty()

    def resume(self) -> None:
        """Takes new calls again."""
        self.draining = False
        self._when_empty = None

    def empty(self) -> None:
        """The last call has ended."""
        if self.draining and self._when_empty is not None:
            told, self._when_empty = self._when_empty, None
            told()

    def shut_down(self, heard: Callable[[], None] | None = None) -> None:
        """Ends all calls now, with BYE, and takes our registrations back; ``heard``: told when the carriers know.

        The core still needs a moment to send the BYEs. What fails keeps nothing else from ending.
        """
        self.draining = True
        leaving = set(self.registrations.values())
        self.registrations.clear()

        def left(registration: Registration | None) -> None:
            if registration is not None:
                leaving.discard(registration)
            if not leaving and heard is not None:
                heard()

        ends: list[Callable[[], None]] = [monitor.stop for monitor in self.monitors.values()]
        ends += [partial(registration.end, partial(left, registration)) for registration in leaving]
        ends += [flow.shut_down for flow in self.calls.values()]
        self.monitors.clear()
        if not leaving:
            left(None)
        for end in ends:
            try:
                end()
            except Exception as error:
                struck(self, "not shut down", error, flow_behind(end))
