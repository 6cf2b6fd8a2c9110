"""What a controller asks for by MSML, carried out request by request (RFC 5707 sections 7 to 9).

The requests of a body are done in their order until one fails; what came before it stays done, and the result tells
its mark (section 5). Whoever makes a conference or starts a dialog is told what becomes of it, in INFO on its own leg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.mediaserver.conference import Conference, NoRoomError
from cordboard.mediaserver.leg import Up
from cordboard.mediaserver.msml.dialog import Dialog
from cordboard.sip.bodies.msml import CONTENT_TYPE, model
from cordboard.sip.bodies.msml.model import Event, MsmlError, Request, Response, Result
from cordboard.sip.bodies.msml.read import parse
from cordboard.sip.bodies.msml.write import to_bytes

if TYPE_CHECKING:
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.msml.dialog import Holder

SELF = "conn:self"
"""The leg the request came on, whose name its controller does not know before it is answered. Ours."""


class MsmlService:
    """What is done with a leg that takes MSML; the controller of what it asks for."""

    def __init__(self, leg: ServedLeg) -> None:
        self._leg = leg
        self._server = leg.server
        self._held: list[Dialog] = []
        """Dialogs that begin with the leg."""
        self._number = 0

    # Service

    def begin(self) -> None:
        """There is somebody to hear: dialogs asked for in the INVITE begin."""
        held, self._held = self._held, []
        for dialog in held:
            if dialog.holder.dialogs.get(dialog.name) is dialog:
                dialog.begin()

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """Digits are for dialogs."""

    def on_body(self, body: bytes, content_type: str) -> tuple[bytes, str] | None:
        """Carries out an MSML body; None for a body of another type."""
        if content_type != CONTENT_TYPE:
            return None
        return to_bytes(self.carry_out(body)), CONTENT_TYPE

    def end(self) -> None:
        """The leg is gone, and with it the conferences that last as long as their controller."""
        for conference in list(self._server.conferences.values()):
            if conference.controller is not self or conference.delete_when == "never":
                continue
            if conference.delete_when == "nocontrol" or not conference.members:
                conference.end()

    # Controller

    def tell(self, event: Event) -> None:
        """Sends an event, behind the result of the request that has caused it."""
        self._server.soon(lambda: self._leg.send(to_bytes(event), CONTENT_TYPE))

    # Requests

    def carry_out(self, body: bytes) -> Result:
        """Does what a body asks for."""
        log = self._server.log
        mark = ""
        conferences: list[str] = []
        dialogs: list[str] = []
        try:
            for request in _requests(body):
                named = self._do(request)
                if isinstance(request, model.CreateConference):
                    conferences += named
                else:
                    dialogs += named
                mark = request.mark or mark
        except MsmlError as error:
            self._server.meters.msml_done(int(error.response))
            log.info("msml refused", response=int(error.response), why=error.description, call_id=self._leg.call_id)
            return Result(error.response, error.description, mark, tuple(conferences), tuple(dialogs))
        self._server.meters.msml_done(int(Response.OK))
        return Result(Response.OK, "", "", tuple(conferences), tuple(dialogs))

    def _do(self, request: Request) -> list[str]:
        """Does one request, and returns the names the server chose. Raises MsmlError."""
        server = self._server
        match request:
            case model.CreateConference():
                return self._create(request)
            case model.ModifyConference():
                self._mix(self._conference(request.id), request.loudest, request.speakers_every)
            case model.DestroyConference():
                self._conference(request.id).end()
            case model.Join():
                server.joins.join(self._object(request.id1), self._object(request.id2), request.streams)
            case model.ModifyStream():
                server.joins.modify(self._object(request.id1), self._object(request.id2), request.streams)
            case model.Unjoin():
                self._unjoin(request)
            case model.DialogStart():
                return self._start(request)
            case model.DialogEnd():
                self._dialog(request.id).stop()
            case model.Send():
                if not self._dialog(request.target).on_event(request.event):
                    raise MsmlError(Response.INVALID_VALUE, f"{request.target} takes no {request.event[:40]} now")
        return []

    # Conferences (section 8)

    def _create(self, request: model.CreateConference) -> list[str]:
        server = self._server
        if request.name in server.conferences:
            raise MsmlError(Response.NAME_IN_USE, f"there is a conference {request.name[:60]}")
        name = request.name or server.new_name(server.conferences)
        try:
            conference = server.conference(name)
        except NoRoomError as error:
            raise MsmlError(Response.LIMIT, str(error)) from None
        conference.controller = self
        conference.delete_when = request.delete_when
        self._mix(conference, request.loudest, request.speakers_every)
        return [] if request.name else [conference.id]

    def _mix(self, conference: Conference, loudest: int | None, every: int) -> None:
        if loudest is not None:
            conference.room.set_loudest(loudest)
        conference.tell_speakers(every)

    # Dialogs (section 9)

    def _start(self, request: model.DialogStart) -> list[str]:
        holder: Holder = self._object(request.target)
        if len(holder.dialogs) >= self._server.settings.dialogs_per_leg:
            raise MsmlError(Response.LIMIT, f"{request.target} has {len(holder.dialogs)} dialogs already")
        if request.name in holder.dialogs:
            raise MsmlError(Response.NAME_IN_USE, f"{request.target} has a dialog {request.name}")
        name = request.name or self._server.new_name(holder.dialogs)
        dialog = Dialog(self._server, holder, name, request.steps, self)
        leg = holder.one
        if leg is not None and leg.up is not Up.UP:
            self._held.append(dialog)
        else:
            self._server.soon(dialog.begin)
        return [] if request.name else [dialog.id]

    def _dialog(self, identifier: str) -> Dialog:
        target, slash, name = identifier.partition("/dialog:")
        found = self._object(target).dialogs.get(name) if slash else None
        if found is None:
            raise MsmlError(Response.NO_SUCH_OBJECT, f"no dialog {identifier[:80]}")
        return found

    # Joins (section 8.4)

    def _unjoin(self, request: model.Unjoin) -> None:
        joins = self._server.joins
        first, second = request.id1, request.id2
        if "*" in first:
            first, second = second, first
        if "*" in first:
            raise MsmlError(Response.INVALID_VALUE, "unjoin of everything from everything")
        one = self._object(first)
        if "*" not in second:
            joins.part(one, self._object(second))
            return
        for other in joins.all_of(one):
            if _fits(second, other.id):
                joins.part(one, other)

    # Objects (section 6)

    def _object(self, identifier: str) -> ServedLeg | Conference:
        kind, _, name = identifier.partition(":")
        found: ServedLeg | Conference | None = None
        if identifier == SELF:
            found = self._leg
        elif kind == "conn":
            found = self._server.names.get(name)
        elif kind == "conf":
            found = self._server.conferences.get(name)
        if found is None:
            raise MsmlError(Response.NO_SUCH_OBJECT, f"no {identifier[:80]}")
        return found

    def _conference(self, identifier: str) -> Conference:
        found = self._object(identifier)
        if not isinstance(found, Conference):
            raise MsmlError(Response.INVALID_VALUE, f"{identifier[:80]} is no conference")
        return found


def _requests(body: bytes) -> tuple[Request, ...]:
    said = parse(body)
    if isinstance(said, Result | Event):
        raise MsmlError(Response.BAD_REQUEST, "a result or an event is no request")
    return said


def _fits(pattern: str, identifier: str) -> bool:
    head, star, tail = pattern.partition("*")
    return identifier.startswith(head) and identifier.endswith(tail) if star else identifier == pattern
