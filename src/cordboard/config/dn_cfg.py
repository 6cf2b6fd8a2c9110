"""A DN as a ``.cfg`` file with a section ``[TServer]``, as the vendor's tools export the Annex of a DN.

::

    [TServer]
    authenticate-requests = register,invite
    contact=sip:1502@192.0.2.7:2048

Tolerated: spaces round ``=`` and round names, any case, comment lines (``;`` or ``#``), quotes round a whole value, a
byte order mark, UTF-16, and Latin-1 where the bytes are no UTF-8. A comment must have a line of its own, since ``;``
and ``#`` are part of many values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cordboard.config.assemble import canonical, read_object
from cordboard.config.errors import ConfigError, FileSyntaxError, Notice, Where, nearest, raise_all
from cordboard.config.objects import DN, ObjectKind
from cordboard.config.optionset import DnType

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTION: Final = "TServer"
SIZE_LIMIT: Final = 1 << 20
"""Bytes of a file above which it is refused."""
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CfgFile:
    """What was read: the DN and the warnings."""

    dn: DN
    notices: tuple[Notice, ...]


def decode(data: bytes, file: str) -> tuple[str, str]:
    """Return the text and the encoding found. Raises :class:`FileSyntaxError`."""
    if len(data) > SIZE_LIMIT:
        raise FileSyntaxError(f"the file is longer than {SIZE_LIMIT} bytes", Where(file))
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), encoding
            except UnicodeDecodeError:
                raise FileSyntaxError(
                    f"the text is not {encoding}, though its first bytes say so", Where(file)
                ) from None
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def loads(
    data: bytes | str,
    *,
    number: str,
    realm: str,
    dn_type: DnType = DnType.EXTENSION,
    display_name: str = "",
    file: str = "",
) -> CfgFile:
    """Read a DN. Raises one config error, with lines, for all that is wrong.

    The file does not tell the DN's number, type and name: they are arguments. ``realm`` is the switch's, to hash a
    password.
    """
    file = file or f"{number}.cfg"
    text, encoding = decode(data, file) if isinstance(data, bytes) else (data, "utf-8")
    owner = f"DN {number}"
    notices: list[Notice] = []
    if encoding == "latin-1":
        notices.append(Notice(owner, "encoding", "the file is not UTF-8; it was read as Latin-1", Where(file)))
    problems: list[ConfigError] = []
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    for item in _items(text, file, owner, problems, notices):
        key = canonical(ObjectKind.DN, item.key)
        if key in {"type", "display-name"}:
            notices.append(Notice(owner, key, "is not an option of the file and was not read", Where(file, item.line)))
            continue
        if key in texts:
            where = Where(file, item.line)
            notices.append(
                Notice(owner, key, f"is given again (first in line {lines[key]}); the last one counts", where)
            )
        texts[key], lines[key] = item.value, item.line
    base = {"type": dn_type.value, "display-name": display_name}
    try:
        dn = read_object(ObjectKind.DN, number, {**texts, **base}, realm=realm)
    except ConfigError as error:
        problems.extend(p.at(Where(file, lines.get(getattr(p, "option", ""), 0))) for p in error.problems)
        raise_all(problems)
        raise
    raise_all(problems)
    if not isinstance(dn, DN):
        raise TypeError(dn)
    found = (n for n in dn.options.notices(owner, dn.type) if n.option in lines)
    return CfgFile(dn, (*notices, *(n.at(Where(file, lines[n.option])) for n in found)))


@dataclass(frozen=True, slots=True)
class _Item:
    line: int
    key: str
    value: str


def _items(text: str, file: str, owner: str, problems: list[ConfigError], notices: list[Notice]) -> Iterator[_Item]:
    """Give the keys of the section, noting what is wrong and what is skipped."""
    section: str | None = None
    seen = False
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.strip().strip("\x00\x1a")
        where = Where(file, number)
        if not line or line[0] in ";#":
            continue
        if line.startswith("["):
            name = line[1:].split("]", 1)[0].strip()
            if "]" not in line:
                problems.append(FileSyntaxError("a section lacks its closing bracket", where))
            section = name
            if name.lower() == SECTION.lower():
                seen = True
            else:
                close = nearest(name, [SECTION])
                hint = f"; did you mean [{close}]?" if close else ""
                notices.append(Notice(owner, f"[{name}]"[:80], f"this section is not read{hint}", where))
            continue
        if section is None:
            problems.append(FileSyntaxError(f"an option stands before the section [{SECTION}]", where))
            section = SECTION
        if section.lower() != SECTION.lower():
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            problems.append(FileSyntaxError("expected an option, as in contact = sip:1502@192.0.2.7:2048", where))
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        yield _Item(number, key.strip(), value)
    if not seen and not problems:
        problems.append(FileSyntaxError(f"there is no section [{SECTION}]", Where(file)))


def dumps(dn: DN) -> str:
    """Write a DN. Its password goes out as hashes: the file is as secret as the password itself."""
    lines = [f"; DN {dn.number}, {dn.type.value}", f"[{SECTION}]"]
    for key, value in dn.options.texts().items():
        quoted = f'"{value}"' if value != value.strip() or (len(value) > 1 and value[0] == value[-1] == '"') else value
        lines.append(f"{key} = {quoted}")
    return "\n".join(lines) + "\n"
