"""Phones behind an edge proxy of strangers: Kamailio with Path in front of the server (RFC 3327, RFC 5626)."""

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from interop_setup import PASSWORD, MakeServer
from raw_phone import authorization, challenges, header, status

from cordboard.model.events import EventDestinationBusy, EventDNBackInService, EventEstablished, EventRinging
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.kamailio import EDGE, Kamailio, has_module
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.scenario import Scenario
from cordboard.testkit.strangers.sipp import Sipp

pytestmark = pytest.mark.strangers("kamailio")

needs_outbound = pytest.mark.skipif(not has_module("outbound"), reason="apt-get install kamailio-outbound-modules")
INSTANCE = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    return make_server(Extension("1501", password=PASSWORD), Extension("1502", password=PASSWORD))


@pytest.fixture
def edge(server: Server, tmp_path: Path, stack: ExitStack) -> Kamailio:
    return stack.enter_context(Kamailio(EDGE, tmp_path / "edge", server=server.port))


@pytest.mark.strangers("baresip")
def test_a_phone_behind_the_proxy_calls_and_is_called(
    server: Server, edge: Kamailio, tmp_path: Path, stack: ExitStack
) -> None:
    behind = stack.enter_context(
        Baresip(Account("1501", server=edge.address, password=PASSWORD), tmp_path / "behind", hertz=440)
    )
    direct = stack.enter_context(
        Baresip(Account("1502", server=server.sip, password=PASSWORD), tmp_path / "direct", hertz=1000)
    )
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    behind.wait_registered()
    direct.wait_registered()
    for caller, called in ((behind, direct), (direct, behind)):
        caller.dial(called.account.user)
        called.wait_incoming()
        called.answer()
        caller.wait_established()
        called.wait_established()
        ringing = desktop.wait(EventRinging, called.account.user, other_dn=caller.account.user)
        desktop.wait(EventEstablished, called.account.user, conn_id=ringing.conn_id)
        heard = [(phone.wait_audio(), other.hertz) for phone, other in ((caller, called), (called, caller))]
        caller.hang_up()
        caller.wait_ended()
        called.wait_ended()
        for recording, hertz in heard:
            assert_heard(recording, hertz)


class FlowPhone:
    """A phone that cannot be called but on the connection it has opened: its Contact leads nowhere."""

    def __init__(self, edge: Kamailio, user: str) -> None:
        self.user = user
        self._socket = socket.create_connection(("127.0.0.1", edge.port), 20)
        self._port = self._socket.getsockname()[1]
        self._edge = edge
        self._data = b""
        self._serial = 0

    def register(self, *headers: str) -> str:
        """One REGISTER; returns the final response."""
        self._serial += 1
        self.send(
            f"REGISTER sip:{self._edge.address} SIP/2.0",
            f"Via: SIP/2.0/TCP 127.0.0.1:{self._port};branch=z9hG4bK{self._port}{self._serial};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@{self._edge.address}>;tag=flow",
            f"To: <sip:{self.user}@{self._edge.address}>",
            f"Call-ID: flow-{self._port}",
            f"CSeq: {self._serial} REGISTER",
            "Supported: path, outbound",
            f'Contact: <sip:{self.user}@192.0.2.1:9;transport=tcp>;reg-id=1;+sip.instance="<{INSTANCE}>"',
            *headers,
        )
        return self.receive(lambda message: status(message) >= 200)

    def answer(self, invite: str, line: str, tag: str = ";tag=phone") -> None:
        """Answers a request by its first line."""
        lines = [row for row in invite.splitlines() if row.lower().startswith(("via:", "record-route:"))]
        kept = [f"{name}: {header(invite, name)}" for name in ("From", "Call-ID", "CSeq")]
        self.send(line, *lines, *kept, f"To: {header(invite, 'To')}{tag}", f"Contact: <sip:{self.user}@192.0.2.1:9>")

    def send(self, *lines: str) -> None:
        """Sends a message without a body."""
        self._socket.sendall(("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode())

    def receive(self, wanted: object = bool) -> str:
        """The next message for which ``wanted`` is true, without its body."""
        while True:
            while b"\r\n\r\n" not in self._data:
                piece = self._socket.recv(65536)
                if not piece:
                    raise ConnectionError("closed")
                self._data += piece
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            text = head.decode() + "\r\n"
            length = int(header(text, "Content-Length") or 0)
            while len(self._data) < length:
                self._data += self._socket.recv(65536)
            self._data = self._data[length:]
            if wanted(text):  # type: ignore[operator]
                return text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@needs_outbound
@pytest.mark.strangers("sipp")
def test_a_flow_through_the_proxy_is_found_by_its_token_and_its_end_is_told(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    """The proxy's flow token leads to the connection the phone opened; a dead flow is 430, and tells at once."""
    caller = free_ports()
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{caller}"), Extension("1502", password=PASSWORD)
    )
    edge = stack.enter_context(Kamailio(EDGE, tmp_path / "edge", server=server.port, modules=["outbound"]))
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    with FlowPhone(edge, "1502") as phone:
        challenged = phone.register()
        assert status(challenged) == 401
        proof = authorization(
            next(iter(challenges(challenged).values())),
            user="1502",
            password=PASSWORD,
            method="REGISTER",
            uri=f"sip:{edge.address}",
        )
        accepted = phone.register(proof)
        assert status(accepted) == 200
        assert "outbound" in header(accepted, "Require")
        assert ";ob" in header(accepted, "Path")
        desktop.wait(EventDNBackInService, "1502")
        refused = Scenario("refused", user="1501").invite("1502").receive(180).receive(486).ack_failure()
        with Sipp(refused, tmp_path / "refused", server=server.address, port=caller) as sipp:
            invite = phone.receive(lambda message: message.startswith("INVITE sip:1502@192.0.2.1:9"))
            phone.answer(invite, "SIP/2.0 180 Ringing")
            phone.answer(invite, "SIP/2.0 486 Busy Here")
            phone.receive(lambda message: message.startswith("ACK "))
            sipp.passed()
    gone = Scenario("gone", user="1501").invite("1502").receive(480).ack_failure()
    with Sipp(gone, tmp_path / "gone", server=server.address, port=caller) as sipp:
        sipp.passed()
    desktop.wait(EventDestinationBusy, "1501", other_dn="1502", call_state=3)
    wait_until(
        lambda: any("call ended" in line and "answered 430" in line for line in server.log().splitlines()),
        10,
        failed=lambda: server.program.error("does not say why"),
    )
