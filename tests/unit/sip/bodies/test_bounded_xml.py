"""XML of control protocols: read within bounds, nothing expanded."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.sip.bodies.xml import Element, XmlError, parse

_laughs = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>"""
_outside = b"""<!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>"""


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"text",
        b"<a b=1/>",
        b"<a>&nbsp;</a>",
        b"<a>\x00</a>",
        b"\xff\xfe<",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        _laughs,
        _outside,
        b"<a>" * 17 + b"</a>" * 17,
        b"<a>" + b"<b/>" * 2000 + b"</a>",
        b"<a " + b" ".join(b'a%d=""' % n for n in range(33)) + b"/>",
        b"<a>" + b"x" * 65_536 + b"</a>",
    ],
)
def test_what_is_broken_or_too_much_is_refused(document: bytes) -> None:
    with pytest.raises(XmlError) as caught:
        parse(document)
    assert caught.value.reason


def test_a_document_becomes_a_tree() -> None:
    found = parse(b'<?xml version="1.0"?><!-- c --><m xmlns="urn:x" v="1">\n <a b="&lt;&#233;"/>t<a>u</a> </m>')
    assert found == Element("m", {"v": "1"}, [Element("a", {"b": "<é"}), Element("a", {}, [], "u")], "t")


_text = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12).map(str.strip)
_name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(lambda name: not name.startswith("xmlns"))
_trees = st.recursive(
    st.builds(Element, _name, st.dictionaries(_name, _text, max_size=3), st.just([]), _text),
    lambda inner: st.builds(Element, _name, st.dictionaries(_name, _text, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)


@given(_trees)
def test_what_is_written_is_read_the_same(tree: Element) -> None:
    assert parse(tree.to_bytes()) == tree


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for document in (data, b"<a>" + data + b"</a>"):
        with contextlib.suppress(XmlError):
            parse(document)


def test_what_xml_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        Element("a", {}, [], "\x07").to_bytes()
    with pytest.raises(ValueError, match="no name"):
        Element("a b").to_bytes()
