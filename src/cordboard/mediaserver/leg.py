"""One leg: a SIP session, the media it agreed on, and the service that has it.

INVITE ---> answered (200, or 183 for early media) ---> ACK: the service begins
re-INVITE, UPDATE: the media is agreed anew; without a description, ours is offered
INFO: digits (``application/dtmf-relay``, ``application/dtmf``) and whatever else the service takes
BYE, CANCEL, a caller that is gone: the service ends, the ports are free
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from cordboard.media import Listener, MediaRefusedError
from cordboard.sip.bodies import dtmf, multipart
from cordboard.sip.media import is_sdp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cordboard import _core
    from cordboard.media import Leg
    from cordboard.mediaserver.msml.dialog import Dialog
    from cordboard.mediaserver.server import MediaServer
    from cordboard.sip.session import Session


class Service(Protocol):
    """What is done with a leg."""

    def begin(self) -> None:
        """The leg is up: there is somebody to hear."""

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """The party pressed a digit, by whatever way it came."""

    def on_body(self, body: bytes, content_type: str) -> tuple[bytes, str] | None:
        """A body came; what is answered to it with its type, or None if it is not taken."""

    def end(self) -> None:
        """The leg is gone, or about to go."""


class Up(Enum):
    """How far a leg is."""

    AGREEING = "agreeing"
    EARLY = "early"
    ANSWERED = "answered"
    UP = "up"
    GONE = "gone"


def warning(server: MediaServer, text: str) -> tuple[str, str]:
    """A Warning a person may read (RFC 3261 20.43)."""
    said = "".join(sign if " " <= sign <= "~" else "?" for sign in text).replace("\\", "/").replace('"', "'")
    return ("Warning", f'399 {server.settings.domain} "{said[:200]}"')


class ServedLeg(Listener):
    """See the module. The handler of its session, and the listener of its media."""

    __slots__ = (
        "_once",
        "_tells",
        "call_id",
        "call_uuid",
        "conn_id",
        "dialogs",
        "media",
        "name",
        "offered",
        "party",
        "server",
        "service",
        "session",
        "up",
    )

    def __init__(self, server: MediaServer, session: Session, media: Leg, invite: _core.Message) -> None:
        self.server = server
        self.session = session
        self.media = media
        media.listener = self
        self.service: Service | None = None
        """Set before it is answered."""
        self.dialogs: dict[str, Dialog] = {}
        """Dialogs of MSML on it."""
        self.up = Up.AGREEING
        self._once = dtmf.Once()
        self._tells = invite.header(dtmf.TELL) == "info"
        """Whether the far end is told the digits that are heard."""
        self.offered = False
        """Whether our offer waits for its answer, in the ACK."""
        self.name = ""
        """Our tag in its dialog, by which MSML names it (RFC 5707 section 6); empty until the ACK tells."""
        self.call_id = invite.call_id
        self.conn_id = invite.header("X-Cordboard-ConnID") or ""
        self.call_uuid = invite.header("X-Cordboard-CallUUID") or ""
        """The call it belongs to, as its SIP Server says."""
        self.party = invite.header("X-Cordboard-Party") or _user_of(invite)
        """Whose it is, for the index of a recording."""

    def __repr__(self) -> str:
        return f"<ServedLeg {self.name or self.session.dialog} {self.up.value}>"

    @property
    def id(self) -> str:
        """Its name in MSML; before the ACK, when only its controller can mean it, ``conn:self``."""
        return f"conn:{self.name or 'self'}"

    @property
    def sound(self) -> Leg:
        """What plays and is recorded."""
        return self.media

    @property
    def one(self) -> ServedLeg:
        """Itself."""
        return self

    # What the service asks

    def agree(self, offer: bytes) -> bytes:
        """Takes the offer of the INVITE and returns the answer; without one, an offer. Raises MediaRefusedError."""
        body = self.media.answer(offer) if offer else self.media.offer()
        self.offered = not offer
        self.session.media.said = body
        self.session.media.heard = offer
        return body

    def answer(
        self, parts: Sequence[tuple[str, bytes]], headers: Sequence[tuple[str, str]] = (), *, early: bool = False
    ) -> None:
        """Takes the INVITE, with a description and whatever goes with it."""
        body, kind = multipart.joined(parts)
        if early:
            self.up = Up.EARLY
            self.session.progress(183, headers, body, kind)
            self._begin()
        else:
            self.up = Up.ANSWERED
            self.session.answer(headers, body, kind)

    def hang_up(self, status: int = 480, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Ends the leg: by BYE, or by that status when it was not answered."""
        if self.up is Up.GONE:
            return
        self.gone()
        self.session.end(status, headers)

    def send(self, body: bytes, content_type: str) -> None:
        """Sends a body in INFO. What the far end says to it does not matter, but that it is there."""
        if self.up is Up.UP and not self.session.over:
            self.session.request("INFO", _sent, body=body, content_type=content_type)

    def gone(self) -> None:
        """It is gone: its service ends, its ports are free."""
        if self.up is Up.GONE:
            return
        self.up = Up.GONE
        service, self.service = self.service, None
        if service is not None:
            service.end()
        for dialog in list(self.dialogs.values()):
            dialog.abandon()
        self.server.joins.forget(self)
        self.media.close()
        self.server.forget(self)

    def _begin(self) -> None:
        if self.service is not None:
            self.service.begin()

    # SessionHandler

    def on_ack(self, session: Session, message: _core.Message) -> None:
        """The far end has our answer, or gives its own."""
        if self.offered:
            self.offered = False
            if not self._accepted(message.body):
                self.hang_up(headers=(("Reason", 'SIP;cause=488;text="No media agreed"'),))
                return
            session.media.heard = message.body
        if self.up is Up.ANSWERED:
            address = message.address("To")
            self.server.name(self, address[2].get("tag", "") if address is not None else "")
            self.up = Up.UP
            self._begin()

    def _accepted(self, answer: bytes) -> bool:
        if not answer:
            return False
        try:
            self.media.accept(answer)
        except MediaRefusedError as error:
            self.server.log.warning("answer refused", reason=error.reason, call_id=self.call_id)
            return False
        return True

    def on_bye(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """It hung up."""
        self.gone()

    def on_cancel(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        """It gave up."""
        self.gone()

    def on_gone(self, session: Session, status: int) -> None:  # noqa: ARG002
        """It does not answer any more."""
        self.gone()

    def on_no_ack(self, session: Session) -> None:  # noqa: ARG002
        """It never acknowledged."""
        self.gone()

    def on_cancelled_request(self, session: Session, transaction: int) -> None:  # noqa: ARG002
        """A re-INVITE was taken back; it had been answered, or there was nothing to undo."""
        self.offered = False

    def on_request(self, session: Session, event: _core.RequestEvent) -> None:
        """It asks for something within the dialog."""
        method = event.message.method
        if method == "INVITE" or (method == "UPDATE" and event.message.body):
            self._again(session, event)
        elif method in ("UPDATE", "OPTIONS"):
            session.respond(event.transaction, 200, self.server.allow)
        elif method == "INFO":
            self._info(session, event)
        else:
            status = {"NOTIFY": 489, "SUBSCRIBE": 489, "PRACK": 481, "REFER": 403}.get(method, 405)
            session.respond(event.transaction, status, self.server.allow)

    def _again(self, session: Session, event: _core.RequestEvent) -> None:
        """Media is agreed anew (RFC 3264 section 8): hold, another address, another codec."""
        message = event.message
        if message.body and not is_sdp(message.header("Content-Type") or ""):
            session.respond(event.transaction, 415, [("Accept", "application/sdp")])
            return
        try:
            body = self.media.answer(message.body) if message.body else self.media.offer()
        except MediaRefusedError as error:
            session.respond(event.transaction, error.status, [warning(self.server, error.reason)])
            return
        if message.body:
            session.media.heard = message.body
        else:
            self.offered = True
        session.media.said = body
        session.respond(event.transaction, 200, self.server.allow, body)

    def _info(self, session: Session, event: _core.RequestEvent) -> None:
        message = event.message
        kind = multipart.essence(message.header("Content-Type") or "")
        if not message.body:
            session.respond(event.transaction, 200)
        elif kind in dtmf.TYPES:
            digit, duration = dtmf.parse(message.body, kind)
            session.respond(event.transaction, 200 if digit else 400)
            if digit:
                self._pressed(digit, duration, by_info=True)
        elif self.service is not None and (said := self.service.on_body(message.body, kind)) is not None:
            body, content_type = said
            session.respond(event.transaction, 200, body=body, content_type=content_type)
        else:
            session.respond(event.transaction, 415, [("Accept", self.server.accept)])

    # Listener

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit, in RTP or in the sound."""
        self._pressed(digit, duration_ms, by_info=False)

    def _pressed(self, digit: str, duration_ms: int, *, by_info: bool) -> None:
        """A digit; one of a phone that sends each both in INFO and in RTP counts once."""
        if not self._once.counts(digit, self.server.clock.now(), by_info=by_info):
            return
        if self._tells and not by_info:
            self.send(dtmf.relay(digit, duration_ms), dtmf.RELAY)
        if self.service is not None:
            self.service.on_digit(digit, duration_ms)
        for dialog in list(self.dialogs.values()):
            dialog.on_digit(digit, duration_ms)

    def on_media_lost(self, *, back: bool) -> None:
        """Nothing is heard of it any more, or something is again."""
        self.server.meters.media_trouble("back" if back else "lost")
        self.server.log.info("media back" if back else "media lost", call_id=self.call_id, conn_id=self.conn_id)

    def on_one_way(self) -> None:
        """It hears us, and we never heard it."""
        self.server.meters.media_trouble("one-way")
        self.server.log.warning("one-way audio", party=self.party, call_id=self.call_id, conn_id=self.conn_id)


def _sent(status: int, event: _core.ResponseEvent | None) -> None:
    """INFO was answered; a dialog that is gone tells the session itself."""


def _user_of(invite: _core.Message) -> str:
    address = invite.address("From")
    return address[1].partition(":")[2].partition("@")[0] if address is not None else ""
