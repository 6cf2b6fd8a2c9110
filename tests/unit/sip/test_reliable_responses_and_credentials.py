"""Reliable provisional responses and credentials of ours, as the SIP Server drives them."""

from __future__ import annotations

import pytest

from cordboard import _core
from cordboard.sip.endpoint import Dispatcher
from cordboard.sip.session import Session, State

LOCAL = ("192.0.2.1", 5060)
PEER = ("192.0.2.2", 5060)
INVITE = (
    "INVITE sip:1502@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n"
    "From: <sip:1501@192.0.2.1>;tag=f\r\nTo: <sip:1502@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n"
    "Contact: <sip:1501@192.0.2.2>\r\nRequire: 100rel\r\nContent-Length: 0\r\n\r\n"
)
PRACK = (
    "PRACK sip:1502@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKp\r\nMax-Forwards: 70\r\n"
    "From: <sip:1501@192.0.2.1>;tag=f\r\nTo: <sip:1502@192.0.2.1>;tag={tag}\r\nCall-ID: c\r\nCSeq: 8 PRACK\r\n"
    "RAck: {rseq} 7 INVITE\r\nContent-Length: 0\r\n\r\n"
)


class Owner:
    """A session's handler and the user of everything else, which writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.endpoint = _core.Endpoint.virtual([("udp", *LOCAL)], realm="r", software="s", seed=1)
        self.endpoint.set_dn("1501")
        self.dispatcher = Dispatcher(self.endpoint, self)
        self.session: Session | None = None

    def on_new_request(self, event: _core.RequestEvent) -> None:
        assert event.dialog is not None
        self.session = Session(self.dispatcher, event.dialog, self, transaction=event.transaction)

    def on_cancel(self, session: Session, message: _core.Message) -> None:  # noqa: ARG002
        self.told.append(f"cancel {message.method}")

    def on_fault(self, event: object, owner: object, error: Exception) -> None:
        raise AssertionError(event, owner) from error

    def __getattr__(self, name: str) -> object:
        return lambda *_: self.told.append(name)

    def receive(self, text: str, now: float) -> None:
        self.endpoint.receive(text.encode(), "udp", LOCAL, PEER, now)
        self.dispatcher.drain()

    def sent(self) -> list[_core.Message]:
        return [_core.Message.parse(data) for _, data in self.endpoint.transmits()]


def ringing() -> tuple[Owner, Session, _core.Message]:
    owner = Owner()
    owner.receive(INVITE, 0.0)
    session = owner.session
    assert session is not None
    session.progress(180)
    [ring] = owner.sent()
    assert (ring.status, ring.header("Require")) == (180, "100rel")
    return owner, session, ring


def test_a_prack_of_a_caller_that_requires_it_is_answered() -> None:
    owner, session, ring = ringing()
    to = ring.address("To")
    assert to is not None
    owner.receive(PRACK.format(tag=to[2]["tag"], rseq=ring.header("RSeq")), 0.1)
    assert [(m.method, m.status) for m in owner.sent()] == [("PRACK", 200)]
    assert (session.state, owner.told) == (State.PROGRESSING, [])


def test_a_caller_that_never_sends_prack_is_refused_and_gone() -> None:
    owner, session, _ = ringing()
    while (due := owner.endpoint.next_timeout()) is not None and due < 33:
        owner.endpoint.advance(due + 0.001)
        owner.dispatcher.drain()
        if session.over:
            break
    assert owner.told == ["cancel INVITE"]
    assert [m.status for m in owner.sent()] == [180] * 6 + [504]


@pytest.mark.parametrize(
    ("realm", "ha1", "password"),
    [("r", [], None), ("", [("MD5", "0" * 32)], None), ("r", [("MD5", "0" * 32)], "x"), ("r", [("MD5", "0")], None)],
)
def test_credentials_are_a_password_or_hashes_for_one_realm(
    realm: str, ha1: list[tuple[str, str]], password: str | None
) -> None:
    with pytest.raises(ValueError, match="hash"):
        Owner().endpoint.set_credentials(realm, "u", ha1=ha1, password=password)


def test_a_challenged_request_is_sent_again() -> None:
    endpoint = Owner().endpoint
    endpoint.set_credentials("carrier", "me", password="x", host="192.0.2.2")
    transaction = endpoint.send(
        "OPTIONS", "sip:192.0.2.2", from_="<sip:me@192.0.2.2>", to="<sip:192.0.2.2>", transport="udp", remote=PEER
    )
    [(_, data)] = endpoint.transmits()
    head = data.decode().split("\r\n")
    copied = [line for line in head if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]

    def answer(first: str, *more: str) -> bytes:
        return "\r\n".join([first, *copied, *more, "Content-Length: 0", "", ""]).encode()

    challenge = 'WWW-Authenticate: Digest realm="carrier", nonce="n", qop="auth"'
    endpoint.receive(answer("SIP/2.0 401 Unauthorized", challenge), "udp", LOCAL, PEER, 0.1)
    assert endpoint.events() == []
    [(_, data)] = endpoint.transmits()
    again = _core.Message.parse(data)
    assert again.header("CSeq") == "2 OPTIONS"
    assert 'username="me"' in (again.header("Authorization") or "")
    copied = [line for line in data.decode().split("\r\n") if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
    endpoint.receive(answer("SIP/2.0 200 OK"), "udp", LOCAL, PEER, 0.2)
    [event] = endpoint.events()
    assert isinstance(event, _core.ResponseEvent)
    assert (event.transaction, event.status) == (transaction, 200)
    assert endpoint.counters()["authenticated"] == 1
