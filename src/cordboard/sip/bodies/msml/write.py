"""From what is to be said to an MSML body. What is as by default is left out."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from cordboard.sip.bodies.msml.model import (
    FOREVER,
    Action,
    Audio,
    Body,
    Collect,
    CreateConference,
    DestroyConference,
    DialogEnd,
    DialogStart,
    Disconnect,
    Event,
    Exit,
    GenerateDigits,
    GenerateTones,
    Join,
    ModifyConference,
    ModifyStream,
    Play,
    Record,
    Request,
    Result,
    Send,
    Speech,
    Step,
    Stream,
    Unjoin,
    Variable,
)
from cordboard.sip.bodies.xml import Element

if TYPE_CHECKING:
    from collections.abc import Iterable


def to_bytes(body: Body) -> bytes:
    """The body. Raises ValueError for a text that XML cannot hold."""
    root = Element("msml", {"version": "1.1"})
    match body:
        case Result():
            root.children.append(_result(body))
        case Event():
            root.children.append(_event(body))
        case _:
            root.children.extend(request(one) for one in body)
    return root.to_bytes()


def _made(name: str, *pairs: tuple[str, str]) -> Element:
    return Element(name, {key: value for key, value in pairs if value})


def _ms(value: int, default: int = 0) -> str:
    return "" if value == default else f"{value}ms"


def _times(value: int) -> str:
    return "" if value == 1 else "forever" if value == FOREVER else str(value)


def _true(value: bool, *, default: bool = False) -> str:
    return "" if value is default else "true" if value else "false"


def _result(body: Result) -> Element:
    found = _made("result", ("response", str(int(body.response))), ("mark", body.mark))
    if body.description:
        found.add("description", body.description)
    for name in body.conferences:
        found.add("confid", name)
    for name in body.dialogs:
        found.add("dialogid", name)
    return found


def _event(body: Event) -> Element:
    found = Element("event", {"name": body.name, "id": body.id})
    for name, value in body.values:
        found.add("name", name)
        found.add("value", value)
    return found


@singledispatch
def request(body: Request) -> Element:
    """One request as an element."""
    raise TypeError(f"no request of MSML: {type(body).__name__}")


@request.register
def _(body: CreateConference) -> Element:
    when = "" if body.delete_when == "nomedia" else body.delete_when
    found = _made("createconference", ("name", body.name), ("deletewhen", when), ("mark", body.mark))
    _mix(found, body.loudest, body.speakers_every)
    return found


@request.register
def _(body: ModifyConference) -> Element:
    found = _made("modifyconference", ("id", body.id), ("mark", body.mark))
    _mix(found, body.loudest, body.speakers_every)
    return found


def _mix(element: Element, loudest: int | None, every: int) -> None:
    if loudest is None and not every:
        return
    mix = element.add("audiomix")
    if loudest is not None:
        mix.add("n-loudest", n=str(loudest))
    if every:
        mix.add("asn", ri=_ms(every))


@request.register
def _(body: DestroyConference) -> Element:
    return _made("destroyconference", ("id", body.id), ("mark", body.mark))


@request.register
def _(body: Join) -> Element:
    return _streams("join", body.id1, body.id2, body.streams, body.mark)


@request.register
def _(body: ModifyStream) -> Element:
    return _streams("modifystream", body.id1, body.id2, body.streams, body.mark)


@request.register
def _(body: Unjoin) -> Element:
    return _streams("unjoin", body.id1, body.id2, (), body.mark)


def _streams(name: str, id1: str, id2: str, streams: Iterable[Stream], mark: str) -> Element:
    found = _made(name, ("id1", id1), ("id2", id2), ("mark", mark))
    for stream in streams:
        child = _made("stream", ("media", "audio"), ("dir", stream.direction))
        if stream.gain is not None:
            child.add("gain", amt=f"{stream.gain:g}")
        if stream.muted is not None:
            child.add("gain", amt="mute" if stream.muted else "unmute")
        if stream.clamp_dtmf is not None:
            child.add("clamp", dtmf="true" if stream.clamp_dtmf else "false")
        found.children.append(child)
    return found


@request.register
def _(body: DialogStart) -> Element:
    found = _made(
        "dialogstart",
        ("target", body.target),
        ("type", "application/moml+xml"),
        ("name", body.name),
        ("mark", body.mark),
    )
    found.children.extend(step(one) for one in body.steps)
    return found


@request.register
def _(body: DialogEnd) -> Element:
    return _made("dialogend", ("id", body.id), ("mark", body.mark))


@request.register
def _(body: Send) -> Element:
    names = " ".join(body.names)
    return _made("send", ("event", body.event), ("target", body.target), ("namelist", names), ("mark", body.mark))


@singledispatch
def step(body: Step) -> Element:
    """One step of a dialog as an element."""
    raise TypeError(f"no step of MSML: {type(body).__name__}")


def _then(element: Element, name: str, actions: Iterable[Action]) -> None:
    children = [step(one) for one in actions]
    if children:
        element.children.append(Element(name, {}, children))


@step.register
def _(body: Play) -> Element:
    found = _made(
        "play",
        ("id", body.id),
        ("iterate", _times(body.iterate)),
        ("interval", _ms(body.interval)),
        ("maxtime", _ms(body.maxtime)),
        ("offset", _ms(body.offset)),
        ("barge", _true(body.barge)),
        ("cleardb", _true(body.clear_digits)),
        ("xml:lang", body.language),
    )
    for sound in body.sounds:
        match sound:
            case Audio():
                found.add("audio", uri=sound.uri)
            case Variable():
                child = _made("var", ("type", sound.type), ("subtype", sound.subtype), ("xml:lang", sound.language))
                child.attributes["value"] = sound.value
                found.children.append(child)
            case Speech():
                child = _made("tts", ("xml:lang", sound.language))
                child.text = sound.text
                found.children.append(child)
    _then(found, "playexit", body.then)
    return found


@step.register
def _(body: GenerateDigits) -> Element:
    found = _made(
        "dtmfgen",
        ("id", body.id),
        ("digits", body.digits),
        ("level", "" if body.level == -6 else str(body.level)),
        ("dur", _ms(body.duration, 100)),
        ("interval", _ms(body.interval, 100)),
    )
    _then(found, "dtmfgenexit", body.then)
    return found


@step.register
def _(body: GenerateTones) -> Element:
    found = _made("tonegen", ("id", body.id), ("iterate", _times(body.iterate)))
    for tone in body.tones:
        child = found.add("tone" if tone.frequencies else "silence", duration=f"{tone.duration}ms")
        for index, (frequency, level) in enumerate(tone.frequencies, 1):
            child.add(f"tone{index}", freq=str(frequency), atten=f"{level:g}")
    _then(found, "tonegenexit", body.then)
    return found


@step.register
def _(body: Collect) -> Element:
    found = _made(
        "collect",
        ("id", body.id),
        ("fdt", _ms(body.first)),
        ("idt", _ms(body.between, 4000)),
        ("edt", _ms(body.extra, 4000)),
        ("ldd", _ms(body.long)),
        ("cleardb", _true(body.clear_digits, default=True)),
        ("starttimer", _true(body.start_timer)),
        ("iterate", _times(body.iterate)),
    )
    if body.prompt is not None:
        found.children.append(step(body.prompt))
    for pattern in body.patterns:
        form = "" if pattern.format == "moml+digits" else pattern.format
        child = _made("pattern", ("digits", pattern.digits), ("format", form))
        child.children.extend(step(one) for one in pattern.then)
        found.children.append(child)
    _then(found, "noinput", body.no_input)
    _then(found, "nomatch", body.no_match)
    _then(found, "dtmfexit", body.then)
    return found


@step.register
def _(body: Record) -> Element:
    found = _made(
        "record",
        ("id", body.id),
        ("dest", body.dest),
        ("format", body.format),
        ("prespeech", _ms(body.prespeech)),
        ("postspeech", _ms(body.postspeech)),
        ("termkey", body.termkey),
        ("beep", _true(body.beep)),
        ("append", _true(body.append)),
    )
    found.attributes["maxtime"] = f"{body.maxtime}ms"
    if body.prompt is not None:
        found.children.append(step(body.prompt))
    _then(found, "recordexit", body.then)
    return found


@step.register
def _(body: Send) -> Element:
    target = "" if body.target == "source" else body.target
    return _made("send", ("event", body.event), ("target", target), ("namelist", " ".join(body.names)))


@step.register
def _(body: Exit) -> Element:
    return _made("exit", ("namelist", " ".join(body.names)))


@step.register
def _(body: Disconnect) -> Element:
    return _made("disconnect", ("namelist", " ".join(body.names)))
