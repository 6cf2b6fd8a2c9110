"""What MSML says, as types. Times are milliseconds, levels decibels; 0 for a limit is none.

Objects are named as RFC 5707 section 6 does: ``conn:<id>`` a leg, ``conf:<name>`` a conference,
``conn:<id>/dialog:<name>`` a dialog on one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

FOREVER: Final = 0
"""As a number of times: without end."""


class Response(IntEnum):
    """Response codes (RFC 5707 section 13)."""

    OK = 200
    BAD_REQUEST = 400
    UNKNOWN_ELEMENT = 401
    UNSUPPORTED_ELEMENT = 402
    MISSING_CONTENT = 403
    FORBIDDEN_CONTENT = 404
    INVALID_CONTENT = 405
    UNKNOWN_ATTRIBUTE = 406
    UNSUPPORTED_ATTRIBUTE = 407
    MISSING_ATTRIBUTE = 408
    INVALID_VALUE = 410
    UNSUPPORTED_LANGUAGE = 420
    FETCH = 423
    NO_SUCH_OBJECT = 430
    NAME_IN_USE = 431
    CONFERENCE_IN_USE = 432
    JOINED_TO_ITSELF = 440
    ALREADY_JOINED = 441
    NOT_JOINED = 442
    INTERNAL = 500
    NO_RESOURCE = 520
    LIMIT = 521


class MsmlError(ValueError):
    """A body, or one of its requests, that is refused."""

    def __init__(self, response: Response, description: str) -> None:
        self.response = response
        self.description = description
        super().__init__(f"{int(response)}: {description}")


@dataclass(frozen=True, slots=True)
class Stream:
    """What is joined, or changed, in one direction or both."""

    direction: str = ""
    """``from-id1``, ``to-id1``, or empty for both."""
    gain: float | None = None
    """None leaves it."""
    muted: bool | None = None
    clamp_dtmf: bool | None = None


@dataclass(frozen=True, slots=True)
class CreateConference:
    """Makes a conference."""

    name: str = ""
    """Empty lets the server choose."""
    delete_when: str = "nomedia"
    """``nomedia``: with its last participant; ``nocontrol``: with the dialog of its controller; ``never``."""
    loudest: int | None = None
    """How many of the loudest are mixed; 0 for all, None for as many as the server likes."""
    speakers_every: int = 0
    """How often the active speakers are told; 0 for never."""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ModifyConference:
    """Changes the mix of a conference."""

    id: str
    loudest: int | None = None
    """None leaves it."""
    speakers_every: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class DestroyConference:
    """Ends a conference; its legs stay."""

    id: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """Joins two legs, or a leg and a conference."""

    id1: str
    id2: str
    streams: tuple[Stream, ...] = ()
    """Empty: both directions."""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ModifyStream:
    """Changes how two are joined."""

    id1: str
    id2: str
    streams: tuple[Stream, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Unjoin:
    """Parts two that are joined. A name may end in ``*``."""

    id1: str
    id2: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Audio:
    """A file, or a name of the catalogue."""

    uri: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that is said (RFC 5707 9.2.1.1): type ``digits``, ``number``, ``date``, ``time``, ``duration`` ..."""

    type: str
    value: str
    subtype: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """A text for the speech synthesiser."""

    text: str
    language: str = ""


Sound = Audio | Variable | Speech


@dataclass(frozen=True, slots=True)
class Send:
    """An event for the controller, or for a dialog."""

    event: str
    target: str = "source"
    """``source``: the controller."""
    names: tuple[str, ...] = ()
    """Variables that go with it, as ``dtmf.digits``."""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """The dialog ends, with these variables in ``msml.dialog.exit``."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The dialog ends, and the leg with it."""

    names: tuple[str, ...] = ()


Action = Send | Exit | Disconnect


@dataclass(frozen=True, slots=True)
class Play:
    """Plays sounds one after another (RFC 5707 9.6.1). Variables: ``play.amt`` (ms), ``play.end``."""

    sounds: tuple[Sound, ...]
    id: str = ""
    iterate: int = 1
    interval: int = 0
    """Silence between two times."""
    maxtime: int = 0
    offset: int = 0
    """Where the first time begins."""
    barge: bool = False
    """Whether a digit ends it."""
    clear_digits: bool = False
    """Whether digits from before are thrown away."""
    language: str = ""
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerateDigits:
    """Sends digits to the leg. Variable: ``dtmfgen.end``."""

    digits: str
    id: str = ""
    level: int = -6
    duration: int = 100
    interval: int = 100
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Tone:
    """Frequencies at once, in Hz with their levels; none for silence."""

    duration: int
    frequencies: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class GenerateTones:
    """Plays tones one after another, the row ``iterate`` times. Variable: ``tonegen.end``."""

    tones: tuple[Tone, ...]
    id: str = ""
    iterate: int = 1
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """Digits that are waited for."""

    digits: str
    format: str = "moml+digits"
    """``moml+digits`` or ``mgcp``."""
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Collect:
    """Collects digits (RFC 5707 9.6.5, ``collect`` and ``dtmf``).

    Variables: ``dtmf.digits``, ``dtmf.len``, ``dtmf.last``, ``dtmf.end`` (``dtmf.match``, ``dtmf.noinput``,
    ``dtmf.nomatch``).
    """

    patterns: tuple[Pattern, ...]
    id: str = ""
    first: int = 0
    """``fdt``: how long the first digit may take."""
    between: int = 4000
    """``idt``: how long the next one may take."""
    extra: int = 4000
    """``edt``: how long to wait for more where the pattern is matched, and could be matched longer."""
    long: int = 0
    """``ldd``: a digit held that long is told as ``dtmf.long``."""
    clear_digits: bool = True
    start_timer: bool = False
    """Whether ``first`` runs from the start rather than from the end of the prompt."""
    iterate: int = 1
    """How often it is tried before it ends without."""
    prompt: Play | None = None
    no_input: tuple[Action, ...] = ()
    no_match: tuple[Action, ...] = ()
    then: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Records (RFC 5707 9.6.6). Variables: ``record.len``, in ms, ``record.end``, ``record.recordid``."""

    dest: str
    """Where to: ``file://...``, a plain name, or ``call:<CallUUID>`` for the recording of a call."""
    maxtime: int
    id: str = ""
    format: str = ""
    prespeech: int = 0
    """How long speech may be waited for."""
    postspeech: int = 0
    """How much silence ends it."""
    termkey: str = ""
    beep: bool = False
    append: bool = False
    prompt: Play | None = None
    then: tuple[Action, ...] = ()


Step = Play | GenerateDigits | GenerateTones | Collect | Record | Send | Exit | Disconnect


@dataclass(frozen=True, slots=True)
class DialogStart:
    """Starts a dialog on a leg or a conference: steps one after another."""

    target: str
    steps: tuple[Step, ...]
    name: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class DialogEnd:
    """Ends a dialog."""

    id: str
    mark: str = ""


Request = (
    CreateConference
    | ModifyConference
    | DestroyConference
    | Join
    | ModifyStream
    | Unjoin
    | DialogStart
    | DialogEnd
    | Send
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the requests of a body."""

    response: Response = Response.OK
    description: str = ""
    mark: str = ""
    """Where something failed: the mark of the last request that did not."""
    conferences: tuple[str, ...] = ()
    """Names the server chose."""
    dialogs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened: ``msml.dialog.exit``, ``msml.conf.nomedia``, ``msml.conf.asn``, or what a dialog sends."""

    name: str
    id: str
    values: tuple[tuple[str, str], ...] = ()


Body = tuple[Request, ...] | Result | Event
"""What one body says."""
