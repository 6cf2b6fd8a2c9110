"""Trunks whose other end others wrote: sipp for each failure, Kamailio in between, and a carrier with digest."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from interop_setup import MakeServer
from interop_table import Table

from cordboard.model.enums import CallType
from cordboard.model.events import EventNetworkReached, EventRinging
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, StrangerError
from cordboard.testkit.strangers.ears import Ears
from cordboard.testkit.strangers.kamailio import TRUNK, Kamailio
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.scenario import Scenario
from cordboard.testkit.strangers.sipp import Sipp
from cordboard.testkit.strangers.tshark import Capture

pytestmark = pytest.mark.strangers("sipp", "tshark")


def trunk(number: str, port: int, **options: object) -> Extension:
    settings = {"prefix": "9", "replace-prefix": "", "trunk-addresses": [f"127.0.0.1:{port}"]} | options
    return Extension(number, contact=f"sip:127.0.0.1:{port}", type="Trunk", options=settings)  # type: ignore[arg-type]


def caller(number: str = "94930") -> Scenario:
    steps = Scenario("caller", user="1501").invite(number).receive(180).receive(200).ack()
    return steps.pause(200).bye().receive(200)


def called(name: str = "called") -> Scenario:
    return Scenario(name, user=name).await_invite().reply(180).reply(200).await_ack().await_bye().reply(200)


@pytest.fixture
def two_trunks(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> Table:
    """1501 calls out; first and second are trunks with the same prefix."""
    ports = {name: free_ports() for name in ("1501", "first", "second")}
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{ports['1501']}"),
        trunk("first", ports["first"], priority=1, **{"sip-invite-timeout": 1}),
        trunk("second", ports["second"], priority=2),
    )
    return Table(server, tmp_path, stack, ports)


@pytest.mark.parametrize("status", [500, 503, 604])
def test_the_next_trunk_takes_the_call(two_trunks: Table, status: int) -> None:
    desktop = two_trunks.desktop("1501")
    refusing = Scenario("first", user="first").await_invite().reply(status).await_ack()
    two_trunks.play(refusing, called("second"), caller())
    desktop.wait(EventNetworkReached, "1501")


def test_a_dead_trunk_costs_its_timeout_alone(two_trunks: Table) -> None:
    two_trunks.play(called("second"), caller())


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_ports() for name in ("1501", "carrier", "second", "proxy")}


def proxied(make_server: MakeServer, ports: dict[str, int]) -> Server:
    """1501 calls out by a trunk through the proxy, or else by a second trunk."""
    return make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{ports['1501']}"),
        trunk("carrier", ports["proxy"], priority=1, **{"sip-invite-timeout": 1, "oos-check": 1, "oos-force": 2}),
        trunk("second", ports["second"], priority=2),
    )


def proxy(server: Server, ports: dict[str, int], folder: Path, refuses: int = 0) -> Kamailio:
    return Kamailio(
        TRUNK, folder, port=ports["proxy"], server=server.port, phone=ports["carrier"], refuses=refuses, timeout=800
    )


@pytest.mark.strangers("kamailio")
def test_out_and_in_through_a_proxy_of_the_carrier(
    make_server: MakeServer, ports: dict[str, int], tmp_path: Path, stack: ExitStack
) -> None:
    """Kamailio record-routes: ACK and BYE go through it as well."""
    server = proxied(make_server, ports)
    through = stack.enter_context(proxy(server, ports, tmp_path / "proxy"))
    table = Table(server, tmp_path, stack, ports)
    desktop = table.desktop("1501", "carrier")
    table.play(called("carrier"), caller())
    desktop.wait(EventNetworkReached, "1501")
    table.start(called("1501"))
    inward = Scenario("carrier", user="+4930").invite("1501").receive(180).receive(200).ack().bye().receive(200)
    with Sipp(inward, tmp_path / "inward", server=("127.0.0.1", through.port), port=ports["carrier"]) as party:
        party.passed()
    ringing = desktop.wait(EventRinging, "1501")
    assert (ringing.call_type, ringing.other_dn) == (CallType.INBOUND, "+4930")


@pytest.mark.strangers("kamailio")
@pytest.mark.parametrize("how", ["answers 503", "has no carrier", "is dead"])
def test_a_proxy_that_fails_is_followed_by_the_next_trunk(
    make_server: MakeServer, ports: dict[str, int], tmp_path: Path, stack: ExitStack, how: str
) -> None:
    server = proxied(make_server, ports)
    if how != "is dead":
        stack.enter_context(proxy(server, ports, tmp_path / "proxy", refuses=503 if how == "answers 503" else 0))
    Table(server, tmp_path, stack, ports).play(called("second"), caller())


def test_registered_with_a_second_cordboard(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    ports = {"1501": free_ports(), "4930": free_ports()}
    carrier = stack.enter_context(
        Server(
            tmp_path / "carrier",
            [
                Extension("acme", password="open-sesame"),
                Extension("4930", contact=f"sip:4930@127.0.0.1:{ports['4930']}"),
            ],
        )
    )
    options = {"trunk-user": "acme", "trunk-password": "open-sesame", "trunk-register": True}
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{ports['1501']}"),
        trunk("carrier", carrier.port, **options),
    )
    with carrier.desktop("acme") as watching:
        wait_until(
            lambda: watching.call(lambda link: link.query_address("acme")).extensions["in-service"],
            10,
            failed=lambda: StrangerError("cordboard", "did not register"),
        )
    table = Table(server, tmp_path, stack, ports)
    waiting = Scenario("4930", user="4930").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200)
    table.play(waiting, caller())


@dataclass(frozen=True)
class Neighbours:
    """Two servers, each the other's carrier: Ann at one, Bob and Cyd at the other, and what all of them hear."""

    north: Server
    south: Server
    ann: Baresip
    bob: Baresip
    cyd: Baresip
    ears: Ears

    def call(self, one: Baresip, two: Baresip) -> None:
        """One calls two beyond the trunk, who answers."""
        one.dial("9" + two.account.user)
        two.wait_incoming()
        two.answer()
        one.wait_established()
        two.wait_established()

    def over(self) -> None:
        """Nothing is left on either side."""
        for server in (self.north, self.south):
            wait_until(
                lambda server=server: not server.metrics()["cordboard_calls_active"],  # type: ignore[misc]
                20,
                failed=lambda server=server: server.program.error("is left with calls"),  # type: ignore[misc]
            )


