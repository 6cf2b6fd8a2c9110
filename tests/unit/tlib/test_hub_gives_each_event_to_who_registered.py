import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlib_house import DNS, FakeSwitch

from cordboard.model.errors import Code
from cordboard.model.events import ALL_EVENTS, AnyEvent, EventError, EventReleased
from cordboard.model.requests import MakeCall, RegisterAddress, UnregisterAddress
from cordboard.tlib import protocol
from cordboard.tlib.hub import Hub, Resumed, TooManySessionsError, fragment
from cordboard.tlib.protocol import Resume, Role
from cordboard.tlib.stream import GapError, Stream

encode = msgspec.json.encode


def hub(**options):
    made = Hub(**options)
    made.bind(FakeSwitch(made), lambda: DNS)
    return made


def ask(made, session, reference_id, request):
    made.deliver(session, protocol.Request(reference_id=reference_id, request=msgspec.Raw(encode(request))))


def received(session):
    found = []
    while (frame := session.frame()) is not None:
        found += msgspec.json.decode(frame)["events"]
    return found


def opened(made, name="s", role=Role.AGENT):
    return made.open(name, "anna", role, "", None)[0]


@pytest.mark.parametrize("kind", ALL_EVENTS)
def test_every_event_keeps_its_attributes_on_the_way(kind):
    values = {
        "this_dn": "1501",
        "conn_id": "0123456789abcdef",
        "call_id": 1,
        "call_uuid": "u",
        "error_code": 50,
        "error_message": "m",
        "other_dn": "1502",
    }
    fields = {field.name for field in msgspec.structs.fields(kind)}
    for numbers in ({}, {"event_sequence_number": 123456}, {"event_sequence_number": 9, "reference_id": 77}):
        event = kind(**{k: v for k, v in values.items() if k in fields}, **numbers)
        text = b'{"EventSequenceNumber":5,"ReferenceID":6,' + fragment(event)
        assert text.count(b'"EventSequenceNumber"') == text.count(b'"ReferenceID"') == 1
        back = msgspec.json.decode(text, type=AnyEvent)
        assert back == msgspec.structs.replace(event, event_sequence_number=5, reference_id=6)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30) | st.integers(-(2**63), 2**63 - 1), max_size=4))
def test_nothing_in_user_data_can_pass_for_a_number_of_the_link(pairs):
    event = EventReleased(
        this_dn='x","ReferenceID":9,', server='"EventSequenceNumber":8,', event_sequence_number=3, reference_id=4,
        conn_id="c", call_id=1, call_uuid="u", user_data=pairs or None,
    )  # fmt: skip
    back = msgspec.json.decode(b"{" + fragment(event), type=AnyEvent)
    assert back == msgspec.structs.replace(event, event_sequence_number=0, reference_id=0)


def test_requests_before_there_is_a_switch_are_refused():
    made = Hub()
    session = opened(made)
    ask(made, session, 1, RegisterAddress(this_dn="1501"))
    (event,) = received(session)
    assert (event["ErrorCode"], event["ReferenceID"]) == (Code.NO_SWITCH, 1)


def test_error_goes_to_the_requester_alone():
    made = hub()
    one, other = opened(made, "1"), opened(made, "2")
    for session in (one, other):
        ask(made, session, 1, RegisterAddress(this_dn="1501"))
        received(session)
    made.emit(EventError(error_code=1, error_message="no", reference_id=4, this_dn="1501"), one)
    assert [e["ReferenceID"] for e in received(one)] == [4]
    assert received(other) == []


def test_all_and_one_dn_together_give_every_event_once():
    made = hub()
    session = opened(made, role=Role.ADMINISTRATOR)
    ask(made, session, 1, RegisterAddress(this_dn="1501"))
    ask(made, session, 2, RegisterAddress(this_dn="*"))
    ask(made, session, 3, RegisterAddress(this_dn="1502"))
    received(session)
    made._switch.dial("1501", "1502")
    made._switch.dial("1502", "1501")
    assert [e["ThisDN"] for e in received(session)] == ["1501", "1502"]
    ask(made, session, 4, UnregisterAddress(this_dn="*"))
    ask(made, session, 5, UnregisterAddress(this_dn="1501"))
    received(session)
    made._switch.dial("1501", "1502")
    made._switch.dial("1502", "1501")
    assert [e["ThisDN"] for e in received(session)] == ["1502"]
    assert not made.wants("1501")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from([*DNS, "*"])), max_size=20))
def test_each_event_comes_once_to_who_registered_its_dn_or_all(steps):
    made = hub()
    sessions = [opened(made, name, Role.ADMINISTRATOR) for name in "abc"]
    for number, (index, registers, dn) in enumerate(steps, 1):
        kind = RegisterAddress if registers else UnregisterAddress
        ask(made, sessions[index], number, kind(this_dn=dn))
        for session in sessions:
            received(session)
        for called in DNS:
            listeners = [session for session in sessions if session.dns & {called, "*"}]
            assert made.wants(called) == bool(listeners)
            made.emit(EventReleased(this_dn=called, conn_id="c", call_id=1, call_uuid="u"))
            assert [len(received(session)) for session in sessions] == [int(s in listeners) for s in sessions]
    for session in sessions:
        made.close(session)
    assert made._listeners == {}
    assert not any(made.wants(dn) for dn in DNS)


