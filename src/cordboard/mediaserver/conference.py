"""Conferences: rooms with a name, made by the first party and ended with the last (RFC 4240 section 5), or by MSML.

A party comes and goes; where wanted all others hear it, by a tone. One whose ``coach`` names another party is heard by
that one alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from cordboard.media import Playing, Role, Tone
from cordboard.sip.bodies.msml.model import Event

if TYPE_CHECKING:
    from cordboard.media import PlayEnd, Room
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.msml.dialog import Controller, Dialog
    from cordboard.mediaserver.server import MediaServer
    from cordboard.sip.bodies import netann
    from cordboard.sip.clock import Timer


SHORTEST_REPORT: Final = 250
"""Milliseconds between two reports of who speaks, at least."""


class FullError(Exception):
    """A conference takes no more parties."""

    status: Final = 486
    """As RFC 4240 section 5 has it."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        super().__init__(f"conference {name[:40]} is full: {limit} parties")


class NoRoomError(Exception):
    """There are as many conferences as there may be."""

    status: Final = 503

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"all {limit} conferences are in use")


class Member:
    """A leg's place in a conference."""

    __slots__ = ("coach", "leg", "party", "role", "tones")

    def __init__(self, leg: ServedLeg, role: Role, *, party: str = "", coach: str = "", tones: bool = False) -> None:
        self.leg = leg
        self.role = role
        self.party = party
        """Its name here."""
        self.coach = coach
        """The name of the only one that hears it; empty for all."""
        self.tones = tones
        """Whether its coming and going is heard."""

    @property
    def takes_part(self) -> bool:
        """Whether it is heard, or hears anything."""
        return self.role.talk or self.role.hear


class Watcher(Protocol):
    """Told who comes and goes."""

    def joined(self, member: Member) -> None:
        """Somebody has come."""

    def left(self, member: Member) -> None:
        """Somebody has gone."""

    def changed(self, member: Member, *, took_part: bool) -> None:
        """Somebody takes part otherwise; ``took_part``: whether he was heard, or heard anything, before."""


class Conference:
    """A conference while it lasts."""

    def __init__(self, server: MediaServer, name: str, limit: int, loudest: int) -> None:
        self._server = server
        self.name = name
        self.limit = limit
        """Most parties."""
        self.room: Room = server.media.room(loudest=loudest)
        self.members: dict[ServedLeg, Member] = {}
        """Who is in it, in the order they came."""
        self.controller: Controller | None = None
        """Who made it by MSML and is told; None where the first party made it."""
        self.delete_when = "nomedia"
        """When it ends by itself (RFC 5707 8.1): ``nomedia`` with its last party, ``nocontrol`` with its controller."""
        self.dialogs: dict[str, Dialog] = {}
        """Dialogs of MSML on it."""
        self.watchers: list[Watcher] = []
        """Who is told who comes and goes."""
        self._speakers: tuple[str, ...] = ()
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Conference {self.name} {len(self.members)}>"

    @property
    def id(self) -> str:
        """Its name in MSML."""
        return f"conf:{self.name}"

    @property
    def sound(self) -> Room:
        """What plays and is recorded."""
        return self.room

    @property
    def one(self) -> None:
        """It is no leg."""

    def join(self, member: Member) -> None:
        """Lets a leg in. Raises FullError."""
        if len(self.members) >= self.limit:
            raise FullError(self.name, self.limit)
        if member.tones and self.members:
            self._sound("enter")
        self.members[member.leg] = member
        self.room.add(member.leg.media, self._role(member))
        # Somebody may have come before the one he coaches.
        for other in self.members.values():
            if other.coach and other.coach == member.party:
                self.room.change(other.leg.media, self._role(other))
        for watcher in list(self.watchers):
            watcher.joined(member)

    def change(self, leg: ServedLeg, role: Role) -> None:
        """Gives a member another role."""
        member = self.members[leg]
        took_part = member.takes_part
        member.role = role
        self.room.change(leg.media, self._role(member))
        for watcher in list(self.watchers):
            watcher.changed(member, took_part=took_part)

    def leave(self, leg: ServedLeg) -> None:
        """Lets a leg go. Ends the conference with its last."""
        member = self.members.pop(leg, None)
        if member is None:
            return
        self.room.remove(leg.media)
        for watcher in list(self.watchers):
            watcher.left(member)
        for other in self.members.values():
            if other.coach and other.coach == member.party:
                self.room.change(other.leg.media, self._role(other))
        if member.tones and self.members:
            self._sound("leave")
        if not self.members and self.delete_when == "nomedia":
            self.end()
            if self.controller is not None:
                self.controller.tell(Event("msml.conf.nomedia", self.id))

    def end(self) -> None:
        """Ends it; legs that are in it go on without."""
        self._server.conferences.pop(self.name, None)
        self.tell_speakers(0)
        for dialog in list(self.dialogs.values()):
            dialog.abandon()
        self.members.clear()
        self.room.close()

    def tell_speakers(self, every_ms: int) -> None:
        """Tells its controller who speaks, each time that has changed at the end of an interval; 0 for no more.

        ``asn`` of RFC 5707 8.1.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if every_ms:
            seconds = max(every_ms, SHORTEST_REPORT) / 1000
            self._timer = self._server.clock.call_later(seconds, lambda: self._report(every_ms))

    def _report(self, every_ms: int) -> None:
        heard = {member.leg.media: leg.id for leg, member in self.members.items()}
        speakers = tuple(heard[leg] for leg in self.room.speakers() if leg in heard)
        if speakers != self._speakers and self.controller is not None:
            self._speakers = speakers
            self.controller.tell(Event("msml.conf.asn", self.id, tuple(("speaker", name) for name in speakers)))
        self._timer = None
        self.tell_speakers(every_ms)

    def _role(self, member: Member) -> Role:
        if not member.coach:
            return member.role
        heard_by = next((one.leg.media for one in self.members.values() if one.party == member.coach), None)
        if heard_by is None:
            # He whom he coaches is not there: nobody hears him.
            return replace(member.role, talk=False)
        return replace(member.role, coach_for=heard_by)

    def _sound(self, tone: str) -> None:
        self.room.play(Playing((Tone(tone, self._server.settings.country),)), _heard)


def _heard(why: PlayEnd, ms: int) -> None:
    """A tone has been played."""


class ConferenceService:
    """What is done with a leg whose address asks for a seat."""

    __slots__ = ("_conference", "_leg", "asked")

    def __init__(self, leg: ServedLeg, asked: netann.Conference, conference: Conference) -> None:
        """Takes the seat at once, so that it is not given to another one. Raises FullError."""
        self._leg = leg
        self.asked = asked
        self._conference = conference
        talk = asked.mode in ("sendrecv", "sendonly")
        hear = asked.mode in ("sendrecv", "recvonly")
        role = Role(talk=talk, hear=hear, clamp_dtmf=asked.dtmf == "clamp")
        conference.join(Member(leg, role, party=asked.party, coach=asked.coach, tones=asked.tones))

    def begin(self) -> None:
        """It is in already."""

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """Digits mean nothing here."""

    def on_body(self, body: bytes, content_type: str) -> None:
        """Takes none."""

    def end(self) -> None:
        """The party is gone."""
        self._conference.leave(self._leg)
