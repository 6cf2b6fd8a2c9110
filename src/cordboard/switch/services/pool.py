"""Which media service does an errand: Voice over IP Service DNs, by ``service-type``, health and load.

A service of just the type asked for comes before an all-in-one (``msml``). One that is full (``capacity``), does not
answer its tests (``oos-check``), or failed less than ``recovery-timeout`` ago is left out. Of the others the one with
the least load is chosen: the share of itself it says it uses in its answers to OPTIONS (``X-Cordboard-Load: <used>
<limit>``), and the dialogs we have with it since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.numbers import whole_number
from cordboard.switch.services.errand import APPLICATION, MCU, MSML, MUSIC, RECORDER, TREATMENT

if TYPE_CHECKING:
    from collections.abc import Collection

    from cordboard import _core
    from cordboard.switch.routing import Extension
    from cordboard.switch.services.limb import Limb

LOAD: Final = "X-Cordboard-Load"
"""Header of an answer to OPTIONS: legs in use and the most there may be."""

ABLE: Final[dict[str, frozenset[str]]] = {
    "music": frozenset({MUSIC}),
    "moh": frozenset({MUSIC}),
    "treatment": frozenset({TREATMENT}),
    "mcu": frozenset({MCU}),
    "recorder": frozenset({RECORDER}),
    "call-recorder": frozenset({RECORDER}),
    "application": frozenset({APPLICATION}),
    "msml": frozenset({MUSIC, TREATMENT, MCU, MSML, RECORDER}),
}
"""What a service of each ``service-type`` can do."""

RECOVERY: Final = 30.0
"""Seconds for which a service that failed is left out, unless ``recovery-timeout`` says otherwise."""


class Service:
    """A media service while the server runs."""

    __slots__ = ("able", "extension", "failures", "limbs", "limit", "recovers_at", "used")

    def __init__(self, extension: Extension) -> None:
        self.extension = extension
        self.able = ABLE.get(extension.settings.service, frozenset())
        """What it can do."""
        self.limbs: set[Limb] = set()
        """Our legs that use it, or are about to."""
        self.used = 0
        """Legs in use as it last said, beyond ours."""
        self.limit = 0
        """The most it takes, as it last said; 0 for unknown."""
        self.recovers_at = 0.0
        """Until when it is left out because it failed, on the switch's clock."""
        self.failures = 0
        """How often it failed."""

    def __repr__(self) -> str:
        return f"<Service {self.extension.settings.number} {len(self.limbs)} limbs>"

    @property
    def full(self) -> bool:
        """Whether it has as many dialogs of ours as it may."""
        capacity = self.extension.settings.capacity
        return capacity > 0 and len(self.limbs) >= capacity

    @property
    def load(self) -> float:
        """What share of itself it uses; where it does not say, how many of our legs, as if it took a thousand."""
        return (self.used + len(self.limbs)) / (self.limit or 1000)

    def available(self, now: float) -> bool:
        """Whether it may be asked."""
        return self.extension.dn.in_service and not self.full and now >= self.recovers_at

    def heard(self, message: _core.Message) -> None:
        """It answered a test, and may have said how busy it is."""
        words = (message.header(LOAD) or "").split()
        numbers = [number for word in words if (number := whole_number(word, 10**6)) is not None]
        if len(words) == len(numbers) == 2:
            self.used, self.limit = max(0, numbers[0] - len(self.limbs)), numbers[1]
        self.works()

    def works(self) -> None:
        """It answered."""
        self.recovers_at = 0.0

    def failed(self, now: float) -> None:
        """It did not answer, or not as it should."""
        self.failures += 1
        self.recovers_at = now + (self.extension.settings.recovery_timeout or RECOVERY)

    def died(self, now: float) -> None:
        """It does not answer its tests any more: whoever uses it goes elsewhere."""
        self.failed(now)
        for limb in list(self.limbs):
            limb.service_died()


class Services:
    """All media services of the switch."""

    __slots__ = ("_gone", "counted", "known")

    def __init__(self) -> None:
        self.known: dict[str, Service] = {}
        """All there are, by the number of their DN; not for writing."""
        self._gone = 0
        """Failures of those that are gone."""
        self.counted = {"anchored": 0, "not_anchored": 0, "recordings_started": 0, "recordings_broken": 0}
        """What was done with them."""

    @property
    def legs(self) -> int:
        """Our legs that use any of them, or are about to."""
        return sum(len(service.limbs) for service in self.known.values())

    def counters(self) -> dict[str, int]:
        """What was done with them, and how often they failed."""
        failures = self._gone + sum(service.failures for service in self.known.values())
        return {"failures": failures, **self.counted}

    def take(self, extension: Extension) -> None:
        """A DN is new or has changed."""
        number = extension.settings.number
        known = self.known.get(number)
        if not ABLE.get(extension.settings.service):
            self.drop(number)
        elif known is None or known.extension is not extension:
            self.known[number] = Service(extension)
        else:
            known.able = ABLE[extension.settings.service]

    def drop(self, number: str) -> None:
        """A DN is gone. Dialogs with it go on."""
        gone = self.known.pop(number, None)
        self._gone += gone.failures if gone is not None else 0

    def of(self, number: str) -> Service | None:
        """The service of a DN."""
        return self.known.get(number)

    def choose(self, need: str, now: float, without: Collection[Service] = ()) -> Service | None:
        """The best service for a need; None if there is none now."""
        best: tuple[bool, float, str] | None = None
        found = None
        for number, service in self.known.items():
            if need not in service.able or service in without or not service.available(now):
                continue
            rank = (len(service.able) > 1, service.load, number)
            if best is None or rank < best:
                best, found = rank, service
        return found
