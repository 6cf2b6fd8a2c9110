"""Anchoring: both legs of a call are joined not to each other, but to one room of a media service, for a reason.

    A                      switch                    service                     B
    | <--------------------- RTP, directly from phone to phone ----------------> |
    |                        | INVITE sip:msml (no offer), one for each leg -> |
    | <- re-INVITE (offer) - | <------------- 200 (offer), twice | re-INVITE -> |
    | 200 (answer) --------> | ACK (answer), twice ----------->  | <------- 200 |
    |                        | INFO: create and join conf:<ConnID>              |
    | <------------- RTP ------------> service <------------- RTP -------------> |

Reasons: it is recorded, an option of a DN in it wants so (``sip-media-anchor``), or its phones cannot talk directly
(:mod:`cordboard.switch.features.media_path`), which is judged anew whenever two have been joined. A call without a
reason is never touched, and one whose reason has gone is joined directly again. While somebody holds, or a transfer is
under way, there is nothing to anchor; as soon as both legs are joined again the room is made anew. When no service is
there the call goes on directly, and is tried again.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from cordboard.switch.features import media_path
from cordboard.switch.flows import passing
from cordboard.switch.flows.anchored import NOBODY, Anchored, Taken
from cordboard.switch.flows.overture import Overture
from cordboard.switch.flows.patience import when_settled
from cordboard.switch.flows.recording import RECORDED, Input, Recording
from cordboard.switch.services.errand import MSML
from cordboard.switch.services.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.routing import Extension
    from cordboard.switch.services.limb import Limb
    from cordboard.switch.services.pool import Service

    AnySeat = TypeVar("AnySeat", bound=Seat)
    Finished = Callable[[str], None]
    """Told that something was done, or why it was not."""

RETRY: Final = 5.0
"""Seconds until a call that should be anchored is tried again."""

SOON: Final = 0.05
"""Seconds until it is looked whether a phone has done what it was doing."""

MOST_TRIES: Final = 5
"""How often, before it is left as it is."""

OPTION: Final = "sip-media-anchor"

_METHODS: Final = re.compile(r"[^\s,]+")


def of(flow: CallFlow) -> Anchoring:
    """The anchoring of a call."""
    if flow.anchoring is None:
        flow.anchoring = Anchoring(flow)
    return flow.anchoring


def as_configured(flow: CallFlow) -> None:
    """Anchors and records a call as the options of its two DNs say."""
    for party in (flow.caller, flow.callee):
        extension = flow.extension_of(party) if party is not None else None
        if extension is None or not extension.anchors_calls:
            continue
        settings = extension.settings
        calls = "source" if party is flow.caller else "destination"
        if settings.record in (calls, "both") and not of(flow).recording.wanted:
            of(flow).recording.ask(Input.START)
            of(flow).want(RECORDED)
        if settings.media_anchor == "yes":
            of(flow).want(OPTION)
        if settings.dtmf == passing.INFO_ALONE:
            of(flow).want(passing.INFO_ALONE)


def needs(flow: CallFlow, one: Session, other: Session, offer: bytes = b"") -> frozenset[str]:
    """What keeps the phones of two legs apart, if a service can bridge it. ``offer``: what the one says now."""
    if not may_bridge(flow, one, other):
        return media_path.NOTHING
    sides = []
    for session, said in ((one, offer or one.media.heard), (other, other.media.heard)):
        sides.append(media_path.described(said, session.source, _extension(flow, session)))
    return media_path.between(*sides)


def may_bridge(flow: CallFlow, *legs: Session) -> bool:
    """Whether there is a service for phones that cannot talk directly, and their DNs do not forbid it."""
    server = flow.server
    if server.services.choose(MSML, server.clock.now()) is None:
        return False
    asked = (_extension(flow, leg) for leg in legs)
    return not any(one is not None and one.settings.media_anchor == "no" for one in asked)


def _extension(flow: CallFlow, leg: Session) -> Extension | None:
    party = flow.party_of(leg)
    return flow.extension_of(party) if party is not None else None


def consider(flow: CallFlow, besides: frozenset[str] = media_path.NOTHING) -> None:
    """Two have been joined: whether their media can pass directly is judged by what both have said.

    ``besides``: what is known to keep them apart that does not show in that.
    """
    if flow.anchoring is None and not besides and not flow.server.services.known:
        # Nobody could bridge them, as in most centres.
        return
    if flow.bridge is None or flow.a is None or flow.b is None:
        return
    found = needs(flow, flow.a, flow.b) | besides
    if found or flow.anchoring is not None:
        of(flow).need(found)


def at_once(flow: CallFlow, found: frozenset[str], headers: _core.Headers = ()) -> None:
    """Both legs go to a room without having been joined before.

    ``headers``: what a caller who is not answered yet is answered besides.
    """
    anchoring = of(flow)
    anchoring.needs = found
    anchoring.enter(headers)


class Anchoring:
    """Why a call is anchored, and its recording."""

    __slots__ = (
        "_flow",
        "_pending",
        "_retry",
        "_tries",
        "_waiting",
        "_wanted",
        "info",
        "needs",
        "overture",
        "recording",
    )

    def __init__(self, flow: CallFlow) -> None:
        self._flow = flow
        self._wanted: set[str] = set()
        """Reasons somebody gave."""
        self.needs = media_path.NOTHING
        """What keeps the two apart who are joined now."""
        self.recording = Recording(flow)
        self.info: dict[Session, bool] = {}
        """Whether a phone takes INFO, of those that have said so: by Allow (RFC 3261 20.5), or by refusing one."""
        self.overture: Overture | None = None
        """What is heard before the answer."""
        self._pending = False
        """Whether it waits for the call to be at rest."""
        self._retry: Timer | None = None
        self._tries = 0
        self._waiting: list[Callable[[Anchored | None], None]] = []
        """Who waits until it is anchored."""

    @property
    def reasons(self) -> set[str]:
        """Why it is anchored, or to be."""
        return self._wanted | self.needs

    def need(self, found: frozenset[str]) -> None:
        """What keeps the two apart who are joined now."""
        self.needs = found
        self.again()

    def want(self, reason: str) -> None:
        """There is a reason."""
        self._wanted.add(reason)
        self._tries = 0
        if self._flow.arrangement is not None:
            self._flow.arrangement.reseat()
        self.again()

    def drop(self, reason: str) -> None:
        """There is that reason no more."""
        self._wanted.discard(reason)
        arrangement = self._flow.arrangement
        if not self.reasons and isinstance(arrangement, Anchored):
            arrangement.rejoin()
        elif arrangement is not None:
            arrangement.reseat()

    def again(self) -> None:
        """Both legs are joined to each other, or may be soon: from then on they are to be anchored."""
        if self.reasons and not self._pending and self._retry is None:
            # Not at once: whoever has joined the legs has not said yet what is still to be exchanged.
            self._later(SOON)

    def _later(self, seconds: float) -> None:
        if self._retry is None:
            self._retry = self._flow.server.clock.call_later(seconds, self._look)

    def _look(self) -> None:
        self._retry = None
        if self.reasons and not self._pending:
            self._pending = True
            when_settled((self._flow,), self._go, lambda _: None)

    def _go(self) -> None:
        self._pending = False
        flow = self._flow
        if flow.over or not self.reasons or flow.bridge is None or flow.transfer is not None:
            return
        if any(session is None or session.busy for session in (flow.a, flow.b)):
            # An ACK is still on its way.
            self._later(SOON)
            return
        server = flow.server
        if not flow.settled or server.services.choose(MSML, server.clock.now()) is None:
            self.failed()
            return
        self.enter()

    def enter(self, headers: _core.Headers = (), taken: Taken = NOBODY) -> None:
        """Takes both legs to the room; see :func:`at_once`. ``taken``: the seats they have there already."""
        flow = self._flow
        flow.part()
        anchored = Anchored(flow, self, headers)
        flow.rearrange(anchored)
        anchored.start(taken)

    def begin(self) -> Overture:
        """What is heard before the answer."""
        if self.overture is None:
            self.overture = Overture(self._flow, self)
        return self.overture

    def note(self, session: Session, message: _core.Message | None) -> None:
        """A phone has sent a request or a 2xx, which may say what it takes."""
        allowed = message.headers("Allow") if message is not None else []
        if allowed:
            self.info[session] = any("INFO" in _METHODS.findall(line.upper()) for line in allowed)

    def hush(self) -> None:
        """Nothing is heard any more before the answer."""
        if self.overture is not None:
            self.overture.close()

    def when_up(self, reason: str, told: Callable[[Anchored | None], None]) -> None:
        """There is a reason, and somebody waits until it is so; told None if it cannot be."""
        arrangement = self._flow.arrangement
        self._wanted.add(reason)
        if isinstance(arrangement, Anchored) and arrangement.complete:
            told(arrangement)
            return
        self._waiting.append(told)
        self.want(reason)

    def up(self, arrangement: Anchored | None) -> None:
        """Both legs are in the room; or cannot be."""
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told(arrangement)

    def failed(self) -> None:
        """It could not be done now."""
        self._tries += 1
        flow = self._flow
        self.up(None)
        if self._tries < MOST_TRIES:
            self._later(RETRY)
            return
        flow.server.services.counted["not_anchored"] += 1
        flow.server.log.warning("call not anchored", conn_id=flow.call.conn_id, reasons=sorted(self.reasons))
        self._forget()
        self.recording.broken("no service")

    def _forget(self) -> None:
        self._wanted.clear()
        self.needs = media_path.NOTHING

    def entered(self, arrangement: Anchored) -> None:
        """Both legs are in the room."""
        self._tries = 0
        self._flow.server.services.counted["anchored"] += 1
        self.up(arrangement)

    def close(self) -> None:
        """The call has ended."""
        self._forget()
        self.up(None)
        self.hush()
        self.info.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def seat(
        self, session: Session, told: Callable[[Limb], None], choose: Callable[[Collection[Service]], Service | None]
    ) -> Seat:
        """A seat in the call's room, whose recording is told."""
        return self.seat_as(Seat, session, told, choose)

    def seat_as(
        self,
        kind: type[AnySeat],
        session: Session,
        told: Callable[[Limb], None],
        choose: Callable[[Collection[Service]], Service | None],
    ) -> AnySeat:
        """One of that kind."""
        flow = self._flow
        in_conference = flow.arrangement is not None and not isinstance(flow.arrangement, Anchored)
        translated = not in_conference and passing.takes_info_alone(flow, session)
        return kind(
            flow,
            session,
            flow.call.conn_id,
            told,
            choose,
            self.recording.heard,
            clamped=in_conference or translated,
            keys=partial(passing.give, flow, session) if translated else None,
        )


def request(flow: CallFlow, party: Party, what: Input, reference_id: int, link: Link | None) -> None:
    """Carries out a request of a desktop about the recording. Raises TLibError."""
    anchoring = of(flow)
    anchoring.recording.ask(what, party, reference_id, link)
    if what is Input.START:
        anchoring.want(RECORDED)
    elif what is Input.STOP:
        anchoring.drop(RECORDED)
