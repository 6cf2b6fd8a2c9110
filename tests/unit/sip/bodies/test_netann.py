"""What an address asks of a media server (RFC 4240), read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.sip.bodies.netann import (
    FOREVER,
    Announcement,
    Conference,
    MsmlLeg,
    NetannError,
    Service,
    VoiceXml,
    parse,
    uri,
)
from cordboard.switch.services.errand import music


def test_the_example_of_the_rfc_is_an_announcement() -> None:
    said = "sip:annc@ms2.example.net;play=http://audio.example.net/allcircuitsbusy.g711"
    assert parse(said) == Announcement("http://audio.example.net/allcircuitsbusy.g711")


def test_everything_an_announcement_may_ask_for() -> None:
    said = (
        "sip:annc@10.0.0.1:5090;play=file:///a%3Bb.wav;repeat=3;delay=250;duration=9000;locale=en-GB;"
        "param1=seven;param2=8;param4=lost;extension=x;content-type=audio/wav;early=486"
    )
    assert parse(said) == Announcement(
        "file:///a;b.wav", 3, 250, 9000, "en-GB", ("seven", "8"), "x", "audio/wav", early=486
    )


def test_what_the_switch_asks_for_music_is_understood() -> None:
    assert parse(music("music/on_hold").uri("sip:10.0.0.1:5090")) == Announcement("music/on_hold", repeat=FOREVER)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("sip:annc@h", 404),
        ("sip:annc@h;play=", 404),
        ("sip:annc@h;play=a;repeat=often", 400),
        ("sip:annc@h;play=a;delay=-1", 400),
        ("sip:annc@h;play=a;locale=..", 400),
        ("sip:annc@h;play=a;early=200", 400),
        ("sip:annc=x@h;play=a", 404),
        ("sip:conf=@h", 404),
        ("sip:conf@h", 404),
        ("sip:conf=a@h;mode=loud", 400),
        ("sip:teapot@h", 404),
        ("sip:@@@", 400),
    ],
)
def test_what_cannot_be_given_says_how_it_is_refused(said: str, status: int) -> None:
    with pytest.raises(NetannError) as caught:
        parse(said)
    assert caught.value.status == status
    assert caught.value.reason


def test_times_are_bounded() -> None:
    assert parse("sip:annc@h;play=a;delay=9999999999") == Announcement("a", delay_ms=86_400_000)


_words = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=20)
_names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
_services: st.SearchStrategy[Service] = st.one_of(
    st.builds(
        Announcement,
        _words,
        st.integers(0, 100_000),
        st.integers(0, 86_400_000),
        st.integers(0, 86_400_000),
        st.sampled_from(["", "en", "en-GB", "de_AT"]),
        st.lists(_words, max_size=9).map(tuple),
        st.one_of(st.just(""), _words),
        st.just(""),
        st.one_of(st.just(0), st.integers(400, 699)),
    ),
    st.builds(
        Conference,
        _names,
        st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
        st.one_of(st.just(""), _words),
        st.one_of(st.just(""), _words),
        st.booleans(),
        st.integers(0, 1000),
        st.sampled_from(["clamp", "pass"]),
    ),
    st.builds(VoiceXml, _words),
    st.just(MsmlLeg()),
)


@given(_services, st.sampled_from(["10.0.0.1", "ms.example:5090", "[::1]:5090", "h:5090;transport=tcp"]))
def test_what_is_written_is_read_the_same(service: Service, host: str) -> None:
    read = parse(uri(service, host))
    if isinstance(read, VoiceXml):
        assert isinstance(service, VoiceXml)
        assert read.script == service.script
    else:
        assert read == service


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for said in (text, f"sip:annc@h;{text}", f"sip:conf={text}@h", f"sip:{text}@h"):
        with contextlib.suppress(NetannError):
            parse(said)
