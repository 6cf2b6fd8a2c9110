import msgspec
import pytest

from cordboard.tlib.machine import (
    TABLE,
    Acked,
    CheckLogin,
    Close,
    Deliver,
    Input,
    Link,
    OpenSession,
    Send,
    State,
)
from cordboard.tlib.protocol import CLOSE_CODES, ByeReason, Pong, Rejected

HELLO = b'{"type":"Hello","version":1,"client":"test"}'
LOGIN = b'{"type":"Login","user":"anna","password":"secret"}'
FRAMES = {
    Input.HELLO: HELLO,
    Input.LOGIN: LOGIN,
    Input.REQUEST: b'{"type":"Request","reference_id":1,"request":{}}',
    Input.ACK: b'{"type":"Ack","sequence":3}',
    Input.PING: b'{"type":"Ping","id":9}',
    Input.BAD: b"no json",
}


def give(link, what):
    if what in FRAMES:
        return link.receive(FRAMES[what])
    return {Input.ACCEPTED: link.accepted, Input.REJECTED: link.rejected, Input.TIMEOUT: link.timeout}[what]()


def link_in(state):
    link = Link()
    link.state = state
    return link


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("what", Input)
def test_every_state_takes_every_input(state, what):
    link = link_in(state)
    output = give(link, what)
    if state is State.CLOSED:
        assert output is None
        assert link.state is State.CLOSED
    elif (state, what) in TABLE:
        assert link.state is TABLE[state, what][1] or isinstance(output, Close)
    else:
        assert isinstance(output, Close)
        assert output.bye.reason is ByeReason.OUT_OF_ORDER
        assert link.state is State.CLOSED


def test_every_state_is_reached_and_left():
    reached = {state for _, state in TABLE.values()} | {State.AWAIT_HELLO}
    left = {state for state, _ in TABLE}
    assert reached == set(State)
    assert left == set(State) - {State.CLOSED}


def test_login_opens_the_session_with_the_resume_of_the_hello():
    link = Link()
    hello = b'{"type":"Hello","version":1,"client":"d","resume":{"session":"s","sequence":4,"dns":["1501"]}}'
    assert link.receive(hello) is None
    check = link.receive(LOGIN)
    assert isinstance(check, CheckLogin)
    assert (check.login.user, check.login.password) == ("anna", "secret")
    opened = link.accepted()
    assert isinstance(opened, OpenSession)
    assert opened.resume is not None
    assert (opened.resume.session, opened.resume.sequence, opened.resume.dns) == ("s", 4, ["1501"])
    assert link.receive(FRAMES[Input.ACK]) == Acked(3)
    assert link.receive(FRAMES[Input.PING]) == Send(Pong(id=9))
    assert isinstance(link.receive(FRAMES[Input.REQUEST]), Deliver)


def test_third_wrong_login_closes():
    link = Link()
    link.receive(HELLO)
    for left in (2, 1):
        link.receive(LOGIN)
        refused = link.rejected()
        assert isinstance(refused, Send)
        assert isinstance(refused.message, Rejected)
        assert refused.message.attempts_left == left
    link.receive(LOGIN)
    closed = link.rejected()
    assert isinstance(closed, Close)
    assert (closed.bye.reason, closed.code) == (ByeReason.LOGIN_FAILED, 4401)


def test_unknown_version_is_told_which_are_spoken():
    closed = Link().receive(b'{"type":"Hello","version":99}')
    assert isinstance(closed, Close)
    assert (closed.bye.reason, closed.bye.versions, closed.code) == (ByeReason.VERSION, [1], 4426)


def test_every_reason_has_a_code_a_websocket_may_carry():
    assert set(CLOSE_CODES) == set(ByeReason)
    assert all(code in {1011, 1012} or 4000 <= code <= 4999 for code in CLOSE_CODES.values())


def test_bye_says_where_the_message_was_wrong():
    link = link_in(State.OPEN)
    closed = link.receive(b'{"type":"Ack","sequence":"three"}')
    assert isinstance(closed, Close)
    assert "$.sequence" in closed.bye.message
    assert msgspec.json.decode(msgspec.json.encode(closed.bye))["reason"] == "bad-message"
