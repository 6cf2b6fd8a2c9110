"""The SIP Server: its DNs, its calls, and the way of each event and request to the flow it belongs to.

One thread owns it. Time, randomness, identifiers and all that leaves it come in as arguments. The driver's loop is:
wait until ``endpoint.fileno()`` is readable, call :meth:`SipServer.drain_events`, then ``endpoint.flush()``; and flush
after each T-Library request and each timer as well.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cordboard.model import events as ev
from cordboard.model.forwarding import NOTHING
from cordboard.model.reporter import Reporter
from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.resolver.failover import Affinity
from cordboard.sip.resolver.lookup import Resolver
from cordboard.sip.session_timer import SessionTimers
from cordboard.switch import requests
from cordboard.switch.barrier import GuardedClock, flow_behind, flow_of, struck
from cordboard.switch.bridge import ALLOW
from cordboard.switch.flows import basic_call
from cordboard.switch.log import Log
from cordboard.switch.ports import NoFeatureStore, NoMeters, NoRecords
from cordboard.switch.routing import Extension, find
from cordboard.switch.services.pool import Services
from cordboard.switch.trunks.dial_plan import DialPlan
from cordboard.switch.trunks.monitor import Monitor
from cordboard.switch.trunks.registration import Registration
from cordboard.switch.trunks.selection import Trunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cordboard import _core
    from cordboard.model.connid import CallIds
    from cordboard.model.forwarding import Features
    from cordboard.model.party import Party
    from cordboard.model.ports import EventSink, Link
    from cordboard.model.requests import Request
    from cordboard.sip.clock import Clock
    from cordboard.sip.endpoint import Endpoint
    from cordboard.sip.resolver.locate import Located
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.at_point import AtPoint
    from cordboard.switch.ports import FeatureStore, Meters, RecordSink
    from cordboard.switch.routing import Outside, Target
    from cordboard.switch.settings import DnSettings, ServerSettings

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
        log: Log | None = None,
    ) -> None:
        """``wall``: Unix time in seconds. ``random``: a number from 0 to 1."""
        self.clock = clock = GuardedClock(clock, self._on_late_fault)
        self.ids = ids
        self.random = random
        self.reporter = Reporter(settings.name, events, wall)
        self.records = records if records is not None else NoRecords()
        self.meters = meters if meters is not None else NoMeters()
        self.resolver = resolver if resolver is not None else Resolver(clock, random=random)
        self.log = log if log is not None else Log()
        self.log_calls = True
        """Whether the end of each call is a line of the log."""
        self.dispatcher = Dispatcher(endpoint, self)
        self.dispatcher.timers = SessionTimers(clock)
        self.extensions: dict[str, Extension] = {}
        """All DNs, by number."""
        self.calls: dict[str, CallFlow] = {}
        """All calls, by ConnID."""
        self.trunks: dict[str, Trunk] = {}
        """The trunks, by the number of their DN."""
        self.affinity = Affinity()
        """The server of a carrier that we are registered with, by the number of the trunk's DN."""
        self.points: dict[Party, AtPoint] = {}
        """The calls that wait at Routing Points, by the party there."""
        self.services = Services()
        """The media services."""
        self.monitors: dict[str, Monitor] = {}
        """The tests of DNs that are tested, by number."""
        self.registrations: dict[str, Registration] = {}
        """Our registrations with trunks, by the number of their DN."""
        self._accounts: dict[str, tuple[str, str]] = {}
        """Accounts the core knows of, (user, host) by the number of the trunk's DN."""
        self.plan = DialPlan()
        self.turns: dict[str, int] = {}
        """Where each circular hunt group goes on."""
        self.features = features if features is not None else NoFeatureStore()
        self._kept: dict[str, Features] = {}
        """Features of DNs that are not configured, or not yet."""
        self.draining = False
        """Whether new calls are refused because the server is to stop."""
        self.refusing = False
        """Whether new calls are refused because there is no time for them."""
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

    def refuse_new(self, refuse: bool) -> None:
        """Refuses new calls, or takes them again; those of phones are not even heard of."""
        self.refusing = refuse
        self.dispatcher.endpoint.refuse_new(refuse)

    def configure(self, settings: DnSettings) -> None:
        """Adds a DN or changes its settings; calls on it go on. Raises ContactError and changes nothing."""
        number = settings.number
        extension = self.extensions.get(number)
        domain = self.settings.domain
        if extension is None:
            extension = Extension(settings, domain)
            extension.resolve(self.resolver)
            self._check_plan(settings)
            self.extensions[number] = extension
            extension.dn.features = self._kept.pop(number, NOTHING)
            changed = False
        else:
            before, kept = extension.dn.in_service, extension.settings
            extension.change(settings, domain)
            try:
                self._check_plan(settings)
                extension.resolve(self.resolver)
            except ValueError:
                extension.change(kept, domain)
                raise
            changed = extension.dn.in_service != before
        self._outward(extension)
        self._declare(extension, settings.peers)
        named = extension.is_trunk and not settings.peers
        extension.watch(partial(self._found, extension) if named else None)
        if changed:
            self.reporter.service(extension.dn)

    def _declare(self, extension: Extension, peers: Sequence[str]) -> None:
        """Tells the core of a DN. ``peers``: the addresses that are it."""
        settings = extension.settings
        self.dispatcher.endpoint.set_dn(
            settings.number,
            ha1=settings.ha1,
            authenticate=settings.authenticate,
            registers=not extension.is_trunk,
            peers=peers,
        )

    def _found(self, extension: Extension, located: Located) -> None:
        """The name of a trunk leads to these servers now: its calls come from them. If to none, it stays as it is."""
        if located.destinations:
            hosts = {destination.host: None for destination in located.destinations}
            self._declare(extension, tuple(hosts))

    def unconfigure(self, number: str) -> None:
        """Takes a DN out. Calls on it go on; nobody can call it or register as it any more."""
        extension = self.extensions.pop(number, None)
        if extension is None:
            return
        account = self._accounts.pop(number, None)
        registration = self.registrations.pop(number, None)
        if registration is not None:
            registration.end(partial(self._drop_account, account))
        else:
            self._drop_account(account)
        extension.forget()
        self.trunks.pop(number, None)
        self.services.drop(number)
        self.turns.pop(number, None)
        monitor = self.monitors.pop(number, None)
        if monitor is not None:
            monitor.stop()
        if extension.settings.dial_plan:
            self.plan = self._planned(None)
        self._kept[number] = extension.dn.features
        self.dispatcher.endpoint.remove_dn(number)
        if extension.dn.in_service:
            extension.dn.locations = ()
            extension.dn.static_contact = None
            self.reporter.service(extension.dn)

    def _outward(self, extension: Extension) -> None:
        """Takes over what a DN's settings mean for the way outside."""
        settings = extension.settings
        number = settings.number
        self.services.take(extension)
        if extension.is_trunk:
            trunk = self.trunks.get(number)
            if trunk is None or trunk.extension is not extension:
                self.trunks[number] = Trunk(extension)
        else:
            self.trunks.pop(number, None)
        monitor = self.monitors.get(number)
        wanted = settings.oos_check > 0 and settings.static_contact is not None
        if monitor is not None and (not wanted or monitor.extension is not extension):
            self.monitors.pop(number).stop()
            monitor = None
        if wanted and monitor is None:
            self.monitors[number] = Monitor(self, extension)
        self._account(extension)
        self.plan = self._planned(None)

    def _account(self, extension: Extension) -> None:
        """Takes over our account with a trunk: what challenges are answered with, and the registration."""
        settings = extension.settings
        number = settings.number
        known = self._accounts.pop(number, None)
        account = (settings.account, extension.host)
        has_account = extension.is_trunk and bool(settings.account and settings.account_password)
        if has_account:
            user, host = self._accounts[number] = account
            self.dispatcher.endpoint.set_credentials("", user, password=settings.account_password, host=host)
        wanted = extension.is_trunk and settings.registers_with and bool(settings.account)
        registration = self.registrations.get(number)
        if registration is not None and not (wanted and registration.concerns(settings)):
            self.registrations.pop(number).end(partial(self._drop_account, known))
            extension.dn.unregistered = False
            registration = None
        else:
            self._drop_account(known)
        if wanted and registration is None:
            registration = self.registrations[number] = Registration(self, extension)
            registration.begin()

    def _drop_account(self, account: tuple[str, str] | None) -> None:
        """Lets the core forget an account, unless it is in use (again)."""
        if account is not None and account not in self._accounts.values():
            self.dispatcher.endpoint.remove_credentials("", account[0], host=account[1])

    def _planned(self, changed: DnSettings | None) -> DialPlan:
        """All dial plan rules, with those of a DN that is about to change."""
        plans = {number: extension.settings.dial_plan for number, extension in self.extensions.items()}
        if changed is not None:
            plans[changed.number] = changed.dial_plan
        return DialPlan(rule for number in sorted(plans) for rule in plans[number])

    def _check_plan(self, settings: DnSettings) -> None:
        """Raises RuleError for a dial plan that cannot be read."""
        if settings.dial_plan:
            self._planned(settings)

    def restore(self, number: str, features: Features) -> None:
        """Takes over the features of a DN from before a restart; nobody is told."""
        extension = self.extensions.get(number)
        if extension is None:
            self._kept[number] = features
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

    def begin(self, flow: CallFlow, start: Callable[[], None]) -> None:
        """Takes a new call in and starts it. If that fails, there is none."""
        self.calls[flow.call.conn_id] = flow
        self.meters.call_started()
        try:
            start()
        except Exception:
            flow.fault()
            raise

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

    def shut_down(self) -> None:
        """Ends all calls now, with BYE. The core still needs a moment to send them."""
        self.draining = True
        for monitor in self.monitors.values():
            monitor.stop()
        self.monitors.clear()
        for registration in self.registrations.values():
            registration.end()
        self.registrations.clear()
        for flow in list(self.calls.values()):
            flow.shut_down()
