"""A DN, or a trunk, being called whose phones cannot talk to the caller's directly.

They are called in one way after another, as long as they refuse what they are offered (488, 606):

1. with the offer of a media service, made for what is known of them, so that the caller hears what comes before the
   answer (:mod:`cordboard.switch.flows.overture`). If nothing is known of SRTP: first as the caller has it, then
   otherwise; the other way round if they have refused the caller's own offer
2. without an offer: they say themselves what they can, and are heard when they answer. So they are where no service can
   be had, or where contacts are of both families of addresses

Where a NAT alone is between them the last way is the caller's own offer: they may hear each other all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from cordboard.sip import likeness
from cordboard.sip.likeness import Likeness, Srtp
from cordboard.sip.media import is_sdp
from cordboard.switch.delivery.attempt import Attempt
from cordboard.switch.features import media_path
from cordboard.switch.flows import anchoring
from cordboard.switch.flows.early import ask
from cordboard.switch.flows.early_media import SUPPORTED
from cordboard.switch.services.ahead import Ahead
from cordboard.switch.services.limb import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.outgoing import Invite, Outgoing
    from cordboard.sip.resolver.failover import Affinity
    from cordboard.sip.routed import RoutedInvite
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.offer import Offer
    from cordboard.switch.routing import Target
    from cordboard.switch.services.ahead import SeatAhead


class Bridged(Attempt):
    """It, called one way after another until somebody answers."""

    __slots__ = ("_dispatcher", "_host", "_likes", "_overture", "_seat", "_send", "apart")

    def prepare(self, flow: CallFlow, apart: frozenset[str], offer: Offer) -> None:
        """Before it starts: what keeps the phones apart, and what the caller brings, of ``flow``."""
        if flow.a is not None:
            anchoring.of(flow).note(flow.a, offer.invite)
        self.apart = apart
        sides = [media_path.expected(self.extension, one) for one in self.targets]
        self._likes = _likes(apart, likeness.of(offer.body).srtp, sides)
        """What they may be like, one way after another."""
        self._overture = flow.overture()
        self._seat: SeatAhead | None = None
        """The seat for whoever of them answers, if they are made a service's offer."""

    def start(
        self,
        dispatcher: Dispatcher,
        session_handler: SessionHandler,
        targets: Sequence[Target],
        invite: Invite,
        affinity: Affinity | None = None,
    ) -> None:
        """See Branches. ``invite`` is as it goes after all offers of services."""

        def send(offer: bytes) -> None:
            said = invite
            if offer:
                headers = invite.headers if SUPPORTED in invite.headers else [*invite.headers, SUPPORTED]
                said = replace(invite, headers=headers, body=offer, content_type="application/sdp")
            Attempt.start(self, dispatcher, session_handler, targets, said, affinity)

        self._dispatcher = dispatcher
        self._host = targets[0].remote[0]
        self._send = send
        self._next()

    def _next(self) -> None:
        """Calls them in the next way."""
        if self._likes:
            like = self._likes.pop(0)
            seat = self._overture.seat(Ahead(like, self._host), self._offered)
            if seat.state is not State.FAILED:
                self._seat = seat
        else:
            if self.apart == {media_path.NAT}:
                self.apart = media_path.NOTHING
            self._send(b"")

    def _offered(self, offer: bytes) -> None:
        """A service has made its offer, or none can."""
        if offer:
            self._send(offer)
        else:
            self._seat = None
            self._likes.clear()
            self._next()

    def _leave(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            self._overture.leave(seat)

    def cancel(self, headers: _core.Headers = ()) -> None:
        """See Branches."""
        super().cancel(headers)
        self._leave()

    # OutgoingHandler

    def on_progress(self, outgoing: Outgoing | RoutedInvite, event: _core.ResponseEvent) -> None:
        """A contact rings, and may have said where it receives."""
        dialog = event.dialog
        if self._seat is not None and dialog is not None:
            if event.message.header("RSeq") is not None:
                ask(self._dispatcher, dialog, "PRACK")
            body, kind = event.message.content
            if body and is_sdp(kind):
                self._overture.described(self._seat, dialog, body)
        super().on_progress(outgoing, event)

    def on_answer(self, outgoing: Outgoing | RoutedInvite, session: Session, event: _core.ResponseEvent) -> None:
        """A contact answered."""
        seat, self._seat = self._seat, None
        if seat is not None:
            self._overture.answering(seat, session)
        super().on_answer(outgoing, session, event)

    def on_reject(self, outgoing: Outgoing | RoutedInvite, status: int, event: _core.ResponseEvent | None) -> None:
        """A contact failed: if that was the last one, they may be called in the next way."""
        if self._open == 1:
            offered = self._seat is not None
            self._leave()
            if offered and event is not None and status in media_path.NOT_ACCEPTABLE:
                self._stop()
                self._outgoing.clear()
                self._best = None
                self._next()
                return
        super().on_reject(outgoing, status, event)


def _likes(apart: frozenset[str], own: Srtp, sides: Sequence[media_path.Side]) -> list[Likeness]:
    """What those who are called may be like, in the order to be tried; ``own``: what the caller makes of SRTP."""
    families = {side.likeness.ipv6 for side in sides} - {None}
    if len(families) > 1:
        return []
    known = sides[0].likeness.srtp
    kinds: list[Srtp] = [known]
    if known is Srtp.UNKNOWN:
        kinds = [own, Srtp.NONE if own is Srtp.REQUIRED else Srtp.REQUIRED]
        if media_path.REFUSED in apart:
            kinds.reverse()
    return [Likeness(next(iter(families), None), kind) for kind in kinds]
