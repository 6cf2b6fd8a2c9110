"""REFER from a phone (RFC 3515): what it asks for, and the NOTIFYs that tell how it goes.

    transferor                switch
    | REFER (Refer-To) -----> |                 unattended, or with Replaces (RFC 3891) of a dialog of its own: attended
    | <----------------- 202 |                 or semi-attended
    | <- NOTIFY sipfrag 100 |                 none of them after Refer-Sub: false (RFC 4488)
    | <- NOTIFY sipfrag 180 |
    | <- NOTIFY sipfrag 200 |                 or a failure: the transferor still has the call he had
    | <----------------- BYE |

What is wrong with the REFER itself is answered at once: 400 (no Refer-To, or one that cannot be read), 403 (Replaces of
somebody else's call, or of one with the same party), 491 (a transfer of that call, or another change of it, is under
way). What is wrong with the target is told by NOTIFY, as if it had been called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.sip.session import Session
from cordboard.switch import barrier
from cordboard.switch.delivery import Delivery
from cordboard.switch.flows.transfer import Observer, Transfer
from cordboard.switch.numbers import number_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.switch.callflow import CallFlow

TRYING_FOR: Final = 180
"""Seconds a phone may expect to be told within; the call of the target has ended by then."""

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}


class ReferError(Exception):
    """A REFER that is answered with a failure at once."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        """The answer."""
        self.reason = reason
        """Why, for people."""
        super().__init__(f"{status} {reason}")


class Wish:
    """What a REFER asks for."""

    __slots__ = ("number", "quiet", "referred_by", "replacing")

    def __init__(self, message: _core.Message) -> None:
        """Reads a REFER. Raises ReferError."""
        if len(message.headers("Refer-To")) != 1:
            raise ReferError(400, "not one Refer-To")
        address = message.address("Refer-To")
        if address is None:
            raise ReferError(400, "Refer-To cannot be read")
        uri, _, headers = address[1].partition("?")
        self.number = number_of(uri)
        """Whom to call."""
        if not self.number:
            raise ReferError(400, "Refer-To names no number")
        if "method=" in uri.lower() and "method=invite" not in uri.lower():
            raise ReferError(400, "Refer-To asks for something other than a call")
        self.replacing = any(part.lower().startswith("replaces=") for part in headers.split("&"))
        """Whether it takes somebody's place there."""
        self.referred_by = message.header("Referred-By") or ""
        """Who asks, for the target to know (RFC 3892)."""
        self.quiet = (message.header("Refer-Sub") or "").strip().lower() == "false"
        """Whether the phone wants no NOTIFYs (RFC 4488)."""


class Referral(Observer):
    """The subscription a REFER makes: NOTIFYs in order, each after the answer to the one before."""

    __slots__ = ("_done", "_event", "_queue", "_quiet", "_sending", "session", "told")

    def __init__(self, session: Session, event: _core.RequestEvent, *, quiet: bool) -> None:
        self.session: Session = session
        self._quiet = quiet
        self._queue: list[tuple[int, str]] = []
        self._sending = False
        self._done: Callable[[], None] | None = None
        self.told = 0
        """The last status told."""
        session.referrals += 1
        cseq = (event.message.header("CSeq") or "0").split()[0]
        # RFC 3515 2.4.6: from the second REFER within a dialog on, each must be told apart.
        self._event = "refer" if session.referrals == 1 else f"refer;id={cseq}"
        headers = [("Refer-Sub", "false")] if quiet else []
        session.respond(event.transaction, 202, headers=headers)
        self.progress(100)

    def progress(self, status: int) -> None:
        """Tells how it goes."""
        if status != self.told:
            self.told = status
            self._put(status, f"active;expires={TRYING_FOR}")

    def finish(self, status: int, done: Callable[[], None] | None = None) -> None:
        """Tells how it ended, and calls ``done`` when the phone knows, or cannot be told."""
        self.told = status
        self._done = done
        self._put(status, "terminated;reason=noresource")

    def break_off(self, status: int) -> None:
        """Tells at once how it ended: with the BYE that follows, the dialog it could be told in is gone."""
        self._queue.clear()
        self._sending = False
        self.finish(status)

    def _put(self, status: int, state: str) -> None:
        if not self._quiet:
            self._queue.append((status, state))
        self._next()

    def _next(self) -> None:
        over = self.session.over
        if self._sending and not over:
            return
        if self._queue and not over:
            status, state = self._queue.pop(0)
            self._sending = True
            self.session.request(
                "NOTIFY",
                self._notified,
                headers=[("Event", self._event), ("Subscription-State", state)],
                body=f"SIP/2.0 {status} {REASONS.get(status, 'Failure')}\r\n".encode(),
                content_type="message/sipfrag;version=2.0",
            )
            return
        self._queue.clear()
        if self._done is not None:
            done, self._done = self._done, None
            done()

    def _notified(self, status: int, event: _core.ResponseEvent | None) -> None:  # noqa: ARG002
        self._sending = False
        if status >= 300:
            # The phone does not listen (any more): the transfer goes on all the same.
            self._quiet = True
            self._queue.clear()
        self._next()


