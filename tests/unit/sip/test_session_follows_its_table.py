"""The INVITE usage of a dialog: every input in every state, and what goes out for it."""

import itertools

import pytest

from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.machine import MachineError
from cordboard.sip.session import TABLE, Input, Session, State
from cordboard.testkit import scripted as sc


class Handler:
    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_: self.told.append(name)


class User:
    def __init__(self):
        self.new, self.faults = [], []

    def on_new_request(self, event):
        self.new.append(event)

    def on_binding(self, _):
        raise AssertionError

    def on_fault(self, event, owner, error):
        self.faults.append((event, owner, error))


@pytest.fixture
def world():
    endpoint, user, handler = sc.Scripted(), User(), Handler()
    return endpoint, Dispatcher(endpoint, user), handler, user


def inbound(world):
    _, dispatcher, handler, _ = world
    return Session(dispatcher, 7, handler, transaction=1)


def outbound(world):
    _, dispatcher, handler, _ = world
    return Session(dispatcher, 7, handler)


PATHS = {
    State.RECEIVED: (inbound, []),
    State.PROGRESSING: (inbound, [Input.PROGRESS]),
    State.ANSWERED: (inbound, [Input.ANSWER]),
    State.CLOSING: (inbound, [Input.ANSWER, Input.HANG_UP]),
    State.ACCEPTED: (outbound, []),
    State.CONFIRMED: (outbound, [Input.SEND_ACK]),
    State.TERMINATED: (inbound, [Input.REJECT]),
}


def give(world, session, what):
    dispatcher = world[1]
    match what:
        case Input.PROGRESS:
            session.progress(180)
        case Input.ANSWER:
            session.answer()
        case Input.REJECT:
            session.reject(486)
        case Input.CANCELLED:
            session.on_cancelled(sc.CancelledEvent(1, 7))
        case Input.ACK:
            session.on_ack(sc.AckEvent(7))
        case Input.NO_ACK:
            session.on_no_ack(sc.NoAckEvent(7))
        case Input.SEND_ACK:
            session.ack()
        case Input.HANG_UP:
            session.hang_up()
        case Input.BYE:
            session.on_request(sc.RequestEvent(5, 7, "BYE"))
        case Input.GONE:
            session.lost(481)
    return dispatcher


def reach(world, state):
    make, path = PATHS[state]
    session = make(world)
    for what in path:
        give(world, session, what)
    assert session.state is state
    world[0].said.clear()
    world[2].told.clear()
    return session


SENT = {
    (State.RECEIVED, Input.PROGRESS): (["respond 180"], []),
    (State.RECEIVED, Input.ANSWER): (["respond 200"], []),
    (State.RECEIVED, Input.REJECT): (["respond 486"], []),
    (State.RECEIVED, Input.CANCELLED): ([], ["on_cancel"]),
    (State.RECEIVED, Input.BYE): (["respond 200", "respond 487"], ["on_bye"]),
    (State.PROGRESSING, Input.PROGRESS): (["respond 180"], []),
    (State.PROGRESSING, Input.ANSWER): (["respond 200"], []),
    (State.PROGRESSING, Input.REJECT): (["respond 486"], []),
    (State.PROGRESSING, Input.CANCELLED): ([], ["on_cancel"]),
    (State.PROGRESSING, Input.BYE): (["respond 200", "respond 487"], ["on_bye"]),
    (State.ANSWERED, Input.ACK): ([], ["on_ack"]),
    (State.ANSWERED, Input.NO_ACK): (["bye"], ["on_no_ack"]),
    (State.ANSWERED, Input.HANG_UP): ([], []),
    (State.ANSWERED, Input.BYE): (["respond 200"], ["on_bye"]),
    (State.ANSWERED, Input.CANCELLED): ([], ["on_cancel"]),
    (State.CLOSING, Input.ACK): (["bye"], []),
    (State.CLOSING, Input.NO_ACK): (["bye"], []),
    (State.CLOSING, Input.BYE): (["respond 200"], []),
    (State.CLOSING, Input.CANCELLED): ([], []),
    (State.CLOSING, Input.HANG_UP): ([], []),
    (State.ACCEPTED, Input.SEND_ACK): (["ack"], []),
    (State.ACCEPTED, Input.HANG_UP): (["ack", "bye"], []),
    (State.ACCEPTED, Input.BYE): (["respond 200"], ["on_bye"]),
    (State.ACCEPTED, Input.GONE): (["ack", "bye"], ["on_gone"]),
    (State.CONFIRMED, Input.ACK): ([], ["on_ack"]),
    (State.CONFIRMED, Input.NO_ACK): (["bye"], ["on_no_ack"]),
    (State.CONFIRMED, Input.HANG_UP): (["bye"], []),
    (State.CONFIRMED, Input.BYE): (["respond 200"], ["on_bye"]),
    (State.CONFIRMED, Input.GONE): (["bye"], ["on_gone"]),
    (State.TERMINATED, Input.ACK): ([], []),
    (State.TERMINATED, Input.NO_ACK): ([], []),
    (State.TERMINATED, Input.HANG_UP): ([], []),
    (State.TERMINATED, Input.CANCELLED): ([], []),
    (State.TERMINATED, Input.GONE): ([], []),
}


