"""A phone behind a real NAT: it is called where it was heard, kept reachable, and found again when its port changes."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import pytest
from interop_setup import PASSWORD
from raw_phone import authorization, challenges, header, status

from cordboard.model.events import EventEstablished, EventReleased, EventRinging
from cordboard.testkit.live.centre import Extension, Value
from cordboard.testkit.live.nat import INSIDE, Nat, why_not
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.ports import free_ports

FORGETS = 3
"""Seconds after which the router forgets who was silent."""


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def nat() -> Iterator[Nat]:
    with Nat(timeout=FORGETS) as nat:
        yield nat


def serve(stack: ExitStack, folder: Path, nat: Nat, *, keep_alive: int = 1, media: bool = False) -> Server:
    """A server at the router's outer side. 1501 calls from outside the NAT, 1502 is behind it.

    ``media``: whether it has a Media Server.
    """
    port = free_ports()
    listen = [f"{transport}:{host}:{port}" for host in (nat.outside, "127.0.0.1") for transport in ("udp", "tcp")]
    application: dict[str, Value] = {"sip-listen": listen}
    switch = {"sip-nat-keep-alive": keep_alive}
    people = [Extension("1501", password=PASSWORD), Extension("1502", password=PASSWORD)]
    if media:
        contact = f"127.0.0.1:{free_ports()}"
        application |= {"media-listen": [f"udp:{contact}"], "media-addresses": [nat.outside]}
        service = {"service-type": "msml", "sip-invite-timeout": 5}
        people.append(Extension("media", contact=f"sip:{contact}", type="Voice over IP Service", options=service))
    return stack.enter_context(Server(folder / "server", people, port=port, application=application, switch=switch))


class Phone:
    """A phone by hand, which believes what it sees: its own address in Via and Contact."""

    def __init__(self, server: Server, at: str, made: socket.socket, user: str) -> None:
        self.user = user
        self._socket = made
        self._server = (at, server.port)
        self._host, self._port = made.getsockname()
        self._serial = 0

    def request(self, method: str, uri: str, *headers: str, to: str = "", body: str = "") -> None:
        """Sends one."""
        self._serial += 1
        host, port = self._server
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._port};rport;branch=z9hG4bK{self._port}{self._serial}",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@{host}:{port}>;tag=nat",
            f"To: <sip:{to or self.user}@{host}:{port}>",
            f"Call-ID: {method}-{self._port}",
            f"CSeq: {self._serial} {method}",
            f"Contact: <sip:{self.user}@{self._host}:{self._port}>",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._server)

    def register(self, *, expires: int = 300) -> str:
        """Registers with digest; returns the answer."""
        host, port = self._server
        uri = f"sip:{host}:{port}"
        self.request("REGISTER", uri, f"Expires: {expires}")
        challenged = self.receive("SIP/2.0 401")
        offered = next(iter(challenges(challenged).values()))
        proof = authorization(offered, user=self.user, password=PASSWORD, method="REGISTER", uri=uri)
        self.request("REGISTER", uri, f"Expires: {expires}", proof)
        return self.receive("SIP/2.0 200")

    def receive(self, start: str, *, seconds: float = 10) -> str:
        """The next message that starts so; keep-alives and others are passed over. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            message = self._socket.recv(65535).decode()
            if message.startswith(start):
                return message

    def answer(self, request: str, line: str) -> None:
        """Answers a request, without a body."""
        vias = [row for row in request.splitlines() if row.lower().startswith("via:")]
        kept = [f"{name}: {header(request, name)}" for name in ("From", "Call-ID", "CSeq")]
        contact = f"Contact: <sip:{self.user}@{self._host}:{self._port}>"
        lines = [line, *vias, *kept, f"To: {header(request, 'To')};tag=p{self._port}", contact, "Content-Length: 0"]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class Caller(Phone):
    """1501, outside the NAT."""

    def __init__(self, server: Server) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        super().__init__(server, "127.0.0.1", made, "1501")

    def call(self, number: str) -> None:
        """An INVITE with credentials; what comes of it is to be received."""
        host, port = self._server
        uri = f"sip:{number}@{host}:{port}"
        self.request("INVITE", uri, to=number)
        challenged = self.receive("SIP/2.0 401")
        offered = next(iter(challenges(challenged).values()))
        proof = authorization(offered, user=self.user, password=PASSWORD, method="INVITE", uri=uri)
        self.request("INVITE", uri, proof, to=number)


