"""A real SIP Server in a process of its own, on free ports, with a centre in a temporary folder."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cordboard.testkit.live import centre
from cordboard.testkit.live.centre import Extension, Value
from cordboard.testkit.live.desktop import Desktop
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, wait_until

START_SECONDS = 30.0
STOP_SECONDS = 20.0
COMMAND = Path(sys.executable).parent / "cordboard"


class Server:
    """``cordboard up`` for a test. A context manager: leaving it stops the process."""

    def __init__(
        self,
        folder: Path,
        extensions: Sequence[Extension],
        *,
        ipv6: bool = False,
        tls: bool = False,
        application: Mapping[str, Value] | None = None,
        switch: Mapping[str, Value] | None = None,
        database: str = "",
        port: int = 0,
    ) -> None:
        """Starts it; returns when it takes calls. Raises StrangerError when it does not.

        ``tls``: it also listens on TLS, with certificates of its own making. ``database``: URL of a database into which
        the centre is imported and that is served from then on, in place of the file. ``port``: that of SIP; 0 for any.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.tls_port = free_ports() if tls else 0
        if tls:
            hosts = ["--host", "127.0.0.1", "--host", "::1"]
            command = [str(COMMAND), "--state", str(folder / "data"), "tls", "init", *hosts]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own program
        self.port = port or (free_ports(1, "127.0.0.1", "::1") if ipv6 else free_ports())
        self.host = "127.0.0.1"
        self.ipv6 = ipv6
        self.tlib_port = free_ports()
        self.http_port = free_ports()
        self.extensions = {extension.number: extension for extension in extensions}
        self._application = dict(application or {})
        self._switch = dict(switch or {})
        self.config = folder / "centre.toml"
        self._environment = {"CORDBOARD_DATABASE": database, "CORDBOARD_STATE": str(folder / "data")}
        self._stored = bool(database)
        self._program: Program | None = None
        self._starts = 0
        self.write_centre()
        if self._stored:
            self.command("config", "import", str(self.config))
        self.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes SIP over IPv4."""
        return self.host, self.port

    @property
    def address6(self) -> tuple[str, int]:
        """Where it takes SIP over IPv6; only with ``ipv6``."""
        return "::1", self.port

    @property
    def sip(self) -> str:
        """``host:port``, as a phone's registrar."""
        return f"{self.host}:{self.port}"

    @property
    def tls(self) -> str:
        """``host:port`` of TLS, as a phone's registrar; only with ``tls``."""
        return f"{self.host}:{self.tls_port}"

    @property
    def ca(self) -> Path:
        """The authority phones are to be given; only with ``tls``."""
        return self.folder / "data" / "tls" / "ca.pem"

    @property
    def program(self) -> Program:
        """The running process."""
        if self._program is None:
            raise RuntimeError("the server is stopped")
        return self._program

    def write_centre(self, extensions: Sequence[Extension] | None = None) -> None:
        """Writes the centre's file, with other extensions when given."""
        if extensions is not None:
            self.extensions = {extension.number: extension for extension in extensions}
        listen = [f"udp:127.0.0.1:{self.port}", f"tcp:127.0.0.1:{self.port}"]
        listen += [f"udp:[::1]:{self.port}", f"tcp:[::1]:{self.port}"] if self.ipv6 else []
        listen += [f"tls:127.0.0.1:{self.tls_port}", f"tls:[::1]:{self.tls_port}"] if self.tls_port else []
        self.config.write_text(
            centre.toml(
                self.extensions.values(),
                sip_listen=listen,
                tlib_port=self.tlib_port,
                http_port=self.http_port,
                application={"log-level": "debug", "log-format": "text", **self._application},
                switch=self._switch,
            )
        )

    def command(self, *arguments: str) -> str:
        """What ``cordboard ...`` prints for this server. Raises CalledProcessError when it fails."""
        environment = {**os.environ, **self._environment}
        command = [str(COMMAND), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
        return done.stdout

    def start(self) -> None:
        """Starts it, again after ``kill`` or ``stop``."""
        self._starts += 1
        run = self.folder / f"run-{self._starts}"
        run.mkdir()
        source = [] if self._stored else ["--config", str(self.config)]
        arguments = [str(COMMAND), "up", *source, "--data", str(self.folder / "data")]
        program = Program("cordboard", arguments, run, environment=self._environment)
        self._program = program
        try:
            wait_until(
                lambda: self._is_ready() or program.exit_code is not None,
                START_SECONDS,
                failed=lambda: program.error("is not ready"),
            )
        except BaseException:
            program.close()
            raise
        if program.exit_code is not None:
            program.close()
            raise program.error(f"ended at once, exit code {program.exit_code}")

    def kill(self) -> None:
        """Ends it by SIGKILL: nothing is written, nobody is told."""
        self.program.signal(signal.SIGKILL)
        self.program.wait(5)
        self.program.close()
        self._program = None

    def reload(self) -> None:
        """Has it read configuration and certificates again; what came of it is in the log and the metrics."""
        self.program.signal(signal.SIGHUP)

    def stop(self) -> int:
        """Stops it in good order; returns the exit code."""
        self.program.signal(signal.SIGTERM)
        code = self.program.wait(STOP_SECONDS)
        self.program.close()
        self._program = None
        return code

    def desktop(self, *dns: str) -> Desktop:
        """A desktop registered for DNs."""
        return Desktop(
            f"ws://127.0.0.1:{self.tlib_port}/tlib",
            user=centre.ADMINISTRATOR,
            password=centre.ADMINISTRATOR_PASSWORD,
            dns=dns or tuple(self.extensions),
        )

    def metrics(self) -> dict[str, float]:
        """The Prometheus samples, by name with labels."""
        samples = {}
        for line in self._get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def log(self) -> str:
        """What it logged since the last start."""
        return self.program.output()

    def close(self) -> None:
        """Ends the process."""
        if self._program is not None:
            self._program.close()
            self._program = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_ready(self) -> bool:
        try:
            return self._get("/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def sip_answers(address: tuple[str, int], *, seconds: float = 2.0) -> str:
    """The first line of the answer to an OPTIONS sent by hand; empty when none comes in time."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.bind((host, 0))
        client.settimeout(seconds)
        here = client.getsockname()[1]
        literal = f"[{host}]" if ":" in host else host
        unique = time.monotonic_ns()
        client.sendto(
            (
                f"OPTIONS sip:{literal}:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {literal}:{here};rport;branch=z9hG4bK{unique}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:probe@{literal}>;tag=p\r\nTo: <sip:{literal}:{port}>\r\n"
                f"Call-ID: probe-{unique}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            (host, port),
        )
        try:
            return client.recv(65535).split(b"\r\n", 1)[0].decode(errors="replace")
        except TimeoutError:
            return ""
