"""The Media Server alone, reached over TLS and by nothing else."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer
from media_leg import COMMAND, LiveMediaServer
from raw_phone import header, status
from tls_phone import TlsPhone

from cordboard.cli.certificates import make
from cordboard.model.events import EventHeld
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.tone import write_sine

MUSIC = 350.0


@pytest.fixture
def media(tmp_path: Path) -> Iterator[LiveMediaServer]:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    write_sine(sounds / "music.wav", MUSIC, 20.0)
    with LiveMediaServer(tmp_path / "media", f"media-sounds={sounds}", tls=True) as media:
        yield media


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_is_asked_over_tls(media: LiveMediaServer, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=media.ca)
    context.minimum_version = context.maximum_version = version
    with TlsPhone(media, context=context) as phone:
        answer = phone.request("OPTIONS", "sips")
        assert status(answer) == 200
        assert header(answer, "X-Cordboard-Load") == "0 2000"


@pytest.mark.strangers("openssl")
def test_openssl_believes_it(media: LiveMediaServer) -> None:
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{media.tls_port}", "-CAfile", str(media.ca)]
    said = subprocess.run(
        [*words, "-verify_return_error", "-verify_ip", "127.0.0.1"],
        input="Q\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert said.returncode == 0, said.stderr
    assert "Verify return code: 0 (ok)" in said.stdout


def test_a_new_certificate_is_taken_on_sighup_and_a_bad_one_is_not(media: LiveMediaServer) -> None:
    with TlsPhone(media) as old:
        first = old.certificate
        make(media.data, hosts=["127.0.0.1"], days=2, rsa=True, new_ca=False)
        media.reload()
        wait_until(
            lambda: "certificates read again" in media.program.output(),
            20,
            failed=lambda: media.program.error("does not read its certificate again"),
        )
        with TlsPhone(media) as phone:
            second = phone.certificate
        assert second != first
        (media.ca.parent / "server.pem").write_text("no certificate")
        media.reload()
        wait_until(
            lambda: "certificates not read, the old ones stay" in media.program.output(),
            20,
            failed=lambda: media.program.error("does not say that its certificate is none"),
        )
        with TlsPhone(media) as phone:
            assert phone.certificate == second
        assert status(old.request("OPTIONS", "sips")) == 200


def test_it_does_not_start_without_a_certificate(tmp_path: Path) -> None:
    words = [COMMAND, "mediaserver", "--data", str(tmp_path), "--listen", "tls:127.0.0.1:0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "TLS" in done.stderr


@pytest.mark.strangers("baresip")
def test_a_sip_server_has_it_play(
    media: LiveMediaServer, make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    """Music on hold: the SIP Server reaches the Media Server over TLS, and believes it by its authority."""
    service = Extension(
        "media",
        contact=f"sip:127.0.0.1:{media.tls_port};transport=tls",
        type="Voice over IP Service",
        options={"service-type": "msml", "oos-check": 1},
    )
    people = [Extension(number, password=PASSWORD) for number in ("1501", "1502")]
    application = {"sip-tls-ca": str(media.ca), "music-on-hold": "music"}
    server = make_server(*people, service, tls=True, application=application)
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    phones = [
        stack.enter_context(Baresip(Account(number, server=server.sip, password=PASSWORD), tmp_path / number))
        for number in ("1501", "1502")
    ]
    for phone in phones:
        phone.wait_registered()
    ann, bob = phones
    ann.dial("1502")
    bob.wait_incoming()
    bob.answer()
    ann.wait_established()
    ann.hold()
    desktop.wait(EventHeld, "1501")
    assert_heard(bob.wait_audio(4.0), MUSIC, share=0.3)
    assert 'cordboard_media_legs{service="annc"} 1.0' in media.get("/metrics")[1]
    bob.hang_up()
    ann.wait_ended()
