"""One leg that is up while nobody is at the other end yet, or will be: its party hears a tone, an announcement, music.

    caller                  switch                   service
    |                         | INVITE (no offer), annc: play=music/ring_back -> |
    | <- re-INVITE (offer) -- | <------------------------------- 200 (offer)     |
    | 200 (answer) ---------> | ACK (answer) ----------------------------------> |
    | <---------------------------------------------- RTP: ringback ------------ |

Calls made by a desktop (:mod:`cordboard.switch.flows.make_call_rfc3725`), calls that are transferred blindly
(:mod:`cordboard.switch.flows.transfer`). Without a service the party hears what it heard, which may be nothing: a call
never fails for want of a tone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.services.limb import Limb, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import AnyChange
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.services.errand import Errand


def available(flow: CallFlow, wanted: Errand) -> bool:
    """Whether there is a service that can do it now."""
    server = flow.server
    return server.services.choose(wanted.need, server.clock.now()) is not None


def end_refused(
    flow: CallFlow, refusal: Refusal, first: Party | None = None, reference_id: int = 0, link: Link | None = None
) -> None:
    """Ends a call whose caller is answered, but nobody else is there."""
    headers = (("Reason", f"SIP;cause={refusal.status}"),)
    flow.end(
        refusal.outcome,
        refusal.status,
        refusal.by,
        refusal.reason,
        first=first,
        headers=headers,
        reference_id=reference_id,
        link=link,
    )


class Waiting:
    """The arrangement of such a call."""

    __slots__ = ("_done", "_guard", "flow", "leg", "limb", "refused")

    def __init__(self, flow: CallFlow, leg: Session) -> None:
        self.flow = flow
        self.leg = leg
        self.limb: Limb | None = None
        """What the leg is joined to."""
        self.refused: Refusal | None = None
        """Why nobody will be there, once that is so."""
        self._done: Callable[[State], None] | None = None
        self._guard: Timer | None = None

    def play(self, wanted: Errand, done: Callable[[State], None] | None = None, most: float = 0.0) -> Limb:
        """Lets the party hear something. ``done``: told that it ended or failed, or that ``most`` seconds are over."""
        self._stop()
        self._done = done
        if most > 0:
            self._guard = self.flow.server.clock.call_later(most, self._too_long)
        self.limb = limb = Limb(self.flow, self.leg, wanted, self._told)
        limb.start()
        return limb

    def _told(self, limb: Limb) -> None:
        if limb is self.limb and limb.state in (State.ENDED, State.FAILED):
            self._finish(limb.state)

    def _too_long(self) -> None:
        self._guard = None
        self._finish(State.ENDED)

    def _finish(self, state: State) -> None:
        done, self._done = self._done, None
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        if done is not None:
            done(state)

    def _stop(self) -> None:
        self._done = None
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        limb, self.limb = self.limb, None
        if limb is not None:
            limb.close()

    # Arrangement

    @property
    def settled(self) -> bool:
        """A limb on its way is no change: it may be taken back at any time."""
        return True

    def engage(self, change: AnyChange) -> AnyChange:
        """No desktop changes anything here: its party has nobody to talk to."""
        return change

    def disengage(self) -> None:
        """As :meth:`engage`."""

    def party_of(self, session: Session) -> Party | None:  # noqa: ARG002
        """There are none but caller and callee."""
        return None

    def session_of(self, party: Party) -> Session | None:  # noqa: ARG002
        """There are none but theirs."""
        return None

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:  # noqa: ARG002
        """An offer of the phone is for the service."""
        return False

    def again(self, session: Session) -> None:  # noqa: ARG002
        """Lets the leg hear it anew."""
        if self.limb is not None:
            self.play(self.limb.errand, self._done)

    def left(self, session: Session) -> bool:
        """With the one who waits the call goes; one that came to nothing for the reason it had."""
        if self.refused is None:
            return False
        self.end(self.flow.party_of(session))
        return True

    def release(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """As :meth:`left`."""
        if self.refused is None:
            return False
        self.end(party, reference_id, link)
        return True

    def end(self, first: Party | None = None, reference_id: int = 0, link: Link | None = None) -> None:
        """Ends a call that came to nothing."""
        refusal = self.refused
        if refusal is not None:
            end_refused(self.flow, refusal, first, reference_id, link)

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """Nobody is there to be held."""

    def close(self) -> None:
        """Takes the leg from what it hears."""
        self._stop()
