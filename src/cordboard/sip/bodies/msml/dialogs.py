"""The dialog packages of MSML (RFC 5707 section 9, MOML): from elements to the steps of a dialog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from cordboard.sip.bodies.msml.model import (
    FOREVER,
    Action,
    Audio,
    Collect,
    Disconnect,
    Exit,
    GenerateDigits,
    GenerateTones,
    MsmlError,
    Pattern,
    Play,
    Record,
    Response,
    Send,
    Sound,
    Speech,
    Step,
    Tone,
    Variable,
)
from cordboard.sip.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cordboard.sip.bodies.xml import Element

_TIME: Final = re.compile(r"(\d{1,9})(ms|s|m|min)?")
_UNIT: Final = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, None: 1}
_LONGEST: Final = 86_400_000
_LEVEL: Final = re.compile(r"[-+]?\d{1,2}(\.\d{1,2})?")
_DIGITS: Final = re.compile(r"[0-9*#A-Da-d]{1,256}")
_KEY: Final = re.compile(r"[0-9*#A-Da-d]")


# Attributes


def attribute_error(element: Element, names: Iterable[str]) -> MsmlError:
    """For attributes an element may not have."""
    return MsmlError(Response.UNKNOWN_ATTRIBUTE, f"{element.name}: no attribute {min(names)[:40]}")


def check(
    element: Element, required: frozenset[str], optional: frozenset[str], children: frozenset[str] | None
) -> None:
    """Raises MsmlError for an element without, or with, what it should not. ``children``: None for any."""
    given = element.attributes.keys()
    if missing := required - given:
        raise MsmlError(Response.MISSING_ATTRIBUTE, f"{element.name} without {min(missing)}")
    if more := given - required - optional:
        raise attribute_error(element, more)
    if children is None:
        return
    for child in element:
        if child.name not in children:
            known = child.name in _STEPS or child.name in _UNSUPPORTED
            code = Response.FORBIDDEN_CONTENT if known else Response.UNKNOWN_ELEMENT
            raise MsmlError(code, f"{element.name}: no <{child.name[:40]}> within")


def _invalid(element: Element, name: str, wanted: str) -> MsmlError:
    value = element.attributes[name]
    return MsmlError(Response.INVALID_VALUE, f"{element.name} {name} is {wanted}: {value[:40]!r}")


def milliseconds(element: Element, name: str, default: int) -> int:
    """A time: ``250ms``, ``10s``, or milliseconds without a unit; ``infinite`` is no limit."""
    text = element.attributes.get(name)
    if text is None:
        return default
    if text in ("infinite", "forever"):
        return 0
    found = _TIME.fullmatch(text)
    if found is None:
        raise _invalid(element, name, "no time")
    return min(int(found[1]) * _UNIT[found[2]], _LONGEST)


def number(element: Element, name: str, default: int, most: int) -> int:
    """A whole number from 0 on."""
    text = element.attributes.get(name)
    if text is None:
        return default
    found = whole_number(text, most)
    if found is None:
        raise _invalid(element, name, f"no number up to {most}")
    return found


def times(element: Element, name: str, default: int) -> int:
    """How often: a number from 1 on, or ``forever``."""
    if element.attributes.get(name) in ("forever", "-1"):
        return FOREVER
    found = number(element, name, default, 1_000_000)
    if found == 0:
        raise _invalid(element, name, "not at least once")
    return found


def level(element: Element, name: str, default: float) -> float:
    """Decibels, -96 to 96."""
    text = element.attributes.get(name)
    if text is None:
        return default
    if _LEVEL.fullmatch(text) is None or abs(float(text)) > 96:
        raise _invalid(element, name, "no level from -96 to 96")
    return float(text)


def truth(element: Element, name: str, *, default: bool) -> bool:
    """``true`` or ``false``."""
    text = element.attributes.get(name)
    if text is None:
        return default
    if text not in ("true", "false", "1", "0"):
        raise _invalid(element, name, "neither true nor false")
    return text in ("true", "1")


def words(element: Element, name: str) -> tuple[str, ...]:
    """Names with spaces between."""
    return tuple(element.attributes.get(name, "").split())


# Steps


class _Rule(NamedTuple):
    required: frozenset[str]
    optional: frozenset[str]
    children: frozenset[str]
    read: Callable[[Element], Step]


def step(element: Element) -> Step:
    """One step of a dialog. Raises MsmlError."""
    rule = _STEPS.get(element.name)
    if rule is None:
        if element.name in _UNSUPPORTED:
            raise MsmlError(Response.UNSUPPORTED_ELEMENT, f"<{element.name}> is not supported")
        raise MsmlError(Response.UNKNOWN_ELEMENT, f"no <{element.name[:40]}> in a dialog")
    check(element, rule.required, rule.optional, rule.children)
    return rule.read(element)


def _actions(element: Element) -> tuple[Action, ...]:
    """The actions within an element that was checked to hold nothing else."""
    steps = [step(child) for child in element]
    return tuple(one for one in steps if isinstance(one, Send | Exit | Disconnect))


def _then(element: Element, name: str) -> tuple[Action, ...]:
    found = element.find(name)
    if found is None:
        return ()
    check(found, frozenset(), frozenset(), _ACTIONS)
    return _actions(found)


def _id(element: Element) -> str:
    return element.attributes.get("id", "")


def _sound(element: Element) -> Sound:
    language = element.attributes.get("xml:lang", "")
    match element.name:
        case "audio":
            check(element, frozenset({"uri"}), _AUDIO, frozenset())
            return Audio(element.attributes["uri"])
        case "var":
            check(element, frozenset({"type", "value"}), frozenset({"subtype", "xml:lang"}), frozenset())
            attributes = element.attributes
            return Variable(attributes["type"], attributes["value"], attributes.get("subtype", ""), language)
    check(element, frozenset(), frozenset({"xml:lang"}), frozenset())
    if not element.text:
        raise MsmlError(Response.MISSING_CONTENT, "tts without a text")
    return Speech(element.text, language)


_AUDIO: Final = frozenset({"format", "audiosamplerate", "audiosamplesize", "codecconfig"})
_SOUNDS: Final = frozenset({"audio", "var", "tts"})


def _play(element: Element) -> Play:
    sounds = tuple(_sound(child) for child in element if child.name in _SOUNDS)
    if not sounds:
        raise MsmlError(Response.MISSING_CONTENT, "play without anything to play")
    return Play(
        sounds,
        _id(element),
        times(element, "iterate", 1),
        milliseconds(element, "interval", 0),
        milliseconds(element, "maxtime", 0),
        milliseconds(element, "offset", 0),
        truth(element, "barge", default=False),
        truth(element, "cleardb", default=False),
        element.attributes.get("xml:lang", ""),
        _then(element, "playexit"),
    )


def _digits(element: Element) -> GenerateDigits:
    digits = element.attributes["digits"]
    if _DIGITS.fullmatch(digits) is None:
        raise MsmlError(Response.INVALID_VALUE, f"{element.name} digits is no row of digits")
    return GenerateDigits(
        digits.upper(),
        _id(element),
        round(level(element, "level", -6)),
        milliseconds(element, "dur", 100),
        milliseconds(element, "interval", 100),
        _then(element, "dtmfgenexit"),
    )


def _tones(element: Element) -> GenerateTones:
    found: list[Tone] = []
    for child in element:
        if child.name == "tonegenexit":
            continue
        if child.name == "silence":
            check(child, frozenset({"duration"}), frozenset(), frozenset())
            found.append(Tone(milliseconds(child, "duration", 0)))
            continue
        check(child, frozenset({"duration"}), frozenset({"iterate"}), frozenset({"tone1", "tone2"}))
        waves: list[tuple[int, float]] = []
        for wave in child:
            check(wave, frozenset({"freq"}), frozenset({"atten"}), frozenset())
            frequency = whole_number(wave.attributes["freq"], 20_000)
            if frequency is None or frequency < 20:
                raise _invalid(wave, "freq", "no frequency from 20 to 20000 Hz")
            waves.append((frequency, level(wave, "atten", 0.0)))
        if not waves:
            raise MsmlError(Response.MISSING_CONTENT, "tone without a frequency")
        count = number(child, "iterate", 1, 100)
        found += [Tone(milliseconds(child, "duration", 0), tuple(waves))] * count
    if not found:
        raise MsmlError(Response.MISSING_CONTENT, "tonegen without a tone")
    return GenerateTones(tuple(found), _id(element), times(element, "iterate", 1), _then(element, "tonegenexit"))


def _prompt(element: Element) -> Play | None:
    found = element.find("play")
    if found is None:
        return None
    play = step(found)
    return play if isinstance(play, Play) else None


def _collect(element: Element) -> Collect:
    patterns: list[Pattern] = []
    for child in element:
        if child.name != "pattern":
            continue
        check(child, frozenset({"digits"}), frozenset({"format", "iterate"}), _ACTIONS)
        form = child.attributes.get("format", "moml+digits")
        if form not in ("moml+digits", "mgcp"):
            raise _invalid(child, "format", "neither moml+digits nor mgcp")
        patterns.append(Pattern(child.attributes["digits"], form, _actions(child)))
    if not patterns:
        raise MsmlError(Response.MISSING_CONTENT, f"{element.name} without a pattern")
    return Collect(
        tuple(patterns),
        _id(element),
        milliseconds(element, "fdt", 0),
        milliseconds(element, "idt", 4000),
        milliseconds(element, "edt", 4000),
        milliseconds(element, "ldd", 0),
        truth(element, "cleardb", default=True),
        truth(element, "starttimer", default=False),
        times(element, "iterate", 1),
        _prompt(element),
        _then(element, "noinput"),
        _then(element, "nomatch"),
        _then(element, "dtmfexit"),
    )


def _record(element: Element) -> Record:
    key = element.attributes.get("termkey", "")
    if key and _KEY.fullmatch(key) is None:
        raise _invalid(element, "termkey", "no digit")
    return Record(
        element.attributes["dest"],
        milliseconds(element, "maxtime", 0),
        _id(element),
        element.attributes.get("format", ""),
        milliseconds(element, "prespeech", 0),
        milliseconds(element, "postspeech", 0),
        key.upper(),
        truth(element, "beep", default=False),
        truth(element, "append", default=False),
        _prompt(element),
        _then(element, "recordexit"),
    )


def _send(element: Element) -> Send:
    names = words(element, "namelist")
    return Send(element.attributes["event"], element.attributes.get("target", "source"), names)


def _exit(element: Element) -> Exit:
    return Exit(words(element, "namelist"))


def _disconnect(element: Element) -> Disconnect:
    return Disconnect(words(element, "namelist"))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACTIONS: Final = frozenset({"send", "exit", "disconnect"})
_PLAY: Final = _set("id interval iterate initial maxtime barge cleardb offset skip xml:lang")
_COLLECT: Final = _set("id cleardb fdt idt edt ldd starttimer iterate")
_COLLECTED: Final = _set("play pattern noinput nomatch dtmfexit")
_RECORD: Final = _set("id append format maxtime prespeech postspeech termkey beep initial")

_STEPS: Final = {
    "play": _Rule(frozenset(), _PLAY, _SOUNDS | {"playexit"}, _play),
    "dtmfgen": _Rule(_set("digits"), _set("id level dur interval"), _set("dtmfgenexit"), _digits),
    "tonegen": _Rule(frozenset(), _set("id iterate"), _set("tone silence tonegenexit"), _tones),
    "collect": _Rule(frozenset(), _COLLECT, _COLLECTED, _collect),
    "dtmf": _Rule(frozenset(), _COLLECT, _COLLECTED, _collect),
    "record": _Rule(_set("dest maxtime"), _RECORD - {"maxtime"}, _set("play recordexit"), _record),
    "send": _Rule(_set("event"), _set("target namelist"), frozenset(), _send),
    "exit": _Rule(frozenset(), _set("namelist"), frozenset(), _exit),
    "disconnect": _Rule(frozenset(), _set("namelist"), frozenset(), _disconnect),
}
"""Each step: attributes it must have, may have, elements within it, and its reader."""

_UNSUPPORTED: Final = _set("group vad gate clamp gain agc relay speech faxdetect faxsend faxrcv video media")
"""Elements of RFC 5707 that are not supported."""
