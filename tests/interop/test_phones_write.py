"""Text messages between phones that people use, through the server."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer

from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers import Account, Baresip, Linphone
from cordboard.testkit.strangers.program import wait_until

SECONDS = 20.0


@pytest.mark.strangers("baresip", "linphonec")
def test_what_is_written_at_linphone_is_read_at_baresip(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    server = make_server(
        Extension("1501", password=PASSWORD, name="Ann Lee"), Extension("1502", password=PASSWORD, name="Bob Ray")
    )
    ann = stack.enter_context(Linphone(Account("1501", server=server.sip, password=PASSWORD), tmp_path / "ann"))
    bob = stack.enter_context(Baresip(Account("1502", server=server.sip, password=PASSWORD), tmp_path / "bob"))
    ann.wait_registered()
    bob.wait_registered()
    ann.write("1502", "Are you free for lunch?")
    wait_until(
        lambda: "Are you free for lunch?" in bob.program.output(),
        SECONDS,
        failed=lambda: bob.program.error("shows no message"),
    )
    assert "sip:1501@" in bob.program.output()
    wait_until(
        lambda: server.metrics().get('cordboard_text_messages_total{status="200"}') == 1,
        SECONDS,
        failed=lambda: server.program.error("passed no message"),
    )
