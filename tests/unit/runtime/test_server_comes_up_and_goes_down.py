import asyncio
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time

import msgspec
import pytest

pytest.importorskip("cordboard._core")

from cordboard.model.errors import Code
from cordboard.model.events import EventRegistered
from cordboard.runtime.state import link_file_of
from cordboard.tlib import RequestError, TLibClient
from cordboard.tlib.auth import read_link_file

COMMAND = [sys.executable, "-c", "from cordboard.cli import main; main()"]
CENTRE = """\
format = 1
[application]
sip-listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
tlib-port = 0
http-port = 0
log-format = "json"
[switch]
name = "test"
realm = "cordboard.test"
[dn.1501]
type = "Extension"
[dn.1502]
type = "Extension"
contact = "sip:1502@127.0.0.1:%d"
[person.anna]
password = "secret"
"""
LIMIT = 120.0


def waited(condition, process=None):
    """Looks until it holds, for a bounded time."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        assert process is None or process.poll() is None, process.returncode
        time.sleep(0.02)
    return found


class Up:
    """``cordboard up`` in a process of its own."""

    def __init__(self, folder, *, port=9, text=""):
        self.state = folder / "state"
        self.config = folder / "centre.toml"
        self.config.write_text(text or CENTRE % port)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CORDBOARD_STATE": str(self.state)}
        environment.pop("CORDBOARD_DATABASE", None)
        self.log = folder / f"log-{len(list(folder.glob('log-*')))}"
        with self.log.open("wb") as log:
            command = [*COMMAND, "up", "--config", str(self.config)]
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)

    def ready(self):
        waited(lambda: link_file_of(self.state).exists() and self._readyz() == 200, self.process)
        return self

    def _readyz(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0]

    def get(self, path):
        host, port = re.match(r"ws://([\d.]+):(\d+)/", read_link_file(link_file_of(self.state)).url).groups()
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def desktop(self):
        link = read_link_file(link_file_of(self.state))
        return TLibClient.connect(link.url, token=link.token, reconnect=False)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self):
        code = self.process.wait(LIMIT)
        return code, self.log.read_text()


@pytest.fixture
def up(tmp_path):
    made = []

    def start(**options):
        made.append(Up(tmp_path, **options))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def run(main):
    async def bounded():
        async with asyncio.timeout(LIMIT):
            return await main()

    return asyncio.run(bounded())


def test_server_serves_its_centre_and_stops_in_good_order(up):
    server = up().ready()

    async def main():
        async with server.desktop() as link:
            assert isinstance(await link.register("1501"), EventRegistered)
            registered = await link.register("1502")
            assert registered.extensions["in-service"] == 1
            with pytest.raises(RequestError) as refused:
                await link.make_call("1501", "1502")
            assert refused.value.code == Code.OUT_OF_SERVICE

    run(main)
    assert server.get("/healthz") == (200, "ok\n")
    metrics = server.get("/metrics")[1]
    assert "cordboard_dns 2.0" in metrics
    assert "cordboard_dns_in_service 1.0" in metrics
    code, err = server.stop()
    assert code == 0
    events = [msgspec.json.decode(line)["event"] for line in err.splitlines()]
    assert "server ready" in events
    assert events[-1] == "server stopped"
    assert not link_file_of(server.state).exists()


def test_changed_file_is_in_force_after_sighup_and_a_bad_one_is_not(up):
    server = up().ready()
    text = server.config.read_text()
    revisions = []

    async def registers(dn):
        async with server.desktop() as link:
            try:
                await link.register(dn)
            except RequestError:
                return False
            return True

    def reload_with(content):
        server.config.write_text(content)
        server.process.send_signal(signal.SIGHUP)

    reload_with(text + '[dn.1503]\ntype = "Extension"\n')
    waited(lambda: run(lambda: registers("1503")), server.process)
    revisions.append(run(lambda: registers("1501")))
    reload_with(text + '[dn.1504]\ntype = "Extension"\nmax-calls = "many"\n')
    waited(lambda: "configuration not read, the old one stays" in server.log.read_text(), server.process)
    assert "max-calls" in server.log.read_text()
    revisions.append(run(lambda: registers("1503")))
    revisions.append(not run(lambda: registers("1504")))
    reload_with(text.replace("[dn.1501]", "[dn.1505]"))
    waited(lambda: run(lambda: registers("1505")), server.process)
    assert not run(lambda: registers("1501"))
    assert not run(lambda: registers("1503"))
    assert revisions == [True, True, True]
    assert server.stop()[0] == 0


def test_drain_waits_for_a_call_and_a_second_signal_does_not(up):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        # A phone that rings and is never answered: its call stays until somebody ends it.
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(LIMIT)
        server = up(port=phone.getsockname()[1]).ready()

        async def main():
            async with server.desktop() as link:
                await link.register("1502")
                from cordboard.model.requests import MakeCall

                await link.request(MakeCall(this_dn="1502", other_dn="1501"))
                invite, source = await asyncio.to_thread(phone.recvfrom, 65536)
                lines = invite.decode().split("\r\n")
                assert lines[0].startswith("INVITE sip:1502@")
                kept = [h for h in lines if h.startswith(("Via:", "From:", "Call-ID:", "CSeq:"))]
                to = next(h for h in lines if h.startswith("To:")) + ";tag=phone"
                phone.sendto(
                    "\r\n".join(["SIP/2.0 180 Ringing", *kept, to, "Content-Length: 0", "", ""]).encode(), source
                )

        run(main)
        assert "cordboard_calls_active 1.0" in server.get("/metrics")[1]
        server.process.send_signal(signal.SIGTERM)
        waited(lambda: server.get("/readyz")[0] == 503, server.process)
        assert server.process.poll() is None
        code, err = server.stop()
        assert code == 0
        assert "calls ended by the stop" in err


def test_port_in_use_is_one_clear_line_and_an_exit_code(up):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = up(text=(CENTRE % 9).replace("udp:127.0.0.1:0", f"udp:127.0.0.1:{port}"))
        code, err = server.end()
    assert code == 71
    assert f"127.0.0.1:{port}" in err
    assert "Traceback" not in err


def test_bad_configuration_is_named_with_an_exit_code(up):
    server = up(text=(CENTRE % 9).replace("tlib-port = 0", 'tlib-port = "many"'))
    code, err = server.end()
    assert code == 78
    assert "tlib-port" in err
    assert "Traceback" not in err


def test_second_server_on_the_same_state_is_refused(up):
    first = up().ready()
    code, err = up().end()
    assert code == 73
    assert f"another server uses it (process {first.process.pid})" in " ".join(err.split())
    assert first.stop()[0] == 0


def config(server, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CORDBOARD_STATE": str(server.state)}
    environment.pop("CORDBOARD_DATABASE", None)
    return subprocess.run(
        [*COMMAND, "config", *arguments], env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )


def test_commands_leave_a_centre_alone_whose_master_is_a_file(up):
    server = up().ready()
    refused = config(server, "set", "1501", "max-calls=2")
    assert refused.returncode == 1
    assert str(server.config) in " ".join(refused.stderr.split())
    assert "max-calls" not in config(server, "show", "1501").stdout
    assert server.stop()[0] == 0
    assert config(server, "set", "1501", "max-calls=2").returncode == 0


def test_what_is_odd_in_the_file_is_logged_at_the_start(up):
    server = up(text=CENTRE % 9 + '[dn.1503]\nfunny-key = "kept"\n').ready()
    assert "funny-key" in server.stop()[1]


def test_a_registration_is_taken_up_after_a_kill_and_the_log_says_so(up):
    server = up().ready()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(LIMIT)
        port = int(waited(lambda: re.search(r"udp:127\.0\.0\.1:(\d+)", server.log.read_text())).group(1))
        here = f"127.0.0.1:{phone.getsockname()[1]}"
        phone.sendto(
            f"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKr\r\nMax-Forwards: 70\r\n"
            f"From: <sip:1501@127.0.0.1>;tag=1\r\nTo: <sip:1501@127.0.0.1>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:1501@{here}>;expires=600\r\nContent-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", port),
        )
        assert phone.recv(65536).startswith(b"SIP/2.0 200")
    waited(lambda: "1501" in (server.state / "bindings.journal").read_bytes().decode(errors="replace"))
    server.process.kill()
    server.process.wait(LIMIT)
    with (server.state / "bindings.journal").open("ab") as journal:
        journal.write(b"torn")
    again = up().ready()
    assert "cordboard_dns_in_service 2.0" in again.get("/metrics")[1]
    lines = [msgspec.json.decode(line) for line in again.stop()[1].splitlines()]
    (restored,) = [line for line in lines if line["event"] == "registrations restored"]
    assert (restored["bindings"], restored["damaged_bytes"]) == (1, 4)
