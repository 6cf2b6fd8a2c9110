"""Before the answer: what a caller and one who rings have to say to each other within their early dialogs.

    A                        switch                     B
    | INVITE, Supported: 100rel | INVITE, Supported: 100rel |
    | <------- 183 (RSeq, SDP)- | <------ 183 (RSeq, SDP)   |     RFC 3262: each leg has its own RSeq
    | PRACK (perhaps SDP) ----> | PRACK (the same) -------> |
    | <------------ 200 PRACK - | <------------ 200 PRACK   |
    | UPDATE (SDP) -----------> | UPDATE (SDP) -----------> |     RFC 3311, either way
    | <----------- 200 UPDATE - | <----------- 200 UPDATE   |

The caller has one dialog, so he is joined with one of those who ring: the first that has media for him. What others say
reaches him without a description, and their reliable responses are acknowledged here. Should another than the first
answer, the caller is offered its media by a re-INVITE once he has acknowledged.

An offer and its answer before the 2xx are all there is: the 2xx of that one carries none that counts (RFC 3262 section
5, RFC 6337 section 2). An offer while one is under way is refused: 500 for a second one of the same phone, 491 for a
glare (RFC 3311 5.2).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from cordboard.sip.media import dead_answer, is_sdp
from cordboard.sip.outgoing import Outgoing
from cordboard.switch.bridge import ALLOW, LATER, OURS
from cordboard.switch.headers import end_to_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.session import Session

    Respond = Callable[..., None]

PASSED: Final = frozenset({"UPDATE", "INFO", "MESSAGE"})
"""Requests that pass between a caller and the one he is joined with."""


class Told(msgspec.Struct, frozen=True):
    """What the caller is told of a provisional response."""

    body: bytes
    kind: str
    reliable: bool


class Early:
    """What passes, of one call, as long as the caller has no answer."""

    __slots__ = (
        "_a",
        "_dispatcher",
        "_offering",
        "_offerless",
        "_owed",
        "_reliable",
        "agreed",
        "chosen",
        "elsewhere",
        "first",
    )

    def __init__(self, dispatcher: Dispatcher, a: Session, *, offerless: bool, reliable: bool) -> None:
        """``a``: the caller's leg. ``reliable``: whether he takes reliable responses."""
        self._dispatcher = dispatcher
        self._a = a
        self._offerless = offerless
        self._reliable = reliable
        self.chosen: int | None = None
        """The early dialog the caller is joined with."""
        self.first: int | None = None
        """The one whose media he was told of first: to a strict phone that is the answer (RFC 3261 13.2.1)."""
        self.agreed = False
        """Whether offer and answer have passed with the chosen one."""
        self.elsewhere = False
        """Whether it was with a media service instead."""
        self._owed: list[int] = []
        """Early dialogs whose reliable responses the caller is to acknowledge, in order."""
        self._offering: int | None = None
        """The dialog whose offer is under way."""
        a.pracked = self.pracked

    # Responses of those who ring

    def judge(self, event: _core.ResponseEvent) -> Told:
        """What the caller is told of a provisional response, and how."""
        message, dialog = event.message, event.dialog
        body, kind = message.content
        reliable = message.header("RSeq") is not None and dialog is not None
        if dialog is None:
            return Told(b"", kind, reliable=False)
        if not self.agreed and self.chosen is not None and self.chosen not in self._dispatcher.dialogs:
            self.chosen = None
        if self.chosen is None and (body or reliable) and not self.elsewhere:
            self._choose(dialog)
        mine = dialog == self.chosen
        if reliable and not (mine and self._reliable):
            self._acknowledge(dialog, body)
            reliable = False
        if not mine or self.agreed or (self._offerless and not reliable):
            # Another's media, a description that says again what was agreed, or an offer nobody can answer.
            body = b""
        if body and self.first is None:
            self.first = dialog
        if reliable:
            self._owed.append(dialog)
            if body and not self._offerless:
                self._agree(told=body)
            elif body:
                self._a.media.said = body
        return Told(body, kind, reliable)

    def hears_elsewhere(self, dialog: int) -> None:
        """The caller has been answered by a media service, where he hears the one in that dialog."""
        self.agreed = self.elsewhere = True
        self.first = dialog

    @property
    def again(self) -> bytes:
        """What the 2xx says once more of what was agreed: a service's answer, which may have been unreliable."""
        return self._a.media.said if self.elsewhere else b""

    def _choose(self, dialog: int) -> None:
        """Joins the caller with that one."""
        self.chosen = dialog
        owner = self._dispatcher.dialogs.get(dialog)
        if isinstance(owner, Outgoing):
            owner.guest = self.from_callee

    def _agree(self, *, told: bytes = b"", heard: bytes = b"") -> None:
        self.agreed = True
        media = self._a.media
        media.said, media.heard = told or media.said, heard or media.heard

    def _acknowledge(self, dialog: int, offer: bytes = b"") -> None:
        """Acknowledges a reliable response the caller does not hear of; its offer leads nowhere."""
        body = dead_answer(offer, dialog) if offer and self._offerless else b""
        ask(self._dispatcher, dialog, "PRACK", body=body)

    def close(self) -> None:
        """The caller has his answer, or has gone: he acknowledges nothing any more."""
        self._a.pracked = None
        for dialog in self._owed:
            if dialog in self._dispatcher.dialogs:
                ask(self._dispatcher, dialog, "PRACK")
        self._owed.clear()
        owner = self._dispatcher.dialogs.get(self.chosen or 0)
        if isinstance(owner, Outgoing):
            owner.guest = None

    # Requests of the caller, and of the one he is joined with

    def pracked(self, event: _core.RequestEvent) -> bool:
        """The caller acknowledges a reliable response, perhaps with an answer or an offer. Whether it passes."""
        if not self._owed:
            return False
        dialog = self._owed.pop(0)
        body, kind = event.message.content
        respond = partial(self._a.respond, event.transaction)
        if not body:
            respond(200)
            ask(self._dispatcher, dialog, "PRACK")
        elif self._offerless and not self.agreed:
            self._agree(heard=body)
            ask(self._dispatcher, dialog, "PRACK", partial(_pass_back, respond), body=body, kind=kind)
        else:
            self._offering = self._a.dialog
            done = partial(self._exchanged, respond, body, by_caller=True)
            ask(self._dispatcher, dialog, "PRACK", done, body=body, kind=kind)
        return True

    def from_caller(self, event: _core.RequestEvent) -> None:
        """The caller asks for something within his early dialog."""
        self._pass(partial(self._a.respond, event.transaction), self.chosen, event, by_caller=True)

    def from_callee(self, event: _core.RequestEvent) -> bool:
        """The one he is joined with asks for something. Whether it is dealt with."""
        if event.message.method not in PASSED:
            return False
        respond = partial(self._dispatcher.endpoint.respond, event.transaction)
        self._pass(respond, self._a.dialog, event, by_caller=False)
        return True

    def _pass(self, respond: Respond, to: int | None, event: _core.RequestEvent, *, by_caller: bool) -> None:
        message = event.message
        body, kind = message.content
        offering = message.method == "UPDATE" and is_sdp(kind)
        if message.method == "UPDATE" and not body:
            respond(200, headers=ALLOW)
        elif to is None and not offering:
            respond(480)
        elif to is None or (offering and not self.agreed):
            respond(491)
        elif offering and self._offering is not None:
            if self._offering == event.dialog:
                respond(500, headers=LATER)
            else:
                respond(491)
        else:
            done = partial(_pass_back, respond)
            if offering:
                self._offering = event.dialog
                done = partial(self._exchanged, respond, body, by_caller=by_caller)
            ask(self._dispatcher, to, message.method, done, body=body, kind=kind, headers=end_to_end(message))

    def _exchanged(
        self, respond: Respond, offer: bytes, status: int, event: _core.ResponseEvent | None, *, by_caller: bool
    ) -> None:
        """An offer has its answer, or none."""
        self._offering = None
        if event is not None and status < 300:
            answer = event.message.body
            if by_caller:
                self._agree(told=answer, heard=offer)
            else:
                self._agree(told=offer, heard=answer)
        _pass_back(respond, status, event)


