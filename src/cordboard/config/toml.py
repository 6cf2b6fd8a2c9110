"""A whole centre as one TOML file: read, checked with line numbers, and written with comments.

::

    format = 1
    [application]
    sip-port = 5060
    [switch]
    name = "main"
    realm = "centre.example"
    [dn.1501]
    password = "..."
    authenticate-requests = ["register", "invite"]

Values may be written in TOML's own types or as the text the vendor's options have (``"register,invite"``, ``"true"``).
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cordboard.config.assemble import native, read_object, write_object
from cordboard.config.environment import Environment
from cordboard.config.errors import ConfigError, FileSyntaxError, Notice, Where, nearest, raise_all
from cordboard.config.objects import (
    DN,
    AgentLogin,
    AnyObject,
    Application,
    ObjectKind,
    ObjectRef,
    Person,
    Place,
    Switch,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

FORMAT: Final = 1
SIZE_LIMIT: Final = 64 << 20
"""Bytes of a file above which it is refused."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SINGLE: Final = (ObjectKind.APPLICATION, ObjectKind.SWITCH)
_HEADER: Final = re.compile(r"\s*(\[.*\])\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_AT_LINE: Final = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Centre:
    """What was read: the environment and the warnings, with their lines where they have one."""

    environment: Environment
    notices: tuple[Notice, ...]


def load(path: str | os.PathLike[str], *, previous: Environment | None = None) -> Centre:
    """Read a file. Raises :class:`OSError` or one config error for all that is wrong, see :func:`loads`."""
    return loads(Path(path).read_bytes(), file=str(path), previous=previous)


def loads(data: bytes | str, *, file: str = "centre.toml", previous: Environment | None = None) -> Centre:
    """Read a centre. Raises one config error for all that is wrong.

    ``previous`` is the centre as known so far: persons whose plain password still fits keep their hash, so that reading
    a file again reports no change.
    """
    text, document = _parse(data, file)
    lines = _locate(text)
    problems: list[ConfigError] = []
    version = document.pop("format", FORMAT)
    if version != FORMAT or isinstance(version, bool):
        problems.append(
            FileSyntaxError(
                f"format = {str(version)[:40]} is not known; this version reads 1",
                Where(file, lines.get(("format",), 0)),
            )
        )
    for name in document:
        if name not in {kind.value for kind in ObjectKind}:
            close = nearest(name, (kind.value for kind in ObjectKind))
            hint = f"; did you mean {close}?" if close else ""
            where = Where(file, lines.get((name,), 0))
            problems.append(FileSyntaxError(f"there is no table {_short(name)}{hint}", where))
    reader = _Reader(file, lines, problems, previous)
    things = reader.read(document)
    application = next((t for t in things if isinstance(t, Application)), None)
    switch = next((t for t in things if isinstance(t, Switch)), None)
    raise_all(problems)
    if switch is None:
        raise FileSyntaxError("there is no table [switch]; it needs at least a realm", Where(file))
    try:
        environment = Environment.build(
            application=application,
            switch=switch,
            dns=[t for t in things if isinstance(t, DN)],
            agent_logins=[t for t in things if isinstance(t, AgentLogin)],
            persons=[t for t in things if isinstance(t, Person)],
            places=[t for t in things if isinstance(t, Place)],
        )
    except ConfigError as error:
        raise_all([problem.at(reader.where_of(problem)) for problem in error.problems])
        raise
    return Centre(environment, tuple(n.at(reader.where_of(n)) for n in environment.notices()))


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:64])


def _parse(data: bytes | str, file: str) -> tuple[str, dict[str, object]]:
    """Return the text and the document it stands for. Raises :class:`FileSyntaxError`."""
    if len(data) > SIZE_LIMIT:
        raise FileSyntaxError(f"the file is longer than {SIZE_LIMIT} bytes", Where(file))
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise FileSyntaxError("the text is not UTF-8", Where(file, line)) from None
    else:
        text = data
    try:
        return text, tomllib.loads(text)
    except RecursionError:
        raise FileSyntaxError("values are nested too deeply", Where(file)) from None
    except ValueError as error:
        match = _AT_LINE.search(str(error))
        where = Where(file, int(match[1]), int(match[2])) if match and match[1] else Where(file, text.count("\n") + 1)
        reason = _AT_LINE.sub("", str(error)).strip()
        raise FileSyntaxError(f"this is not TOML: {_short(reason)}", where) from None


