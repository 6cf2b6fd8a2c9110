"""A whole centre that is only calculated: a network, the switch, phones, and all it tells T-Library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cordboard.model.connid import CallIds
from cordboard.model.enums import AddressType
from cordboard.model.events import CallEvent, Event
from cordboard.sip.resolver.lookup import Resolver
from cordboard.switch.server import SipServer
from cordboard.switch.settings import DnSettings, ServerSettings
from cordboard.testkit.media_server import MediaServer
from cordboard.testkit.names import ScriptedNames
from cordboard.testkit.network import VirtualNetwork, Weather
from cordboard.testkit.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard.model.ports import Link
    from cordboard.switch.records import CallRecord

EPOCH = 1_790_000_000.0
"""Unix time at which the clock of a virtual centre starts."""


class Desktop:
    """An EventSink that keeps what it hears, and call records besides."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.links: list[Link | None] = []
        """For each event, whose request caused it."""
        self.records: list[CallRecord] = []
        self.deaf = False
        """Whether nobody listens."""

    def wants(self, dn: str) -> bool:  # noqa: ARG002
        """Listens to every DN, unless deaf."""
        return not self.deaf

    def emit(self, event: Event, link: Link | None = None) -> None:
        """Keeps an event."""
        self.events.append(event)
        self.links.append(link)

    def write(self, record: CallRecord) -> None:
        """Keeps a record."""
        self.records.append(record)

    def told(self, dn: str | None = None) -> list[str]:
        """Names of the events, without "Event", of one DN or of all; a CallState other than OK is added."""
        found = []
        for event in self.events:
            if dn is not None and getattr(event, "this_dn", None) != dn:
                continue
            name = type(event).__name__.removeprefix("Event")
            if isinstance(event, CallEvent) and event.call_state:
                name = f"{name} {event.call_state.name}"
            found.append(name)
        return found


class Tally:
    """Meters that keep what was counted."""

    def __init__(self) -> None:
        self.active = 0
        self.outcomes: dict[str, int] = {}
        self.refused: dict[int, int] = {}
        self.messages: dict[int, int] = {}

    def call_started(self) -> None:
        """One more."""
        self.active += 1

    def call_ended(self, outcome: str, seconds: float) -> None:  # noqa: ARG002
        """One less."""
        self.active -= 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def call_refused(self, status: int) -> None:
        """Never one at all."""
        self.refused[status] = self.refused.get(status, 0) + 1

    def message_passed(self, status: int) -> None:
        """One message more."""
        self.messages[status] = self.messages.get(status, 0) + 1


class Centre:
    """The switch at 10.0.0.1, and a phone for each number from 10.0.1.1 on.

    The phones need not register: each DN has a fixed contact, unless ``registering``, when they register at the start.
    """

    def __init__(
        self,
        numbers: Sequence[str] = ("1501", "1502"),
        *,
        seed: int = 1,
        weather: Weather | None = None,
        registering: bool = False,
        keep: bool = True,
    ) -> None:
        self.network = VirtualNetwork(seed, weather, keep=keep)
        self.clock = self.network.clock
        self.node = self.network.node("switch", "10.0.0.1")
        self.desktop = Desktop()
        self.tally = Tally()
        self.names = ScriptedNames(self.clock)
        """The name service of the switch."""
        self.switch = SipServer(
            ServerSettings(domain="10.0.0.1"),
            endpoint=self.node.endpoint,
            clock=self.clock,
            ids=CallIds(started=EPOCH, seed=seed.to_bytes(10, "big")),
            wall=lambda: EPOCH + self.clock.now(),
            random=self.network.random.random,
            events=self.desktop,
            records=self.desktop,
            meters=self.tally,
            resolver=Resolver(self.clock, self.names, random=self.network.random.random),
        )
        self.node.drain = self.switch.drain_events
        self.phones: dict[str, Phone] = {}
        for index, number in enumerate(numbers, 1):
            phone = Phone(self.network, number, f"10.0.1.{index}", self.node.address)
            self.phones[number] = phone
            contact = "" if registering else phone.contact
            self.switch.configure(DnSettings(number=number, name=f"Phone {number}", contact=contact))
        if registering:
            for phone in self.phones.values():
                phone.register()
            self.network.run(2)
            self.desktop.events.clear()
            self.desktop.links.clear()

    def trunk(self, phone: Phone, **settings: object) -> None:
        """Makes the DN of a phone a trunk, known by its address; the phone is the carrier."""
        host = phone.node.address[0]
        self.configure(phone.number, address_type=AddressType.TRUNK, peers=(host,), name="", **settings)

    def media_server(self, number: str = "ms", host: str = "10.0.2.1", **settings: object) -> MediaServer:
        """A media server, and the Voice over IP Service that is it; all-in-one unless ``service`` says otherwise."""
        server = MediaServer(self.network, number, host, self.node.address)
        self.phones[number] = server
        values: dict[str, object] = {
            "service": "msml",
            "address_type": AddressType.UNKNOWN,
            "contact": f"sip:{host}:5060",
            "max_calls": 0,
            "sip_invite_timeout": 2.0,
            **settings,
        }
        self.switch.configure(DnSettings(number=number, **values))  # type: ignore[arg-type]
        return server

    def configure(self, number: str, **settings: object) -> None:
        """Changes settings of a DN."""
        old = self.switch.extensions[number].settings
        values = {name: getattr(old, name) for name in DnSettings.__dataclass_fields__}
        values.update(settings)
        self.switch.configure(DnSettings(**values))

    def settings(self, **settings: object) -> None:
        """Changes settings of the switch."""
        self.switch.set_settings(replace(self.switch.settings, **settings))  # type: ignore[arg-type]

    def run(self, seconds: float) -> None:
        """Lets time pass."""
        self.network.run(seconds)

    def hang_up(self) -> None:
        """Every phone hangs up all its calls."""
        for phone in self.phones.values():
            for call in phone.calls:
                call.hang_up()

    def leftovers(self) -> list[str]:
        """What is left after all calls should have ended: nothing, if all is well."""
        found: list[str] = []
        switch = self.switch
        if switch.calls:
            found.append(f"calls of the switch: {list(switch.calls.values())}")
        if switch.messages:
            found.append(f"messages of the switch: {switch.messages}")
        if switch.dispatcher.dialogs:
            found.append(f"dialogs of the switch: {switch.dispatcher.dialogs}")
        if switch.dispatcher.transactions:
            found.append(f"transactions of the switch: {switch.dispatcher.transactions}")
        if switch.faults:
            found.append(f"{switch.faults} faults of the switch")
        if self.tally.active:
            found.append(f"{self.tally.active} calls still counted as active")
        found.extend(f"parties on {e.dn}: {list(e.dn.parties)}" for e in switch.extensions.values() if e.dn.parties)
        for phone in self.phones.values():
            found.extend(f"{phone} failed: {fault!r}" for fault in phone.faults)
            if not phone.idle:
                found.append(
                    f"{phone} not idle: {[c.events for c in phone.calls if not c.over]} "
                    f"{phone.dispatcher.dialogs} {phone.dispatcher.transactions}"
                )
        # Each host name that is kept known has one timer, for its next lookup.
        timers = self.clock.waiting - switch.resolver.sleeping - len(switch.monitors)
        if timers:
            found.append(f"{timers} timers")
        return found