def ring(phone: Phone, caller: Caller) -> str:
    """A call reaches the phone, which is busy; returns the INVITE."""
    caller.call("1502")
    invite = phone.receive("INVITE ")
    phone.answer(invite, "SIP/2.0 486 Busy Here")
    phone.receive("ACK ")
    caller.receive("SIP/2.0 486")
    return invite


def test_a_phone_is_called_where_it_was_heard_and_stays_reachable(nat: Nat, tmp_path: Path, stack: ExitStack) -> None:
    server = serve(stack, tmp_path, nat)
    phone = stack.enter_context(Phone(server, nat.outside, nat.socket(), "1502"))
    caller = stack.enter_context(Caller(server))
    answer = phone.register()
    assert f"received={nat.mapped}" in header(answer, "Via")
    invite = ring(phone, caller)
    # Sent to the mapping, addressed to the Contact that the phone knows as its own.
    assert invite.startswith(f"INVITE sip:1502@{INSIDE}:")
    # Three times as long as the router remembers: it is the keep-alives that keep the way open.
    keep_alives = [phone.receive("\r\n\r\n") for _ in range(3 * FORGETS)]
    assert len(keep_alives) == 3 * FORGETS
    ring(phone, caller)
    assert server.metrics()['cordboard_core_events_total{event="keep_alives_sent"}'] >= 3 * FORGETS


def test_without_keep_alives_the_router_forgets(nat: Nat, tmp_path: Path, stack: ExitStack) -> None:
    """The control: what keeps the phone above reachable is nothing but the keep-alives."""
    server = serve(stack, tmp_path, nat, keep_alive=0)
    phone = stack.enter_context(Phone(server, nat.outside, nat.socket(), "1502"))
    caller = stack.enter_context(Caller(server))
    phone.register()
    ring(phone, caller)
    with pytest.raises(TimeoutError):
        phone.receive("", seconds=2 * FORGETS)
    caller.call("1502")
    with pytest.raises(TimeoutError):
        phone.receive("INVITE ", seconds=2)


def test_a_new_port_of_the_router_is_taken_at_the_next_registration(nat: Nat, tmp_path: Path, stack: ExitStack) -> None:
    server = serve(stack, tmp_path, nat, keep_alive=0)
    phone = stack.enter_context(Phone(server, nat.outside, nat.socket(), "1502"))
    caller = stack.enter_context(Caller(server))
    before = phone.register()
    nat.rebind("40000-49999")
    with pytest.raises(TimeoutError):
        phone.receive("", seconds=2 * FORGETS)
    after = phone.register()
    ports = [int(header(answer, "Via").partition("rport=")[2].partition(";")[0]) for answer in (before, after)]
    assert 20_000 <= ports[0] < 30_000
    assert 40_000 <= ports[1] < 50_000
    # One binding, moved: the phone is called once, at the new port.
    assert header(after, "Contact").count("sip:1502@") == 1
    ring(phone, caller)


