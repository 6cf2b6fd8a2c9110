"""What a server's processes have used, from /proc; where the load and the server run."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordboard.testkit.strangers.ports import port_range

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE = 0
LOAD_CORE = 1 if (os.cpu_count() or 1) > 1 else 0


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of a set of processes, in seconds."""

    user: float
    system: float

    @property
    def total(self) -> float:
        """User and system time together."""
        return self.user + self.system

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(self.user - earlier.user, self.system - earlier.system)


def family(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.append(pid)
            waiting += children.get(pid, [])
    return found


def usage(pids: Iterable[int]) -> Usage:
    """CPU time used so far, all threads; processes that have ended count nothing."""
    user = system = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            user += int(fields[11])
            system += int(fields[12])
    return Usage(user / TICKS, system / TICKS)


def memory_kib(pids: Iterable[int]) -> int:
    """Proportional set size: what the processes hold, shared pages divided among those who share them."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        match = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
        total += int(match.group(1)) if match else 0
    return total


def media_ports(legs: int) -> tuple[int, int]:
    """The first and the last port for so many legs of a server, RTP and RTCP each."""
    return port_range(2 * legs + 20)


def pin(pids: Iterable[int], core: int) -> None:
    """Binds all threads of processes to a core."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                os.sched_setaffinity(int(task.name), {core})
            except ProcessLookupError:
                continue


def may_go_first() -> bool:
    """Whether programs started from here may go before all that is not of real time."""
    return subprocess.run(["chrt", "-r", "1", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def conditions() -> dict[str, Any]:
    """What a figure depends on besides the code."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "realtime": may_go_first(),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "rustc": _version("rustc", "--version"),
        "sipp": _version("sipp", "-v"),
        "kamailio": _version("kamailio", "-v"),
        "commit": _version("git", "rev-parse", "--short", "HEAD"),
    }


def _version(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    return lines[0] if lines else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name: state, parent ..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
