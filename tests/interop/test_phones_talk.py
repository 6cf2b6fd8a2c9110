"""Phones that people use register and call each other through the server; what one says the other hears."""

from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from interop_setup import PASSWORD, MakeServer

from cordboard.model.events import (
    EventAttachedDataChanged,
    EventDNBackInService,
    EventEstablished,
    EventReleased,
    EventRinging,
)
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, Linphone, assert_heard
from cordboard.testkit.strangers.tshark import Capture


class Phone(Protocol):
    """What the tests ask of a phone."""

    hertz: float

    def wait_registered(self) -> None: ...
    def dial(self, target: str) -> None: ...
    def wait_incoming(self) -> str: ...
    def answer(self) -> None: ...
    def hang_up(self) -> None: ...
    def wait_ringing(self) -> None: ...
    def wait_established(self) -> None: ...
    def wait_ended(self) -> str: ...
    def wait_audio(self) -> Path: ...


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    return make_server(
        Extension("1501", password=PASSWORD, name="Ann Lee"), Extension("1502", password=PASSWORD, name="Bob Ray")
    )


def account(server: Server, number: str, transport: str = "udp") -> Account:
    return Account(number, server=server.sip, password=PASSWORD, transport=transport)


def talk(server: Server, folder: Path, stack: ExitStack, one: Phone, two: Phone) -> None:
    """One calls two, both hear each other, one hangs up."""
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    with Capture(folder / "capture", [server.port]) as capture:
        one.wait_registered()
        two.wait_registered()
        one.dial("1502")
        assert "1501" in two.wait_incoming()
        one.wait_ringing()
        two.answer()
        one.wait_established()
        two.wait_established()
        heard_by_one, heard_by_two = one.wait_audio(), two.wait_audio()
        one.hang_up()
        one.wait_ended()
        two.wait_ended()
        capture.assert_clean(source_ports=[server.port], at_least=10)
    assert_heard(heard_by_one, two.hertz)
    assert_heard(heard_by_two, one.hertz)
    ringing = desktop.wait(EventRinging, "1502", other_dn="1501")
    for dn in ("1501", "1502"):
        desktop.wait(EventEstablished, dn, conn_id=ringing.conn_id)
        desktop.wait(EventReleased, dn, conn_id=ringing.conn_id)


@pytest.mark.strangers("baresip", "tshark")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_baresips_hear_each_other(server: Server, tmp_path: Path, stack: ExitStack, transport: str) -> None:
    one = stack.enter_context(Baresip(account(server, "1501", transport), tmp_path / "one", hertz=440))
    two = stack.enter_context(Baresip(account(server, "1502", transport), tmp_path / "two", hertz=1000))
    talk(server, tmp_path, stack, one, two)


@pytest.mark.strangers("baresip", "linphonec", "tshark")
def test_linphone_calls_baresip(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    one = stack.enter_context(Linphone(account(server, "1501"), tmp_path / "one", hertz=700))
    two = stack.enter_context(Baresip(account(server, "1502"), tmp_path / "two", hertz=1000))
    talk(server, tmp_path, stack, one, two)


@pytest.mark.strangers("baresip", "linphonec", "tshark")
def test_baresip_calls_linphone(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    one = stack.enter_context(Baresip(account(server, "1501"), tmp_path / "one", hertz=440))
    two = stack.enter_context(Linphone(account(server, "1502"), tmp_path / "two", hertz=700))
    talk(server, tmp_path, stack, one, two)


def ringing(server: Server, tmp_path: Path, stack: ExitStack) -> tuple[Baresip, Baresip]:
    """Two baresips, the second of which the first is calling."""
    one = stack.enter_context(Baresip(account(server, "1501"), tmp_path / "one"))
    two = stack.enter_context(Baresip(account(server, "1502"), tmp_path / "two"))
    one.wait_registered()
    two.wait_registered()
    one.dial("1502")
    two.wait_incoming()
    return one, two


@pytest.mark.strangers("baresip")
def test_the_phone_that_is_called_rejects(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    one, two = ringing(server, tmp_path, stack)
    two.hang_up()
    assert "486" in one.wait_ended() or "603" in one.wait_ended()


@pytest.mark.strangers("baresip")
def test_the_desktop_makes_a_call_between_two_phones(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    """MakeCall, RFC 3725 flow 2: the caller's phone rings first, then the other; then they hear each other."""
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    one = stack.enter_context(Baresip(account(server, "1501"), tmp_path / "one", hertz=440))
    two = stack.enter_context(Baresip(account(server, "1502"), tmp_path / "two", hertz=1000))
    for dn in ("1501", "1502"):
        desktop.wait(EventDNBackInService, dn)
    dialing = desktop.begin(lambda link: link.make_call("1501", "1502"))
    one.wait_incoming()
    one.answer()
    two.wait_incoming()
    two.answer()
    conn_id = dialing.result(10).conn_id
    for dn in ("1501", "1502"):
        desktop.wait(EventEstablished, dn, conn_id=conn_id)
    heard_by_one, heard_by_two = one.wait_audio(), two.wait_audio()
    desktop.call(lambda link: link.release_call("1501", conn_id))
    one.wait_ended()
    two.wait_ended()
    assert_heard(heard_by_one, two.hertz, share=0.5)
    assert_heard(heard_by_two, one.hertz, share=0.5)
    for dn in ("1501", "1502"):
        desktop.wait(EventReleased, dn, conn_id=conn_id)


@pytest.mark.strangers("baresip")
def test_the_desktop_attaches_data_to_a_call_changes_it_and_takes_it_away(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    one, two = ringing(server, tmp_path, stack)
    two.answer()
    conn_id = desktop.wait(EventEstablished, "1501").conn_id
    asked = (
        (lambda link: link.attach_user_data("1501", conn_id, {"a": "1", "b": 2}), {"a": "1", "b": 2}),
        (lambda link: link.update_user_data("1502", conn_id, {"b": 3}), {"a": "1", "b": 3}),
        (lambda link: link.delete_pair("1502", conn_id, "a"), {"b": 3}),
        (lambda link: link.delete_user_data("1501", conn_id), None),
    )
    for ask, left in asked:
        assert desktop.call(ask).user_data == left
        for dn in ("1501", "1502"):
            assert desktop.wait(EventAttachedDataChanged, dn, conn_id=conn_id).user_data == left
    one.hang_up()
    assert desktop.wait(EventReleased, "1502", conn_id=conn_id).user_data is None
