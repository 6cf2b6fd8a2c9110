"""From an MSML body to what it says. What is not understood is refused with RFC 5707's own code, never passed over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.sip.bodies import xml
from cordboard.sip.bodies.msml import dialogs
from cordboard.sip.bodies.msml.dialogs import attribute_error, check, milliseconds, truth, words
from cordboard.sip.bodies.msml.model import (
    Body,
    CreateConference,
    DestroyConference,
    DialogEnd,
    DialogStart,
    Event,
    Join,
    ModifyConference,
    ModifyStream,
    MsmlError,
    Request,
    Response,
    Result,
    Send,
    Stream,
    Unjoin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cordboard.sip.bodies.xml import Element

_ID: Final = re.compile(r"(conn|conf|oper):[^\s/]{1,200}(/(dialog|oper):[^\s/]{1,100})?")
_NAME: Final = re.compile(r"[^\s/:*]{1,128}")
_MOML: Final = ("application/moml+xml", "application/vnd.radisys.moml+xml")

VERSIONS: Final = ("1.0", "1.1")


def parse(data: bytes) -> Body:
    """Reads a body. Raises MsmlError."""
    try:
        root = xml.parse(data)
    except xml.XmlError as error:
        raise MsmlError(Response.BAD_REQUEST, str(error)) from None
    if root.name != "msml":
        raise MsmlError(Response.UNKNOWN_ELEMENT, f"<{root.name[:40]}> where <msml> should be")
    version = root.attributes.get("version")
    if version is None:
        raise MsmlError(Response.MISSING_ATTRIBUTE, "msml without version")
    if version not in VERSIONS:
        raise MsmlError(Response.INVALID_VALUE, f"msml of version {version[:20]}")
    if root.attributes.keys() - {"version"}:
        raise attribute_error(root, root.attributes.keys() - {"version"})
    if not root.children:
        raise MsmlError(Response.MISSING_CONTENT, "msml without a request")
    first = root.children[0]
    if first.name in ("result", "event"):
        if len(root.children) > 1:
            raise MsmlError(Response.FORBIDDEN_CONTENT, f"{first.name} and something else in one body")
        return _result(first) if first.name == "result" else _event(first)
    return tuple(_request(element) for element in root)


class _Rule(NamedTuple):
    required: frozenset[str]
    optional: frozenset[str]
    children: frozenset[str] | None
    """None: the reader of the element looks after them."""
    read: Callable[[Element], Request]


def _request(element: Element) -> Request:
    rule = _REQUESTS.get(element.name)
    if rule is None:
        if element.name in _KNOWN:
            raise MsmlError(Response.UNSUPPORTED_ELEMENT, f"<{element.name}> is not supported")
        raise MsmlError(Response.UNKNOWN_ELEMENT, f"no request <{element.name[:40]}>")
    check(element, rule.required, rule.optional, rule.children)
    return rule.read(element)


def _mark(element: Element) -> str:
    return element.attributes.get("mark", "")


def _object(element: Element, attribute: str, *, star: bool = False) -> str:
    name = element.attributes[attribute]
    if _ID.fullmatch(name) is None or ("*" in name and not star):
        raise MsmlError(Response.INVALID_VALUE, f"{element.name} {attribute} is no object: {name[:60]!r}")
    return name


def _mix(element: Element) -> tuple[int | None, int]:
    loudest, every = None, 0
    mix = element.find("audiomix")
    if mix is None:
        return None, 0
    check(mix, frozenset(), frozenset({"id", "samplerate"}), frozenset({"n-loudest", "asn"}))
    for child in mix:
        if child.name == "n-loudest":
            check(child, frozenset({"n"}), frozenset(), frozenset())
            loudest = dialogs.number(child, "n", 0, 1000)
        else:
            check(child, frozenset({"ri"}), frozenset({"asth"}), frozenset())
            every = milliseconds(child, "ri", 0)
    return loudest, every


def _create(element: Element) -> CreateConference:
    name = element.attributes.get("name", "")
    if name and _NAME.fullmatch(name) is None:
        raise MsmlError(Response.INVALID_VALUE, f"no name for a conference: {name[:60]!r}")
    when = element.attributes.get("deletewhen", "nomedia")
    if when not in ("nomedia", "nocontrol", "never"):
        raise MsmlError(Response.INVALID_VALUE, f"deletewhen is none of nomedia, nocontrol, never: {when[:40]!r}")
    return CreateConference(name, when, *_mix(element), _mark(element))


def _modify(element: Element) -> ModifyConference:
    return ModifyConference(_object(element, "id"), *_mix(element), _mark(element))


def _streams(element: Element) -> tuple[Stream, ...]:
    return tuple(_stream(child) for child in element)


def _stream(element: Element) -> Stream:
    check(element, frozenset(), _STREAM, frozenset({"gain", "clamp"}))
    if element.attributes.get("media", "audio") != "audio":
        raise MsmlError(Response.INVALID_VALUE, "stream of something else than audio")
    direction = element.attributes.get("dir", "")
    if direction not in ("", "from-id1", "to-id1"):
        raise MsmlError(Response.INVALID_VALUE, f"dir is neither from-id1 nor to-id1: {direction[:40]!r}")
    gain: float | None = None
    muted: bool | None = None
    clamp: bool | None = None
    for child in element:
        if child.name == "clamp":
            check(child, frozenset(), frozenset({"dtmf", "tone"}), frozenset())
            clamp = truth(child, "dtmf", default=False)
            continue
        check(child, frozenset({"amt"}), frozenset({"id"}), frozenset())
        amount = child.attributes["amt"]
        if amount in ("mute", "unmute"):
            muted = amount == "mute"
        else:
            gain = dialogs.level(child, "amt", 0.0)
    return Stream(direction, gain, muted, clamp)


_STREAM: Final = frozenset({"media", "dir", "preferred", "compressed"})


def _join(element: Element) -> Join:
    return Join(_object(element, "id1"), _object(element, "id2"), _streams(element), _mark(element))


def _modify_stream(element: Element) -> ModifyStream:
    if not element.children:
        raise MsmlError(Response.MISSING_CONTENT, "modifystream without a stream")
    return ModifyStream(_object(element, "id1"), _object(element, "id2"), _streams(element), _mark(element))


def _unjoin(element: Element) -> Unjoin:
    return Unjoin(_object(element, "id1", star=True), _object(element, "id2", star=True), _mark(element))


def _dialog_start(element: Element) -> DialogStart:
    if "src" in element.attributes:
        raise MsmlError(Response.UNSUPPORTED_ATTRIBUTE, "dialogstart: a document elsewhere is not fetched")
    language = element.attributes["type"]
    if language not in _MOML:
        raise MsmlError(Response.UNSUPPORTED_LANGUAGE, f"dialogs of type {language[:60]!r} are not supported")
    name = element.attributes.get("name", "")
    if name and _NAME.fullmatch(name) is None:
        raise MsmlError(Response.INVALID_VALUE, f"no name for a dialog: {name[:60]!r}")
    steps = tuple(dialogs.step(child) for child in element)
    if not steps:
        raise MsmlError(Response.MISSING_CONTENT, "dialogstart without anything to do")
    return DialogStart(_object(element, "target"), steps, name, _mark(element))


def _dialog_end(element: Element) -> DialogEnd:
    return DialogEnd(_object(element, "id"), _mark(element))


def _send(element: Element) -> Send:
    names = words(element, "namelist") or words(element, "valuelist")
    return Send(element.attributes["event"], _object(element, "target"), names, _mark(element))


def _destroy(element: Element) -> DestroyConference:
    return DestroyConference(_object(element, "id"), _mark(element))


_ONE_MIX: Final = frozenset({"audiomix"})

_REQUESTS: Final = {
    "createconference": _Rule(frozenset(), frozenset({"name", "deletewhen", "term", "mark"}), _ONE_MIX, _create),
    "modifyconference": _Rule(frozenset({"id"}), frozenset({"mark"}), _ONE_MIX, _modify),
    "destroyconference": _Rule(frozenset({"id"}), frozenset({"mark"}), frozenset(), _destroy),
    "join": _Rule(frozenset({"id1", "id2"}), frozenset({"mark"}), frozenset({"stream"}), _join),
    "modifystream": _Rule(frozenset({"id1", "id2"}), frozenset({"mark"}), frozenset({"stream"}), _modify_stream),
    "unjoin": _Rule(frozenset({"id1", "id2"}), frozenset({"mark"}), frozenset({"stream"}), _unjoin),
    "dialogstart": _Rule(frozenset({"target", "type"}), frozenset({"name", "src", "mark"}), None, _dialog_start),
    "dialogend": _Rule(frozenset({"id"}), frozenset({"mark"}), frozenset(), _dialog_end),
    "send": _Rule(frozenset({"event", "target"}), frozenset({"namelist", "valuelist", "mark"}), frozenset(), _send),
}
"""Each request: attributes it must have, may have, elements within it, and its reader."""

_KNOWN: Final = frozenset({"audit", "monitor", "reserve", "videolayout"})
"""Requests of RFC 5707 that are not supported."""


def _result(element: Element) -> Result:
    check(element, frozenset({"response"}), frozenset({"mark"}), frozenset({"description", "confid", "dialogid"}))
    code = dialogs.number(element, "response", 0, 999)
    other = Response.INTERNAL if code >= 500 else Response.BAD_REQUEST
    known = next((one for one in Response if one == code), other)
    description = element.find("description")
    return Result(
        known,
        description.text if description is not None else "",
        _mark(element),
        tuple(child.text for child in element if child.name == "confid"),
        tuple(child.text for child in element if child.name == "dialogid"),
    )


def _event(element: Element) -> Event:
    check(element, frozenset({"name", "id"}), frozenset({"mark"}), frozenset({"name", "value"}))
    kinds = [child.name for child in element]
    if kinds != ["name", "value"] * (len(kinds) // 2):
        raise MsmlError(Response.INVALID_CONTENT, "event without names and values by turns")
    texts = [child.text for child in element]
    return Event(element.attributes["name"], element.attributes["id"], tuple(zip(texts[::2], texts[1::2], strict=True)))
