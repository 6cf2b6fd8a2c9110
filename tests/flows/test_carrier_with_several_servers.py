"""A carrier whose name leads to several servers: registered with one, called there, and called from all of them."""

import hashlib
import re

import pytest
from raw_peer import Raw

from cordboard import _core
from cordboard.model.enums import AddressType
from cordboard.switch.settings import DnSettings
from cordboard.switch.trunks.registration import State

HOSTS = ("10.0.2.1", "10.0.2.2")


@pytest.fixture
def servers(centre):
    """Two servers of a carrier, by priority."""
    for n, host in enumerate(HOSTS, 1):
        centre.names.address(f"s{n}.carrier.example", host, ttl=3600)
    found = [(n, 0, 5060, f"s{n}.carrier.example") for n in (1, 2)]
    centre.names.srv("_sip._udp.carrier.example", *found, ttl=3600)
    yield [Raw(centre, host) for host in HOSTS]
    centre.switch.unconfigure("carrier")
    centre.run(1)


def connect(centre, **more):
    settings = {
        "address_type": AddressType.TRUNK,
        "contact": "sip:carrier.example",
        "prefix": "9",
        "account": "acme",
        "registers_with": True,
        "register_expires": 100.0,
        "sip_invite_timeout": 2.0,
    } | more
    centre.switch.configure(DnSettings(number="carrier", **settings))
    centre.run(1)


def accept(server, headers=""):
    request = server.heard("REGISTER")[-1]
    server.reply(request, "200 OK", f"Contact: {request.header('Contact')};expires=100\n{headers}")


def test_the_second_server_is_registered_with_while_the_first_is_dead_and_refreshes_and_calls_stay_there(
    centre, servers
):
    first, second = servers
    connect(centre)
    assert not second.heard("REGISTER")
    centre.run(2)
    accept(second)
    registration = centre.switch.registrations["carrier"]
    assert registration.state is State.REGISTERED
    # The first counts as good again by now; what belongs to the registration stays with the second all the same.
    centre.run(80.2)
    assert len(second.heard("REGISTER")) >= 2
    accept(second)
    before = len(first.heard())
    call = centre.phones["1501"].call("9123", cancel_after=1)
    centre.run(1)
    assert second.heard("INVITE")[0].uri == "sip:9123@carrier.example"
    assert len(first.heard()) == before
    centre.run(5)
    assert call.over


@pytest.mark.parametrize("refusal", ["503 Service Unavailable", "430 Flow Failed"])
def test_a_registrar_that_cannot_now_is_followed_by_the_next_at_once(centre, servers, refusal):
    first, second = servers
    connect(centre)
    first.reply(first.heard("REGISTER")[-1], refusal)
    accept(second)
    assert centre.switch.registrations["carrier"].state is State.REGISTERED


def test_a_registrar_that_cannot_be_reached_is_followed_by_the_next_at_once(centre, servers):
    connect(centre)
    centre.node.endpoint.transport_failed("udp", (HOSTS[0], 5060), centre.clock.now())
    centre.run(0.1)
    accept(servers[1])
    assert centre.switch.registrations["carrier"].state is State.REGISTERED


def test_a_registrar_that_refuses_is_not_followed_by_another(centre, servers):
    connect(centre)
    servers[0].reply(servers[0].heard("REGISTER")[-1], "403 Forbidden")
    assert not servers[1].heard()
    assert centre.switch.registrations["carrier"].status == 403


