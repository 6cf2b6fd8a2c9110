import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordboard.tlib.ring import EventRing, render


def filled(count, **limits):
    ring = EventRing(**limits)
    for number in range(1, count + 1):
        ring.append(b"%d" % number)
    return ring


def numbers(taken):
    first, entries = taken
    assert [int(e) for e in entries] == list(range(first, first + len(entries)))
    return [int(e) for e in entries]


def test_taken_events_come_again_after_a_rewind():
    ring = filled(5)
    assert numbers(ring.take(3, 1000)) == [1, 2, 3]
    assert ring.rewind(1)
    assert numbers(ring.take(100, 1000)) == [2, 3, 4, 5]


def test_acknowledged_events_are_forgotten():
    ring = filled(5)
    ring.take(4, 1000)
    assert ring.acknowledge(3)
    assert (len(ring), ring.first, ring.size) == (2, 4, 2)
    assert not ring.rewind(2)
    assert ring.behind


def test_the_next_event_wakes_who_waits_and_no_other_does():
    ring = filled(1, max_count=2)
    woken = []
    ring.wake = lambda: woken.append(ring.behind)
    for number in (2, 3, 4):
        ring.append(b"%d" % number)
    assert woken == [False]
    assert ring.behind
    ring.wake = lambda: woken.append(ring.behind)
    ring.append(b"5")
    assert woken == [False, True]


def test_acknowledging_what_was_never_sent_is_refused():
    ring = filled(5)
    ring.take(2, 1000)
    assert not ring.acknowledge(3)
    assert len(ring) == 5


def test_full_ring_drops_sent_events_first():
    ring = filled(3, max_count=3)
    ring.take(2, 1000)
    assert not ring.append(b"4")
    assert not ring.append(b"5")
    assert not ring.behind
    assert numbers(ring.take(100, 1000)) == [3, 4, 5]


def test_ring_full_of_unsent_events_falls_behind_once():
    ring = filled(3, max_count=3)
    assert ring.append(b"4")
    assert ring.behind
    assert not ring.append(b"5")
    assert (len(ring), ring.size, ring.last) == (0, 0, 5)
    assert ring.restart() == 5
    assert not ring.append(b"6")
    assert ring.take(10, 1000) == (6, [b"6"])


def test_bytes_are_bounded_too():
    ring = EventRing(max_bytes=10)
    assert not ring.append(b"12345")
    assert not ring.append(b"12345")
    assert ring.append(b"1")
    assert ring.behind


def test_frame_is_bounded_but_holds_one_event_at_least():
    ring = EventRing()
    for _ in range(3):
        ring.append(b"x" * 100)
    assert len(ring.take(10, 50)[1]) == 1
    assert len(ring.take(10, 250)[1]) == 2


def test_rewind_to_the_future_needs_a_snapshot():
    ring = filled(3)
    assert not ring.rewind(4)
    assert ring.behind


def test_ring_without_room_is_refused():
    with pytest.raises(ValueError, match="room"):
        EventRing(max_count=0)


def test_rendered_batch_carries_the_links_own_numbers():
    text = render(7, [b'"Event":"A"}', b'"ReferenceID":12,"Event":"B"}'])
    assert msgspec.json.decode(text) == {
        "type": "Events",
        "first": 7,
        "events": [
            {"EventSequenceNumber": 7, "Event": "A"},
            {"EventSequenceNumber": 8, "ReferenceID": 12, "Event": "B"},
        ],
    }


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 30)),
        st.tuples(st.just("take"), st.integers(1, 20)),
        st.tuples(st.just("ack"), st.integers(0, 20)),
        st.tuples(st.just("lose"), st.integers(0, 20)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 40), st.integers(1, 120))
def test_reader_sees_every_event_once_in_order_or_is_told(steps, max_count, max_bytes):
    ring = EventRing(max_count=max_count, max_bytes=max_bytes)
    made = 0
    seen = 0
    """The last event the reader handled, or the snapshot's number."""
    for what, amount in steps:
        match what:
            case "append":
                for _ in range(amount):
                    made += 1
                    ring.append(b"%03d" % made)
            case "take" if ring.behind:
                seen = ring.restart()
                assert seen == made
            case "take":
                first, entries = ring.take(amount, max_bytes)
                assert first == seen + 1
                for entry in entries:
                    seen += 1
                    assert int(entry) == seen
            case "ack":
                ring.acknowledge(max(0, seen - amount))
            case "lose":
                seen = max(0, seen - amount)
                ring.rewind(seen)
        assert len(ring) <= max_count
        assert ring.size <= max_bytes
        assert ring.last == made
        assert ring.size == sum(len(e) for e in (*ring._unacknowledged, *ring._unsent))
        if not ring.behind:
            assert ring.first <= seen + 1
