"""Structured logs: one JSON object a line, or coloured text on a terminal.

Code anywhere says ``log = structlog.get_logger("cordboard.switch")`` and ``log.info("call answered", conn_id=...)``.
What belongs to a call carries ``conn_id`` (ConnID) and, where a SIP dialog is meant, ``call_id`` (Call-ID): bind them
once, ``call_log = log.bind(conn_id=..., call_id=...)``, so that every line of a call can be found by either.

A line below the level costs an empty method call. A line that is written costs its rendering and an append: a thread
writes what gathered every 20 ms, so that a slow disk or terminal never holds up calls. When the disk cannot keep up,
lines are dropped, counted, and the number is written as soon as there is room.
"""

import atexit
import contextlib
import io
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, Protocol

import msgspec
import structlog

from cordboard.ops.terminals import visible

FORMATS: Final = ("auto", "text", "json")
LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_GATHER: Final = 0.02
_MAX_LINES: Final = 50_000
_SECRETS: Final = ("password", "token", "ha1")
_HIDDEN: Final = "***"


class LineWriter:
    """Writes lines on a thread of its own. Bounded; what does not fit is dropped and counted."""

    def __init__(self, file: BinaryIO, *, max_lines: int = _MAX_LINES) -> None:
        self._file = file
        self._lines: deque[bytes] = deque()
        self._max_lines = max_lines
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._woken = False
        self._closed = False
        self._reported = 0
        self._flush_lock = threading.Lock()
        self.written = 0
        """Lines written."""
        self.dropped = 0
        """Lines that found no room, or could not be written."""
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Takes a line without its newline. Never blocks."""
        if len(self._lines) >= self._max_lines:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._woken:
            self._woken = True
            self._wake.put(None)

    def flush(self) -> None:
        """Writes all lines taken so far, on the caller's thread."""
        with self._flush_lock:
            # Only what is there now: a writer that never pauses must not keep us here.
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self.dropped > self._reported:
                lost, self._reported = self.dropped - self._reported, self.dropped
                lines.append(msgspec.json.encode({"level": "warning", "event": "log lines dropped", "lines": lost}))
            if not lines:
                return
            lines.append(b"")
            try:
                self._file.write(b"\n".join(lines))
                self._file.flush()
                self.written += len(lines) - 1
            except (OSError, ValueError):
                self.dropped += len(lines) - 1

    def close(self) -> None:
        """Writes what is left and ends the thread."""
        self._closed = True
        self._wake.put(None)
        self._thread.join(timeout=2.0)
        self.flush()

    def _run(self) -> None:
        while not self._closed:
            self._wake.get()
            if not self._closed:
                time.sleep(_GATHER)
            self._woken = False
            self.flush()


class _Logger:
    """The end of structlog's chain: who speaks."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_MILLISECONDS: Final = tuple(f".{number:03}Z" for number in range(1000))


class _Clock:
    """ISO 8601 in UTC with milliseconds; the part down to the second is made once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> str:
        at = time.time()
        past = at - self._second
        if not 0.0 <= past < 1.0:
            self._second = second = int(at)
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            past = at - second
        return self._text + _MILLISECONDS[int(past * 1000)]


def _plain(value: object) -> str:
    return str(value)


def _exception_text(value: object) -> str:
    error = sys.exc_info()[1] if value is True else value
    if not isinstance(error, BaseException):
        return str(value)
    return "".join(traceback.format_exception(error)).rstrip()


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A line of level info that is made as a whole: of what happens so often that a look-up for each field would show.

    It can have no secrets: what is given one by one is searched for them, this is not.
    """

    time: str = ""
    """Left to whoever writes it."""
    level: str = "info"
    logger: str
    event: str


class Renderer(Protocol):
    """How lines look: a processor of structlog's, and as such given the fields one by one."""

    def __call__(self, logger: Any, level: str, event: MutableMapping[str, Any]) -> bytes:  # noqa: ANN401
        """A line without its newline."""

    def whole(self, line: Line) -> bytes:
        """The same of one made as a whole."""


def _hide(event: MutableMapping[str, Any]) -> None:
    for secret in _SECRETS:
        if secret in event:
            event[secret] = _HIDDEN


class JsonRenderer:
    """Renders an event as one line of JSON: ``time``, ``level``, ``logger``, ``event``, then what was given."""

    __slots__ = ("_clock", "_encode")

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder(enc_hook=_plain).encode
        self._clock = _Clock()

    def __call__(self, logger: Any, level: str, event: MutableMapping[str, Any]) -> bytes:  # noqa: ANN401
        """See Renderer."""
        _hide(event)
        error = event.pop("exc_info", None)
        line = {
            "time": self._clock.now(),
            "level": level,
            "logger": logger.name,
            "event": event.pop("event", ""),
            **event,
        }
        if error:
            line["exception"] = _exception_text(error)
        try:
            return self._encode(line)
        except (TypeError, ValueError, RecursionError, UnicodeError):
            return self._readable(line)

    def whole(self, line: Line) -> bytes:
        """See Renderer."""
        line.time = self._clock.now()
        try:
            return self._encode(line)
        except UnicodeError:
            return self._readable(msgspec.structs.asdict(line))

    def _readable(self, line: Mapping[str, Any]) -> bytes:
        """A line with something in it that JSON has no words for."""
        return self._encode({key: repr(value) for key, value in line.items()})