def ask(
    dispatcher: Dispatcher,
    dialog: int,
    method: str,
    done: Callable[[int, _core.ResponseEvent | None], None] = lambda *_: None,
    *,
    body: bytes = b"",
    kind: str = "application/sdp",
    headers: _core.Headers = (),
) -> None:
    """Sends a request within an early dialog, and tells ``done`` its final status, and the response if any."""
    transaction = dispatcher.endpoint.send_in_dialog(dialog, method, headers=headers, body=body, content_type=kind)
    dispatcher.transactions[transaction] = _Asked(dispatcher, transaction, done)


class _Asked:
    """A request within an early dialog, until its final response."""

    __slots__ = ("_dispatcher", "_done", "_transaction")

    def __init__(
        self, dispatcher: Dispatcher, transaction: int, done: Callable[[int, _core.ResponseEvent | None], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._transaction = transaction
        self._done = done

    def on_response(self, event: _core.ResponseEvent) -> None:
        """A response."""
        if event.status >= 200:
            self._dispatcher.transactions.pop(self._transaction, None)
            self._done(event.status, event)

    def on_failed(self, event: _core.FailedEvent) -> None:  # noqa: ARG002
        """There will be none."""
        self._dispatcher.transactions.pop(self._transaction, None)
        self._done(408, None)

    def on_cancelled(self, event: _core.CancelledEvent | _core.NoPrackEvent) -> None:
        """Does not come: it is we who ask."""


def _pass_back(respond: Respond, status: int, event: _core.ResponseEvent | None) -> None:
    """Gives the one who asked the answer of the other."""
    if event is None or status in OURS:
        respond(500)
        return
    body, kind = event.message.content
    respond(status, headers=end_to_end(event.message), body=body, content_type=kind)
