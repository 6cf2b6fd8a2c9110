"""Phones of others that cannot talk to each other directly, and do: SRTP only and RTP only, IPv4 and IPv6, NAT."""

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer, media_within

from cordboard.model.events import EventEstablished, EventHeld, EventRetrieved
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.rtp_party import RtpParty
from cordboard.testkit.sound import Voice, tone
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.scenario import Scenario
from cordboard.testkit.strangers.sipp import Sipp
from cordboard.testkit.strangers.tshark import Capture

pytestmark = pytest.mark.strangers("baresip")

Start = Callable[..., Baresip]


@pytest.fixture
def gateway() -> int:
    """The port of 1503, which has an address of its own."""
    return free_ports()


@pytest.fixture
def server(make_server: MakeServer, gateway: int) -> Server:
    """One with a Media Server within, over both families."""
    service, media = media_within("127.0.0.1", "::1")
    people = [Extension(number, password=PASSWORD) for number in ("1501", "1502")]
    people.append(Extension("1503", contact=f"sip:1503@127.0.0.1:{gateway}", options={"sip-srtp": "no"}))
    return make_server(*people, service, ipv6=True, application=media)


@pytest.fixture
def start(server: Server, tmp_path: Path, stack: ExitStack) -> Start:
    """Starts somebody's phone, registered: ``start("1501", hertz=440, host="::1")``."""

    def start(number: str, *, encryption: str = "", host: str = "127.0.0.1", hertz: float) -> Baresip:
        at = f"[{server.address6[0]}]:{server.address6[1]}" if ":" in host else server.sip
        account = Account(number, server=at, password=PASSWORD, encryption=encryption)
        phone = stack.enter_context(Baresip(account, tmp_path / number, hertz=hertz, host=host))
        phone.wait_registered()
        return phone

    return start


def legs(server: Server) -> float:
    """How many legs the Media Server has."""
    return sum(value for name, value in server.metrics().items() if name.startswith("cordboard_media_legs{"))


def call(ann: Baresip, bob: Baresip) -> None:
    ann.dial("1502")
    bob.wait_incoming()
    bob.answer()
    ann.wait_established()
    bob.wait_established()


def hear_each_other(ann: Baresip, bob: Baresip) -> None:
    assert_heard(ann.wait_audio(), bob.hertz)
    assert_heard(bob.wait_audio(), ann.hertz)


SRTP = [
    ("srtp-mand", "", 2),
    ("", "srtp-mand", 2),
    ("srtp-mand", "srtp-mand", 0),
    ("srtp", "srtp", 0),
    ("srtp", "", 0),
]


@pytest.mark.parametrize(("one", "other", "anchored"), SRTP)
def test_srtp_and_rtp(server: Server, start: Start, one: str, other: str, anchored: int) -> None:
    """Bridged where the one insists and the other cannot; from end to end where both can, or need not."""
    ann, bob = start("1501", encryption=one, hertz=440), start("1502", encryption=other, hertz=1000)
    call(ann, bob)
    hear_each_other(ann, bob)
    assert legs(server) == anchored
    ann.hang_up()
    bob.wait_ended()
    wait_until(lambda: not legs(server), 10, failed=lambda: server.program.error("is left with legs"))


@pytest.mark.parametrize(("one", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_ipv4_and_ipv6_through_a_hold(server: Server, start: Start, stack: ExitStack, one: str, other: str) -> None:
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    ann, bob = start("1501", host=one, hertz=440), start("1502", host=other, hertz=1000)
    call(ann, bob)
    hear_each_other(ann, bob)
    assert legs(server) == 2
    conn_id = desktop.wait(EventEstablished, "1501").conn_id
    desktop.call(lambda link: link.hold_call("1501", conn_id))
    desktop.wait(EventHeld, "1501")
    wait_until(lambda: legs(server) == 1, 10, failed=lambda: server.program.error("plays no music to one"))
    desktop.call(lambda link: link.retrieve_call("1501", conn_id))
    desktop.wait(EventRetrieved, "1501")
    wait_until(lambda: legs(server) == 2, 10, failed=lambda: server.program.error("has not both legs again"))
    bob.hang_up()
    ann.wait_ended()


@pytest.mark.skipif(os.geteuid() != 0, reason="sipp plays a capture through a raw socket: root alone may")
@pytest.mark.strangers("sipp", "tshark")
@pytest.mark.parametrize("how", [{"encryption": "srtp-mand"}, {"host": "::1"}])
def test_the_caller_hears_a_gateway_before_the_answer(
    server: Server, gateway: int, start: Start, tmp_path: Path, how: dict[str, str]
) -> None:
    """A gateway of IPv4 and RTP alone, which announces something in a 183 and is answered by nobody for a while."""
    hertz = 1000
    announcement = asyncio.run(_captured(tone("gateway", hertz), 4, tmp_path / "capture"))
    called = Scenario("gateway", user="1503").await_invite(body={"sdp": "RTP/AVP"}).reply(180).reply(183)
    called = called.play(announcement, milliseconds=5000).reply(200).await_ack().await_bye().reply(200)
    ann = start("1501", hertz=440, **how)
    with Sipp(called, tmp_path / "sipp", server=("127.0.0.1", server.port), port=gateway, seconds=30) as sipp:
        ann.dial("1503")
        assert_heard(ann.wait_audio(), hertz)
        ann.wait_established()
        assert legs(server) == 2
        ann.hang_up()
        sipp.passed()
    wait_until(lambda: not legs(server), 10, failed=lambda: server.program.error("is left with legs"))


async def _captured(voice: Voice, seconds: int, folder: Path) -> Path:
    """A capture of a voice over RTP."""
    async with RtpParty(voice) as party, RtpParty() as ear:
        with Capture(folder, [ear.address[1]]) as capture:
            party.talk_to(ear.address)
            await ear.arrived(seconds * 50)
            return await asyncio.to_thread(capture.sent_to, ear.address[1])
