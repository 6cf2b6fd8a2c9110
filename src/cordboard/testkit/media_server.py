"""A media server without media: it answers as a real one does, and keeps what it was asked.

``annc`` and every other service is answered (RFC 4240); each dialog has a port of its own, so that a
test knows by a phone's :attr:`PhoneCall.hears` which dialog it is joined to.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cordboard.sip.session import Session
from cordboard.testkit.phone import Phone, _InCall
from cordboard.testkit.phone_call import PhoneCall

if TYPE_CHECKING:
    from cordboard import _core
    from cordboard.testkit.network import VirtualNetwork


class MediaCall(PhoneCall):
    """A dialog, as the media server saw it."""

    user = ""
    """User part of its address: ``annc``, ``conf=...`` ..."""
    parameters: dict[str, str]
    """Its parameters, decoded."""
    port = 0
    """The port it gave last."""

    def give_back(self, body: bytes, kind: str) -> None:
        """Hangs up, and says in the BYE what came of it (RFC 5552 section 5)."""
        session = self.session
        if session is not None and not self.over:
            self.phone.node.endpoint.send_in_dialog(session.dialog, "BYE", body=body, content_type=kind)
            del self.phone.dispatcher.dialogs[session.dialog]
            del self.phone.dispatcher.transactions[session.transaction]
            self.end("bye sent")

    @property
    def place(self) -> bytes:
        """Address and port it gave last: where whoever is joined to it sends."""
        return f"{self.phone.node.address[0]}:{self.port}".encode()


class MediaServer(Phone):
    """The server. Dialogs are kept in :attr:`calls`."""

    def __init__(self, network: VirtualNetwork, number: str, host: str, switch: _core.Address) -> None:
        super().__init__(network, number, host, switch)
        self.refuse: dict[str, int] = {}
        """Services it refuses, by the part of the user before ``=``, and how."""
        self.plays_for = 5.0
        """Seconds a play takes that does not go on for ever and has no duration."""

        self.endless = False
        """Whether it forgets to end what it plays."""
        self.reliable = False
        """Whether it describes its media in a reliable 183, and answers a moment later without saying it again."""

    @property
    def media(self) -> list[MediaCall]:
        """All dialogs, in order."""
        return [call for call in self.calls if isinstance(call, MediaCall)]

    @property
    def open(self) -> list[MediaCall]:
        """Those that are not over."""
        return [call for call in self.media if not call.over]

    @property
    def asked(self) -> list[str]:
        """The addresses asked for, in order, without the host."""
        found = []
        for call in self.media:
            more = "".join(f";{name}={value}" for name, value in call.parameters.items())
            found.append(call.user + more)
        return found

    def on_new_request(self, event: _core.RequestEvent) -> None:
        """A dialog begins. OPTIONS are answered by the core."""
        message = event.message
        if message.method != "INVITE" or event.dialog is None:
            self.node.endpoint.respond(event.transaction, 405)
            return
        user, _, rest = message.uri.partition(":")[2].partition("@")
        call = MediaCall(self, inbound=True, number=user, invite=message)
        call.user = user
        call.parameters = {}
        for item in rest.split(";")[1:]:
            name, _, value = item.partition("=")
            call.parameters[name] = unquote(value)
        call.note("invite")
        if message.body:
            call.bodies.append(message.body)
        self.calls.append(call)
        call.session = Session(self.dispatcher, event.dialog, _Serving(call), transaction=event.transaction)
        status = self.refuse.get(user.partition("=")[0], 0)
        if status:
            call.session.reject(status)
            call.end(f"{status} sent")
            return
        body = call.answer_to(message.body)
        call.port = _port(body)
        if self.reliable:
            call.session.progress(183, body=body, reliable=True)
            call.timers.append(self.network.clock.call_later(0.1, partial(self._answer, call, b"")))
        else:
            self._answer(call, body)

    def _answer(self, call: MediaCall, body: bytes) -> None:
        if call.session is not None and call.session.early:
            call.session.answer(body=body)
            call.note("answer sent")
            self._play(call)

    def _play(self, call: MediaCall) -> None:
        if (
            self.endless
            or call.user != "annc"
            or (call.parameters.get("repeat") == "forever" and "duration" not in call.parameters)
        ):
            return
        seconds = float(call.parameters.get("duration", self.plays_for * 1000)) / 1000
        call.timers.append(self.network.clock.call_later(seconds, call.hang_up))


class _Serving(_InCall):
    """A dialog of the media server."""

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        super().on_request(session, event)
        call = self.call
        if event.message.method == "INVITE" and isinstance(call, MediaCall):
            call.port = _port(call.sent)


def _port(body: bytes) -> int:
    for line in body.split(b"\r\n"):
        if line.startswith(b"m=audio "):
            return int(line.split()[1])
    return 0
