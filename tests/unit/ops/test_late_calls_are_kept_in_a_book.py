"""The book of late calls: what belongs to which call, how it is found, and that it never grows beyond its limits."""

from cordboard.model.call import Call
from cordboard.model.connid import CallUUID, ConnID
from cordboard.model.enums import CallType
from cordboard.model.events import CallEvent, EventDialing, EventError, Time
from cordboard.model.history import LEGS_OF_A_CALL, STEPS_OF_A_CALL
from cordboard.model.requests import AnswerCall, MakeCall, ReleaseCall, SendDTMF
from cordboard.ops.trace import TraceBook


def begun(book: TraceBook, conn_id: str, *events: CallEvent) -> Call:
    """A call that begins, and what its desktops are told."""
    call = Call((ConnID(conn_id), CallUUID("0" * 32), 1), CallType.INTERNAL, "1501", "1502", 1.0)
    book.begin(call)
    for event in events or (dialing(conn_id),):
        if call.history is not None:
            call.history.step(event)
    return call


def dialing(conn_id: str, dn: str = "1501", *, at: int = 1, previous: str | None = None) -> CallEvent:
    return EventDialing(
        this_dn=dn,
        other_dn="1502",
        conn_id=conn_id,
        call_id=1,
        call_uuid="0" * 32,
        call_type=CallType.INTERNAL,
        time=Time(at, 0),
        previous_conn_id=previous,
    )


def test_a_call_is_found_by_conn_id_call_id_and_dn_while_it_goes_on_and_later() -> None:
    book = TraceBook(calls=10)
    call = begun(book, "a")
    book.leg(call, "leg-1@x")
    book.leg(call, "leg-2@x")
    begun(book, "b", dialing("b", "1509"))
    for _ in range(2):
        for found in (book.find(conn_id="a"), book.find(call_id="leg-2@x"), book.find(dn="1501")):
            assert found == ["a"]
        assert book.find(dn="1502") == ["a", "b"]
        assert book.call_ids(["a"]) == ["leg-1@x", "leg-2@x"]
        assert [step.name for step in book.steps(["a"])] == ["EventDialing"]
        assert book.known() == [("a", 1.0, ["1501", "1502"]), ("b", 1.0, ["1502", "1509"])]
        assert book.find(conn_id="z") == book.find(call_id="z") == book.find(dn="z") == []
        book.end(call)


def test_a_leg_that_goes_over_is_one_of_both_calls() -> None:
    book = TraceBook(calls=10)
    one, other = begun(book, "a"), begun(book, "b")
    for call in (one, other, one):
        book.leg(call, "leg")
    assert (book.call_ids(["a"]), book.call_ids(["b"])) == (["leg"], ["leg"])


def test_a_call_id_that_is_used_again_leads_to_the_latest_call() -> None:
    book = TraceBook(calls=10)
    for conn_id in ("a", "b", "c"):
        call = begun(book, conn_id)
        book.leg(call, "again@x")
        assert book.find(call_id="again@x") == [conn_id]
        book.end(call)
        assert book.find(call_id="again@x") == [conn_id]


def test_a_consultation_belongs_to_the_trace_of_its_call_and_the_other_way_round() -> None:
    book = TraceBook(calls=10)
    begun(book, "a")
    begun(book, "b", dialing("b", previous="a", at=2))
    begun(book, "c", dialing("c", previous="b", at=3))
    assert book.find(conn_id="a") == ["a", "b", "c"]
    assert book.find(conn_id="c") == ["c", "b", "a"]
    assert [step.at for step in book.steps(book.find(conn_id="c"))] == [1, 2, 3]


def test_keys_that_were_pressed_are_masked_unless_they_are_wanted() -> None:
    book = TraceBook(calls=10)
    begun(book, "a")
    book.asked(3.0, SendDTMF(this_dn="1501", conn_id="a", dtmf_digits="4711"))
    assert b"4711" not in bytes(book.steps(["a"])[1].content)
    assert b"4711" in bytes(book.steps(["a"], digits=True)[1].content)


def test_requests_are_steps_of_the_call_they_are_about_even_when_it_has_ended() -> None:
    book = TraceBook(calls=10)
    call = begun(book, "a")
    book.asked(3.0, ReleaseCall(this_dn="1501", conn_id="a"))
    book.end(call)
    book.asked(4.0, AnswerCall(this_dn="1501", conn_id="a"))
    error = EventError(this_dn="1501", conn_id="a", error_code=1, error_message="no", reference_id=9, time=Time(5, 0))
    book.answered([error])
    book.asked(6.0, ReleaseCall(this_dn="1501", conn_id="never"))
    assert [(step.name, step.asked) for step in book.steps(["a"])] == [
        ("EventDialing", False),
        ("TReleaseCall", True),
        ("TAnswerCall", True),
        ("EventError", False),
    ]
    assert b'"ConnID":"a"' in bytes(book.steps(["a"])[2].content)


def test_everything_is_bounded() -> None:
    book = TraceBook(calls=3)
    for number in range(100):
        conn_id = f"{number:03}"
        call = begun(book, conn_id)
        for leg in range(LEGS_OF_A_CALL + 5):
            book.leg(call, f"{conn_id}-{leg}")
        for _ in range(STEPS_OF_A_CALL + 5):
            book.asked(1.0, ReleaseCall(this_dn="1501", conn_id=conn_id))
        book.end(call)
    assert len(book) == 3
    assert book.find(dn="1501") == ["097", "098", "099"]
    assert len(book.call_ids(["099"])) == LEGS_OF_A_CALL
    assert len(book.steps(["099"])) == STEPS_OF_A_CALL
    assert book.find(call_id="050-1") == []
    book.limit = 1
    assert book.find(dn="1501") == ["099"]


def test_a_call_that_goes_on_outlives_calls_that_came_after_it() -> None:
    book = TraceBook(calls=2)
    long = begun(book, "long")
    for number in range(10):
        book.end(begun(book, f"short-{number}"))
    assert book.find(dn="1501") == ["short-8", "short-9", "long"]
    book.end(long)
    assert book.find(dn="1501") == ["short-9", "long"]


def test_switched_off_it_keeps_nothing_and_ends_what_it_kept() -> None:
    book = TraceBook()
    call = begun(book, "a")
    assert call.history is None
    book.leg(call, "leg")
    book.asked(1.0, MakeCall(this_dn="1501", other_dn="1502"))
    book.end(call)
    assert len(book) == 0
    assert book.find(call_id="leg") == []
    book.limit = 1
    earlier = begun(book, "b")
    book.limit = 0
    assert book.find(dn="1501") == ["b"], "while it goes on"
    book.end(earlier)
    assert len(book) == 0


def test_a_collector_is_told_names_even_when_nothing_is_kept() -> None:
    book = TraceBook()
    named: list[tuple[str, str]] = []
    book.named = lambda call_id, conn_id: named.append((call_id, conn_id))
    book.leg(begun(book, "a"), "leg")
    assert named == [("leg", "a")]
    assert len(book) == 0