def test_calls_take_the_service_route_of_the_registration_and_say_who_we_are(centre, servers):
    proxy = Raw(centre, "10.0.3.1")
    connect(centre)
    accept(
        servers[0],
        "Service-Route: <sip:orig@10.0.3.1;lr>, <sip:10.0.3.2;lr>\n"
        "P-Associated-URI: <sip:+4930123@carrier.example>, <tel:+4930124>\n",
    )
    centre.phones["1501"].call("9123", cancel_after=1)
    centre.run(0.5)
    (invite,) = proxy.heard("INVITE")[:1]
    assert invite.uri == "sip:9123@carrier.example"
    assert invite.headers("Route") == ["<sip:orig@10.0.3.1;lr>", "<sip:10.0.3.2;lr>"]
    assert invite.header("P-Preferred-Identity") == "<sip:+4930123@carrier.example>"
    assert not servers[0].heard("INVITE")
    # The registration itself never takes it, and an answer without one ends it.
    centre.run(80)
    register = servers[0].heard("REGISTER")[-1]
    assert register.header("Route") is None
    assert register.header("Supported") == "path"
    accept(servers[0])
    centre.phones["1501"].call("9124", cancel_after=1)
    centre.run(0.5)
    assert servers[0].heard("INVITE")[0].header("P-Preferred-Identity") is None
    centre.run(5)


def invite_from(raw, number, from_="+4930555@elsewhere.example", headers=""):
    host = raw.node.address[0]
    raw.send(
        f"INVITE sip:{number}@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{len(raw.heard())}\n"
        f"Max-Forwards: 70\nFrom: <sip:{from_}>;tag=c\nTo: <sip:{number}@10.0.0.1>\nCall-ID: c{host}\n"
        f"CSeq: {1 + len(raw.heard())} INVITE\nContact: <sip:{host}>\n{headers}Content-Length: 0\n\n"
    )
    raw.centre.run(0.5)


def statuses(raw):
    return [m.status for m in raw.heard() if not m.is_request]


def test_a_trunk_with_a_name_is_called_from_every_address_the_name_leads_to(centre, servers):
    connect(centre, registers_with=False)
    for server in servers:
        invite_from(server, "1501")
        assert 180 in statuses(server)
    stranger = Raw(centre, "10.0.2.3")
    invite_from(stranger, "1501")
    assert statuses(stranger) == [403]
    assert {flow.call.parties[0].number for flow in centre.switch.calls.values()} == {"+4930555"}
    # The name leads elsewhere after a while.
    centre.names.address("s2.carrier.example", "10.0.2.3", ttl=3600)
    centre.run(3700)
    invite_from(stranger, "1501")
    assert 180 in statuses(stranger)
    moved = Raw(centre, "10.0.2.2")
    invite_from(moved, "1501", from_="+4930556@elsewhere.example")
    assert statuses(moved)[-1] == 403


def test_a_name_that_cannot_be_looked_up_any_more_keeps_its_addresses(centre, servers):
    connect(centre, registers_with=False)
    centre.names.down = True
    centre.run(9000)
    invite_from(servers[1], "1501")
    assert 180 in statuses(servers[1])


def digest(challenge, uri, password):
    """An answer of the user "carrier" (RFC 2617 section 3.2.2)."""

    def md5(*parts):
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    nonce = re.search(r'nonce="([^"]*)"', challenge)[1]
    secret = md5("carrier", "centre.example", password)
    response = md5(secret, nonce, "00000001", "c", "auth", md5("INVITE", uri))
    return (
        f'Digest username="carrier", realm="centre.example", nonce="{nonce}", uri="{uri}", response="{response}", '
        'qop=auth, nc=00000001, cnonce="c", algorithm=MD5'
    )


def test_a_carrier_from_anywhere_proves_itself_with_the_number_and_password_of_the_trunk(centre):
    ha1 = _core.digest_ha1("carrier", "centre.example", "secret", "MD5")
    connect(
        centre,
        contact="sip:10.0.2.1",
        registers_with=False,
        ha1=(("MD5", ha1),),
        authenticate=("INVITE",),
    )
    carrier = Raw(centre, "10.0.2.77")
    invite_from(carrier, "1501")
    challenge = carrier.heard()[-1]
    assert challenge.status == 401
    for password, status in (("wrong", 403), ("secret", 180)):
        credentials = digest(challenge.header("WWW-Authenticate"), "sip:1501@10.0.0.1", password)
        invite_from(carrier, "1501", headers=f"Authorization: {credentials}\n")
        assert status in statuses(carrier)
    centre.switch.unconfigure("carrier")
