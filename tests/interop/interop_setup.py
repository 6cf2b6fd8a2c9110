"""How a table is laid."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from interop_table import Table

from cordboard.testkit.live.centre import Extension, Value
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers.ports import free_ports, port_range
from cordboard.testkit.strangers.scenario import Scenario

MakeServer = Callable[..., Server]
PASSWORD = "open-sesame-17"


def make_table(
    make_server: MakeServer,
    folder: Path,
    stack: ExitStack,
    *,
    transport: str = "udp",
    ipv6: bool = False,
    options: dict[str, Value] | None = None,
    **settings: object,
) -> Table:
    """A server with three phones at fixed addresses."""
    host = "::1" if ipv6 else "127.0.0.1"
    literal = "[::1]" if ipv6 else host
    suffix = ";transport=tcp" if transport == "tcp" else ""
    ports = {number: free_ports(1, host) for number in ("1501", "1502", "1503")}
    names = {"1501": "Ann Lee", "1502": "Bob Ray", "1503": "Cyd Fox"}
    server = make_server(
        *(
            Extension(
                number,
                contact=f"sip:{number}@{literal}:{port}{suffix}",
                name=names[number],
                options=options or {},
            )
            for number, port in ports.items()
        ),
        ipv6=ipv6,
        **settings,
    )
    return Table(server, folder, stack, ports, transport=transport, ipv6=ipv6)


def media_within(*addresses: str, port: int = 0, **options: Value) -> tuple[Extension, dict[str, Value]]:
    """A Media Server within a server, on ports of its own: the DN of the service, and what the server is told of it.

    ``addresses``: where phones reach it, 127.0.0.1 unless given. ``port``: of its SIP, any unless given. ``options``:
    more of the DN's, with ``_`` for ``-``.
    """
    port = port or free_ports()
    first, last = port_range(64)
    more = {name.replace("_", "-"): value for name, value in options.items()}
    service = Extension(
        "media",
        contact=f"sip:127.0.0.1:{port}",
        type="Voice over IP Service",
        options={"service-type": "msml", "sip-invite-timeout": 5} | more,
    )
    return service, {
        "media-listen": [f"udp:127.0.0.1:{port}"],
        "media-addresses": list(addresses or ("127.0.0.1",)),
        "media-first-port": first,
        "media-last-port": last,
    }


def register(table: Table, user: str, port: int, *, password: str = PASSWORD, expires: int = 3600) -> None:
    """A phone of sipp registers from the port at which it will then wait for calls."""
    scenario = Scenario(f"register-{user}", user=user).register(expires=expires)
    if password:
        scenario.challenged().register(expires=expires, authorized=True)
    scenario.receive(200)
    table.start(scenario, port=port, password=password).passed()
