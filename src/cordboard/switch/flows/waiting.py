"""One leg that is up while nobody is at the other end yet, or will be: its party hears a tone, an announcement, music.

    caller                  switch                   service
    |                         | INVITE (no offer), annc: play=music/ring_back -> |
    | <- re-INVITE (offer) -- | <------------------------------- 200 (offer)     |
    | 200 (answer) ---------> | ACK (answer) ----------------------------------> |
    | <---------------------------------------------- RTP: ringback ------------ |

Calls that wait at a Routing Point (:mod:`cordboard.switch.flows.treatments`), calls made by a desktop
(:mod:`cordboard.switch.flows.make_call_rfc3725`), calls that are transferred blindly
(:mod:`cordboard.switch.flows.transfer`). Without a service the party hears what it heard, which may be nothing: a call
never fails for want of a tone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.switch.services.limb import Limb, State
from cordboard.switch.services.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.clock import Timer
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import AnyChange
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.refusals import Refusal
    from cordboard.switch.services.errand import Errand

    Listener = Callable[[State, Mapping[str, str]], None]
    """Told that something is heard (UP), has ended or failed; and what a dialog found out."""


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

    __slots__ = ("_guard", "_listener", "flow", "leg", "limb", "refused")

    def __init__(self, flow: CallFlow, leg: Session) -> None:
        self.flow = flow
        self.leg = leg
        self.limb: Limb | None = None
        """What the leg is joined to."""
        self.refused: Refusal | None = None
        """Why nobody will be there, once that is so."""
        self._listener: Listener | None = None
        self._guard: Timer | None = None

    def play(
        self,
        wanted: Plan,
        listener: Listener | None = None,
        *,
        most: float = 0.0,
    ) -> None:
        """Lets the party hear something, or have a dialog.

        ``listener``: told that it is heard, that it ended or failed. After ``most`` seconds it counts as ended.
        """
        self._stop()
        self._listener = listener
        if most > 0:
            self._guard = self.flow.server.clock.call_later(most, self._too_long)
        self.limb = wanted.limb(self.flow, self.leg, self._told)
        self.limb.start()

    def _told(self, limb: Limb) -> None:
        if limb is not self.limb:
            return
        if limb.state is State.UP:
            if self._listener is not None:
                self._listener(State.UP, {})
        else:
            self._finish(limb.state, limb.result)

    def _too_long(self) -> None:
        self._guard = None
        self._finish(State.ENDED, {})

    def _finish(self, state: State, result: Mapping[str, str]) -> None:
        listener, self._listener = self._listener, None
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        if listener is not None:
            listener(state, result)

    def _stop(self) -> None:
        self._listener = None
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

    @property
    def engaged(self) -> bool:
        """As :meth:`engage`."""
        return False

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

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:  # noqa: ARG002
        """What a phone says in INFO is for the service."""
        return False

    def again(self, session: Session) -> None:  # noqa: ARG002
        """Lets the leg hear it anew; a dialog or a script is over."""
        if self.limb is not None and type(self.limb) is Limb:
            self.play(Plan(self.limb.errand), self._listener)

    def reseat(self) -> None:
        """Nothing is recorded here."""

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
