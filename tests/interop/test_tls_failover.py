"""RFC 3263 4.3 over TLS: a phone's domain has several servers by SRV, and the first of them is no good."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from interop_setup import MakeServer
from raw_phone import header, status
from tls_phone import TlsPhone

from cordboard.cli.certificates import make
from cordboard.testkit.dns import DnsServer
from cordboard.testkit.live.centre import Extension

DOMAIN = "phones.example"
SECONDS = 20.0


@contextmanager
def name_service(*servers: tuple[int, str]) -> Iterator[DnsServer]:
    """A DNS server in a thread, that knows the servers of the domain, the best first, all on this machine."""
    dns = DnsServer()
    for _, name in servers:
        dns.add(f"{name}.{DOMAIN}", "A", "127.0.0.1")
    records = [f"{priority} 0 {port} {name}.{DOMAIN}." for priority, (port, name) in enumerate(servers, 1)]
    dns.add(f"_sips._tcp.{DOMAIN}", "SRV", *records)
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with dns:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(SECONDS)
    try:
        yield dns
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(SECONDS)
        loop.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None], tried: list[str]) -> Iterator[int]:
    """A port where each connection is served so, one after the other; ``tried`` has one line for each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with suppress(OSError):
                while True:
                    connection, (host, _) = listener.accept()
                    tried.append(host)
                    with connection, suppress(OSError):
                        serve(connection)

        threading.Thread(target=run, daemon=True).start()
        yield listener.getsockname()[1]


def no_tls(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ready\r\n")
    connection.recv(1)


def with_certificate(folder: Path, name: str, taken: list[str]) -> Callable[[socket.socket], None]:
    """A server of that name that answers every INVITE 486, and keeps them."""
    files = make(folder, hosts=[name], days=1, rsa=False, new_ca=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            data = b""
            while piece := secure.recv(65536):
                data += piece
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    message = head.decode() + "\r\n"
                    data = data[int(header(message, "Content-Length") or 0) :]
                    if message.startswith("INVITE "):
                        taken.append(message)
                        secure.sendall(refusal(message))

    return serve


def refusal(message: str) -> bytes:
    lines = [line for line in message.splitlines() if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    answer = ["SIP/2.0 486 Busy Here", *lines, f"To: {header(message, 'To')};tag=busy", "Content-Length: 0"]
    return ("\r\n".join(answer) + "\r\n\r\n").encode()


@pytest.mark.parametrize("first", ["nobody", "mail server", "stranger", "other name"])
def test_the_second_server_takes_the_call_when_the_first_cannot_be_spoken_to_over_tls(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack, first: str
) -> None:
    ours = tmp_path / "server" / "data"
    taken: list[str] = []
    wrong: list[str] = []
    tried: list[str] = []
    folder = tmp_path / "stranger" if first == "stranger" else ours
    server_of = {
        "mail server": no_tls,
        "stranger": with_certificate(folder, DOMAIN, wrong),
        "other name": with_certificate(folder, "other.example", wrong),
    }
    ports = [
        stack.enter_context(listening(server_of.get(first, no_tls), tried)),
        stack.enter_context(listening(with_certificate(ours, DOMAIN, taken), [])),
    ]
    if first == "nobody":
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports[0] = free.getsockname()[1]
    dns = stack.enter_context(name_service((ports[0], "one"), (ports[1], "two")))
    server = make_server(
        Extension("1501"),
        Extension("1502", contact=f"sips:1502@{DOMAIN}"),
        tls=True,
        application={
            "sip-tls-ca": str(ours / "tls" / "ca.pem"),
            "dns-name-servers": f"127.0.0.1:{dns.address[1]}",
        },
    )
    with TlsPhone(server) as phone:
        answers = [phone.request("INVITE", "1501", "Contact: <sip:1501@127.0.0.1:5061>", to="1502") for _ in range(2)]
    assert [status(answer) for answer in answers] == [486, 486], "the second one's answer, and not our 480"
    assert len(taken) == 2
    assert wrong == [], "nothing is told to one who is not who he should be"
    assert bool(tried) is (first != "nobody")
    assert ("udp", f"_sips._tcp.{DOMAIN}", "SRV") in dns.asked
