"""One INVITE of ours: every response and a CANCEL, in every state."""

import pytest

from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.outgoing import TABLE, Input, Invite, Outgoing, State
from cordboard.testkit import scripted as sc


class Handler:
    def __init__(self):
        self.told = []

    def on_progress(self, _, event):
        self.told.append(f"progress {event.status}")

    def on_answer(self, _outgoing, session, _event):
        self.told.append("answer")
        self.session = session

    def on_reject(self, _, status, event):
        self.told.append(f"reject {status}{'' if event else ' silently'}")

    def on_cancelled(self, _, status):
        self.told.append(f"cancelled {status}")


class User:
    def on_binding(self, _):
        raise AssertionError


@pytest.fixture
def world():
    endpoint, handler = sc.Scripted(), Handler()
    dispatcher = Dispatcher(endpoint, User())
    invite = Invite("<sip:a@h>", "<sip:b@h>")
    outgoing = Outgoing(dispatcher, handler, handler, invite, "sip:b@h", "udp", ("h", 5060))
    endpoint.said.clear()
    return endpoint, dispatcher, handler, outgoing


def give(world, what):
    _, dispatcher, _, outgoing = world
    match what:
        case Input.PROVISIONAL:
            dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 180, dialog=3))
        case Input.SUCCESS:
            dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 200, dialog=3))
        case Input.FAILURE:
            dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 486))
        case Input.CANCEL:
            outgoing.cancel()


PATHS = {
    State.CALLING: [],
    State.PROCEEDING: [Input.PROVISIONAL],
    State.CANCELLED: [Input.PROVISIONAL, Input.CANCEL],
    State.SETTLED: [Input.FAILURE],
}
SENT = {
    (State.CALLING, Input.PROVISIONAL): ([], ["progress 180"]),
    (State.CALLING, Input.SUCCESS): ([], ["answer"]),
    (State.CALLING, Input.FAILURE): ([], ["reject 486"]),
    (State.CALLING, Input.CANCEL): (["cancel"], []),
    (State.PROCEEDING, Input.PROVISIONAL): ([], ["progress 180"]),
    (State.PROCEEDING, Input.SUCCESS): ([], ["answer"]),
    (State.PROCEEDING, Input.FAILURE): ([], ["reject 486"]),
    (State.PROCEEDING, Input.CANCEL): (["cancel"], []),
    (State.CANCELLED, Input.PROVISIONAL): ([], []),
    (State.CANCELLED, Input.SUCCESS): (["ack", "bye"], ["cancelled 200"]),
    (State.CANCELLED, Input.FAILURE): ([], ["cancelled 486"]),
    (State.CANCELLED, Input.CANCEL): ([], []),
    (State.SETTLED, Input.CANCEL): ([], []),
}


def test_this_file_covers_the_table():
    assert set(SENT) == set(TABLE)


@pytest.mark.parametrize(("state", "what"), list(SENT))
def test_each_entry(world, state, what):
    endpoint, dispatcher, handler, outgoing = world
    for step in PATHS[state]:
        give(world, step)
    assert outgoing.state is state
    endpoint.said.clear()
    handler.told.clear()
    give(world, what)
    assert outgoing.state is TABLE[state, what]
    assert (endpoint.brief(), handler.told) == SENT[state, what]
    settled = outgoing.state is State.SETTLED
    assert (outgoing.transaction in dispatcher.transactions) is not settled
    if settled:
        left = {3: handler.session} if "answer" in handler.told else {}
        assert dispatcher.dialogs == left


@pytest.mark.parametrize(
    ("failure", "told"), [("timeout", "reject 408 silently"), ("transport", "reject 503 silently")]
)
def test_no_response(world, failure, told):
    _, dispatcher, handler, outgoing = world
    dispatcher.handle(sc.FailedEvent(outgoing.transaction, failure))
    assert handler.told == [told]
    assert dispatcher.transactions == {}


def test_no_response_after_cancel(world):
    _, dispatcher, handler, outgoing = world
    outgoing.cancel()
    dispatcher.handle(sc.FailedEvent(outgoing.transaction))
    assert handler.told == ["cancelled 408"]
    assert dispatcher.transactions == {}


def test_a_second_fork_that_answers_is_hung_up(world):
    endpoint, dispatcher, handler, outgoing = world
    dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 180, dialog=3))
    dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 180, dialog=4))
    dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 200, dialog=4))
    assert list(dispatcher.dialogs) == [4]
    endpoint.said.clear()
    dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 200, dialog=3))
    assert [(said.verb, said.what[0]) for said in endpoint.said] == [("ack", 3), ("send_in_dialog", 3)]
    assert handler.told.count("answer") == 1


@pytest.mark.parametrize(("method", "status"), [("BYE", 200), ("OPTIONS", 200), ("UPDATE", 491), ("INFO", 405)])
def test_requests_in_the_early_dialog(world, method, status):
    endpoint, dispatcher, _, outgoing = world
    dispatcher.handle(sc.ResponseEvent(outgoing.transaction, 180, dialog=3))
    dispatcher.handle(sc.RequestEvent(8, 3, method))
    assert endpoint.brief() == [f"respond {status}"]
