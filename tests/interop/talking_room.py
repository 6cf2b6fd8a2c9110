"""Ann, Bob and Cyd with phones that others wrote, a desktop that watches all of them, and ears on the wire."""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from interop_setup import PASSWORD

from cordboard.testkit.live.centre import Extension, Value
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, Linphone
from cordboard.testkit.strangers.ears import Ears
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.tshark import Capture

NUMBERS = {"ann": "1501", "bob": "1502", "cyd": "1503"}
VOICES = {"ann": 450.0, "bob": 700.0, "cyd": 1000.0}
SECONDS = 60.0

Phone = Baresip | Linphone
Kind = type[Baresip] | type[Linphone]
MakeRoom = Callable[..., "Room"]
"""``make_room(ann=Baresip, bob=Linphone)``."""


def extensions(options: Mapping[str, Mapping[str, Value]] | None = None) -> list[Extension]:
    """The three, who register with a password; ``options`` of the DN by name."""
    given = options or {}
    return [
        Extension(number, password=PASSWORD, name=name.title(), options=dict(given.get(name, {})))
        for name, number in NUMBERS.items()
    ]


class Room:
    """Who sits in it, and what is heard there."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        stack: ExitStack,
        kinds: Mapping[str, Kind],
        sounds: Mapping[str, float] | None = None,
    ) -> None:
        """Starts the phones of those named; returns when they are registered. ``sounds``: what a server may play."""
        self.server = server
        self.desktop = stack.enter_context(server.desktop(*NUMBERS.values()))
        self.phones: dict[str, Phone] = {}
        for name, kind in kinds.items():
            account = Account(NUMBERS[name], server=server.sip, password=PASSWORD)
            self.phones[name] = stack.enter_context(kind(account, folder / name, hertz=VOICES[name]))
        media = [phone.rtp_ports for phone in self.phones.values()]
        self.capture = stack.enter_context(Capture(folder / "capture", [server.port], media=media))
        self.ears = Ears(self.capture, self.phones, sounds)
        for phone in self.phones.values():
            phone.wait_registered()

    def __getitem__(self, name: str) -> Phone:
        """Somebody's phone."""
        return self.phones[name]

    def ring(self, one: str, two: str) -> None:
        """One calls two, whose phone rings."""
        self[one].dial(NUMBERS[two])
        assert NUMBERS[one] in self[two].wait_incoming()
        self[one].wait_ringing()

    def call(self, one: str, two: str) -> None:
        """One calls two, and two answers."""
        self.ring(one, two)
        self[two].answer()
        for name in (one, two):
            self[name].wait_established()

    def hear(self, **hearing: str | None) -> None:
        """Each hears whom he should and nobody else; None: nothing at all."""
        self.ears.settle(hearing)

    def hold_music(self, name: str) -> str | None:
        """What is heard by whom this phone holds: linphone plays its own file, baresip nothing."""
        return name if isinstance(self[name], Linphone) else None

    def over(self) -> None:
        """No call and no dialog is left, nothing went wrong, and all that the server sent was well-formed."""

        def nothing() -> bool:
            samples = self.server.metrics()
            return not samples["cordboard_calls_active"] and not samples["cordboard_core_dialogs"]

        wait_until(nothing, SECONDS, failed=lambda: self.server.program.error("is left with calls or dialogs"))
        assert self.server.metrics()['cordboard_switch_events_total{event="faults"}'] == 0
        assert not re.findall(r"Traceback|\bERROR\b", self.server.log())
        self.capture.assert_clean(source_ports=[self.server.port], at_least=10)
