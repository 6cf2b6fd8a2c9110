"""The core answers 100 within 200 ms where its user says nothing (RFC 3261 17.2.1), whatever Python is doing."""

from __future__ import annotations

import socket

from cordboard import _core
from cordboard.testkit.strangers.ports import free_ports

SERVER = ("192.0.2.1", 5060)
PHONE = ("192.0.2.9", 5060)


def invite(address: tuple[str, int]) -> bytes:
    host, port = address
    return (
        f"INVITE sip:1502@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKi\r\nMax-Forwards: 70\r\n"
        "From: <sip:1501@192.0.2.1>;tag=f\r\nTo: <sip:1502@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n"
        f"Contact: <sip:1501@{host}:{port}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def virtual() -> _core.Endpoint:
    endpoint = _core.Endpoint.virtual([("udp", *SERVER)], realm="r", software="s", seed=1)
    endpoint.set_dn("1501")
    endpoint.receive(invite(PHONE), "udp", SERVER, PHONE, 0.0)
    return endpoint


def sent(endpoint: _core.Endpoint) -> list[int]:
    return [_core.Message.parse(data).status for _, data in endpoint.transmits()]


def test_who_says_nothing_for_200_ms() -> None:
    endpoint = virtual()
    assert sent(endpoint) == []
    endpoint.advance(0.2)
    assert sent(endpoint) == [100]
    endpoint.advance(10.0)
    assert sent(endpoint) == []


def test_who_answers_before() -> None:
    endpoint = virtual()
    (event,) = endpoint.events()
    assert isinstance(event, _core.RequestEvent)
    endpoint.respond(event.transaction, 180)
    assert sent(endpoint) == [180]
    endpoint.advance(10.0)
    assert sent(endpoint) == []


def test_a_live_core_whose_events_nobody_takes() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(10)
        address = ("127.0.0.1", free_ports())
        endpoint = _core.Endpoint.live([("udp", *address)], realm="r", software="s")
        try:
            endpoint.set_dn("1501")
            endpoint.flush()
            phone.sendto(invite(phone.getsockname()), address)
            assert _core.Message.parse(phone.recv(2000)).status == 100
        finally:
            endpoint.close()