class ConsoleRenderer:
    """Renders an event for people."""

    __slots__ = ("_render",)

    def __init__(self, *, colors: bool = True) -> None:
        self._render = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=28)

    def __call__(self, logger: Any, level: str, event: MutableMapping[str, Any]) -> bytes:  # noqa: ANN401
        """See Renderer."""
        _hide(event)
        event["timestamp"] = time.strftime("%H:%M:%S")
        event["level"] = "error" if level == "exception" else level
        if (error := event.pop("exc_info", None)) is not None and error is not False:
            event["exception"] = _exception_text(error)
        for key, value in event.items():
            # What has a blank is quoted, and what cannot be printed with it; the rest is not.
            if isinstance(value, str) and not value.isprintable():
                event[key] = visible(value)
        return str(self._render(logger, level, event)).encode(errors="backslashreplace")

    def whole(self, line: Line) -> bytes:
        """See Renderer."""
        fields = msgspec.structs.asdict(line)
        del fields["time"], fields["logger"]
        return self(None, line.level, fields)


class _StandardHandler(logging.Handler):
    """Brings what libraries log with the standard library into the same stream."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        method = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        )
        with contextlib.suppress(Exception):
            extra = {"exc_info": record.exc_info[1]} if record.exc_info and record.exc_info[1] else {}
            getattr(log, method)(record.getMessage(), **extra)


_writer: LineWriter | None = None
_renderer: Renderer | None = None
_least: int = logging.INFO
"""The least level that is logged."""

_METHODS: Final = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log")


class _Levelled(structlog.make_filtering_bound_logger(logging.INFO)):  # type: ignore[misc]
    """What every logger is an instance of, those made long ago too: its methods are exchanged with the level."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: object) -> None:
        _method(method_name)(self, event, **fields)


@cache
def _method(level: str) -> Callable[..., None]:
    """What writes lines of a level: has them rendered, which is all that our chain of processors consists of."""

    def write(self: _Levelled, event: str | None = None, /, **fields: object) -> None:
        fields["event"] = event
        bound = self._context
        line = self._processors[0](self._logger, level, {**bound, **fields} if bound else fields)
        if _writer is not None:
            _writer.write(line)

    return write


def configure(*, level: str = "info", style: str = "auto", file: BinaryIO | None = None) -> LineWriter:
    """Sets logging up for the process. ValueError for an unknown level or style.

    ``style``: JSON lines, or text for people; ``auto`` chooses text on a terminal. ``file``: standard error unless
    given. Libraries that log with the standard library are heard from warning up.
    """
    global _writer, _renderer
    set_level(level)
    if style not in FORMATS:
        raise ValueError(f"log format {style!r} is none of {', '.join(FORMATS)}")
    target = file if file is not None else sys.stderr.buffer
    if style == "auto":
        style = "text" if _is_terminal(target) else "json"
    if _writer is not None:
        _writer.close()
    writer = LineWriter(target)
    _writer = writer
    _renderer = renderer = JsonRenderer() if style == "json" else ConsoleRenderer(colors=_is_terminal(target))
    structlog.configure(
        processors=[renderer],
        wrapper_class=_Levelled,
        logger_factory=lambda *names: _Logger(names[0] if names else ""),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(_StandardHandler())
    root.setLevel(logging.WARNING)
    return writer


def set_level(level: str) -> None:
    """Sets the least level that is logged, from now on and for loggers there are. ValueError for an unknown one."""
    global _least
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is none of {', '.join(LEVELS)}")
    _least = LEVELS[level]
    filtering = structlog.make_filtering_bound_logger(LEVELS[level])
    for name in _METHODS:
        setattr(_Levelled, name, getattr(filtering, name))
    for name, number in LEVELS.items():
        if number >= LEVELS[level]:
            # As structlog's, which format the event and hand all that was given on once more.
            setattr(_Levelled, name, _method(name))
    # Not for logging: some ask whether building a debug line is worth while.
    logging.getLogger("cordboard").setLevel(LEVELS[level])


def write(line: Line) -> None:
    """Writes a line made as a whole, if its level is logged."""
    if _writer is not None and _renderer is not None and _least <= logging.INFO:
        _writer.write(_renderer.whole(line))


def close() -> None:
    """Writes what is left. Also done at the end of the process."""
    global _writer
    if _writer is not None:
        _writer.close()
        _writer = None


atexit.register(close)


def _is_terminal(file: BinaryIO) -> bool:
    try:
        return file.isatty()
    except (OSError, ValueError, io.UnsupportedOperation):
        return False
