import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordboard.tlib.hub import Hub
from cordboard.tlib.machine import Close, Link, State
from cordboard.tlib.protocol import BadMessageError, ByeReason, Request, Role, decode_client, decode_server

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
KINDS = st.sampled_from(["Hello", "Login", "Request", "Ack", "Ping", "Welcome", "Events", "Snapshot", "Bye", "?"])
FIELDS = st.sampled_from(
    ["version", "client", "resume", "user", "password", "token", "reference_id", "request", "sequence", "id", "session"]
)
ALMOST = st.builds(lambda kind, rest: {"type": kind, **rest}, KINDS, st.dictionaries(FIELDS, JSON, max_size=5))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200), ALMOST.map(msgspec.json.encode)))
def test_decoders_raise_their_own_error_only(data):
    for decode in (decode_client, decode_server):
        with contextlib.suppress(BadMessageError):
            decode(data)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), ALMOST.map(msgspec.json.encode)), max_size=6))
def test_link_ends_in_close_and_then_keeps_quiet(frames):
    link = Link()
    closed = False
    for frame in frames:
        output = link.receive(frame)
        if closed:
            assert output is None
        if isinstance(output, Close):
            assert output.bye.reason in set(ByeReason)
            closed = True
        assert closed == (link.state is State.CLOSED)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"type":"Request","reference_id":1,"request":' + b'{"a":' * 50_000])
def test_nesting_is_no_way_in(data):
    with pytest.raises(BadMessageError):
        decode_client(data)


@settings(max_examples=200, deadline=None)
@given(JSON, st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_any_body_of_a_request_is_answered_by_an_error_event(body, reference_id):
    hub = Hub()
    session, _ = hub.open("s", "anna", Role.AGENT, "", None)
    hub.deliver(session, Request(reference_id=reference_id, request=msgspec.Raw(msgspec.json.encode(body))))
    frame = msgspec.json.decode(session.frame() or "")
    assert [e["Event"] for e in frame["events"]] == ["EventError"]
    assert frame["events"][0].get("ReferenceID", 0) == (reference_id if reference_id >= 1 else 0)
