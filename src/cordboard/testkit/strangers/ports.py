"""Free ports for programs that cannot be told to take any and say which."""

import contextlib
import socket

_given: set[int] = set()
"""Ports given out by this process: the kernel may offer one again before the program that was promised it binds."""


def free_ports(count: int = 1, host: str = "127.0.0.1") -> int:
    """The first of ``count`` consecutive ports that are free for UDP and TCP on ``host``.

    Another process can take one before it is used; callers start their program at once and fail clearly if so.
    Raises OSError when none is found in 200 tries.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(200):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            first = int(probe.getsockname()[1])
        # An even first port suits RTP (RFC 3550 section 11) and harms nobody.
        first -= first % 2
        wanted = range(first, first + count)
        if wanted[-1] <= 65535 and not _given.intersection(wanted) and all(_is_free(p, family, host) for p in wanted):
            _given.update(wanted)
            return first
    raise OSError(f"no {count} consecutive free ports on {host}")


def _is_free(port: int, family: socket.AddressFamily, host: str) -> bool:
    with contextlib.ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(family, kind))
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
