"""Whom the switch itself calls, before the answer: reliable responses (RFC 3262), and media for a leg that is up.

    leg that is up            switch                  who rings
    |                          | INVITE (no offer) ---> |        Supported: 100rel
    |                          | <--- 183 (RSeq, offer) |
    | <--- re-INVITE (offer) - |                        |
    | 200 (answer) ----------> | PRACK (answer) ------> |
    | <-------------------------- announcements, tones - |
    |                          | <-- 200 (no offer)     |        nothing is left to agree on

One who rings has something to be heard when he makes his offer reliably: only then has the answer a way back to him. So
whoever says 183 with a description unreliably is not heard; that is a foretaste of the offer in his 2xx (RFC 3261
13.2.1), and who waits has ringback. Where nobody waits, or one is heard already, the offer is answered so that it
leads nowhere, and both are joined by re-INVITE after the 2xx. What answers our own offer is kept: the 2xx need not say
it again.

Who begins to wait later, because a transferor leaves, may still hear one with whom media are agreed: that one is made
the leg's offer by UPDATE (RFC 3311).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cordboard.sip.media import Media, dead_answer
from cordboard.switch.flows.early import ask
from cordboard.switch.flows.reconnect import Reconnect

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard import _core
    from cordboard.sip.endpoint import Dispatcher
    from cordboard.sip.handler import SessionHandler
    from cordboard.sip.session import Session
    from cordboard.switch.callflow import CallFlow

    Updated = Callable[[int, _core.ResponseEvent | None], None]

SUPPORTED: Final = ("Supported", "100rel")
"""What an INVITE says whose responses come here."""


class EarlyMedia:
    """What one INVITE of ours, or several at once, bring before the answer."""

    __slots__ = ("_agreed", "_flow", "_joining", "_offered", "_otherwise", "_ringing")

    def __init__(self, flow: CallFlow, *, offered: bool, otherwise: Callable[[], None] = lambda: None) -> None:
        """``offered``: whether the INVITE had an offer. ``otherwise``: called when the leg will not hear who rings."""
        self._flow = flow
        self._otherwise = otherwise
        self._offered = offered
        self._agreed: dict[int, bytes] = {}
        """What each early dialog has said of its media, reliably."""
        self._ringing: _Ringing | None = None
        """Who is heard."""
        self._joining: Reconnect | None = None

    def take(self, event: _core.ResponseEvent, leg: Session | None = None, home: SessionHandler | None = None) -> bool:
        """Takes a provisional response. Whether ``leg``, whose handler is then ``home``, hears somebody by now."""
        dialog = event.dialog
        if dialog is not None and event.message.header("RSeq") is not None:
            self._acknowledge(dialog, event.message.body, leg, home)
        return self._heard()

    def _heard(self) -> bool:
        return self._ringing is not None and not self._ringing.over

    def _acknowledge(self, dialog: int, body: bytes, leg: Session | None, home: SessionHandler | None) -> None:
        ringing = _Ringing(self._flow.server.dispatcher, dialog)
        if not body or dialog in self._agreed:
            ringing.answer()
            return
        self._agreed[dialog] = body
        if self._offered:
            ringing.answer()
        elif leg is None or home is None or leg.over or self._heard():
            ringing.answer(body=dead_answer(body, dialog))
        else:
            self._ringing = ringing
            self._flow.rearrange(None)
            leg.handler = home
            self._joining = joining = Reconnect(self._flow, cast("Session", ringing), leg, self._joined, phones=False)
            joining.start(body)

    def redirect(self, leg: Session, home: SessionHandler, dialog: int) -> bool:
        """Lets ``leg`` hear one who rings and has agreed on media already. Whether that is tried."""
        dialogs = self._flow.server.dispatcher.dialogs
        if dialog not in dialogs or leg.over:
            return False
        self._flow.rearrange(None)
        leg.handler = home
        self._agreed.setdefault(dialog, b"")
        self._ringing = _Ringing(self._flow.server.dispatcher, dialog, self._updated)
        self._joining = Reconnect(self._flow, leg, cast("Session", self._ringing), self._joined, phones=False)
        self._joining.start()
        return True

    def _updated(self, status: int, event: _core.ResponseEvent | None) -> None:
        if self._joining is not None:
            self._joining.acknowledged(event.message if event is not None and status < 300 else None)

    @property
    def dialog(self) -> int:
        """An early dialog in which media are agreed; 0 for none."""
        dialogs = self._flow.server.dispatcher.dialogs
        return next((dialog for dialog in self._agreed if dialog in dialogs), 0)

    def _joined(self) -> None:
        ringing, joining = self._ringing, self._joining
        if ringing is None or joining is None or joining.joined:
            return
        self.close()
        self._otherwise()

    def description(self, session: Session, body: bytes) -> bytes:
        """What somebody who has answered says of his media: in his 2xx, or before."""
        return body or self._agreed.get(session.dialog, b"")

    def joined_with(self, session: Session) -> bool:
        """Whether the leg and somebody who has answered hear each other already. It is closed by that."""
        ringing, joining = self._ringing, self._joining
        if ringing is None or joining is None or not joining.joined or ringing.dialog != session.dialog:
            self.close()
            return False
        session.media.said, session.media.heard = ringing.media.said, ringing.media.heard
        session.media.continued = True
        self._ringing = self._joining = None
        return True

    def close(self) -> None:
        """Nobody is heard any more before he has answered. Harmless when it is closed."""
        ringing, self._ringing = self._ringing, None
        joining, self._joining = self._joining, None
        if joining is None or ringing is None:
            return
        if not joining.joined:
            joining.stop()
            if not ringing.over and not ringing.acknowledged:
                ringing.answer(body=dead_answer(self._agreed[ringing.dialog], ringing.dialog))


class _Ringing:
    """One who rings, as :class:`Reconnect` sees him: one that is not answered yet.

    As the source he is answered by PRACK, as the sink he is made an offer by UPDATE.
    """

    __slots__ = ("_dispatcher", "_updated", "dialog", "media")

    early = True

    def __init__(self, dispatcher: Dispatcher, dialog: int, updated: Updated | None = None) -> None:
        """``updated``: told how the UPDATE went, of one who is made an offer."""
        self._dispatcher = dispatcher
        self._updated = updated
        self.dialog = dialog
        self.media = Media()

    @property
    def over(self) -> bool:
        """Whether he does not ring any more, and has not answered either."""
        return self.dialog not in self._dispatcher.dialogs

    def answer(self, headers: _core.Headers = (), body: bytes = b"") -> None:  # noqa: ARG002
        """Acknowledges what he said, or makes him an offer."""
        if self._updated is None:
            ask(self._dispatcher, self.dialog, "PRACK", body=body)
        else:
            ask(self._dispatcher, self.dialog, "UPDATE", self._updated, body=body)

    @property
    def acknowledged(self) -> bool:
        """Whether no PRACK is owed."""
        return self._updated is not None
