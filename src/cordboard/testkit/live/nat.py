"""A NAT of the kernel's own: one network namespace with a phone in it, one with a router that masquerades.

```
 phone 192.168.77.2 ---- 192.168.77.1 router 10.N.M.2 ---- 10.N.M.1 this machine, with the server
```

Needs root, ``ip`` and ``iptables``. The router forgets a UDP mapping after ``timeout`` seconds of silence and lets
nobody in who was not called, as a home router does.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

T = TypeVar("T")

INSIDE: Final = "192.168.77.2"
"""The phone's address as it sees itself."""
_ROUTER: Final = "192.168.77.1"
_CLONE_NEWNET: Final = 0x40000000


class Nat:
    """A phone's network behind a router. A context manager: leaving it removes both namespaces."""

    def __init__(self, *, timeout: int = 3, ports: str = "20000-29999") -> None:
        """``timeout``: seconds after which a silent mapping is forgotten. ``ports``: those the router gives out."""
        # Two numbers from the process and a count, so that tests beside each other do not meet.
        Nat._made += 1
        number = (os.getpid() * 16 + Nat._made) % 65_000
        high, low = divmod(number, 254)
        net = f"10.{high % 200 + 20}.{low + 1}"
        self.outside = f"{net}.1"
        """This machine as the router sees it: where a server is to listen."""
        self.mapped = f"{net}.2"
        """The router's own outer address: where the phone is seen."""
        self._phone = f"cbp{number}"
        self._router = f"cbr{number}"
        self._links = (f"cbo{number}", f"cbi{number}", f"cbl{number}", f"cbx{number}")
        self._ports = ports
        try:
            self._build(net, timeout)
        except BaseException:
            self.close()
            raise

    _made = 0

    def _build(self, net: str, timeout: int) -> None:
        outer, to_router, inner, to_phone = self._links
        for namespace in (self._phone, self._router):
            _run("ip", "netns", "add", namespace)
        _run("ip", "link", "add", outer, "type", "veth", "peer", "name", to_router, "netns", self._router)
        _run("ip", "-n", self._router, "link", "add", inner, "type", "veth", "peer", to_phone, "netns", self._phone)
        _run("ip", "addr", "add", f"{self.outside}/24", "dev", outer)
        _run("ip", "link", "set", outer, "up")
        for device, address in ((to_router, f"{net}.2/24"), (inner, f"{_ROUTER}/24")):
            _run("ip", "-n", self._router, "addr", "add", address, "dev", device)
            _run("ip", "-n", self._router, "link", "set", device, "up")
        _run("ip", "-n", self._phone, "addr", "add", f"{INSIDE}/24", "dev", to_phone)
        for device in (to_phone, "lo"):
            _run("ip", "-n", self._phone, "link", "set", device, "up")
        _run("ip", "-n", self._phone, "route", "add", "default", "via", _ROUTER)
        self._in_router("iptables", "-P", "FORWARD", "DROP")
        self._in_router("iptables", "-A", "FORWARD", "-i", inner, "-j", "ACCEPT")
        self._in_router("iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT")
        self._in_router("iptables", "-A", "INPUT", "-i", to_router, "-j", "DROP")
        self._masquerade("-A")
        settings = {
            "net/ipv4/ip_forward": 1,
            "net/netfilter/nf_conntrack_udp_timeout": timeout,
            "net/netfilter/nf_conntrack_udp_timeout_stream": timeout,
        }
        for name, value in settings.items():
            self._in_router("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def rebind(self, ports: str) -> None:
        """New mappings take other ports from now on, as after the router was switched off and on."""
        self._masquerade("-D")
        self._ports = ports
        self._masquerade("-A")

    def _masquerade(self, how: str) -> None:
        rule = ("iptables", "-t", "nat", how, "POSTROUTING", "-o", self._links[1])
        for protocol in ("udp", "tcp"):
            self._in_router(*rule, "-p", protocol, "-j", "MASQUERADE", "--to-ports", self._ports)

    def socket(self, kind: int = socket.SOCK_DGRAM) -> socket.socket:
        """A socket of the phone's, bound to its address."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, kind)
            made.bind((INSIDE, 0))
            return made

        return self.inside(make)

    def inside(self, what: Callable[[], T]) -> T:
        """Does something as a program of the phone's would; sockets it makes stay in the phone's network."""
        results: list[T] = []
        errors: list[Exception] = []

        def enter() -> None:
            with Path(f"/run/netns/{self._phone}").open() as namespace:
                # Python has it from 3.12 on.
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                    return
            try:
                results.append(what())
            except Exception as error:
                errors.append(error)

        # A thread of its own: it never comes back.
        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        thread.join(20)
        if errors:
            raise errors[0]
        if not results:
            raise OSError("could not enter the phone's network")
        return results[0]

    def command(self, *arguments: str) -> list[str]:
        """The command that runs a program in the phone's network."""
        return ["ip", "netns", "exec", self._phone, *arguments]

    def _in_router(self, *arguments: str) -> None:
        _run("ip", "netns", "exec", self._router, *arguments)

    def close(self) -> None:
        """Removes both namespaces, and the links with them."""
        for namespace in (self._phone, self._router):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)  # noqa: S603, S607

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def why_not() -> str:
    """Why there can be no NAT on this machine; empty if there can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [program for program in ("ip", "iptables") if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    try:
        with Nat():
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or b""
        return f"no NAT on this kernel: {error} {said.decode(errors='replace')}"


def _run(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True, timeout=20)  # noqa: S603
