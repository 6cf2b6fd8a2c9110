"""tshark as the judge of every packet: captures on the loopback interface and lists what Wireshark finds wrong."""

import csv
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, StrangerError, find, wait_until

SEVERITY_WARNING = 0x600000
"""Wireshark's expert severities: chat 2, note 4, warning 6, error 8, each followed by five zero digits."""
_SECONDS = 15.0
_OVERLAP = 4096
"""Bytes before the end of the file from which a mark is looked for."""
_FIELDS = ("frame.number", "udp.srcport", "tcp.srcport", "_ws.col.Info", "_ws.expert.message", "_ws.malformed")


@dataclass(frozen=True, slots=True)
class Finding:
    """One packet that Wireshark complains about."""

    frame: int
    source_port: int
    summary: str
    complaint: str


class Capture:
    """A running capture of the traffic of some ports. A context manager: leaving it ends the capture."""

    def __init__(
        self, folder: Path, ports: Sequence[int], *, media: Sequence[range] = (), interface: str = "lo"
    ) -> None:
        """Starts it; packets sent after this returns are captured.

        ``ports``: of SIP; ``media``: phones' ports for RTP. Raises MissingProgramError, StrangerError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "capture.pcapng"
        self._ports = tuple(ports)
        self.marker = free_ports()
        """The port to which marks are sent."""
        self._marks = 0
        wanted = " or ".join(
            [f"port {port}" for port in (*self._ports, self.marker)]
            + [f"portrange {ports.start}-{ports.stop - 1}" for ports in media]
        )
        arguments = ["tshark", "-i", interface, "-q", "-s", "0", "-w", str(self.file), "-f", wanted]
        self.program = Program("tshark", arguments, folder)
        self._stopped = False
        try:
            self.mark()
        except StrangerError:
            self.program.close()
            raise

    def stop(self) -> None:
        """Ends the capture when all that was sent before has been written."""
        if self._stopped:
            return
        self.mark()
        self._stopped = True
        self.program.signal(signal.SIGINT)
        self.program.wait(_SECONDS)

    def count(self, display_filter: str = "sip") -> int:
        """How many packets match a display filter. Stops the capture."""
        return len(self._read(display_filter, ("frame.number",)))

    def findings(self, *, source_ports: Sequence[int] | None = None) -> list[Finding]:
        """What is wrong with SIP and SDP: malformed packets, warnings, errors. Stops the capture.

        ``source_ports``: only packets sent from these ports; None for all.
        """
        wrong = f"(sip || sdp) && (_ws.malformed || _ws.expert.severity >= {SEVERITY_WARNING})"
        found = []
        for row in self._read(wrong, _FIELDS):
            number, udp, tcp, summary, complaint, malformed = row
            source = int(udp or tcp or 0)
            if source_ports is None or source in source_ports:
                found.append(Finding(int(number), source, summary, complaint or malformed))
        return found

    def assert_clean(self, *, source_ports: Sequence[int] | None = None, at_least: int = 2) -> None:
        """No finding, and at least that many SIP messages seen. Raises StrangerError."""
        seen = self.count("sip")
        if seen < at_least:
            raise StrangerError("tshark", f"saw {seen} SIP messages, expected {at_least} or more")
        findings = self.findings(source_ports=source_ports)
        if findings:
            raise StrangerError("tshark", "complains", "\n".join(str(finding) for finding in findings))

    def sent_to(self, port: int) -> Path:
        """The packets sent to a UDP port, in a file of their own, as sipp plays them. Stops the capture."""
        kept = self.file.with_name(f"to-{port}.pcap")
        self._tshark("-Y", f"udp.dstport == {port}", "-F", "pcap", "-w", str(kept))
        return kept

    def mark(self) -> None:
        """Sends marked packets until one is in the file: the capture runs, and all that came before is written."""
        self._marks += 1
        mark = f"cordboard capture mark {self._marks} of {self.marker}".encode()
        start = max(0, self.file.stat().st_size - _OVERLAP) if self.file.exists() else 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def written() -> bool:
                sender.sendto(mark, ("127.0.0.1", self.marker))
                if not self.file.exists():
                    return False
                with self.file.open("rb") as file:
                    file.seek(start)
                    return mark in file.read()

            wait_until(written, _SECONDS, failed=lambda: self.program.error("does not capture"))

    def close(self) -> None:
        """Ends the capture at once."""
        self.program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, display_filter: str, fields: Sequence[str]) -> list[list[str]]:
        options = ["-Y", display_filter, "-T", "fields", "-E", "quote=d"]
        for port in self._ports:
            options += ["-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"]
        for field in fields:
            options += ["-e", field]
        return list(csv.reader(self._tshark(*options, "-E", "separator=,").splitlines()))

    def _tshark(self, *options: str) -> str:
        """What it says of the whole capture."""
        self.stop()
        result = subprocess.run(  # noqa: S603 - the arguments are the test kit's own
            [find("tshark"), "-r", str(self.file), *options], capture_output=True, text=True, timeout=60, check=False
        )
        if result.returncode != 0:
            raise StrangerError("tshark", f"cannot read {self.file.name}", result.stderr)
        return result.stdout