class _Reader:
    """Makes objects of tables, and knows where each was written."""

    def __init__(
        self, file: str, lines: Mapping[KeyPath, int], problems: list[ConfigError], previous: Environment | None
    ) -> None:
        self.file = file
        self.lines = lines
        self.problems = problems
        self.previous = previous
        self.realm = ""
        self.paths: dict[str, KeyPath] = {}

    def read(self, document: Mapping[str, object]) -> list[AnyObject]:
        """Read every table; the switch first, since passwords need its realm."""
        found: list[AnyObject] = []
        for kind in (ObjectKind.SWITCH, *(k for k in ObjectKind if k is not ObjectKind.SWITCH)):
            table = document.get(kind.value)
            if table is None:
                continue
            named = {"": table} if kind in _SINGLE else table
            if not isinstance(named, dict):
                self._complain(f"{kind.value} must be a table of tables, as in [{kind.value}.NAME]", (kind.value,))
                continue
            for name, keys in named.items():
                thing = self._object(kind, name, keys)
                if thing is not None:
                    found.append(thing)
                if isinstance(thing, Switch):
                    self.realm = thing.realm
        return found

    def _object(self, kind: ObjectKind, name: str, table: object) -> AnyObject | None:
        path = (kind.value,) if kind in _SINGLE else (kind.value, name)
        if not isinstance(table, dict):
            self._complain(f"{_short('.'.join(path))} must be a table", path)
            return None
        texts: dict[str, str] = {}
        good = True
        for key, value in table.items():
            text = _as_text(value)
            if text is None:
                self._complain(f"{_short(key)} must be a text, a number, true, false or a list of texts", (*path, key))
                good = False
            else:
                texts[key] = text
        previous = self.previous.persons.get(name) if self.previous and kind is ObjectKind.PERSON else None
        ref = ObjectRef(kind, name or texts.get("name", ""))
        try:
            thing = read_object(kind, name, texts, realm=self.realm or "unknown", previous=previous)
        except ConfigError as error:
            self.paths[str(ref)] = self.paths[kind.title] = path
            self.problems.extend(p.at(self.where_of(p) or self._where(path)) for p in error.problems)
            return None
        self.paths[str(thing.ref)] = path
        return thing if good else None

    def _where(self, path: KeyPath) -> Where:
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return Where(self.file, self.lines[path[:end]])
        return Where(self.file)

    def _complain(self, reason: str, path: KeyPath) -> None:
        self.problems.append(FileSyntaxError(reason, self._where(path)))

    def where_of(self, about: ConfigError | Notice) -> Where | None:
        """Return where the option an error or a warning is about was written, or at least its object."""
        path = self.paths.get(getattr(about, "owner", ""))
        if path is None:
            return None
        option = getattr(about, "option", "")
        folded = option.replace("_", "-")
        for key in (option, folded, option.replace("-", "_"), f"{folded}-hash"):
            if (*path, key) in self.lines:
                return Where(self.file, self.lines[*path, key])
        return self._where(path)


def _as_text(value: object) -> str | None:
    """Return the text of a TOML value, None if it is of a type no option has."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**18:
        return str(value)
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 10**12 else str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(i, str | int) and not isinstance(i, bool) for i in value):
        items = [str(item) for item in value]
        return None if any("," in item for item in items) else ",".join(items)
    return None


def _locate(text: str) -> dict[KeyPath, int]:
    """Find the line of every table and key. The text is known to be TOML."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        if fence:
            if line.count(fence) % 2:
                fence = ""
            continue
        header = _HEADER.match(line)
        key = None if header else _KEY.match(line)
        if header:
            path = _names(header[1] + "\n")
            if path:
                table = path
                for end in range(1, len(table) + 1):
                    found.setdefault(table[:end], number)
        elif key:
            found.setdefault((*table, *_names(key[1] + " = 0\n")), number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                fence = quotes
    return found


def _names(text: str) -> KeyPath:
    """Return the path that one header or key stands for."""
    try:
        value: object = tomllib.loads(text)
    except ValueError:
        return ()
    names: list[str] = []
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        names.append(name)
    return tuple(names)


_INTRODUCTIONS: Final[Mapping[ObjectKind, str]] = {
    ObjectKind.APPLICATION: "The SIP Server itself. A change of a listening address waits for a restart.",
    ObjectKind.SWITCH: "The switch. Passwords are hashed for its realm: change the realm and they must be given anew.",
    ObjectKind.DN: "Phones, queues, trunks and services. A plain password = \"...\" may stand in place of the hashes.",
    ObjectKind.AGENT_LOGIN: "Codes agents log in with.",
    ObjectKind.PERSON: "Who may use the desktop and the console. A plain password may stand in place of the hash.",
    ObjectKind.PLACE: "Desks and their phones.",
}  # fmt: skip


def dumps(env: Environment) -> str:
    """Write a centre. Passwords go out as hashes: whoever has the file can register as its DNs."""
    parts = ["# A centre of Cordboard. Keep it secret: it holds the hashes of passwords.\n\nformat = 1\n"]
    seen: set[ObjectKind] = set()
    for thing in env.objects():
        kind = thing.ref.kind
        texts = write_object(thing)
        lines = []
        if kind not in seen:
            lines.append(f"# {_INTRODUCTIONS[kind]}")
            seen.add(kind)
        lines.append(f"[{kind.value}]" if kind in _SINGLE else f"[{kind.value}.{_key(thing.ref.name)}]")
        lines.extend(f"{_key(key)} = {_value(native(kind, key, text))}" for key, text in texts.items())
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(value: bool | float | str | list[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_quoted(item) for item in value) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)