def from_phone(flow: CallFlow, session: Session, event: _core.RequestEvent) -> None:
    """A phone asks, within a call that is up, for a transfer of its other party."""
    try:
        wish = Wish(event.message)
        other = _replaced(flow, session, event) if wish.replacing else None
        _check(flow, session)
    except ReferError as error:
        session.respond(event.transaction, error.status, headers=(("Warning", f'399 cordboard "{error.reason}"'),))
        return
    referral = Referral(session, event, quiet=wish.quiet)
    if wish.replacing:
        if other is None:
            referral.finish(481)
        else:
            _attended(flow, session, referral, *other)
    else:
        _unattended(flow, session, referral, wish)


def _check(flow: CallFlow, session: Session) -> None:
    if flow.party_opposite(session) is None:
        raise ReferError(403, "a conference")
    if flow.session_opposite(session) is None:
        raise ReferError(491, "the other party has not answered")
    if flow.transfer is not None or not flow.settled:
        raise ReferError(491, "a change of this call is under way")


def _replaced(flow: CallFlow, session: Session, event: _core.RequestEvent) -> tuple[CallFlow, Session] | None:
    """The other call of the phone, and its leg in it; None for none that is up or being placed. Raises ReferError."""
    owner = flow.server.dispatcher.dialogs.get(event.replaces or 0)
    if not isinstance(owner, Session):
        return None
    other = barrier.flow_of(owner)
    if other is None or other is flow or other.over:
        return None
    mine, its = flow.party_of(session), other.party_of(owner)
    if mine is None or its is None or mine.number != its.number or mine.dn is not its.dn:
        raise ReferError(403, "somebody else's call")
    one, two = flow.party_opposite(session), other.party_opposite(owner)
    if one is not None and two is not None and one.number == two.number:
        raise ReferError(403, "would join a number to itself")
    ringing = isinstance(other.branches, Delivery)
    if not ringing and two is None:
        raise ReferError(403, "a conference")
    if not ringing and other.session_opposite(owner) is None:
        raise ReferError(403, "nobody is there to be joined to")
    if other.transfer is not None or not (ringing or other.settled):
        raise ReferError(491, "a change of the other call is under way")
    return other, owner


def _attended(flow: CallFlow, session: Session, referral: Referral, other: CallFlow, leg: Session) -> None:
    """Main call and consultation change places when the REFER came within the consultation."""
    if flow.call.previous_conn_id == other.call.conn_id and other.settled:
        Transfer(other, leg, referral, flow).complete()
    else:
        Transfer(flow, session, referral, other).complete()


def _unattended(flow: CallFlow, session: Session, referral: Referral, wish: Wish) -> None:
    transferor = flow.party_of(session)
    asking = flow.extension_of(transferor) if transferor is not None else None
    by = wish.referred_by or (asking.address if asking is not None else "")
    Transfer(flow, session, referral).call(wish.number, [("Referred-By", by)] if by else [])
