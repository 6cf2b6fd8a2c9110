"""The book of late calls: what belongs to which call, how it is found, and that it never grows beyond its limits."""

from cordboard.model.enums import CallType
from cordboard.model.events import Event, EventDialing, EventError, Time
from cordboard.model.ports import Link
from cordboard.model.requests import AnswerCall, MakeCall, ReleaseCall, SendDTMF
from cordboard.ops.trace import LEGS_OF_A_CALL, PENDING, STEPS_OF_A_CALL, TraceBook


class Sink:
    def __init__(self, *, wanted: bool = False) -> None:
        self.heard: list[Event] = []
        self.wanted = wanted

    def wants(self, dn: str) -> bool:  # noqa: ARG002
        return self.wanted

    def emit(self, event: Event, link: Link | None = None) -> None:  # noqa: ARG002
        self.heard.append(event)


def dialing(
    conn_id: str, dn: str = "1501", *, at: int = 1, reference_id: int = 0, previous: str | None = None
) -> Event:
    return EventDialing(
        this_dn=dn,
        other_dn="1502",
        conn_id=conn_id,
        call_id=1,
        call_uuid="0" * 32,
        call_type=CallType.INTERNAL,
        time=Time(at, 0),
        reference_id=reference_id,
        previous_conn_id=previous,
    )


def test_events_pass_through_and_are_found_by_conn_id_call_id_and_dn() -> None:
    sink = Sink()
    book = TraceBook(sink, calls=10)
    event = dialing("a")
    book.emit(event)
    book.leg("a", "leg-1@x")
    book.leg("a", "leg-2@x")
    book.emit(dialing("b", "1509"))
    assert sink.heard[0] is event
    for found in (book.find(conn_id="a"), book.find(call_id="leg-2@x"), book.find(dn="1501")):
        assert found == ["a"]
    assert book.find(dn="1502") == ["a", "b"]
    assert book.call_ids(["a"]) == ["leg-1@x", "leg-2@x"]
    assert [step.name for step in book.steps(["a"])] == ["EventDialing"]
    assert book.known() == [("a", 1.0, ["1501", "1502"]), ("b", 1.0, ["1502", "1509"])]
    assert book.find(conn_id="z") == book.find(call_id="z") == book.find(dn="z") == []


def test_a_consultation_belongs_to_the_trace_of_its_call_and_the_other_way_round() -> None:
    book = TraceBook(Sink(), calls=10)
    book.emit(dialing("a"))
    book.emit(dialing("b", previous="a", at=2))
    book.emit(dialing("c", previous="b", at=3))
    assert book.find(conn_id="a") == ["a", "b", "c"]
    assert book.find(conn_id="c") == ["c", "b", "a"]
    assert [step.at for step in book.steps(book.find(conn_id="c"))] == [1, 2, 3]


def test_keys_that_were_pressed_are_masked_unless_they_are_wanted() -> None:
    book = TraceBook(Sink(), calls=10)
    book.emit(dialing("a"))
    book.asked(3.0, "link", SendDTMF(this_dn="1501", conn_id="a", dtmf_digits="4711"), 8)
    assert b"4711" not in bytes(book.steps(["a"])[1].content)
    assert b"4711" in bytes(book.steps(["a"], digits=True)[1].content)


def test_requests_are_steps_of_the_call_they_are_about_or_make() -> None:
    book = TraceBook(Sink(), calls=10)
    book.asked(0.5, "link", MakeCall(this_dn="1501", other_dn="1502"), 7)
    book.emit(dialing("a", reference_id=7), "link")
    book.asked(3.0, "link", ReleaseCall(this_dn="1501", conn_id="a"), 8)
    book.asked(4.0, "link", AnswerCall(this_dn="1501", conn_id="a"), 9)
    error = EventError(this_dn="1501", conn_id="a", error_code=1, error_message="no", reference_id=9, time=Time(5, 0))
    book.answered("link", [error])
    steps = book.steps(["a"])
    assert [(step.name, step.asked) for step in steps] == [
        ("TMakeCall", True),
        ("EventDialing", False),
        ("TReleaseCall", True),
        ("TAnswerCall", True),
        ("EventError", False),
    ]
    assert b'"OtherDN":"1502"' in bytes(steps[0].content)


def test_everything_is_bounded() -> None:
    book = TraceBook(Sink(), calls=3)
    for number in range(100):
        conn_id = f"{number:03}"
        for leg in range(LEGS_OF_A_CALL + 5):
            book.leg(conn_id, f"{conn_id}-{leg}")
        for _ in range(STEPS_OF_A_CALL + 5):
            book.emit(dialing(conn_id))
            book.asked(1.0, "link", ReleaseCall(this_dn="1501", conn_id=conn_id), 1)
        for reference_id in range(PENDING + 5):
            book.asked(1.0, "link", MakeCall(this_dn="1501", other_dn="1"), reference_id)
    assert len(book) == 3
    assert book.find(dn="1501") == ["097", "098", "099"]
    assert len(book.call_ids(["099"])) == LEGS_OF_A_CALL
    assert len(book.steps(["099"])) == STEPS_OF_A_CALL
    assert book.find(call_id="050-1") == []
    book.limit = 1
    assert book.find(dn="1501") == ["099"]


def test_a_call_that_goes_on_outlives_calls_that_came_after_it() -> None:
    book = TraceBook(Sink(), calls=2)
    book.emit(dialing("long"))
    for number in range(10):
        book.emit(dialing(f"short-{number}"))
        book.emit(dialing("long"))
    assert book.find(dn="1501") == ["short-9", "long"]


def test_switched_off_it_keeps_nothing_and_wants_what_the_others_want() -> None:
    sink = Sink()
    book = TraceBook(sink)
    assert not book.wants("1501")
    sink.wanted = True
    assert book.wants("1501")
    book.emit(dialing("a"))
    book.leg("a", "leg")
    book.asked(1.0, "link", MakeCall(this_dn="1501", other_dn="1502"), 1)
    assert len(sink.heard) == 1
    assert len(book) == 0
    assert book.find(call_id="leg") == []


def test_a_collector_is_told_events_and_names_even_when_none_are_kept() -> None:
    book = TraceBook(Sink())
    told: list[tuple[str, str]] = []
    book.told = lambda conn_id, event: told.append((conn_id, type(event).__name__))
    named: list[tuple[str, str]] = []
    book.named = lambda call_id, conn_id: named.append((call_id, conn_id))
    assert book.wants("1501")
    book.emit(dialing("a"))
    book.leg("a", "leg")
    assert (told, named) == ([("a", "EventDialing")], [("leg", "a")])
    assert len(book) == 0
