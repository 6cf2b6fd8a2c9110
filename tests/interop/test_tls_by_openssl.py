"""The server's TLS as OpenSSL's client sees it: versions, ciphers, names, certificates of clients; and a SIPS call."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer
from raw_phone import header, status
from tls_phone import TlsPhone

from cordboard.cli.certificates import make
from cordboard.model.events import EventDNBackInService, EventEstablished, EventReleased
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers.program import wait_until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKopenssl;rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: openssl\r\n"
    "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
WEAK = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
"""Lets OpenSSL offer what it would not of itself."""


def client(server: Server, *arguments: str, host: str = "127.0.0.1") -> tuple[bool, str]:
    """Whether OpenSSL's client got an answer to OPTIONS over TLS, and all that it said."""
    command = ["openssl", "s_client", "-connect", f"{host}:{server.tls_port}", "-CAfile", str(server.ca), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = b""
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(OPTIONS.encode())
            process.stdin.flush()
            while b"Content-Length: 0\r\n\r\n" not in said:
                piece = process.stdout.read1(65536)
                if not piece:
                    break
                said += piece
        except BrokenPipeError:
            said += process.stdout.read() if process.stdout is not None else b""
        finally:
            process.kill()
    text = said.decode(errors="replace")
    return "SIP/2.0 200" in text, text


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks nobody for a certificate."""
    with Server(tmp_path_factory.mktemp("openssl") / "server", [Extension("1501")], tls=True) as server:
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize(("version", "name"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions_of_today_are_taken(plain: Server, host: str, version: str, name: str) -> None:
    taken, said = client(plain, version, "-verify_return_error", host=host)
    assert taken, said
    assert "Verification: OK" in said
    assert re.search(rf"New, {re.escape(name)}, Cipher is \S+(GCM|POLY1305)", said), said


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_versions_of_yesterday_are_refused_by_an_alert(plain: Server, version: str) -> None:
    taken, said = client(plain, version, "-cipher", WEAK)
    assert not taken
    assert re.search(r"alert (protocol version|handshake failure)", said), said


@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256:AES256-SHA:AES128-SHA",
        "DHE-RSA-AES256-GCM-SHA384",
        "AECDH-AES256-SHA:ADH-AES256-GCM-SHA384",
        "AECDH-NULL-SHA:ECDHE-ECDSA-NULL-SHA:NULL-SHA256",
    ],
)
def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_refused(plain: Server, cipher: str) -> None:
    taken, said = client(plain, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert not taken
    assert "alert handshake failure" in said, said


def test_nothing_is_renegotiated_and_no_compression_agreed(plain: Server) -> None:
    taken, said = client(plain, "-tls1_2")
    assert taken
    assert "Secure Renegotiation IS supported" in said
    assert "Compression: NONE" in said


def test_the_certificate_is_for_the_names_it_was_made_for(plain: Server) -> None:
    for name, good in (("127.0.0.1", True), ("192.0.2.1", False)):
        taken, said = client(plain, "-verify_ip", name, "-verify_return_error")
        assert taken is good, said


@pytest.mark.parametrize(
    ("asked", "shown", "taken"),
    [
        ("optional", "none", True),
        ("optional", "ours", True),
        ("optional", "a stranger's", False),
        ("required", "none", False),
        ("required", "ours", True),
        ("required", "a stranger's", False),
    ],
)
def test_certificates_of_clients(make_server: MakeServer, tmp_path: Path, asked: str, shown: str, taken: bool) -> None:
    server = make_server(Extension("1501"), tls=True, application={"sip-tls-verify-client": asked})
    arguments: list[str] = []
    if shown == "ours":
        arguments = ["-cert", str(server.ca.parent / "server.pem"), "-key", str(server.ca.parent / "server.key")]
    elif shown != "none":
        files = make(tmp_path / "stranger", hosts=["127.0.0.1"], days=1, rsa=False, new_ca=False)
        arguments = ["-cert", str(files.certificate), "-key", str(files.key)]
    for version in ("-tls1_2", "-tls1_3"):
        got, said = client(server, version, *arguments)
        assert got is taken, said
        if not taken:
            assert re.search(r"alert (unknown ca|decrypt error|certificate required|handshake failure)", said), said


def test_a_sips_call_goes_over_tls_alone_and_outlives_new_certificates(make_server: MakeServer) -> None:
    """RFC 5630: `sips` from end to end; a phone that is reached without TLS is not called."""
    server = make_server(
        Extension("1501"), Extension("1502", password=PASSWORD), Extension("1503", contact="sip:1503@127.0.0.1:9"),
        tls=True,
    )  # fmt: skip
    with server.desktop() as desktop, TlsPhone(server) as caller, TlsPhone(server) as callee:
        port = callee.socket.getsockname()[1]
        contact = f"sips:1502@127.0.0.1:{port}"
        assert status(callee.register("1502", contact)) == 200
        desktop.wait(EventDNBackInService, "1502")
        ours = f"Contact: <sips:1501@127.0.0.1:{caller.socket.getsockname()[1]}>"
        caller.send("INVITE", "1501", ours, to="1503", scheme="sips")
        refused = caller.receive(lambda message: status(message) >= 200)
        assert status(refused) == 480
        assert "SIPS Not Allowed" in header(refused, "Warning")
        caller.send("INVITE", "1501", ours, to="1502", scheme="sips", call_id="sips-call")
        invite = callee.receive(lambda message: message.startswith("INVITE "))
        assert invite.startswith(f"INVITE {contact} SIP/2.0")
        assert header(invite, "Contact").startswith("<sips:")
        assert "SIP/2.0/TLS" in header(invite, "Via")
        callee.answer(invite, "SIP/2.0 180 Ringing", contact)
        callee.answer(invite, "SIP/2.0 200 OK", contact)
        answered = caller.receive(lambda message: status(message) == 200)
        target = header(answered, "Contact").strip("<>")
        assert target.startswith("sips:")
        within = [
            f"From: {header(answered, 'From')}",
            f"To: {header(answered, 'To')}",
            "Call-ID: sips-call",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        via = f"Via: SIP/2.0/TLS 127.0.0.1:{caller.socket.getsockname()[1]};branch=z9hG4bK"
        number = header(answered, "CSeq").split()[0]
        caller.write(f"ACK {target} SIP/2.0", f"{via}ack", f"CSeq: {number} ACK", *within)
        callee.receive(lambda message: message.startswith("ACK "))
        established = desktop.wait(EventEstablished, "1501", other_dn="1502")
        before = caller.certificate
        make(server.folder / "data", hosts=["127.0.0.1"], days=2, rsa=False, new_ca=False)
        server.reload()
        wait_until(
            lambda: any('"tls_reloads"' in name and value for name, value in server.metrics().items()),
            20,
            failed=lambda: server.program.error("has not read its certificates"),
        )
        with TlsPhone(server) as later:
            assert later.certificate != before
        caller.write(f"BYE {target} SIP/2.0", f"{via}bye", f"CSeq: {int(number) + 1} BYE", *within)
        bye = callee.receive(lambda message: message.startswith("BYE "))
        assert bye.startswith(f"BYE {contact} SIP/2.0")
        callee.answer(bye, "SIP/2.0 200 OK", contact)
        assert status(caller.receive(lambda message: "BYE" in header(message, "CSeq"))) == 200
        desktop.wait(EventReleased, "1502", conn_id=established.conn_id)
