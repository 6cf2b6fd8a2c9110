"""The Media Server: a SIP element of its own that plays, mixes, collects digits and records for SIP Servers.

What is wanted of it is in the Request-URI (:mod:`cordboard.sip.bodies.netann`). One thread owns it; time and media come
in as arguments. The driver's loop is the SIP Server's: wait until ``endpoint.fileno()`` is readable, call
:meth:`MediaServer.drain_events`, then ``endpoint.flush()``; and flush after each timer and each event of media as well.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.media import MediaRefusedError
from cordboard.mediaserver.announcement import AnnouncementService
from cordboard.mediaserver.conference import Conference, ConferenceService, FullError, NoRoomError
from cordboard.mediaserver.leg import ServedLeg, warning
from cordboard.mediaserver.log import Log
from cordboard.mediaserver.msml.control import MsmlService
from cordboard.mediaserver.msml.joins import Joins
from cordboard.mediaserver.recordings import MESSAGES, Recordings, at_once
from cordboard.mediaserver.sounds import SoundError, Sounds
from cordboard.sip import likeness
from cordboard.sip.bodies import multipart, netann
from cordboard.sip.bodies.msml import CONTENT_TYPE
from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.handler import SILENT
from cordboard.sip.session import Session
from cordboard.sip.session_timer import MIN_SE, SessionTimers, too_short

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from cordboard import _core
    from cordboard.media import Media, Source, Srtp
    from cordboard.mediaserver.call_recording import Disk
    from cordboard.mediaserver.leg import Service
    from cordboard.mediaserver.settings import MediaServerSettings
    from cordboard.mediaserver.speech import Speech
    from cordboard.sip.clock import Clock
    from cordboard.sip.endpoint import Endpoint

ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK"

PEERS: Final = "sip-servers"
"""As whom those who may use it are admitted."""

SRTP: Final[dict[likeness.Srtp, Srtp]] = {
    likeness.Srtp.NONE: "off",
    likeness.Srtp.OFFERED: "optional",
    likeness.Srtp.REQUIRED: "required",
}
"""How a leg is encrypted whose phone is like that."""

LOAD: Final = "X-Cordboard-Load"
"""Header of answers to OPTIONS: legs in use and the most there may be."""


class Meters(Protocol):
    """What is counted. Must return at once."""

    def leg_started(self, service: str) -> None:
        """A leg was taken: ``annc``, ``conf``, ``msml``."""

    def leg_ended(self, service: str) -> None:
        """It is gone."""

    def leg_refused(self, status: int) -> None:
        """One was not taken."""

    def msml_done(self, response: int) -> None:
        """The requests of an MSML body were carried out, with that response."""

    def media_trouble(self, kind: str) -> None:
        """Media of a leg is ``lost``, is ``back``, or goes ``one-way``."""


class NoMeters:
    """Meters that count nothing."""

    __slots__ = ()

    def leg_started(self, service: str) -> None:
        """Nothing."""

    def leg_ended(self, service: str) -> None:
        """Nothing."""

    def leg_refused(self, status: int) -> None:
        """Nothing."""

    def msml_done(self, response: int) -> None:
        """Nothing."""

    def media_trouble(self, kind: str) -> None:
        """Nothing."""


class MediaServer:
    """The server: its legs and its conferences."""

    accept: Final = "application/sdp, application/msml+xml, multipart/mixed"
    """Bodies that are taken."""

    def __init__(
        self,
        settings: MediaServerSettings,
        *,
        endpoint: Endpoint,
        clock: Clock,
        media: Media,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
        meters: Meters | None = None,
        speech: Speech | None = None,
        disk: Disk = at_once,
    ) -> None:
        """``now``: the time of day, with its zone. ``speech``: says texts; None says none but those that ship.

        ``disk``: where it is written to the disk, so that calls need not wait for it.
        """
        self.clock = clock
        self.media = media
        self.now = now
        self.meters = meters if meters is not None else NoMeters()
        self.log = Log()
        self._speech = speech
        self.dispatcher = Dispatcher(endpoint, self)
        self.dispatcher.timers = SessionTimers(clock)
        self.allow = (("Allow", ALLOW),)
        self.legs: dict[ServedLeg, str] = {}
        """Legs there are, with the name of the service that has each."""
        self.names: dict[str, ServedLeg] = {}
        """Legs by name."""
        self.conferences: dict[str, Conference] = {}
        """Conferences by name."""
        self.recordings = Recordings(lambda: self.now().timestamp(), disk)
        """Where is recorded."""
        self.joins = Joins(self)
        """Who is joined to whom."""
        self.draining = False
        """Whether new legs are refused."""
        self.faults = 0
        """Errors nobody foresaw."""
        self._when_empty: Callable[[], None] | None = None
        self._named = 0
        self.set_settings(settings)

    def set_settings(self, settings: MediaServerSettings) -> None:
        """Takes over settings. Legs there are go on."""
        self.settings = settings
        self.sounds = Sounds(
            settings.folders,
            language=settings.language,
            country=settings.country,
            now=self.now,
            speech=self._speech,
            recorded=settings.recordings and settings.recordings / MESSAGES,
        )
        self.recordings.configure(settings.recordings, settings.record_format)
        self.dispatcher.endpoint.set_policy(allow=ALLOW, registration_expires=3600, retry_after=settings.retry_after)
        self.dispatcher.endpoint.set_dn(PEERS, registers=False, peers=settings.peers)
        self._tell_load()

    # Events of the core

    def drain_events(self) -> int:
        """Handles all events that wait, and returns how many there were."""
        return self.dispatcher.drain()

    def on_new_request(self, event: _core.RequestEvent) -> None:
        """A request outside any dialog."""
        message = event.message
        if message.method != "INVITE" or event.dialog is None:
            self.dispatcher.endpoint.respond(event.transaction, 405, headers=self.allow)
            return
        status, headers = self._refusal(message)
        if status:
            self._refuse(event, status, headers)
            return
        try:
            asked = netann.parse(message.uri)
            bodies = _bodies(message, asked)
            if bodies is None:
                self._refuse(event, 415, [("Accept", self.accept)])
            else:
                self._serve(event, asked, *bodies)
        except netann.NetannError as error:
            self._refuse(event, error.status, [warning(self, error.reason)])

    def _refusal(self, message: _core.Message) -> tuple[int, list[tuple[str, str]]]:
        """Why no leg is taken at all: status and headers; 0 for no reason."""
        if self.draining or len(self.legs) >= self.settings.max_legs:
            why = "Shutting down" if self.draining else f"All {self.settings.max_legs} legs are in use"
            return 503, [("Retry-After", str(self.settings.retry_after)), warning(self, why)]
        if too_short(message):
            return 422, [("Min-SE", str(MIN_SE))]
        if message.header("Replaces") is not None:
            return 403, [warning(self, "A leg of a media server is not replaced")]
        return 0, []

    def _refuse(self, event: _core.RequestEvent, status: int, headers: list[tuple[str, str]]) -> None:
        self.meters.leg_refused(status)
        self.log.info("leg refused", status=status, uri=event.message.uri[:200], call_id=event.message.call_id)
        self.dispatcher.endpoint.respond(event.transaction, status, headers=headers)

    def _serve(self, event: _core.RequestEvent, asked: netann.Service, offer: bytes, msml: bytes) -> None:
        """Takes a leg. Raises NetannError for one that cannot be served."""
        message = event.message
        assert event.dialog is not None  # noqa: S101 - an INVITE outside a dialog has one to come
        if isinstance(asked, netann.VoiceXml):
            raise netann.NetannError(501, "VoiceXML is not supported; use annc, or msml with dialogs")
        sources: tuple[Source, ...] = ()
        if isinstance(asked, netann.Announcement):
            try:
                sources = self.sounds.announce(asked.play, asked.locale, asked.params)
            except SoundError as error:
                raise netann.NetannError(404, f"Announcement content not found: {error.reason}") from None
        try:
            like = likeness.told(message.header(likeness.HEADER))
            source = likeness.source_told(message.header(likeness.SOURCE))
            media = self.media.leg(offer, srtp=SRTP.get(like.srtp), ipv6=like.ipv6, source=source)
        except MediaRefusedError as error:
            raise netann.NetannError(error.status, error.reason) from None
        session = Session(self.dispatcher, event.dialog, SILENT, transaction=event.transaction)
        session.refuses_timer(event, self.settings.session_refresh)
        leg = ServedLeg(self, session, media, message)
        session.handler = leg
        kind = netann.user(asked).partition("=")[0]
        self.legs[leg] = kind
        self.meters.leg_started(kind)
        early = isinstance(asked, netann.Announcement) and asked.early > 0
        try:
            leg.service = self._service(leg, asked, sources)
            parts = [("application/sdp", leg.agree(offer))]
            if msml and (said := leg.service.on_body(msml, CONTENT_TYPE)) is not None:
                parts.append((said[1], said[0]))
            leg.answer(parts, self.allow, early=early)
        except (MediaRefusedError, FullError, NoRoomError) as error:
            self.meters.leg_refused(error.status)
            self.log.info("leg refused", status=error.status, reason=str(error), call_id=leg.call_id)
            again = [("Retry-After", str(self.settings.retry_after))] if error.status == 503 else []
            leg.hang_up(error.status, [*again, warning(self, str(error))])
        self._tell_load()

    def _service(self, leg: ServedLeg, asked: netann.Service, sources: tuple[Source, ...]) -> Service:
        """What is done with a leg. Raises FullError or NoRoomError."""
        match asked:
            case netann.Announcement():
                return AnnouncementService(leg, asked, sources)
            case netann.Conference():
                conference = self.conferences.get(asked.id)
                if conference is None:
                    most = self.settings.conference_limit
                    conference = self.conference(asked.id, min(asked.limit or most, most))
                return ConferenceService(leg, asked, conference)
            case netann.MsmlLeg():
                return MsmlService(leg)
        raise netann.NetannError(501, "Not supported")

    def conference(self, name: str, limit: int = 0) -> Conference:
        """A new conference of that name. Raises NoRoomError when there are as many as there may be."""
        most = self.settings.max_conferences
        if len(self.conferences) >= most:
            raise NoRoomError(most)
        conference = Conference(self, name, limit or self.settings.conference_limit, self.settings.conference_loudest)
        self.conferences[name] = conference
        return conference

    def new_name(self, taken: Container[str]) -> str:
        """A name for a conference or a dialog nobody has named, and none of those that are taken."""
        while True:
            self._named += 1
            name = f"{self._named:x}"
            if name not in taken:
                return name

    def soon(self, function: Callable[[], None]) -> None:
        """Calls it when what is going on has been done."""
        self.clock.call_later(0.0, function)

    # Dispatcher's User

    def on_binding(self, event: _core.BindingEvent) -> None:
        """Nobody registers with a media server."""

    def on_fault(self, event: _core.Event, owner: object | None, error: Exception) -> None:
        """Handling an event failed: the leg it belongs to is ended, all others go on."""
        self.faults += 1
        handler = getattr(owner, "handler", None)
        leg = handler if isinstance(handler, ServedLeg) else None
        call_id = leg.call_id if leg is not None else None
        self.log.fault("event not handled", error, sip_event=type(event).__name__, call_id=call_id)
        if leg is not None:
            try:
                leg.hang_up(500)
            except Exception as again:
                self.legs.pop(leg, None)
                self.log.fault("leg not ended", again, call_id=call_id)

    # Legs

    def name(self, leg: ServedLeg, name: str) -> None:
        """A leg has its name now."""
        leg.name = name
        if name:
            self.names[name] = leg

    def forget(self, leg: ServedLeg) -> None:
        """A leg is gone."""
        kind = self.legs.pop(leg, None)
        if kind is None:
            return
        if self.names.get(leg.name) is leg:
            del self.names[leg.name]
        self.meters.leg_ended(kind)
        self._tell_load()
        if self.draining and not self.legs and self._when_empty is not None:
            told, self._when_empty = self._when_empty, None
            told()

    def _tell_load(self) -> None:
        """Lets answers to OPTIONS say how many legs are in use."""
        load = f"{len(self.legs)} {0 if self.draining else self.settings.max_legs}"
        self.dispatcher.endpoint.set_options_headers([(LOAD, load)])

    def drain(self, empty: Callable[[], None] | None = None) -> None:
        """Refuses new legs from now on, and calls ``empty`` when the last one has ended; at once if there is none."""
        self.draining = True
        self._when_empty = empty
        self._tell_load()
        if not self.legs and empty is not None:
            self._when_empty = None
            empty()

    def shut_down(self) -> None:
        """Ends all legs now, with BYE. The core still needs a moment to send them."""
        self.draining = True
        for leg in list(self.legs):
            leg.hang_up(503)
        for conference in list(self.conferences.values()):
            conference.end()


def _bodies(message: _core.Message, asked: netann.Service) -> tuple[bytes, bytes] | None:
    """The offer and the MSML of an INVITE, each empty for none; None for a body that is not taken."""
    if not message.body:
        return b"", b""
    found = dict(multipart.split(message.header("Content-Type") or "", message.body))
    offer, msml = found.pop("application/sdp", b""), found.pop(CONTENT_TYPE, b"")
    taken = (offer or msml) and (not msml or isinstance(asked, netann.MsmlLeg))
    return (offer, msml) if taken else None
