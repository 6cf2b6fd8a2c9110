"""Who is joined to whom (RFC 5707 section 8): a leg to a leg, or a leg to a conference; to one of them at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cordboard.media import Role
from cordboard.mediaserver.conference import Conference, FullError, Member
from cordboard.sip.bodies.msml.model import MsmlError, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.server import MediaServer
    from cordboard.sip.bodies.msml.model import Stream

_SILENT = Role(talk=False, hear=False)


class Joins:
    """All joins of legs with legs. Who is in a conference the conference knows."""

    def __init__(self, server: MediaServer) -> None:
        self._server = server
        self._pairs: dict[ServedLeg, tuple[ServedLeg, Role]] = {}
        """With whom a leg is joined, and what that one hears of it."""

    def __len__(self) -> int:
        return len(self._pairs) // 2

    def conference_of(self, leg: ServedLeg) -> Conference | None:
        """The conference a leg is in."""
        return next((one for one in self._server.conferences.values() if leg in one.members), None)

    def other(self, leg: ServedLeg) -> ServedLeg | None:
        """The leg it is joined to."""
        pair = self._pairs.get(leg)
        return pair[0] if pair is not None else None

    def all_of(self, one: ServedLeg | Conference) -> list[ServedLeg | Conference]:
        """Whatever it is joined to."""
        if isinstance(one, Conference):
            return list(one.members)
        found = (self.other(one), self.conference_of(one))
        return [other for other in found if other is not None]

    def join(self, one: ServedLeg | Conference, other: ServedLeg | Conference, streams: Iterable[Stream]) -> None:
        """Joins two. Raises MsmlError."""
        if one is other:
            raise MsmlError(Response.JOINED_TO_ITSELF, f"{one.id} is not joined to itself")
        streams = tuple(streams)
        if isinstance(one, Conference):
            if isinstance(other, Conference):
                raise MsmlError(Response.INVALID_VALUE, "a conference is not joined to another")
            self._enter(other, one, _turned(streams))
        elif isinstance(other, Conference):
            self._enter(one, other, streams)
        else:
            self._pair(one, other, streams)

    def _free(self, leg: ServedLeg) -> None:
        joined = self.other(leg) or self.conference_of(leg)
        if joined is not None:
            raise MsmlError(Response.ALREADY_JOINED, f"{leg.id} is joined to {joined.id}")

    def _enter(self, leg: ServedLeg, conference: Conference, streams: tuple[Stream, ...]) -> None:
        self._free(leg)
        role = _seat(_SILENT, streams, opened=True) if streams else Role()
        try:
            conference.join(Member(leg, role))
        except FullError as error:
            raise MsmlError(Response.LIMIT, str(error)) from None

    def _pair(self, one: ServedLeg, other: ServedLeg, streams: tuple[Stream, ...]) -> None:
        self._free(one)
        self._free(other)
        base = _SILENT if streams else Role()
        self._joined(one, other, _said(base, streams, opened=True), _said(base, _turned(streams), opened=True))

    def _joined(self, one: ServedLeg, other: ServedLeg, forth: Role, back: Role) -> None:
        self._pairs[one] = (other, forth)
        self._pairs[other] = (one, back)
        self._server.media.join(one.media, other.media, one_to_other=forth, other_to_one=back)

    def modify(self, one: ServedLeg | Conference, other: ServedLeg | Conference, streams: Iterable[Stream]) -> None:
        """Changes how two are joined. Raises MsmlError."""
        streams = tuple(streams)
        if isinstance(one, Conference):
            one, other, streams = other, one, _turned(streams)
        if isinstance(one, Conference) or not self._are_joined(one, other):
            raise _not_joined(one, other)
        if isinstance(other, Conference):
            other.change(one, _seat(other.members[one].role, streams))
        else:
            self._joined(
                one, other, _said(self._pairs[one][1], streams), _said(self._pairs[other][1], _turned(streams))
            )

    def _are_joined(self, leg: ServedLeg, other: ServedLeg | Conference) -> bool:
        return leg in other.members if isinstance(other, Conference) else self.other(leg) is other

    def part(self, one: ServedLeg | Conference, other: ServedLeg | Conference) -> None:
        """Parts two. Raises MsmlError."""
        if isinstance(one, Conference):
            one, other = other, one
        if isinstance(one, Conference) or not self._are_joined(one, other):
            raise _not_joined(one, other)
        if isinstance(other, Conference):
            other.leave(one)
        else:
            self._parted(one, other)

    def _parted(self, one: ServedLeg, other: ServedLeg) -> None:
        del self._pairs[one], self._pairs[other]
        self._server.media.part(one.media, other.media)

    def forget(self, leg: ServedLeg) -> None:
        """A leg is gone."""
        other = self.other(leg)
        if other is not None:
            self._parted(leg, other)
        conference = self.conference_of(leg)
        if conference is not None:
            conference.leave(leg)


def _not_joined(one: ServedLeg | Conference, other: ServedLeg | Conference) -> MsmlError:
    return MsmlError(Response.NOT_JOINED, f"{one.id} is not joined to {other.id}")


def _turned(streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """The streams as they are seen from the other one."""
    other = {"from-id1": "to-id1", "to-id1": "from-id1", "": ""}
    return tuple(replace(stream, direction=other[stream.direction]) for stream in streams)


def _said(role: Role, streams: tuple[Stream, ...], *, opened: bool = False) -> Role:
    """What the second hears of the first. ``opened``: a stream that is named is there."""
    for stream in streams:
        if stream.direction == "to-id1":
            continue
        talk = role.talk or opened if stream.muted is None else not stream.muted
        role = replace(
            role,
            talk=talk,
            gain=role.gain if stream.gain is None else stream.gain,
            clamp_dtmf=role.clamp_dtmf if stream.clamp_dtmf is None else stream.clamp_dtmf,
        )
    return role


def _seat(role: Role, streams: tuple[Stream, ...], *, opened: bool = False) -> Role:
    """What a leg, the first, does in a conference."""
    role = _said(role, streams, opened=opened)
    for stream in streams:
        if stream.direction == "from-id1":
            continue
        if stream.direction and stream.gain is not None:
            raise MsmlError(Response.INVALID_VALUE, "what a party hears of a conference has no gain of its own")
        muted = stream.muted
        role = replace(role, hear=(role.hear or opened) if muted is None else not muted)
    return role
