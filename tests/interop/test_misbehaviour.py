"""Those who break the protocol, lose packets or mean harm are answered by the RFC, and nobody else notices."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from interop_table import Table
from raw_phone import RawPhone, header, status

from cordboard.model.events import EventEstablished, EventReleased
from cordboard.testkit.live.server import sip_answers
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("sipp", "tshark")

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

MALFORMED = {
    "no length that fits": "Content-Length: 9999",
    "a sequence number that is none": "CSeq: one INVITE",
    "another method in CSeq": "CSeq: 1 BYE",
}

RUBBISH = {
    "empty": b"",
    "keep-alive": b"\r\n\r\n",
    "zeros": b"\x00" * 2000,
    "web": b"GET / HTTP/1.1\r\n\r\n",
    "one word": b"INVITE",
    "huge": b"\xff\xfe" * 30000,
    "stray response": b"SIP/2.0 200 OK\r\n\r\n",
}


@pytest.fixture
def raw(table: Table) -> Iterator[RawPhone]:
    with RawPhone(table.server.address) as phone:
        yield phone


def answering() -> Scenario:
    return Scenario("called", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200)


def calling(milliseconds: int = 100) -> Scenario:
    steps = Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack()
    return steps.pause(milliseconds).bye().receive(200)


def test_a_200_is_repeated_until_its_ack_comes(table: Table, raw: RawPhone) -> None:
    """RFC 3261 section 13.3.1.4: the server itself repeats the 2xx, the called phone is not asked again."""
    server, desktop = table.server, table.desktop("1501", "1502")
    called = table.start(answering())
    uri = f"sip:1502@127.0.0.1:{server.port}"
    invite = raw.request("INVITE", uri, user="1501", call_id="lost-ack", body=SDP)
    raw.send(invite)
    first = raw.receive(lambda message: status(message) == 200)
    second = raw.receive(lambda message: status(message) == 200)
    assert header(first, "To") == header(second, "To")
    to_tag = header(first, "To").partition("tag=")[2]
    target = header(first, "Contact").strip("<>").split(">")[0].lstrip("<")
    raw.send(raw.request("ACK", target, user="1501", to=uri, call_id="lost-ack", to_tag=to_tag))
    desktop.wait(EventEstablished, "1501")
    raw.send(raw.request("BYE", target, user="1501", to=uri, call_id="lost-ack", to_tag=to_tag, cseq=2))
    assert raw.receive(lambda message: "2 BYE" in message and status(message) > 0).startswith("SIP/2.0 200")
    called.passed()
    desktop.wait(EventReleased, "1502")


def test_the_same_request_by_another_path_is_a_loop(table: Table, raw: RawPhone) -> None:
    """RFC 3261 section 8.2.2.2: same Call-ID, From tag and CSeq, other branch, no To tag: 482."""
    uri = f"sip:1502@127.0.0.1:{table.server.port}"
    table.start(Scenario("called", user="1502").await_invite().reply(180).await_cancel())
    raw.send(raw.request("INVITE", uri, user="1501", call_id="merged", branch="z9hG4bKone", body=SDP))
    raw.receive(lambda message: status(message) == 180)
    raw.send(raw.request("INVITE", uri, user="1501", call_id="merged", branch="z9hG4bKtwo", body=SDP))
    answer = raw.receive(lambda message: "z9hG4bKtwo" in message and status(message) >= 200)
    assert status(answer) == 482
    raw.send(raw.request("CANCEL", uri, user="1501", call_id="merged", branch="z9hG4bKone"))
    assert status(raw.receive(lambda message: "1 INVITE" in message and status(message) >= 200)) == 487


def test_a_request_that_has_travelled_too_far_is_not_forwarded(table: Table, raw: RawPhone) -> None:
    uri = f"sip:1502@127.0.0.1:{table.server.port}"
    message = raw.request("INVITE", uri, user="1501", body=SDP).replace("Max-Forwards: 70", "Max-Forwards: 0")
    raw.send(message)
    assert raw.final() == 483


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_answered_400_and_harms_nobody(table: Table, raw: RawPhone, line: str) -> None:
    name = line.partition(":")[0]
    request = raw.request("INVITE", f"sip:1502@127.0.0.1:{table.server.port}", user="1501", body=SDP)
    broken = "\r\n".join(line if part.startswith(name + ":") else part for part in request.split("\r\n"))
    raw.send(broken)
    assert raw.final() == 400
    table.play(answering(), calling())


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_ends_nothing(table: Table, raw: RawPhone, rubbish: bytes) -> None:
    raw.send(rubbish)
    table.play(answering(), calling())


def test_tcp_byte_by_byte_with_rubbish_beside_it(table: Table) -> None:
    server = table.server
    with (
        socket.create_connection(server.address, 5) as slow,
        socket.create_connection(server.address, 5) as wild,
        RawPhone(server.address) as text,
    ):
        wild.sendall(b"\x16\x03\x01 this is no SIP\r\n" * 100)
        request = text.request("OPTIONS", f"sip:127.0.0.1:{server.port}", user="1501").replace(
            "SIP/2.0/UDP", "SIP/2.0/TCP"
        )
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request.encode():
            slow.sendall(bytes([byte]))
        slow.settimeout(5)
        assert slow.recv(65535).startswith(b"SIP/2.0 200")


def test_a_scan_and_a_flood_are_not_noticed_by_callers(table: Table) -> None:
    """Thousands of requests a second from strangers, for numbers that do not exist, while calls go on."""
    stop = threading.Event()
    sent = [0]

    def scan() -> None:
        with RawPhone(table.server.address) as scanner:
            numbers = 0
            while not stop.is_set():
                numbers += 1
                for method in ("INVITE", "REGISTER", "OPTIONS"):
                    uri = f"sip:{5000 + numbers % 4000}@127.0.0.1:{table.server.port}"
                    scanner.send(scanner.request(method, uri, user=f"{5000 + numbers % 3000}"))
                scanner.send(b"\x00SIP rubbish\r\n\r\n")
                sent[0] += 4
                # About 4,000 messages a second: far above any phone, and sipp keeps its share of the machine.
                if numbers % 10 == 0:
                    time.sleep(0.01)

    scanner = threading.Thread(target=scan, name="scanner")
    scanner.start()
    try:
        grades = table.play(answering(), calling(200), calls=60, rate=20)
    finally:
        stop.set()
        scanner.join()
    assert sent[0] > 3000
    assert [grade.successful for grade in grades] == [60, 60]
    assert sum(grade.retransmitted for grade in grades) <= 2
    assert sip_answers(table.server.address).startswith("SIP/2.0 200")
