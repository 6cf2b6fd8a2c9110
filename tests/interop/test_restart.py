"""The server dies, or is stopped, while phones that people use are registered: they need not register again."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer

from cordboard.model.events import EventEstablished
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip
from cordboard.testkit.strangers.program import wait_until

SECONDS = 20.0

pytestmark = pytest.mark.strangers("baresip")


def counted(server: Server) -> tuple[float, float]:
    """Calls that began, and REGISTERs taken, since it started; of one moment."""
    samples = server.metrics()
    (registers,) = (value for key, value in samples.items() if '"registers"' in key)
    return samples["cordboard_calls_started_total"], registers


@pytest.mark.parametrize("death", ["killed", "stopped"])
def test_a_phone_is_called_and_calls_without_registering_again(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack, death: str
) -> None:
    server = make_server(
        Extension("1501", password=PASSWORD, name="Ann Lee"), Extension("1502", password=PASSWORD, name="Bob Ray")
    )
    ann, bob = (
        stack.enter_context(Baresip(Account(number, server=server.sip, password=PASSWORD), tmp_path / number))
        for number in ("1501", "1502")
    )
    for phone in (ann, bob):
        phone.wait_registered()
    wait_until(lambda: counted(server)[1] >= 2, SECONDS, failed=lambda: server.program.error("counts no REGISTER"))
    if death == "killed":
        server.kill()
    else:
        assert server.stop() == 0
    server.start()
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    for caller, callee, number in ((ann, bob, "1502"), (bob, ann, "1501")):
        caller.dial(number)
        callee.wait_incoming()
        callee.answer()
        caller.wait_established()
        callee.wait_established()
        desktop.wait(EventEstablished, number, other_dn="1501" if caller is ann else "1502")
        caller.hang_up()
        callee.wait_ended()
    wait_until(lambda: counted(server)[0] == 2, SECONDS, failed=lambda: server.program.error("counts no calls"))
    assert counted(server) == (2, 0)
