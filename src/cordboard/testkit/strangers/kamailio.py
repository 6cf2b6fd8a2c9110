"""Kamailio as a proxy between phones and a server, or between a server and a carrier: a configuration for each."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cordboard.testkit.strangers.ports import free_ports, is_bound
from cordboard.testkit.strangers.program import Program, find, wait_until

MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")
SECONDS = 20.0

_HEAD = """\
#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
tcp_accept_no_cl=yes
loadmodule "sl.so"
loadmodule "tm.so"
modparam("tm", "fr_timer", {timeout})
modparam("tm", "failure_reply_mode", 3)
"""

_TAIL = """\
loadmodule "rr.so"
loadmodule "path.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
"""

EDGE = """\
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if ($sp == {server}) {{
        # From the server: along the Path of a registration, or along the routes of a call.
        if (!is_present_hf("Route") && !has_totag()) {{ sl_send_reply("404", "No Path"); exit; }}
        # Says no where the only route of a new call was our own, and has taken it away nevertheless.
        loose_route();
        if (is_method("INVITE") && !has_totag()) {{ record_route(); t_on_failure("dead"); }}
        # RFC 5626 5.3.1: the flow of the token is gone.
        if (!t_relay()) {{ sl_send_reply("430", "Flow Failed"); }}
        exit;
    }}
    if (is_method("REGISTER")) {{ add_path(); $du = "sip:127.0.0.1:{server}"; t_relay(); exit; }}
    if (has_totag()) {{ if (loose_route() || is_method("ACK")) {{ t_relay(); }} exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    record_route();
    $du = "sip:127.0.0.1:{server}";
    t_relay();
}}
failure_route[dead] {{
    # RFC 5626 5.3.1: the flow of the token is gone.
    if (t_branch_timeout() || t_check_status("477|503")) {{ t_reply("430", "Flow Failed"); }}
}}
"""
"""An edge proxy: phones register and call through it to ``server``, a port of this machine."""

TRUNK = """\
request_route {{
    # Who follows no routes goes by the Request-URI.
    if (has_totag()) {{ loose_route(); t_relay(); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if ({refuses}) {{ sl_send_reply("{refuses}", "Not Now"); exit; }}
    record_route();
    if ($sp == {server}) {{ $du = "sip:127.0.0.1:{phone}"; }} else {{ $du = "sip:127.0.0.1:{server}"; }}
    t_relay();
}}
"""
"""A carrier's proxy between ``server`` and the carrier's ``phone``; ``refuses``: the status it answers calls with."""


class Kamailio:
    """One running Kamailio. A context manager: leaving it ends the process."""

    def __init__(
        self,
        routes: str,
        folder: Path,
        *,
        modules: Sequence[str] = (),
        timeout: int = 5000,
        port: int = 0,
        **values: int,
    ) -> None:
        """Starts it; returns when it listens. ``routes``: one of this module's, filled in with ``values``.

        ``modules``: more of them, before all that change what they do when these are there. ``timeout``: milliseconds
        without a response after which a branch has failed. Raises MissingProgramError, StrangerError.
        """
        self.port = port or free_ports()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "kamailio.cfg"
        more = "".join(f'loadmodule "{module}.so"\n' for module in modules)
        head = _HEAD.format(port=self.port, timeout=timeout)
        config.write_text(head + more + _TAIL + routes.format(**values))
        arguments = [find("kamailio"), "-f", str(config), "-DD", "-E", "-m", "64", "-M", "8"]
        arguments += ["-w", str(folder), "-Y", str(folder)]
        self.program = Program("kamailio", arguments, folder)
        wait_until(
            lambda: is_bound(self.port, "udp") or self.program.exit_code is not None,
            SECONDS,
            failed=lambda: self.program.error("does not listen"),
        )
        if self.program.exit_code is not None:
            raise self.program.error(f"ended at once, exit code {self.program.exit_code}")

    @property
    def address(self) -> str:
        """``host:port``, as a phone's proxy."""
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Ends the process."""
        self.program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def has_module(name: str) -> bool:
    """Whether a module of Kamailio's is installed; some are packages of their own."""
    return (MODULES / f"{name}.so").exists()