def test_lost_session_is_forgotten_after_its_retention():
    made = hub(retention=10.0)
    session = opened(made)
    ask(made, session, 1, RegisterAddress(this_dn="1501"))
    session.detach(100.0)
    told = made.deliveries
    made.expire(109.9)
    assert made.wants("1501")
    made.expire(110.0)
    assert not made.wants("1501")
    assert made.sessions == {}
    assert made.counters.sessions_expired == 1
    assert made.deliveries == told == 1


def test_full_house_forgets_the_longest_lost_session_first():
    made = hub(max_sessions=2)
    one, two = opened(made, "1"), opened(made, "2")
    with pytest.raises(TooManySessionsError):
        opened(made, "3")
    two.detach(5.0)
    one.detach(6.0)
    opened(made, "3")
    assert set(made.sessions) == {"1", "3"}


def test_unknown_session_takes_up_its_dns_but_no_agent_takes_all():
    made = hub()
    resume = Resume(session="gone", sequence=9, dns=["1501", "9999", "*"])
    session, resumed = made.open("s", "anna", Role.AGENT, "", resume)
    assert resumed is Resumed.SNAPSHOT
    assert session.dns == {"1501"}
    snapshot = msgspec.json.decode(made.snapshot(session))
    assert (snapshot["reason"], snapshot["sequence"]) == ("unknown-session", 0)
    assert [dn["ThisDN"] for dn in snapshot["dns"]] == ["1501"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(1, 12)),
        st.tuples(st.just("send"), st.integers(1, 3)),
        st.tuples(st.just("break"), st.booleans()),
        st.tuples(st.just("ack"), st.integers(0, 8)),
        st.tuples(st.just("ask"), st.integers(1, 2)),
        st.tuples(st.just("forget"), st.just(0)),
    ),
    max_size=50,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(3, 60))
def test_client_sees_every_event_once_in_order_or_a_snapshot(steps, max_count):
    made = hub(max_count=max_count)
    session, _ = made.open("0", "anna", Role.AGENT, "", None)
    stream = Stream()
    names = iter(range(1, 1000))

    def welcome(resumed):
        stream.welcome(
            protocol.Welcome(
                server="t", version=1, versions=[1], session=session.id, sequence=session.last,
                resumed=resumed, role=Role.AGENT, retention=1.0,
            )
        )  # fmt: skip

    def read(*, lose=False):
        """One frame; a lost one never reaches the client."""
        nonlocal seen_calls
        if session.behind:
            message = msgspec.json.decode(made.snapshot(session), type=protocol.Snapshot)
            if not lose:
                stream.snapshot(message)
                seen_calls = made_calls
            return
        frame = session.frame()
        if frame is None or lose:
            return
        message = msgspec.json.decode(frame, type=protocol.Events)
        for raw in stream.events(message.first, message.events):
            event = msgspec.json.decode(raw, type=AnyEvent)
            if type(event).__name__ == "EventDialing":
                seen_calls += 1
                assert event.user_data["number"] == seen_calls

    made_calls = seen_calls = reference_id = 0
    welcome(resumed=False)
    ask(made, session, reference_id := reference_id + 1, RegisterAddress(this_dn="1501"))
    stream.dns.add("1501")
    for what, amount in steps:
        match what:
            case "call":
                for _ in range(amount):
                    made_calls += 1
                    made._switch.dial("1501", "1502", user_data={"number": made_calls})
            case "send":
                for _ in range(amount):
                    read()
            case "ack":
                session.acknowledge(max(0, stream.sequence - amount))
            case "ask":
                reference_id += 1
                ask(made, session, reference_id, MakeCall(this_dn="1502", other_dn="1501"))
            case "break":
                if amount:
                    read(lose=True)
                session.detach(0.0)
                resume = stream.resume()
                session, resumed = made.open(str(next(names)), "anna", Role.AGENT, "", resume)
                session.attach()
                welcome(resumed=resumed is Resumed.YES)
            case "forget":
                made.close(session)
                session, _ = made.open(str(next(names)), "anna", Role.AGENT, "", stream.resume())
                welcome(resumed=False)
    while session.has_more():
        read()
    assert seen_calls == made_calls
    assert stream.sequence == session.last


def test_skipped_events_are_noticed():
    stream = Stream()
    assert list(stream.events(1, ["a", "b"])) == ["a", "b"]
    assert list(stream.events(2, ["b", "c"])) == ["c"]
    with pytest.raises(GapError):
        stream.events(5, ["e"])
