"""Phones of others that speak Opus alone: with one that has G.711 alone, with the Media Server, and on a recording."""

import wave
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from interop_setup import PASSWORD, MakeServer, media_within

from cordboard.mediaserver.call_recording import read_index
from cordboard.model.enums import PrivateMessage
from cordboard.model.events import EventEstablished, EventPrivateInfo
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.baresip import G711, OPUS, Codec
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.tone import write_sine

pytestmark = pytest.mark.strangers("baresip")

HERTZ = {"1501": 440.0, "1502": 1000.0}
PROMPT = 700.0
SECONDS = 20.0

Start = Callable[[str, Codec], Baresip]


@pytest.fixture
def listens_at() -> int:
    """The Media Server's port."""
    return free_ports()


@pytest.fixture
def server(make_server: MakeServer, tmp_path: Path, listens_at: int) -> Server:
    """One whose Media Server speaks Opus too, and records the parties apart."""
    service, media = media_within(port=listens_at)
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    write_sine(sounds / "prompt.wav", PROMPT, 20.0)
    media |= {
        "media-codecs": "opus,pcma,pcmu",
        "media-sounds": str(sounds),
        "media-recordings": str(tmp_path / "recordings"),
        "media-record-channels": "stereo",
    }
    return make_server(*(Extension(number, password=PASSWORD) for number in HERTZ), service, application=media)


@pytest.fixture
def start(server: Server, tmp_path: Path, stack: ExitStack) -> Start:
    """Starts somebody's phone, registered."""

    def start(number: str, codec: Codec) -> Baresip:
        account = Account(number, server=server.sip, password=PASSWORD)
        phone = stack.enter_context(Baresip(account, tmp_path / number, hertz=HERTZ[number], codec=codec))
        phone.wait_registered()
        return phone

    return start


def tones(path: Path) -> list[float]:
    """The loudest frequency of each channel, in the second half of a recording."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)
    half = samples[len(samples) // 2 :].astype(float)
    return [float(np.argmax(np.abs(np.fft.rfft(channel))) * rate / len(channel)) for channel in half.T]


@pytest.mark.parametrize(("one", "other"), [(OPUS, G711), (G711, OPUS)], ids=["opus-calls", "opus-is-called"])
def test_opus_and_g711_hear_each_other_and_are_on_the_recording(
    server: Server, start: Start, stack: ExitStack, tmp_path: Path, one: Codec, other: Codec
) -> None:
    desktop = stack.enter_context(server.desktop(*HERTZ))
    ann, bob = start("1501", one), start("1502", other)
    ann.dial("1502")
    bob.wait_incoming()
    bob.answer()
    for phone in (ann, bob):
        phone.wait_established()
    established = desktop.wait(EventEstablished, "1501")

    def record(what: PrivateMessage, told: PrivateMessage) -> None:
        desktop.call(lambda link: link.private_service("1501", established.conn_id, what))
        assert desktop.wait(EventPrivateInfo, "1501").private_msg_id == told

    assert_heard(ann.wait_audio(), bob.hertz)
    record(PrivateMessage.RECORD_START, PrivateMessage.RECORD_STARTED)
    assert_heard(ann.wait_audio(5.0), bob.hertz)
    assert_heard(bob.wait_audio(5.0), ann.hertz)
    record(PrivateMessage.RECORD_STOP, PrivateMessage.RECORD_STOPPED)
    ann.hang_up()
    bob.wait_ended()
    folder = tmp_path / "recordings" / "calls" / established.call_uuid
    wait_until(
        lambda: all(segment.end for segment in read_index(folder).segments),
        SECONDS,
        failed=lambda: server.program.error("does not end its recording"),
    )
    (segment,) = read_index(folder).segments
    assert sorted(tones(folder / segment.file)) == pytest.approx(sorted(HERTZ.values()), abs=5)


@pytest.mark.usefixtures("server")
def test_an_announcement_is_heard_in_opus(tmp_path: Path, stack: ExitStack, listens_at: int) -> None:
    ann = stack.enter_context(Baresip(Account("1501"), tmp_path / "ann", codec=OPUS))
    ann.dial(f"sip:annc@127.0.0.1:{listens_at};play=prompt")
    ann.wait_established()
    assert_heard(ann.wait_audio(), PROMPT)
    ann.hang_up()
