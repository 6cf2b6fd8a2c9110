"""Our own server under load, with the centre that each figure needs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness.load import CALLER_PORT, PASSWORD, PHONE_PORT, TARGET_PORT, USERS
from bench.harness.measure import SERVER_CORE, family, pin
from bench.harness.peers import Running
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server

DNS_OF = {
    "call": ("caller", "1000"),
    "call-tls": ("caller", "1000"),
    "transfer": ("caller", "1000", "1001"),
}
"""The DNs of the figures that are made of calls."""


@contextmanager
def start(figure: str) -> Iterator[tuple[Running, Server]]:
    """Starts it with call records and logs as installed by default, pinned to the server's core."""
    if figure == "call-tls":
        extensions = [Extension(number, options={"max-calls": 0}) for number in DNS_OF[figure]]
    elif figure in DNS_OF:
        ports = {"caller": CALLER_PORT, "1000": PHONE_PORT, "1001": TARGET_PORT}
        extensions = [
            Extension(number, contact=f"sip:{number}@127.0.0.1:{ports[number]}", options={"max-calls": 0})
            for number in DNS_OF[figure]
        ]
    else:
        password = PASSWORD if figure == "register-digest" else ""
        extensions = [Extension(f"u{n:04d}", password=password) for n in range(USERS)]
    with (
        tempfile.TemporaryDirectory(prefix="bench-ours-") as name,
        Server(
            Path(name) / "server",
            extensions,
            tls=figure.endswith("-tls"),
            application={"log-level": "info", "log-format": "json"},
        ) as server,
    ):
        pid = server.program.pid
        pin(family(pid), SERVER_CORE)
        yield Running("cordboard", pid, f"127.0.0.1:{server.port}"), server
