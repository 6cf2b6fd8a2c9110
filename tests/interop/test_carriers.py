"""Trunks whose other end others wrote: sipp for each failure, Kamailio in between, and a carrier with digest."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import MakeServer
from interop_table import Table

from cordboard.model.events import EventNetworkReached
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, StrangerError, find, wait_until
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("sipp", "tshark")

PROXY = """#!KAMAILIO
debug=0
log_stderror=yes
fork=no
children=1
disable_tcp=yes
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {{
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); }}
        exit;
    }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    record_route();
    $du = "sip:127.0.0.1:{phone}";
    t_relay();
}}
"""


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


@pytest.mark.strangers("kamailio")
def test_through_a_proxy_of_the_carrier(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    """Kamailio record-routes: ACK and BYE go through it as well."""
    find("kamailio")
    ports = {"1501": free_ports(), "called": free_ports()}
    proxy = free_ports()
    config = tmp_path / "proxy.cfg"
    config.write_text(PROXY.format(port=proxy, phone=ports["called"]))
    arguments = [
        find("kamailio"),
        "-f",
        str(config),
        "-DD",
        "-E",
        "-m",
        "64",
        "-M",
        "8",
        "-w",
        str(tmp_path),
        "-Y",
        str(tmp_path),
    ]
    program = stack.enter_context(Program("kamailio", arguments, tmp_path / "kamailio"))
    wait_until(
        lambda: f":{proxy:04X} " in Path("/proc/net/udp").read_text() or program.exit_code is not None,
        10,
        failed=lambda: program.error("does not listen"),
    )
    server = make_server(
        Extension("1501", contact=f"sip:1501@127.0.0.1:{ports['1501']}"),
        trunk("carrier", proxy, **{"oos-check": 1, "oos-force": 2}),
    )
    desktop = stack.enter_context(server.desktop("1501", "carrier"))
    Table(server, tmp_path, stack, ports).play(called(), caller())
    desktop.wait(EventNetworkReached, "1501")


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
