"""The peers: servers of others that do the same work, where they are installed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness.load import PHONE_PORT
from bench.harness.measure import SERVER_CORE, family, pin
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, wait_until

PEERS = Path(__file__).resolve().parent.parent / "peers"


@dataclass(frozen=True, slots=True)
class Running:
    """A server under load."""

    name: str
    pid: int
    address: str
    """host:port."""


def installed() -> list[str]:
    """The peers on this machine."""
    return [name for name, program in (("kamailio", "kamailio"), ("floor", "cc")) if shutil.which(program)]


def does(peer: str, figure: str) -> bool:
    """Whether a peer can be measured for a figure."""
    if figure.endswith("-tls") or figure == "transfer":
        return False
    return figure == "register" if peer == "floor" else True


@contextmanager
def start(peer: str, figure: str) -> Iterator[Running]:
    """Starts a peer set up for a figure, pinned to the server's core."""
    port = free_ports()
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as name:
        folder = Path(name)
        if peer == "kamailio":
            # The fast allocator: Debian's default keeps debugging marks and costs three to five times as much.
            arguments = ["kamailio", "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "512", "-M", "16"]
            arguments += ["-l", f"udp:127.0.0.1:{port}", "-w", name, "-Y", name, "-P", str(folder / "pid")]
            if figure == "call":
                arguments += ["-A", f'PHONE="sip:127.0.0.1:{PHONE_PORT}"', "-f", str(PEERS / "kamailio/proxy.cfg")]
            else:
                arguments += ["-A", "WITH_DIGEST"] if figure == "register-digest" else []
                arguments += ["-f", str(PEERS / "kamailio/registrar.cfg")]
        else:
            arguments = [str(_build_floor(folder)), str(port)]
        with Program(peer, arguments, folder) as program:
            wait_until(
                lambda: f":{port:04X} " in Path("/proc/net/udp").read_text() or program.exit_code is not None,
                10,
                failed=lambda: program.error("does not listen"),
            )
            if program.exit_code is not None:
                raise program.error(f"ended at once, exit code {program.exit_code}")
            pin(family(program.pid), SERVER_CORE)
            yield Running(peer, program.pid, f"127.0.0.1:{port}")


def _build_floor(folder: Path) -> Path:
    target = folder / "floor"
    with Program("cc", ["cc", "-O2", "-o", str(target), str(PEERS / "floor/floor.c")], folder) as compiler:
        if compiler.wait(60) != 0:
            raise compiler.error("cannot build the floor")
    return target
