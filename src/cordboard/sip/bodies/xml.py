"""XML as control protocols use it: a small tree, read within bounds and without anything that could be expanded.

No document type, so no entities but the five of XML itself; no namespaces (declarations are dropped, prefixes stay);
comments and processing instructions are left out. The reader is expat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES: Final = 65_536
MOST_ELEMENTS: Final = 2_000
MOST_ATTRIBUTES: Final = 32
DEEPEST: Final = 16

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, escaped or not (XML 1.0 section 2.2)."""
_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_.:-]*")


class XmlError(ValueError):
    """A document that is not read."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


@dataclass(slots=True)
class Element:
    """An element with what is in it."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""
    """All its own text, joined, without white space round it."""

    def __iter__(self) -> Iterator[Element]:
        return iter(self.children)

    def add(self, name: str, text: str = "", **attributes: str) -> Element:
        """Adds a child and returns it; an underscore in the name of an attribute stands for a hyphen."""
        child = Element(name, {key.replace("_", "-"): value for key, value in attributes.items()}, [], text)
        self.children.append(child)
        return child

    def find(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def to_bytes(self) -> bytes:
        """The document with this element as its root. Raises ValueError for what XML cannot say."""
        parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
        _write(self, parts, 0)
        return "".join(parts).encode()


def parse(data: bytes) -> Element:
    """Reads a document. Raises XmlError."""
    if len(data) > MOST_BYTES:
        raise XmlError(1, f"longer than {MOST_BYTES} bytes")
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise XmlError(error.lineno, expat.errors.messages.get(error.code, "not well-formed")) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(1, "encoding not known") from None
    assert reader.root is not None  # noqa: S101 - expat has found a root, or raised
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0
        self.parser = parser = expat.ParserCreate()
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.buffer_text = True

    def _refuse(self, reason: str) -> XmlError:
        return XmlError(self.parser.CurrentLineNumber, reason)

    def _doctype(self, *_: object) -> None:
        raise self._refuse("a document type is not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise self._refuse(f"more than {MOST_ELEMENTS} elements")
        if len(self._open) >= DEEPEST:
            raise self._refuse(f"deeper than {DEEPEST}")
        if len(attributes) > MOST_ATTRIBUTES:
            raise self._refuse(f"more than {MOST_ATTRIBUTES} attributes")
        kept = {key: value for key, value in attributes.items() if key != "xmlns" and not key.startswith("xmlns:")}
        element = Element(name, kept)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, name: str) -> None:  # noqa: ARG002 - expat checks it
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def _data(self, text: str) -> None:
        self._texts[-1].append(text)


def _write(element: Element, parts: list[str], depth: int) -> None:
    for text in (element.text, *element.attributes.values()):
        if _FORBIDDEN.search(text):
            raise ValueError(f"XML cannot hold {text[:40]!r}")
    for name in (element.name, *element.attributes):
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"no name in XML: {name[:40]!r}")
    # Tabs and line ends of an attribute would be read as spaces.
    said = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    attributes = "".join(f" {name}={quoteattr(value, said)}" for name, value in element.attributes.items())
    parts.append(f"{'  ' * depth}<{element.name}{attributes}")
    if not element.children and not element.text:
        parts.append("/>\n")
        return
    parts.append(">" + escape(element.text, {"\r": "&#13;"}))
    if element.children:
        parts.append("\n")
        for child in element.children:
            _write(child, parts, depth + 1)
        parts.append("  " * depth)
    parts.append(f"</{element.name}>\n")
