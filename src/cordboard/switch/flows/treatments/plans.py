"""What a treatment asks of a media service: by NETANN where one sound will do, by MSML for all that is more.

    MUSIC                            MUSIC_DN, DURATION
    RING_BACK, SILENCE, BUSY,
    FAST_BUSY                        DURATION
    PLAY_ANNOUNCEMENT, RAN           PROMPT {1: {ID | FILE | TEXT | DIGITS | USER_ID + USER_ANN_ID, INTERRUPTABLE}},
                                     FILE, LANGUAGE
    TEXT_TO_SPEECH                   TEXT, LANGUAGE
    COLLECT_DIGITS                   MAX_DIGITS, MIN_DIGITS, TERM_DIGITS, START_TIMEOUT, DIGIT_TIMEOUT, CLEAR_FLAG
    ..._AND_DIGITS                   both
    RECORD_USER_ANNOUNCEMENT         USER_ID, USER_ANN_ID, TERM_DIGITS, START_TIMEOUT, SILENCE_TIMEOUT, TOTAL_TIMEOUT;
                                     PROMPT, FILE, LANGUAGE
    VERIFY_DIGITS                    DIGITS, RETRIES; COLLECT_DIGITS and PROMPT, MAX_DIGITS as many as DIGITS
    PLAY_APPLICATION, IVR            APP_ID, and whatever the script is to be given

Times are seconds, files are named as the Media Server knows them. Keys are taken in any case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cordboard.model.enums import TreatmentType
from cordboard.model.errors import Code, TLibError
from cordboard.sip.bodies.msml import model
from cordboard.sip.numbers import whole_number
from cordboard.switch.flows.treatments.verification import Verification
from cordboard.switch.services import errand
from cordboard.switch.services.plan import Plan

if TYPE_CHECKING:
    from cordboard.model.userdata import KVList
    from cordboard.switch.services.errand import Errand
    from cordboard.switch.settings import ServerSettings

_T = TreatmentType

MOST_PROMPTS: Final = 32
"""Most prompts of one announcement."""

LONGEST: Final = 3600
"""Most seconds any time may be."""

_NAME: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,63}")
_KEYS: Final = re.compile(r"[0-9*#]")
_DIGITS: Final = re.compile(r"[0-9*#]{1,64}")
_PARAMETER: Final = re.compile(r"[a-z0-9_.-]{1,32}")

TAKEN: Final = frozenset(
    {"voicexml", "transport", "lr", "maddr", "method", "ttl", "user", "comp", "gr", "ob", "sigcomp-id"}
)
"""Parameters of an address that mean something by themselves (RFC 3261, 4240, 5626, 5627)."""

MOST_PARAMETERS: Final = 32
"""Most values a script is given."""

PROMPTED: Final = frozenset(
    {
        _T.PLAY_ANNOUNCEMENT,
        _T.PLAY_ANNOUNCEMENT_AND_DIGITS,
        _T.RAN,
        _T.RECORD_USER_ANNOUNCEMENT,
        _T.COLLECT_DIGITS,
        _T.VERIFY_DIGITS,
    }
)
SPOKEN: Final = frozenset({_T.TEXT_TO_SPEECH, _T.TEXT_TO_SPEECH_AND_DIGITS})
COLLECTING: Final = frozenset(
    {_T.COLLECT_DIGITS, _T.PLAY_ANNOUNCEMENT_AND_DIGITS, _T.TEXT_TO_SPEECH_AND_DIGITS, _T.VERIFY_DIGITS}
)
APPLICATIONS: Final = frozenset({_T.PLAY_APPLICATION, _T.IVR})
TONES: Final = frozenset({_T.RING_BACK, _T.SILENCE, _T.BUSY, _T.FAST_BUSY, _T.MUSIC})


class _Parameters:
    """The parameters of a treatment, keys in any case. Each reading raises TLibError for what cannot be."""

    def __init__(self, given: KVList | None) -> None:
        self._given = {key.upper(): value for key, value in (given or {}).items()}

    def text(self, key: str, default: str = "") -> str:
        value = self._given.get(key, default)
        if not isinstance(value, str | int) or len(str(value)) > 1024:
            raise _bad(key)
        return str(value)

    def number(self, key: str, default: int, most: int) -> int:
        value = whole_number(self.text(key, str(default)), most)
        if value is None:
            raise _bad(key)
        return value

    def milliseconds(self, key: str, default: int) -> int:
        return self.number(key, default, LONGEST) * 1000

    def lists(self, key: str) -> list[_Parameters]:
        """The lists within a list, in the order of their numbers."""
        value = self._given.get(key, {})
        if not isinstance(value, dict) or len(value) > MOST_PROMPTS:
            raise _bad(key)
        found: list[tuple[int, Any]] = []
        for number, item in value.items():
            place = whole_number(number, 10**6)
            if place is None or not isinstance(item, dict):
                raise _bad(f"{key} {number}")
            found.append((place, item))
        return [_Parameters(item) for _, item in sorted(found, key=lambda one: one[0])]

    def has(self, key: str) -> bool:
        return key in self._given

    def others(self, *known: str) -> dict[str, str]:
        """All texts but those known, their keys in small letters."""
        keys = [key for key in self._given if key not in known]
        if len(keys) > MOST_PARAMETERS:
            raise _bad(keys[MOST_PARAMETERS])
        return {_parameter(key): self.text(key) for key in keys}


def _bad(key: str) -> TLibError:
    return TLibError(Code.INVALID_ATTRIBUTE, f"TreatmentParameters {key}")


def plan(kind: TreatmentType, given: KVList | None, settings: ServerSettings) -> Plan:
    """What a treatment asks for. Raises TLibError."""
    wanted = _Parameters(given)
    if kind in TONES:
        return Plan(_tone(kind, wanted, settings))
    if kind in APPLICATIONS:
        return _application(wanted)
    if kind not in PROMPTED and kind not in SPOKEN:
        raise TLibError(Code.UNSUPPORTED, f"treatment {kind.name}")
    prompts = _prompts(kind, wanted)
    if kind in (_T.PLAY_ANNOUNCEMENT, _T.RAN) and len(prompts) == 1 and isinstance(prompts[0], model.Audio):
        return Plan(errand.announcement(prompts[0].uri, locale=wanted.text("LANGUAGE")))
    if kind is _T.VERIFY_DIGITS:
        verification = Verification(_expected(wanted), wanted.number("RETRIES", 0, 9), _steps(kind, wanted, prompts))
        return Plan(errand.dialog(), verification.steps, verification)
    return Plan(errand.dialog(), _steps(kind, wanted, prompts))


def _application(wanted: _Parameters) -> Plan:
    """A script, by its URL or by a name the service knows, and what it is given."""
    script = wanted.text("APP_ID")
    if not script:
        raise _bad("APP_ID")
    return Plan(errand.application(script, wanted.others("APP_ID")))


def _parameter(key: str) -> str:
    name = key.lower()
    if _PARAMETER.fullmatch(name) is None or name in TAKEN:
        raise _bad(key)
    return name


def _expected(wanted: _Parameters) -> str:
    digits = wanted.text("DIGITS")
    if _DIGITS.fullmatch(digits) is None:
        raise _bad("DIGITS")
    return digits


def _tone(kind: TreatmentType, wanted: _Parameters, settings: ServerSettings) -> Errand:
    seconds = wanted.number("DURATION", 0, LONGEST)
    what = {
        _T.MUSIC: wanted.text("MUSIC_DN", settings.music),
        _T.RING_BACK: settings.ring_tone,
        _T.SILENCE: settings.silence_tone,
        _T.BUSY: settings.busy_tone,
        _T.FAST_BUSY: settings.fast_busy_tone,
    }[kind]
    if not what:
        raise _bad("MUSIC_DN")
    if kind is _T.MUSIC:
        return errand.music(what, seconds)
    return errand.tone(what, seconds)


def _prompts(kind: TreatmentType, wanted: _Parameters) -> tuple[model.Sound, ...]:
    """What is played or said first."""
    if kind in SPOKEN:
        if not wanted.text("TEXT"):
            raise _bad("TEXT")
        return (model.Speech(wanted.text("TEXT"), wanted.text("LANGUAGE")),)
    found = tuple(_prompt(one) for one in wanted.lists("PROMPT"))
    if wanted.has("FILE"):
        found = (_prompt(wanted), *found)
    if not found and kind in (_T.PLAY_ANNOUNCEMENT, _T.PLAY_ANNOUNCEMENT_AND_DIGITS, _T.RAN):
        raise _bad("PROMPT")
    return found


def _prompt(one: _Parameters) -> model.Sound:
    if one.has("TEXT"):
        return model.Speech(one.text("TEXT"))
    if one.has("DIGITS"):
        return model.Variable("digits", one.text("DIGITS"))
    if one.has("FILE"):
        return model.Audio(one.text("FILE"))
    if one.has("USER_ANN_ID"):
        return model.Audio(_recorded(one.text("USER_ID"), one.text("USER_ANN_ID")))
    if one.has("ID"):
        return model.Audio(f"announcement/{_named('ID', one.text('ID'))}")
    raise _bad("PROMPT")


def _named(key: str, text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise _bad(key)
    return text


def _recorded(user: str, announcement: str) -> str:
    """The name of what a user has recorded."""
    return f"users/{_named('USER_ID', user)}/{_named('USER_ANN_ID', announcement)}"


def _steps(kind: TreatmentType, wanted: _Parameters, prompts: tuple[model.Sound, ...]) -> tuple[model.Step, ...]:
    barge = all(one.number("INTERRUPTABLE", 1, 1) for one in wanted.lists("PROMPT"))
    play = model.Play(prompts, barge=barge or kind in SPOKEN, language=wanted.text("LANGUAGE")) if prompts else None
    if kind in COLLECTING:
        usual = len(_expected(wanted)) if kind is _T.VERIFY_DIGITS else 1
        return (_collect(wanted, play, usual), model.Exit(("dtmf.digits", "dtmf.last", "dtmf.end")))
    if kind is _T.RECORD_USER_ANNOUNCEMENT:
        return (_record(wanted, play), model.Exit(("record.len", "record.end", "record.recordid")))
    assert play is not None  # noqa: S101 - checked with the prompts
    return (play, model.Exit(("play.end",)))


def _collect(wanted: _Parameters, play: model.Play | None, usual: int = 1) -> model.Collect:
    most = wanted.number("MAX_DIGITS", usual, 128)
    least = wanted.number("MIN_DIGITS", 1, 128)
    if not 1 <= least <= most:
        raise _bad("MAX_DIGITS")
    ends = wanted.text("TERM_DIGITS")
    if ends and _KEYS.fullmatch(ends) is None:
        raise _bad("TERM_DIGITS")
    pattern = f"min={least};max={most}" + (f";rtk={ends}" if ends else "")
    return model.Collect(
        (model.Pattern(pattern),),
        first=wanted.milliseconds("START_TIMEOUT", 10),
        between=wanted.milliseconds("DIGIT_TIMEOUT", 5),
        extra=wanted.milliseconds("DIGIT_TIMEOUT", 5),
        clear_digits=bool(wanted.number("CLEAR_FLAG", 1, 1)),
        prompt=play,
    )


def _record(wanted: _Parameters, play: model.Play | None) -> model.Record:
    ends = wanted.text("TERM_DIGITS", "#")
    if ends and _KEYS.fullmatch(ends) is None:
        raise _bad("TERM_DIGITS")
    most = wanted.milliseconds("TOTAL_TIMEOUT", 60)
    if not most:
        raise _bad("TOTAL_TIMEOUT")
    return model.Record(
        f"users/{_named('USER_ID', wanted.text('USER_ID'))}/{_named('USER_ANN_ID', wanted.text('USER_ANN_ID', '1'))}",
        most,
        prespeech=wanted.milliseconds("START_TIMEOUT", 0),
        postspeech=wanted.milliseconds("SILENCE_TIMEOUT", 0),
        termkey=ends,
        beep=True,
        prompt=play,
    )
