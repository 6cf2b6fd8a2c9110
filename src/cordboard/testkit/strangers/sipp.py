"""sipp as one party or many: plays a scenario and is graded by its exit code, its statistics and its error file."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cordboard.testkit.strangers.ports import free_ports, is_bound
from cordboard.testkit.strangers.program import Program, StrangerError, wait_until
from cordboard.testkit.strangers.scenario import Scenario

_TRANSPORTS = {"udp": "u1", "tcp": "t1"}


@dataclass(frozen=True, slots=True)
class Grade:
    """What a party did."""

    successful: int
    """Calls that went by the scenario from the first step to the last."""
    failed: int
    unexpected: int
    """Calls failed by a message that the scenario does not expect."""
    retransmitted: int
    exit_code: int

    @property
    def good(self) -> bool:
        """Every call went by the scenario, and there was one."""
        return self.exit_code == 0 and self.failed == 0 and self.unexpected == 0 and self.successful > 0


class Sipp:
    """One running sipp. A context manager: leaving it ends the process."""

    def __init__(
        self,
        scenario: Scenario | Path,
        folder: Path,
        *,
        server: tuple[str, int],
        port: int | None = None,
        calls: int = 1,
        rate: float = 10,
        at_once: int | None = None,
        user: str = "",
        password: str = "",
        transport: str = "udp",
        seconds: float = 15,
        extra: Sequence[str] = (),
        trace: bool = True,
    ) -> None:
        """Starts it; a party that waits for calls is ready when this returns.

        ``port``: its own, None for any. ``user`` and ``password``: for challenges. ``seconds``: after which everything
        unfinished has failed. ``trace``: keep every message in ``folder/messages``.
        Raises MissingProgramError, StrangerError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        host, remote_port = server
        self.host = host
        local = "::1" if ":" in host else "127.0.0.1"
        self.port = free_ports(1, local) if port is None else port
        self.seconds = seconds
        self._folder = folder
        self._statistics = folder / "statistics.csv"
        self._errors = folder / "errors"
        if isinstance(scenario, Scenario):
            path = folder / f"{scenario.name}.xml"
            path.write_text(scenario.xml())
            user = user or scenario.user
            waits = scenario.xml().find("<recv") < scenario.xml().find("<send") if "<send" in scenario.xml() else True
        else:
            path, waits = scenario, False
        arguments = ["sipp", f"[{host}]:{remote_port}" if ":" in host else f"{host}:{remote_port}"]
        arguments += ["-sf", str(path), "-i", local, "-p", str(self.port), "-t", _TRANSPORTS[transport]]
        arguments += ["-m", str(calls), "-r", f"{rate:g}", "-nostdin", "-nd" if waits else "-deadcall_wait"]
        arguments += [] if waits else ["0"]
        arguments += ["-recv_timeout", str(int(seconds * 1000)), "-timeout", f"{int(seconds) + 1}s", "-timeout_error"]
        arguments += ["-cp", str(free_ports()), "-mp", str(free_ports(4)), "-max_retrans", "10"]
        arguments += ["-trace_err", "-error_file", str(self._errors), "-trace_stat", "-stf", str(self._statistics)]
        arguments += ["-l", str(at_once)] if at_once else []
        arguments += ["-au", user, "-ap", password] if password else []
        arguments += ["-trace_msg", "-message_file", str(folder / "messages")] if trace else []
        self.program = Program("sipp", [*arguments, *extra], folder)
        if waits:
            wait_until(
                lambda: is_bound(self.port, transport) or self.program.exit_code is not None,
                5,
                failed=lambda: self.program.error("does not listen"),
            )

    @property
    def contact(self) -> str:
        """The address it listens on, as a SIP URI without user: ``host:port``."""
        return f"[::1]:{self.port}" if ":" in self.host else f"127.0.0.1:{self.port}"

    def grade(self) -> Grade:
        """Waits for its end and reads its statistics, whether good or bad. Raises StrangerError when it hangs."""
        code = self.program.wait(self.seconds + 10)
        try:
            with self._statistics.open(newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
        except OSError:
            rows = []
        if not rows:
            raise self._error(f"no statistics, exit code {code}")
        last = rows[-1]
        return Grade(
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            unexpected=int(last["FailedUnexpectedMessage(C)"]),
            retransmitted=int(last["Retransmissions(C)"]),
            exit_code=code,
        )

    def passed(self) -> Grade:
        """Waits for its end. Raises StrangerError, with sipp's errors and messages, unless all went by the scenario."""
        grade = self.grade()
        if not grade.good:
            raise self._error(f"did not go by the scenario: {grade}")
        return grade

    def messages(self) -> str:
        """Every message it sent and received, when traced."""
        path = self._folder / "messages"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """Ends the process."""
        self.program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, what: str) -> StrangerError:
        errors = self._errors.read_text(errors="replace") if self._errors.exists() else ""
        messages = self.messages()
        # sipp's screen fills the log with statistics; the errors and the end of the ladder tell more.
        tail = errors[-4000:] + "\n--- messages\n" + messages[-6000:]
        if not errors and not messages:
            tail = self.program.output()
        return StrangerError(f"sipp ({self._folder.name})", what + "\n" + tail)
