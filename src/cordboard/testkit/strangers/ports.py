"""Free ports for programs that cannot be told to take any and say which."""

import contextlib
import os
import random
import socket
from pathlib import Path

FIRST, LAST = 10_240, 32_000


def part(worker: str, workers: int) -> tuple[int, int]:
    """The ports that are for one of several workers (``gw0``, ``gw1`` ...; empty: the only one)."""
    number = int(worker.removeprefix("gw") or 0)
    share = (LAST - FIRST) // workers // 2 * 2
    return FIRST + number * share, FIRST + (number + 1) * share


_FIRST, _LAST = part(os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))

_choice = random.Random(os.urandom(8))  # noqa: S311 - nothing to guard
_given: set[int] = set()
"""Ports given out by this process: one could come up again before the program that was promised it binds."""


def free_ports(count: int = 1, *hosts: str) -> int:
    """The first of ``count`` consecutive ports that are free for UDP and TCP on all ``hosts``, 127.0.0.1 unless told.

    They lie below the range from which the kernel gives ports to clients, so that no client takes the port of a server
    while it starts again, and workers that run tests side by side have each a part of their own, so that none takes
    what another has promised. A stranger's program can still take one before it is used; callers start theirs at once
    and fail clearly if so. Raises OSError when none is found in 500 tries.
    """
    hosts = hosts or ("127.0.0.1",)
    for _ in range(500):
        # An even first port suits RTP (RFC 3550 section 11) and harms nobody.
        first = _choice.randrange(_FIRST, _LAST - count, 2)
        wanted = range(first, first + count)
        if not _given.intersection(wanted) and all(_is_free(port, host) for port in wanted for host in hosts):
            _given.update(wanted)
            return first
    raise OSError(f"no {count} consecutive free ports on {', '.join(hosts)}")


def port_range(count: int) -> tuple[int, int]:
    """The first and the last of so many, for a server that is told from where to where. As :func:`free_ports`."""
    first = free_ports(count)
    return first, first + count - 1


def is_bound(port: int, transport: str) -> bool:
    """Whether a program has bound a port, for ``udp``, or listens on it, for ``tcp``."""
    wanted = f":{port:04X}"
    for table in (transport, f"{transport}6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(line.split()[1].endswith(wanted) for line in lines):
            return True
    return False


def _is_free(port: int, host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(family, kind))
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
