"""More calls than can be decided: they are refused in time, what is there goes on, and it ends when the flood ends."""

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

import pytest
from interop_setup import MakeServer
from raw_phone import RawPhone, header, status

from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
LIMIT = 100
FLOOD_SECONDS = 4.0
REFUSED = 'cordboard_core_events_total{event="overload_refused"}'


def flood(server: tuple[str, int], going: Event, stop: Event) -> None:
    """Calls to nobody, each a new one: 20,000 a second, in bursts that no queue of the limit can hold."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        sender.setblocking(False)
        here = f"127.0.0.1:{sender.getsockname()[1]}"
        host = f"{server[0]}:{server[1]}"
        head = f"INVITE sip:9999@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{here}"
        tail = (
            f"\r\nMax-Forwards: 70\r\nFrom: <sip:1503@{host}>;tag=f\r\nTo: <sip:9999@{host}>\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:1503@{here}>\r\nContent-Length: 0\r\nCall-ID: {here}-"
        )
        number = 0
        while not stop.is_set():
            for _ in range(1000):
                number += 1
                try:
                    sender.sendto(f"{head}{number}{tail}{number}\r\n\r\n".encode(), server)
                except BlockingIOError:
                    break
            going.set()
            time.sleep(0.05)


@contextmanager
def flooded(server: Server) -> Iterator[None]:
    """A flood beside whatever happens within."""
    context = multiprocessing.get_context("spawn")
    going, stop = context.Event(), context.Event()
    sender = context.Process(target=flood, args=(server.address, going, stop), daemon=True)
    sender.start()
    try:
        assert going.wait(30)
        yield
    finally:
        stop.set()
        sender.join()


def asked(phone: RawPhone, message: str) -> int:
    """The final status of a request."""
    return status(answered(phone, message))


def answered(phone: RawPhone, message: str) -> str:
    """The final response to a request."""
    cseq = header(message, "CSeq")
    call_id = header(message, "Call-ID")

    def answers(text: str) -> bool:
        return status(text) >= 200 and header(text, "CSeq") == cseq and header(text, "Call-ID") == call_id

    return repeated(lambda: phone.send(message), lambda wait: phone.receive(answers, seconds=wait))


def repeated(send: Callable[[], None], receive: Callable[[float], str], *, seconds: float = 16.0) -> str:
    """What comes of something that is sent again as RFC 3261 section 17.1.2 says: packets do get lost in a flood."""
    wait, end = 0.5, time.monotonic() + seconds
    while True:
        send()
        try:
            return receive(wait)
        except TimeoutError:
            wait = min(2 * wait, 4.0)
            assert time.monotonic() < end, "nothing comes of it"


def accepted(invite: str, phone: RawPhone) -> str:
    """The 200 of a phone to an INVITE."""
    copied = [line for line in invite.split("\r\n") if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:"))]
    to = f"To: {header(invite, 'To')};tag=called"
    contact = f"Contact: <sip:1502@127.0.0.1:{phone.port}>"
    lines = ["SIP/2.0 200 OK", *copied, to, contact, "Content-Type: application/sdp", f"Content-Length: {len(SDP)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + SDP


def called(a: RawPhone, b: RawPhone, invite: str) -> str:
    """The final response to an INVITE of ``a``, which ``b`` answers if it comes to it."""
    subject, call_id = header(invite, "Subject"), header(invite, "Call-ID")

    def is_there(message: str) -> bool:
        """An earlier one may come again meanwhile."""
        return message.startswith("INVITE ") and header(message, "Subject") == subject

    def is_over(message: str) -> bool:
        return status(message) >= 200 and header(message, "Call-ID") == call_id

    def comes(wait: float) -> str:
        try:
            return b.receive(is_there, seconds=wait)
        except TimeoutError:
            return a.receive(is_over, seconds=0.1)

    there = repeated(lambda: a.send(invite), comes)
    if status(there):
        return there
    answer = accepted(there, b)
    return repeated(lambda: b.send(answer), lambda wait: a.receive(is_over, seconds=wait))


@pytest.fixture
def phones() -> Iterator[tuple[RawPhone, RawPhone]]:
    with RawPhone(("127.0.0.1", 9)) as a, RawPhone(("127.0.0.1", 9)) as b:
        yield a, b


def test_a_server_without_time_refuses_calls_until_it_has_it_again(
    make_server: MakeServer, phones: tuple[RawPhone, RawPhone]
) -> None:
    a, b = phones
    server = make_server(
        Extension("1501"),
        Extension("1502", contact=f"sip:1502@127.0.0.1:{b.port}"),
        Extension("1503"),
        application={"sip-admission-cpu": 10, "log-level": "warning"},
    )
    a.server = b.server = server.address
    uri = f"sip:1502@127.0.0.1:{server.port}"

    def refusing(least: float, most: float) -> None:
        """Waits until so many are refused; asks seldom, since each answer costs the server time too."""
        end = time.monotonic() + 20.0
        while not least <= server.metrics()["cordboard_refused_calls_ratio"] <= most:
            assert time.monotonic() < end, server.metrics()["cordboard_load_cpu_ratio"]
            time.sleep(0.5)

    def call(name: str) -> str:
        """The final response to a call of that name."""
        subject = (f"Subject: {name}",)
        return called(a, b, a.request("INVITE", uri, user="1501", call_id=name, headers=subject, body=SDP))

    refusing(0.0, 0.0)
    with flooded(server):
        refusing(0.8, 1.0)
        answers = []
        while not answers or status(answers[-1]) == 200:
            assert len(answers) < 20, "nothing is refused"
            answers.append(call(f"late-{len(answers)}"))
    assert status(answers[-1]) == 503
    assert header(answers[-1], "Retry-After") == "10"
    register = a.request("REGISTER", uri, user="1501", to=f"sip:1501@127.0.0.1:{server.port}", call_id="r")
    assert asked(a, register) == 200
    refusing(0.0, 0.0)
    assert status(call("after")) == 200
    assert server.metrics()['cordboard_admission_events_total{event="closed"}'] >= 1
    assert "too busy: new calls are refused in part" in server.log()


def test_calls_and_registrations_survive_an_overload_that_ends_by_itself(
    make_server: MakeServer, phones: tuple[RawPhone, RawPhone]
) -> None:
    a, b = phones
    server = make_server(
        Extension("1501"),
        Extension("1502", contact=f"sip:1502@127.0.0.1:{b.port}"),
        Extension("1503"),
        application={"sip-event-limit": LIMIT, "sip-admission-cpu": 0, "sip-admission-lag": 0, "log-level": "warning"},
    )
    a.server = b.server = server.address
    host = f"127.0.0.1:{server.port}"
    uri = f"sip:1502@{host}"

    def invite(call_id: str) -> str:
        return a.request("INVITE", uri, user="1501", call_id=call_id, headers=(f"Subject: {call_id}",), body=SDP)

    def register(cseq: int, expires: int = 600) -> int:
        message = a.request("REGISTER", f"sip:{host}", user="1501", to=f"sip:1501@{host}", call_id="kept", cseq=cseq)
        return asked(a, message.replace("Content-Length", f"Expires: {expires}\r\nContent-Length"))

    assert register(1) == 200
    ok = called(a, b, invite("before"))
    assert status(ok) == 200
    target = header(ok, "Contact").strip("<>").partition(">")[0]
    tag = header(ok, "To").partition("tag=")[2]
    a.send(a.request("ACK", target, user="1501", to=uri, call_id="before", to_tag=tag))

    def within(method: str, cseq: int) -> int:
        return asked(a, a.request(method, target, user="1501", to=uri, call_id="before", to_tag=tag, cseq=cseq))

    with flooded(server):
        end = time.monotonic() + FLOOD_SECONDS
        cseq = 2
        while time.monotonic() < end:
            assert register(cseq) == 200
            assert within("OPTIONS", cseq) == 200
            cseq += 1
    assert server.metrics()[REFUSED] > LIMIT
    # Over: what the sockets still hold is soon worked off, and calls are taken again.
    end, number = time.monotonic() + 20.0, 0
    while status(called(a, b, invite(f"after-{number}"))) != 200:
        assert time.monotonic() < end, "the overload goes on without a flood"
        number += 1
    assert within("BYE", cseq + 1) == 200
    assert server.metrics()['cordboard_switch_events_total{event="faults"}'] == 0
