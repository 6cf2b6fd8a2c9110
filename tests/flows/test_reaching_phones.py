"""Phones that are not where they say: behind proxies, behind NATs, on several flows, called by their GRUU."""

from __future__ import annotations

import struct

import pytest
from raw_peer import SWITCH, Raw

from cordboard._core import Endpoint
from cordboard.switch.settings import DnSettings
from cordboard.testkit.centre import Centre

INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"


@pytest.fixture
def centre() -> Centre:
    made = Centre(("1501",))
    made.switch.configure(DnSettings(number="1502", name="Phone 1502"))
    return made


def test_the_stored_path_is_the_route_of_the_calls_and_its_first_proxy_gets_them(centre: Centre) -> None:
    edge, inner, phone = Raw(centre, "10.0.7.1"), Raw(centre, "10.0.7.2"), Raw(centre, "10.0.7.3")
    answer = edge.register(
        "Supported: path\nPath: <sip:inner@10.0.7.2;lr>, <sip:edge@10.0.7.1;lr>\nContact: <sip:1502@10.0.7.3>"
    )
    assert answer.status == 200
    assert answer.headers("Path") == ["<sip:inner@10.0.7.2;lr>", "<sip:edge@10.0.7.1;lr>"]
    centre.phones["1501"].call("1502")
    centre.run(0.2)
    assert not edge.heard("INVITE")
    assert not phone.heard("INVITE")
    invite = inner.heard("INVITE")[0]
    assert invite.uri == "sip:1502@10.0.7.3"
    assert invite.headers("Route") == ["<sip:inner@10.0.7.2;lr>", "<sip:edge@10.0.7.1;lr>"]


def test_a_phone_behind_a_nat_is_called_where_it_was_heard_and_kept_alive(centre: Centre) -> None:
    nat, private = Raw(centre, "203.0.113.9"), Raw(centre, "192.168.1.5")
    nat.register("Contact: <sip:1502@192.168.1.5:5060>", via="SIP/2.0/UDP 192.168.1.5:5060;rport;branch=z9hG4bKn")
    call = centre.phones["1501"].call("1502")
    centre.run(0.2)
    assert not private.heard()
    invite = nat.heard("INVITE")[0]
    nat.reply(invite, "200 OK", "Contact: <sip:1502@192.168.1.5:5060>\n")
    # ACK and BYE go where the INVITE went, whatever the Contact says.
    assert nat.heard("ACK")
    call.hang_up()
    centre.run(0.2)
    assert nat.heard("BYE")
    assert not private.heard()
    centre.run(61)
    pings = [p for p in centre.network.packets if p.target == nat.node.address and p.data == b"\r\n\r\n"]
    assert len(pings) == 2


@pytest.mark.parametrize(("option", "called"), [("auto", "10.0.7.3"), ("yes", "10.0.7.1"), ("no", "10.0.7.3")])
def test_a_phone_without_a_nat_is_called_at_its_contact_unless_told_otherwise(
    centre: Centre, option: str, called: str
) -> None:
    centre.configure("1502", nat=option)
    registrant, contact = Raw(centre, "10.0.7.1"), Raw(centre, "10.0.7.3")
    registrant.register("Contact: <sip:1502@10.0.7.3>")
    centre.phones["1501"].call("1502")
    centre.run(0.2)
    assert [raw.node.name for raw in (registrant, contact) if raw.heard("INVITE")] == [called]


def flow(centre: Centre, host: str, reg_id: int) -> Raw:
    """One flow of the phone of 1502."""
    raw = Raw(centre, host)
    answer = raw.register(
        f'Supported: path, outbound, gruu\nContact: <sip:1502@{host}>;reg-id={reg_id};+sip.instance="{INSTANCE}"',
        call_id=f"flow{reg_id}",
    )
    assert answer.status == 200
    assert answer.header("Require") == "outbound"
    return raw


def test_a_device_with_two_flows_is_called_once_and_by_the_other_when_the_first_is_dead(centre: Centre) -> None:
    one, two = flow(centre, "10.0.8.1", 1), flow(centre, "10.0.8.2", 2)
    call = centre.phones["1501"].call("1502")
    centre.run(0.2)
    first, second = (one, two) if one.heard("INVITE") else (two, one)
    assert not second.heard("INVITE")
    invite = first.heard("INVITE")[0]
    first.reply(invite, "430 Flow Failed")
    assert second.heard("INVITE")
    assert not call.over


def test_a_call_to_a_gruu_rings_that_device_alone(centre: Centre) -> None:
    device = flow(centre, "10.0.8.1", 1)
    other = Raw(centre, "10.0.8.9")
    other.register("Contact: <sip:1502@10.0.8.9>", call_id="other")
    contact = next(c for c in device.heard()[-1].headers("Contact") if "gruu" in c)
    public = contact.partition('pub-gruu="')[2].partition('"')[0]
    temporary = contact.partition('temp-gruu="')[2].partition('"')[0]
    assert public == "sip:1502@10.0.0.1;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert "1502" not in temporary
    caller = Raw(centre, "10.0.1.1")
    for number, gruu in enumerate((public, temporary), 1):
        caller.send(invite_to(gruu, number))
        assert len(device.heard("INVITE")) == number, gruu
    assert not other.heard("INVITE")
    assert device.heard("INVITE")[-1].uri == "sip:1502@10.0.8.1"
    caller.send(invite_to("sip:tgruu.0000@10.0.0.1;gr", 9))
    assert [m.status for m in caller.heard() if m.header("Call-ID") == "g9"] == [404]


def invite_to(uri: str, number: int) -> str:
    """From the phone of 1501."""
    return (
        f"INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.1.1;branch=z9hG4bKg{number}\nMax-Forwards: 70\n"
        f"From: <sip:1501@10.0.0.1>;tag=g{number}\nTo: <{uri}>\nCall-ID: g{number}\nCSeq: 1 INVITE\n"
        "Contact: <sip:1501@10.0.1.1>\nContent-Length: 0\n\n"
    )


def test_stun_on_the_sip_port_says_where_it_was_heard_from() -> None:
    core = Endpoint.virtual([("udp", "10.0.0.1", 5060)], realm="r", software="s", seed=1)
    core.receive(struct.pack("!HHI", 1, 0, 0x2112A442) + b"0123456789ab", "udp", SWITCH, ("192.0.2.1", 4000), 0.0)
    ((_, answer),) = core.transmits()
    assert answer[:2] == b"\x01\x01"
    assert struct.unpack("!H", answer[26:28])[0] ^ 0x2112 == 4000