@pytest.fixture
def neighbours(tmp_path: Path, stack: ExitStack) -> Neighbours:
    """Each registers with the other and proves itself for each call: neither knows the other by its address."""
    sip = {name: free_ports() for name in ("north", "south")}
    voices = {"ann": ("1501", "north", 450.0), "bob": ("1502", "south", 700.0), "cyd": ("1503", "south", 1000.0)}
    servers = {}
    for name, other in (("north", "south"), ("south", "north")):
        people = [Extension(number, password="open-sesame") for number, home, _ in voices.values() if home == name]
        account = {"trunk-user": name, "trunk-password": "open-sesame", "trunk-register": True}
        to = trunk(f"to-{other}", sip[other], **account, **{"trunk-addresses": ["192.0.2.1"]})
        members = [*people, to, Extension(other, password="open-sesame")]
        servers[name] = stack.enter_context(Server(tmp_path / name, members, port=sip[name]))
    phones = {
        name: stack.enter_context(
            Baresip(Account(number, server=servers[home].sip, password="open-sesame"), tmp_path / name, hertz=hertz)
        )
        for name, (number, home, hertz) in voices.items()
    }
    media = [phone.rtp_ports for phone in phones.values()]
    capture = stack.enter_context(Capture(tmp_path / "capture", list(sip.values()), media=media))
    for phone in phones.values():
        phone.wait_registered()
    for name, other in (("north", "south"), ("south", "north")):
        with servers[name].desktop(other) as watching:
            wait_until(
                lambda watching=watching, other=other: watching.call(  # type: ignore[misc]
                    lambda link: link.query_address(other)
                ).extensions["in-service"],
                20,
                failed=lambda other=other: StrangerError(other, "did not register"),  # type: ignore[misc]
            )
    return Neighbours(**servers, **phones, ears=Ears(capture, phones))


@pytest.mark.strangers("baresip")
def test_two_cordboards_call_each_other_hold_and_transfer(neighbours: Neighbours) -> None:
    here = neighbours
    for one, two in ((here.ann, here.bob), (here.bob, here.ann)):
        here.call(one, two)
        here.ears.settle({"ann": "bob", "bob": "ann"})
        two.hold()
        here.ears.settle({"ann": None, "bob": None})
        two.resume()
        here.ears.settle({"ann": "bob", "bob": "ann"})
        if one is here.ann:
            two.hang_up()
            one.wait_ended()
            two.wait_ended()
    # Bob called Ann, beyond the trunk; he sends her on to Cyd, who sits beside him.
    here.bob.transfer("1503")
    here.cyd.wait_incoming()
    here.cyd.answer()
    here.ears.settle({"ann": "cyd", "bob": None, "cyd": "ann"})
    here.cyd.hang_up()
    here.ann.wait_ended()
    here.over()
