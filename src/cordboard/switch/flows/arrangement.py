"""What the legs of a call can be joined to in place of each other.

    Bridge       the two legs of a call, joined                                         cordboard.switch.bridge
    Parted       somebody holds: who is held hears music, who holds nothing            flows/music.py
    Waiting      one leg, whose other party is not there yet, or will not come         flows/waiting.py
    Anchored     two who talk, in one room of a media service                          flows/anchored.py
    Conference   any number of parties, each joined to the same conference              flows/conference.py

A call has a bridge or an arrangement, never both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.sip.session import Session
    from cordboard.switch.bridge import AnyChange, Change


class Arrangement(Protocol):
    """One way of joining the legs of a call."""

    @property
    def settled(self) -> bool:
        """Whether no change is under way."""

    @property
    def engaged(self) -> bool:
        """Whether such a change is under way as :meth:`engage` begins."""

    def engage(self, change: AnyChange) -> AnyChange:
        """As of a bridge: a change is under way until :meth:`disengage`."""

    def disengage(self) -> None:
        """It is done."""

    def party_of(self, session: Session) -> Party | None:
        """The party of a leg that is neither the caller's nor the callee's."""

    def session_of(self, party: Party) -> Session | None:
        """The other way round."""

    def takes_offer(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether it answers an offer of a phone (or a request for one) itself."""

    def passes(self, session: Session, event: _core.RequestEvent) -> bool:
        """Whether an INFO of a phone is for another phone rather than for the service it is joined to."""

    def again(self, session: Session) -> None:
        """Lets a leg hear anew what it is to hear; it was joined to something else meanwhile."""

    def reseat(self) -> None:
        """A recording is wanted, or not any more: whoever is in a room takes another seat."""

    def left(self, session: Session) -> bool:
        """A phone hung up or is gone. Whether the call goes on without it."""

    def release(self, party: Party, reference_id: int, link: Link | None) -> bool:
        """A desktop releases the call for a party. Whether it was done, because the call goes on without it."""

    def held(self, session: Session, reference_id: int = 0, link: Link | None = None) -> None:
        """A phone was told to hold, or told us so: its party holds from now on."""

    def close(self) -> None:
        """Takes every leg away from what it is joined to. The legs of caller and callee go on; others are ended."""


class Changing:
    """What arrangements have in common that a desktop may change."""

    __slots__ = ("_engaged",)

    def __init__(self) -> None:
        self._engaged: Change | None = None
        """What a desktop or a phone asked for, while it is not done."""

    @property
    def engaged(self) -> bool:
        """See Arrangement."""
        return self._engaged is not None

    def engage(self, change: AnyChange) -> AnyChange:
        """See Arrangement."""
        self._engaged = change
        return change

    def disengage(self) -> None:
        """See Arrangement."""
        self._engaged = None

    def close(self) -> None:
        """See Arrangement. Nothing more is changed."""
        if self._engaged is not None:
            self._engaged.stop()
            self._engaged = None


class OfTwo(Changing):
    """What arrangements of a call of two have in common: with one of the two the call goes."""

    __slots__ = ()

    def party_of(self, session: Session) -> Party | None:  # noqa: ARG002
        """There are none but the two."""
        return None

    def session_of(self, party: Party) -> Session | None:  # noqa: ARG002
        """There are none but the two."""
        return None

    def reseat(self) -> None:
        """Its seats, if it has any, are as good for a recording as for none."""

    def left(self, session: Session) -> bool:  # noqa: ARG002
        """With one of two the call goes."""
        return False

    def release(self, party: Party, reference_id: int, link: Link | None) -> bool:  # noqa: ARG002
        """With one of two the call goes."""
        return False