def test_this_file_covers_the_table():
    assert set(SENT) == set(TABLE)


@pytest.mark.parametrize(("state", "what"), list(SENT))
def test_each_entry(world, state, what):
    session = reach(world, state)
    dispatcher = give(world, session, what)
    assert session.state is TABLE[state, what]
    assert (world[0].brief(), world[2].told) == SENT[state, what]
    over = session.state is State.TERMINATED
    assert (7 in dispatcher.dialogs) is not over
    if session.inbound:
        assert (1 in dispatcher.transactions) is not over


QUIET = {(State.CLOSING, Input.GONE)}
"""Not in the table, and no error: a session that is over is not lost any more."""


@pytest.mark.parametrize(
    ("state", "what"), [pair for pair in itertools.product(State, Input) if pair not in TABLE and pair not in QUIET]
)
def test_what_the_table_does_not_have_is_an_error(world, state, what):
    session = reach(world, state)
    with pytest.raises(MachineError) as caught:
        give(world, session, what)
    assert (caught.value.state, caught.value.input) == (state, what)
    assert session.state is state


def test_every_state_is_reached():
    assert set(TABLE.values()) | {State.RECEIVED, State.ACCEPTED} == set(State)


def test_a_request_tells_its_final_response(world):
    _, dispatcher, _, _ = world
    session = reach(world, State.CONFIRMED)
    told = []
    pending = session.request("INFO", lambda status, event: told.append((status, event is not None)))
    dispatcher.handle(sc.ResponseEvent(pending.transaction, 180, method="INFO"))
    assert told == []
    dispatcher.handle(sc.ResponseEvent(pending.transaction, 200, method="INFO"))
    assert told == [(200, True)]
    assert dispatcher.transactions == {}
    assert session.state is State.CONFIRMED


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (lambda t: sc.ResponseEvent(t, 481, method="INFO"), 481),
        (lambda t: sc.ResponseEvent(t, 408, method="INFO"), 408),
        (lambda t: sc.FailedEvent(t), 408),
        (lambda t: sc.FailedEvent(t, "transport"), 503),
    ],
)
def test_a_dialog_the_far_end_lost_is_over(world, event, status):
    endpoint, dispatcher, handler, _ = world
    session = reach(world, State.CONFIRMED)
    told = []
    pending = session.request("INFO", lambda got, _: told.append(got))
    dispatcher.handle(event(pending.transaction))
    assert told == [status]
    assert handler.told == ["on_gone"]
    assert session.state is State.TERMINATED
    assert endpoint.brief() == ["info", "bye"]


def test_an_answer_to_a_reinvite_after_the_end_is_acknowledged(world):
    endpoint, dispatcher, handler, _ = world
    session = reach(world, State.CONFIRMED)
    pending = session.request("INVITE", lambda *_: handler.told.append("done"))
    session.hang_up()
    dispatcher.handle(sc.ResponseEvent(pending.transaction, 200, dialog=7))
    assert endpoint.brief() == ["invite", "cancel", "bye", "ack"]
    assert handler.told == []
    assert dispatcher.transactions == {}


def test_a_reinvite_being_served_is_refused_when_the_call_ends(world):
    endpoint, dispatcher, handler, _ = world
    session = reach(world, State.CONFIRMED)
    dispatcher.handle(sc.RequestEvent(9, 7, "INVITE"))
    assert session.serving
    dispatcher.handle(sc.RequestEvent(10, 7, "INVITE"))
    dispatcher.handle(sc.RequestEvent(11, 7, "BYE"))
    assert endpoint.brief() == ["respond 500", "respond 200", "respond 487"]
    assert handler.told == ["on_request", "on_bye"]
    assert dispatcher.transactions == {}


def test_events_without_an_owner(world):
    endpoint, dispatcher, _, user = world
    dispatcher.handle(sc.RequestEvent(1, 99, "INFO"))
    dispatcher.handle(sc.ResponseEvent(2, 200, dialog=98))
    dispatcher.handle(sc.ResponseEvent(4, 486))
    dispatcher.handle(sc.AckEvent(97))
    dispatcher.handle(sc.CancelledEvent(5, 97))
    dispatcher.handle(sc.FailedEvent(6))
    dispatcher.handle(sc.NoAckEvent(96))
    assert endpoint.brief() == ["respond 481", "ack", "bye", "bye"]
    assert dispatcher.strays == 6
    assert user.faults == []


def test_an_error_in_a_handler_is_told_and_the_request_answered(world):
    endpoint, dispatcher, handler, user = world
    session = reach(world, State.CONFIRMED)

    def broken(*_):
        raise RuntimeError("a bug")

    handler.on_request = broken
    endpoint.waiting = [sc.RequestEvent(9, 7, "INFO"), sc.RequestEvent(10, 8, "INFO", in_dialog=False)]
    assert dispatcher.drain() == 2
    assert endpoint.brief() == ["respond 500"]
    ((event, owner, error),) = user.faults
    assert (event.transaction, owner, str(error)) == (9, session, "a bug")
    assert [event.transaction for event in user.new] == [10]
