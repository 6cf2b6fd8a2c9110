"""Calls between phones that speak IPv4 and phones that speak IPv6, both ways; neither sees the other's signalling."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer

from cordboard.model.events import EventEstablished, EventReleased
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers import Account, Baresip
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.scenario import SDP, Scenario
from cordboard.testkit.strangers.sipp import Sipp

pytestmark = pytest.mark.strangers("sipp")

HOSTS = {4: "127.0.0.1", 6: "::1"}


def literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Sides:
    """1504 speaks IPv4 and 1506 IPv6, from fixed addresses, over the same transport."""

    def __init__(self, make_server: MakeServer, folder: Path, stack: ExitStack, transport: str) -> None:
        self.folder = folder
        self.stack = stack
        self.transport = transport
        self.ports = {family: free_ports(1, host) for family, host in HOSTS.items()}
        suffix = ";transport=tcp" if transport == "tcp" else ""
        contacts = {
            family: f"sip:150{family}@{literal(HOSTS[family])}:{self.ports[family]}{suffix}" for family in HOSTS
        }
        people = [Extension(f"150{family}", contact=contact) for family, contact in contacts.items()]
        self.server = make_server(*people, ipv6=True)

    def start(self, scenario: Scenario) -> Sipp:
        """One of them begins to play; ``scenario.user`` says who."""
        family = int(scenario.user[-1])
        address = self.server.address if family == 4 else self.server.address6
        folder = self.folder / scenario.name
        return self.stack.enter_context(
            Sipp(scenario, folder, server=address, port=self.ports[family], transport=self.transport)
        )


@pytest.fixture(params=["udp", "tcp"])
def sides(request: pytest.FixtureRequest, make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> Sides:
    return Sides(make_server, tmp_path, stack, request.param)


def received(party: Sipp) -> Iterator[str]:
    """What reached a party, without SDP: media still go from phone to phone."""
    for block in re.split(r"^-{20,}.*$", party.messages(), flags=re.MULTILINE):
        what, _, message = block.strip().partition("\n\n")
        if "received" in what.splitlines()[0] if what else False:
            yield message.replace("\r", "").split("\n\n", 1)[0]


def unique(party: Sipp) -> set[str]:
    """Call-ID, tags and branches of a party's leg."""
    found = set()
    for message in received(party):
        found.update(re.findall(r"(?:branch|tag)=([^;>\s]+)", message))
        found.update(re.findall(r"^Call-ID: *(\S+)", message, re.MULTILINE))
    return found


@pytest.mark.parametrize("caller", [4, 6])
def test_a_call_crosses_and_each_side_sees_its_own_family_alone(sides: Sides, caller: int) -> None:
    called = 10 - caller
    steps = Scenario("callee", user=f"150{called}").await_invite().reply(180).reply(200).await_ack().await_bye()
    callee = sides.start(steps.reply(200))
    steps = Scenario("caller", user=f"150{caller}").invite(f"150{called}").receive(180).receive(200).ack()
    party = sides.start(steps.pause(100).bye().receive(200))
    callee.passed()
    party.passed()
    legs = {caller: party, called: callee}
    for family, other in ((4, 6), (6, 4)):
        messages = list(received(legs[family]))
        assert len(messages) >= 3
        strange = unique(legs[other]) | {HOSTS[other], f":{sides.ports[other]}"}
        assert [(word, message) for word in strange for message in messages if word in message] == []


@pytest.mark.parametrize("caller", [4, 6])
def test_a_refusal_and_a_cancel_cross_too(sides: Sides, caller: int) -> None:
    called = 10 - caller
    callee = sides.start(Scenario("busy", user=f"150{called}").await_invite().reply(486).await_ack())
    sides.start(Scenario("refused", user=f"150{caller}").invite(f"150{called}").receive(486).ack_failure()).passed()
    callee.passed()
    callee = sides.start(Scenario("rings", user=f"150{called}").await_invite().reply(180).await_cancel())
    steps = Scenario("gives-up", user=f"150{caller}").invite(f"150{called}").receive(180)
    sides.start(steps.cancel().receive(200).receive(487).ack_failure()).passed()
    callee.passed()


@pytest.mark.strangers("baresip")
@pytest.mark.parametrize("caller", ["baresip", "sipp"])
def test_a_baresip_on_ipv6_and_a_phone_on_ipv4(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack, caller: str
) -> None:
    port = free_ports()
    server = make_server(
        Extension("1504", contact=f"sip:1504@127.0.0.1:{port}"), Extension("1506", password=PASSWORD), ipv6=True
    )
    account = Account("1506", server=f"[::1]:{server.port}", password=PASSWORD)
    phone = stack.enter_context(Baresip(account, tmp_path / "baresip", host="::1"))
    desktop = stack.enter_context(server.desktop("1504", "1506"))
    phone.wait_registered()
    if caller == "baresip":
        steps = Scenario("callee", user="1504").await_invite().reply(180).reply(200).await_ack()
        party = stack.enter_context(
            Sipp(steps.await_bye().reply(200), tmp_path / "sipp", server=server.address, port=port)
        )
        phone.dial("1504")
        phone.wait_established()
        desktop.wait(EventEstablished, "1506", other_dn="1504")
        phone.hang_up()
    else:
        # baresip refuses an offer of IPv4 media, as RFC 3264 lets it: this phone has both, and offers IPv6.
        steps = Scenario("caller", user="1504", offer=SDP.replace("[media_ip_type] [media_ip]", "6 ::1"))
        steps.invite("1506").receive(180).receive(200).ack()
        party = stack.enter_context(
            Sipp(steps.pause(200).bye().receive(200), tmp_path / "sipp", server=server.address, port=port)
        )
        phone.wait_incoming()
        phone.answer()
        phone.wait_established()
        phone.wait_ended()
    party.passed()
    desktop.wait(EventReleased, "1506")
