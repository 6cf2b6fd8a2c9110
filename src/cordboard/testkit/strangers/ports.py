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

_next = random.Random(os.urandom(8)).randrange(_FIRST, _LAST, 2)  # noqa: S311 - nothing to guard
"""Where to look next. It walks through all of them, so that one given out comes up again as late as can be, long after
the program that was promised it has bound it or is gone; and begins anywhere, for there may be other processes."""


def free_ports(count: int = 1, *hosts: str) -> int:
    """The first of ``count`` consecutive ports that are free for UDP and TCP on all ``hosts``, 127.0.0.1 unless told.

    They lie below the range from which the kernel gives ports to clients, so that no client takes the port of a server
    while it starts again, and workers that run tests side by side have each a part of their own, so that none takes
    what another has promised. A stranger's program can still take one before it is used; callers start theirs at once
    and fail clearly if so. Raises OSError when there are none so many.
    """
    global _next
    hosts = hosts or ("127.0.0.1",)
    # An even first port suits RTP (RFC 3550 section 11) and harms nobody.
    step = (count + 1) // 2 * 2
    for _ in range(2 * (_LAST - _FIRST) // step):
        first = _next if _next + count <= _LAST else _FIRST
        _next = first + step
        if all(_is_free(port, host) for port in range(first, first + count) for host in hosts):
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
