"""MSML bodies (RFC 5707), read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.sip.bodies.msml import model as m
from cordboard.sip.bodies.msml.read import parse
from cordboard.sip.bodies.msml.write import to_bytes


def body(inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="US-ASCII"?><msml version="1.1">{inner}</msml>'.encode()


def dialog(inner: str) -> bytes:
    return body(f'<dialogstart target="conn:1" type="application/moml+xml" name="d">{inner}</dialogstart>')


def test_a_conference_is_made_and_joined_in_one_body() -> None:
    said = body(
        '<createconference name="example" deletewhen="nocontrol" mark="1">'
        '<audiomix><n-loudest n="3"/><asn ri="10s"/></audiomix></createconference>'
        '<join id1="conn:74jgd63956ts" id2="conf:example" mark="2">'
        '<stream media="audio" dir="from-id1"><gain amt="mute"/></stream>'
        '<stream media="audio" dir="to-id1"><gain amt="-6"/><clamp dtmf="true"/></stream></join>'
    )
    assert parse(said) == (
        m.CreateConference("example", "nocontrol", 3, 10_000, "1"),
        m.Join(
            "conn:74jgd63956ts",
            "conf:example",
            (m.Stream("from-id1", muted=True), m.Stream("to-id1", gain=-6.0, clamp_dtmf=True)),
            "2",
        ),
    )


def test_a_prompt_with_digits_collected_and_sent() -> None:
    said = dialog(
        '<collect fdt="5s" idt="2000ms" edt="1s" iterate="2">'
        '<play barge="true" cleardb="true"><audio uri="file:///enter.wav"/><var type="digits" value="12"/></play>'
        '<pattern digits="min=1;max=4;rtk=#" format="moml+digits">'
        '<send target="source" event="app.pin" namelist="dtmf.digits dtmf.end"/></pattern>'
        '<noinput><exit namelist="dtmf.end"/></noinput></collect>'
    )
    prompt = m.Play((m.Audio("file:///enter.wav"), m.Variable("digits", "12")), barge=True, clear_digits=True)
    sent = m.Send("app.pin", "source", ("dtmf.digits", "dtmf.end"))
    assert parse(said) == (
        m.DialogStart(
            "conn:1",
            (
                m.Collect(
                    (m.Pattern("min=1;max=4;rtk=#", then=(sent,)),),
                    first=5000,
                    between=2000,
                    extra=1000,
                    iterate=2,
                    prompt=prompt,
                    no_input=(m.Exit(("dtmf.end",)),),
                ),
            ),
            "d",
        ),
    )


def test_tones_and_records() -> None:
    said = dialog(
        '<tonegen iterate="forever"><tone duration="500ms"><tone1 freq="480" atten="-24"/>'
        '<tone2 freq="620"/></tone><silence duration="500ms"/></tonegen>'
        '<record dest="file:///r.wav" maxtime="60s" postspeech="3s" termkey="#" beep="true">'
        '<recordexit><exit namelist="record.len"/></recordexit></record>'
    )
    assert parse(said) == (
        m.DialogStart(
            "conn:1",
            (
                m.GenerateTones((m.Tone(500, ((480, -24.0), (620, 0.0))), m.Tone(500)), iterate=m.FOREVER),
                m.Record(
                    "file:///r.wav",
                    60_000,
                    postspeech=3000,
                    termkey="#",
                    beep=True,
                    then=(m.Exit(("record.len",)),),
                ),
            ),
            "d",
        ),
    )


@pytest.mark.parametrize(
    ("said", "response"),
    [
        (b"<msml", 400),
        (b'<mscml version="1.1"/>', 401),
        (b"<msml><unjoin/></msml>", 408),
        (b'<msml version="9"><unjoin/></msml>', 410),
        (b'<msml version="1.1" colour="red"><unjoin/></msml>', 406),
        (body(""), 403),
        (body("<audit/>"), 402),
        (body("<dance/>"), 401),
        (body('<join id1="conn:1"/>'), 408),
        (body('<join id1="conn:1" id2="table:2"/>'), 410),
        (body('<join id1="conn:*" id2="conf:2"/>'), 410),
        (body('<join id1="conn:1" id2="conf:2" loud="yes"/>'), 406),
        (body('<join id1="conn:1" id2="conf:2"><play/></join>'), 404),
        (body('<join id1="conn:1" id2="conf:2"><stream media="video"/></join>'), 410),
        (body('<createconference name="a b"/>'), 410),
        (body('<createconference deletewhen="monday"/>'), 410),
        (body('<result response="200"/><unjoin/>'), 404),
        (body('<dialogstart target="conn:1" type="application/voicexml+xml"/>'), 420),
        (body('<dialogstart target="conn:1" type="application/moml+xml" src="http://x"/>'), 407),
        (dialog(""), 403),
        (dialog("<play/>"), 403),
        (dialog("<vad/>"), 402),
        (dialog("<sing/>"), 401),
        (dialog('<play iterate="0"><audio uri="a"/></play>'), 410),
        (dialog('<play maxtime="long"><audio uri="a"/></play>'), 410),
        (dialog('<play barge="perhaps"><audio uri="a"/></play>'), 410),
        (dialog('<dtmfgen digits="x"/>'), 410),
        (dialog("<collect/>"), 403),
        (dialog('<collect><pattern digits="1" format="regex"/></collect>'), 410),
        (dialog('<record dest="a"/>'), 408),
        (dialog('<record dest="a" maxtime="1s" termkey="12"/>'), 410),
        (dialog('<tonegen><tone duration="1s"><tone1 freq="5"/></tone></tonegen>'), 410),
    ],
)
def test_each_mistake_has_the_code_of_the_rfc(said: bytes, response: int) -> None:
    with pytest.raises(m.MsmlError) as caught:
        parse(said)
    assert caught.value.response == response
    assert caught.value.description


def test_results_and_events_are_read_as_they_are_written() -> None:
    for said in (
        m.Result(),
        m.Result(m.Response.NO_SUCH_OBJECT, "no conf:x", "2", ("conf:a",), ("conn:1/dialog:d", "conn:1/dialog:e")),
        m.Event("msml.dialog.exit", "conn:1/dialog:d", (("dtmf.digits", "12#"), ("dtmf.end", "dtmf.match"))),
    ):
        assert parse(to_bytes(said)) == said


_word = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True)
_text = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
_names = st.lists(_word, max_size=3).map(tuple)
_time = st.integers(0, 86_400_000)
_mark = st.one_of(st.just(""), _word)
_id = st.builds(lambda kind, word: f"{kind}:{word}", st.sampled_from(["conn", "conf"]), _word)
_level = st.integers(-96, 96).map(float)
_count = st.one_of(st.just(m.FOREVER), st.integers(1, 1000))
_actions = st.lists(
    st.one_of(st.builds(m.Send, _word, _word, _names), st.builds(m.Exit, _names), st.builds(m.Disconnect, _names)),
    max_size=2,
).map(tuple)
_sound = st.one_of(
    st.builds(m.Audio, _text), st.builds(m.Variable, _word, _text, _mark, _mark), st.builds(m.Speech, _text, _mark)
)
_play = st.builds(
    m.Play,
    st.lists(_sound, min_size=1, max_size=3).map(tuple),
    _mark,
    _count,
    _time,
    _time,
    _time,
    st.booleans(),
    st.booleans(),
    _mark,
    _actions,
)
_keys = st.text("0123456789*#ABCD", min_size=1, max_size=8)
_tone = st.builds(m.Tone, _time, st.lists(st.tuples(st.integers(20, 20_000), _level), max_size=2).map(tuple))
_prompt = st.one_of(st.none(), _play)
_step = st.one_of(
    _play,
    st.builds(m.GenerateDigits, _keys, _mark, st.integers(-96, 0), _time, _time, _actions),
    st.builds(m.GenerateTones, st.lists(_tone, min_size=1, max_size=3).map(tuple), _mark, _count, _actions),
    st.builds(
        m.Collect,
        st.lists(
            st.builds(m.Pattern, _text, st.sampled_from(["moml+digits", "mgcp"]), _actions), min_size=1, max_size=2
        ).map(tuple),
        _mark,
        _time,
        _time,
        _time,
        _time,
        st.booleans(),
        st.booleans(),
        _count,
        _prompt,
        _actions,
        _actions,
        _actions,
    ),
    st.builds(
        m.Record,
        _text,
        _time,
        _mark,
        _mark,
        _time,
        _time,
        st.sampled_from(["", "#", "5"]),
        st.booleans(),
        st.booleans(),
        _prompt,
        _actions,
    ),
    st.builds(m.Send, _word, _word, _names),
    st.builds(m.Exit, _names),
)
_maybe = st.one_of(st.none(), st.booleans())
_stream = st.builds(m.Stream, st.sampled_from(["", "from-id1", "to-id1"]), st.one_of(st.none(), _level), _maybe, _maybe)
_streams = st.lists(_stream, max_size=2).map(tuple)
_request = st.one_of(
    st.builds(
        m.CreateConference,
        _mark,
        st.sampled_from(["nomedia", "nocontrol", "never"]),
        st.integers(0, 1000),
        _time,
        _mark,
    ),
    st.builds(m.ModifyConference, _id, st.integers(0, 1000), _time, _mark),
    st.builds(m.DestroyConference, _id, _mark),
    st.builds(m.Join, _id, _id, _streams, _mark),
    st.builds(m.ModifyStream, _id, _id, st.lists(_stream, min_size=1, max_size=2).map(tuple), _mark),
    st.builds(m.Unjoin, _id, _id, _mark),
    st.builds(m.DialogStart, _id, st.lists(_step, min_size=1, max_size=3).map(tuple), _mark, _mark),
    st.builds(m.DialogEnd, _id, _mark),
    st.builds(m.Send, _word, _id, _names, _mark),
)


@given(st.lists(_request, min_size=1, max_size=3).map(tuple))
def test_what_is_written_is_read_the_same(said: tuple[m.Request, ...]) -> None:
    assert parse(to_bytes(said)) == said


_tag = st.sampled_from(
    [
        "join",
        "stream",
        "gain",
        "dialogstart",
        "play",
        "audio",
        "collect",
        "pattern",
        "record",
        "tonegen",
        "tone",
        "send",
        "x",
    ]
)
_attribute = st.sampled_from(
    ['id1="conn:1"', 'id2="conf:2"', 'amt="5"', 'target="conn:1"', 'uri="a"', 'digits="x"', 'iterate="-1"']
)


@given(
    st.recursive(
        st.builds("<{} {}/>".format, _tag, st.lists(_attribute, max_size=3, unique=True).map(" ".join)),
        lambda inner: st.builds(
            "<{0} {1}>{2}</{0}>".format,
            _tag,
            st.lists(_attribute, max_size=3, unique=True).map(" ".join),
            st.lists(inner, max_size=3).map("".join),
        ),
        max_leaves=6,
    )
)
def test_any_elements_are_read_or_refused(inner: str) -> None:
    for said in (body(inner), dialog(inner)):
        with contextlib.suppress(m.MsmlError):
            parse(said)