def test_bans_outlive_a_restart(nat: Nat, tmp_path: Path, stack: ExitStack) -> None:
    """Somebody guesses from behind the router; the server is killed and starts again, and he is still not heard."""
    server = serve(stack, tmp_path, nat)
    guesser = stack.enter_context(Phone(server, nat.outside, nat.socket(), "1502"))
    uri = f"sip:{nat.outside}:{server.port}"
    guesser.request("REGISTER", uri)
    offered = next(iter(challenges(guesser.receive("SIP/2.0 401")).values()))
    wrong = authorization(offered, user="1502", password="guess", method="REGISTER", uri=uri)
    answered = 0
    with suppress(TimeoutError):
        while answered < 1_000:
            guesser.request("REGISTER", uri, wrong)
            assert status(guesser.receive("SIP/2.0", seconds=2)) in (401, 403)
            answered += 1
    # Over UDP ten times as many as over TCP.
    assert 250 <= answered < 1_000
    kept = server.folder / "data" / "bans.json"
    while not kept.exists():
        time.sleep(0.05)
    server.kill()
    server.start()
    guesser.request("REGISTER", uri)
    with pytest.raises(TimeoutError):
        guesser.receive("SIP/2.0", seconds=2)
    assert "source banned" in server.log()
    (ban,) = [json.loads(line) for line in server.command("bans", "list", "--json").splitlines()]
    assert ban["source"] in server.command("bans", "list")
    assert "was not banned" in server.command("bans", "clear", "192.0.2.1")
    assert "is heard again" in server.command("bans", "clear", ban["source"])
    assert "Nobody" in server.command("bans", "list")
    guesser.request("REGISTER", uri)
    guesser.receive("SIP/2.0 401")


@pytest.mark.strangers("baresip")
def test_a_baresip_behind_the_nat_calls_and_is_called(nat: Nat, tmp_path: Path, stack: ExitStack) -> None:
    """Its voice is heard outside. What is sent to it goes to the address in its SDP, which nobody outside can reach:
    that takes media through the server.
    """
    server = serve(stack, tmp_path, nat)
    at = f"{nat.outside}:{server.port}"
    behind = Baresip(
        Account("1502", server=at, password=PASSWORD), tmp_path / "behind", hertz=1000, host=INSIDE, nat=nat
    )
    outside = Baresip(Account("1501", server=at, password=PASSWORD), tmp_path / "outside", host=nat.outside)
    for phone in (behind, outside):
        stack.enter_context(phone).wait_registered()
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    for caller, called in ((behind, outside), (outside, behind)):
        caller.dial(called.account.user)
        called.wait_incoming()
        called.answer()
        caller.wait_established()
        called.wait_established()
        ringing = desktop.wait(EventRinging, called.account.user, other_dn=caller.account.user)
        desktop.wait(EventEstablished, called.account.user, conn_id=ringing.conn_id)
        recording = outside.wait_audio()
        caller.hang_up()
        called.wait_ended()
        caller.wait_ended()
        desktop.wait(EventReleased, "1501", conn_id=ringing.conn_id)
        assert_heard(recording, behind.hertz)


@pytest.mark.strangers("baresip")
@pytest.mark.parametrize("who", ["behind", "outside"])
def test_both_are_heard_through_the_media_server(nat: Nat, tmp_path: Path, stack: ExitStack, who: str) -> None:
    """The call is anchored because one is behind the NAT: the Media Server sends to where its voice comes from."""
    server = serve(stack, tmp_path, nat, media=True)
    at = f"{nat.outside}:{server.port}"
    behind = Baresip(
        Account("1502", server=at, password=PASSWORD), tmp_path / "behind", hertz=1000, host=INSIDE, nat=nat
    )
    outside = Baresip(Account("1501", server=at, password=PASSWORD), tmp_path / "outside", host=nat.outside)
    for phone in (behind, outside):
        stack.enter_context(phone).wait_registered()
    caller, called = (behind, outside) if who == "behind" else (outside, behind)
    caller.dial(called.account.user)
    called.wait_incoming()
    called.answer()
    caller.wait_established()
    called.wait_established()
    assert_heard(outside.wait_audio(), behind.hertz, share=0.5)
    assert_heard(behind.wait_audio(), outside.hertz, share=0.5)
    assert server.metrics()['cordboard_media_legs{service="msml"}'] == 2
    caller.hang_up()
    called.wait_ended()
