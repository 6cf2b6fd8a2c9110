"""Session timers (RFC 4028): a call whose phone has died ends by itself, each leg for itself.

    interval agreed in the 2xx (Session-Expires, refresher)
        we refresh:   at half the interval UPDATE, or re-INVITE for a phone without it; a 2xx starts the interval anew
        it refreshes: each re-INVITE and UPDATE of its own starts the interval anew; without one the session is lost, a
                      third of the interval or 32 s, whichever is less, before it ends (section 10)

An interval below MIN_SE is answered 422 (section 9). A phone that does not know timers is refreshed by us, if we want
it (section 9: refresher=uas). A phone that refuses its refreshes for good is left alone: it is alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.clock import Clock, Timer
    from cordboard.sip.session import Session

MIN_SE: Final = 90
"""The shortest interval taken, in seconds (RFC 4028 section 5)."""

MOST: Final = 999_999_999
"""The longest interval read."""

AGAIN: Final = 5.0
"""Seconds after which a refresh that came at a bad moment is tried again, and one refused the first time."""

TRIES: Final = 5
"""How often a refresh that is refused is tried again, each time after twice as long; then the timer is off."""


def interval_of(message: _core.Message, name: str = "Session-Expires") -> int:
    """The interval a message names, in seconds; 0 for none, or one that cannot be read."""
    value = message.header(name)
    return (whole_number(value.partition(";")[0].strip(), MOST) or 0) if value else 0


def refresher_of(message: _core.Message) -> str:
    """``uac``, ``uas`` or empty."""
    value = (message.header("Session-Expires") or "").lower().replace(" ", "")
    return "uac" if "refresher=uac" in value else "uas" if "refresher=uas" in value else ""


def too_short(message: _core.Message) -> bool:
    """Whether an INVITE asks for an interval that is refused with 422."""
    return 0 < interval_of(message) < MIN_SE and message.supports("timer")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an INVITE, re-INVITE or UPDATE comes to, once a 2xx has answered it."""

    interval: int
    """Seconds."""
    ours: bool
    """Whether we refresh."""
    update: bool
    """Whether the phone takes UPDATE for it."""
    headers: tuple[tuple[str, str], ...]
    """What the 2xx says of it."""


class SessionTimer:
    """The timer of one session."""

    __slots__ = ("_clock", "_refused", "_timer", "_update", "interval", "ours", "session")

    def __init__(self, clock: Clock, session: Session, interval: int, *, ours: bool, update: bool) -> None:
        """``ours``: whether we refresh. ``update``: whether the phone takes UPDATE for it."""
        self._clock = clock
        self.session = session
        self.interval = interval
        """Seconds."""
        self.ours = ours
        self._update = update
        self._refused = 0
        """Refreshes that were refused, one after the other."""
        self._timer: Timer | None = None

    def start(self) -> None:
        """Starts the interval, or starts it anew."""
        self._refused = 0
        if self.ours:
            self._wait(self.interval / 2, self._refresh)
        else:
            self._wait(self.interval - min(32.0, self.interval / 3), self._expired)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        """There is one thing waited for, whatever was before."""
        self.stop()
        self._timer = self._clock.call_later(seconds, then)

    def stop(self) -> None:
        """The session has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._timer = None
        self.session.lost(408)

    def _refresh(self) -> None:
        self._timer = None
        session = self.session
        if session.busy:
            self._wait(AGAIN, self._refresh)
            return
        headers = [("Session-Expires", f"{self.interval};refresher=uac"), ("Min-SE", str(MIN_SE))]
        if self._update:
            session.request("UPDATE", self._refreshed, headers=[*headers, ("Supported", "timer")])
        else:
            session.request("INVITE", self._reinvited, headers=headers, body=session.media.said)

    def _reinvited(self, status: int, event: _core.ResponseEvent | None) -> None:
        if event is not None and status < 300:
            if event.message.body:
                self.session.media.heard = event.message.body
            self.session.ack_again()
        self._refreshed(status, event)

    def _refreshed(self, status: int, event: _core.ResponseEvent | None) -> None:
        if event is None or status in (408, 481):
            return  # the session is lost, and says so itself
        if status < 300:
            interval = interval_of(event.message)
            if interval:
                self.interval = interval
                self.ours = refresher_of(event.message) != "uas"
            self.start()
            return
        if status == 422:
            self.interval = max(self.interval, interval_of(event.message, "Min-SE"))
        elif status in (405, 501):
            self._update = False
        if self.ours and self._refused < TRIES:
            self._wait(AGAIN * 2**self._refused, self._refresh)
            self._refused += 1


class SessionTimers:
    """What a user agent wants of session timers: the clock, and nothing of its own accord."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def terms(self, session: Session, message: _core.Message, wanted: int) -> Terms | None:
        """What an INVITE, re-INVITE or UPDATE asks for comes to; None for no timer.

        ``wanted``: the interval we want ourselves, in seconds, if there is none yet; 0 for none.
        """
        asked = interval_of(message)
        if session.timer is not None:
            wanted = session.timer.interval
        interval = min(asked or wanted, wanted or asked)
        if interval == 0:
            return None
        interval = max(interval, MIN_SE, interval_of(message, "Min-SE"))
        refresher = (refresher_of(message) or "uac") if message.supports("timer") else "uas"
        headers = [("Session-Expires", f"{interval};refresher={refresher}")]
        if refresher == "uac":
            headers.append(("Require", "timer"))
        return Terms(interval, refresher == "uas", _takes_update(message), tuple(headers))

    def agreed(self, session: Session, terms: Terms) -> None:
        """A 2xx of ours is about to say so: only now do they hold (RFC 4028 section 9)."""
        self._set(session, terms.interval, ours=terms.ours, update=terms.update)
        if session.confirmed and session.timer is not None:
            session.timer.start()

    def answered(self, session: Session, message: _core.Message, wanted: int) -> None:
        """Our INVITE was answered by a 2xx."""
        interval = interval_of(message)
        if not interval and not wanted:
            return
        ours = not interval or refresher_of(message) != "uas"
        self._set(session, interval or wanted, ours=ours, update=_takes_update(message)).start()

    def _set(self, session: Session, interval: int, *, ours: bool, update: bool) -> SessionTimer:
        timer = session.timer
        if timer is not None:
            timer.interval, timer.ours = interval, ours
        else:
            session.timer = timer = SessionTimer(self._clock, session, interval, ours=ours, update=update)
        return timer


def _takes_update(message: _core.Message) -> bool:
    return "UPDATE" in ",".join(message.headers("Allow")).upper()
