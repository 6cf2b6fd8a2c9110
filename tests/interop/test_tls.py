"""SIP over TLS: registration and calls, certificates renewed while people talk, strangers kept out."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer
from raw_phone import header, status
from tls_phone import TlsPhone

from cordboard.cli.certificates import make
from cordboard.model.events import EventDNBackInService, EventEstablished, EventRinging
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers import Account, Baresip, assert_heard
from cordboard.testkit.strangers.program import wait_until

SECONDS = 20.0


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    return make_server(
        Extension("1501", password=PASSWORD, name="Ann Lee"),
        Extension("1502", password=PASSWORD, name="Bob Ray"),
        tls=True,
    )


def counted(server: Server, name: str) -> float:
    found = [value for key, value in server.metrics().items() if f'"{name}"' in key]
    assert found, f"nothing counts {name}"
    return found[0]


def eventually(server: Server, condition: Callable[[], bool]) -> None:
    wait_until(condition, SECONDS, failed=lambda: server.program.error("did not do what it should"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_phone_registers_over_tls(server: Server, host: str, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=server.ca)
    context.minimum_version = context.maximum_version = version
    desktop = server.desktop("1501")
    with desktop, TlsPhone(server, host=host, context=context) as phone:
        answer = phone.register("1501")
        assert status(answer) == 200
        assert "transport=tls" in header(answer, "Contact")
        desktop.wait(EventDNBackInService, "1501")


def test_a_new_certificate_is_taken_on_sighup_and_a_bad_one_is_not(server: Server) -> None:
    with TlsPhone(server) as old:
        assert status(old.register("1501")) == 200
        first = old.certificate
        make(server.folder / "data", hosts=["127.0.0.1"], days=2, rsa=True, new_ca=False)
        server.reload()
        eventually(server, lambda: counted(server, "tls_reloads") == 1)
        with TlsPhone(server) as phone:
            second = phone.certificate
            assert status(phone.register("1502")) == 200
        assert second != first
        (server.ca.parent / "server.pem").write_text("no certificate")
        server.reload()
        eventually(server, lambda: "certificates not read, the old ones stay" in server.log())
        with TlsPhone(server) as phone:
            assert phone.certificate == second
        assert status(old.register("1501")) == 200


def test_a_phone_that_does_not_know_the_authority_goes_away_and_is_counted(server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsPhone(server, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsPhone(server, name="other.example")
    eventually(server, lambda: counted(server, "tls_refused_by_peer") == 2)
    with TlsPhone(server) as phone:
        assert status(phone.register("1501")) == 200


def test_phones_must_show_a_certificate_where_it_is_required(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(
        Extension("1501", password=PASSWORD), tls=True, application={"sip-tls-verify-client": "required"}
    )
    with pytest.raises((ssl.SSLError, ConnectionError)), TlsPhone(server) as phone:
        phone.register("1501")
    eventually(server, lambda: counted(server, "tls_no_certificate") == 1)
    context = ssl.create_default_context(cafile=server.ca)
    context.load_cert_chain(server.ca.parent / "server.pem", server.ca.parent / "server.key")
    with TlsPhone(server, context=context) as phone:
        assert status(phone.register("1501")) == 200
    stranger = make(tmp_path / "stranger", hosts=["127.0.0.1"], days=1, rsa=False, new_ca=False)
    context = ssl.create_default_context(cafile=server.ca)
    context.load_cert_chain(stranger.certificate, stranger.key)
    with pytest.raises((ssl.SSLError, ConnectionError)), TlsPhone(server, context=context) as phone:
        phone.register("1501")
    eventually(server, lambda: counted(server, "tls_certificate_untrusted") == 1)


def accept(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Takes one call: with that TLS, or with a greeting that is none."""
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        if context is None:
            connection.sendall(b"220 mail.example ready\r\n")
            connection.recv(1)
        else:
            context.wrap_socket(connection, server_side=True).close()


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        ("stranger", "certificate not trusted"),
        ("other name", "certificate of another name"),
        ("mail server", "no TLS there"),
        ("nobody", "connection refused"),
    ],
)
def test_why_a_callee_could_not_be_reached_over_tls_is_on_record(
    make_server: MakeServer, tmp_path: Path, peer: str, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = make_server(
            Extension("1501"),
            Extension("1502", contact=f"sips:1502@127.0.0.1:{port}"),
            tls=True,
            application={"sip-tls-ca": str(tmp_path / "server" / "data" / "tls" / "ca.pem")},
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if peer == "stranger":
            files = make(tmp_path / "stranger", hosts=["127.0.0.1"], days=1, rsa=False, new_ca=False)
            context.load_cert_chain(files.certificate, files.key)
        elif peer == "other name":
            files = make(server.folder / "data", hosts=["127.0.0.2"], days=1, rsa=False, new_ca=False)
            context.load_cert_chain(files.certificate, files.key)
        if peer == "nobody":
            listener.close()
        else:
            arguments = (listener, None if peer == "mail server" else context)
            threading.Thread(target=accept, args=arguments, daemon=True).start()
        with TlsPhone(server) as phone:
            answer = phone.request("INVITE", "1501", f"Contact: <sip:1501@127.0.0.1:{port}>", to="1502")
        assert status(answer) == 480
        eventually(server, lambda: any("call ended" in line and reason in line for line in server.log().splitlines()))


def test_keys_are_readable_by_their_owner_alone(server: Server) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in server.ca.parent.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "server.pem": 0o644, "server.key": 0o600}


@pytest.mark.strangers("baresip")
def test_two_baresips_hear_each_other_over_tls(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    def phone(number: str, hertz: float) -> Baresip:
        account = Account(number, server=server.tls, password=PASSWORD, transport="tls")
        return stack.enter_context(Baresip(account, tmp_path / number, hertz=hertz, ca=server.ca))

    one, two = phone("1501", 440), phone("1502", 1000)
    desktop = stack.enter_context(server.desktop("1501", "1502"))
    one.wait_registered()
    two.wait_registered()
    one.dial("1502")
    assert "1501" in two.wait_incoming()
    two.answer()
    one.wait_established()
    two.wait_established()
    heard_by_one, heard_by_two = one.wait_audio(), two.wait_audio()
    two.hang_up()
    one.wait_ended()
    two.wait_ended()
    assert_heard(heard_by_one, two.hertz)
    assert_heard(heard_by_two, one.hertz)
    ringing = desktop.wait(EventRinging, "1502", other_dn="1501")
    desktop.wait(EventEstablished, "1501", conn_id=ringing.conn_id)
    # Both calls of the server went on the connections the phones had opened.
    assert counted(server, "tls_handshakes") == 2
    assert counted(server, "tcp_connected") == 0
