"""What goes over the wire: sngrep and Kamailio are sent copies (HEPv3), ``cordboard trace`` draws it."""

import json
import re
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import PASSWORD, MakeServer, make_table, register
from interop_table import Table

from cordboard.model.events import EventDialing, EventReleased
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import COMMAND
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.program import Program, StrangerError, find, wait_until
from cordboard.testkit.strangers.scenario import Scenario

SECONDS = 10
FRAMES = Counter({"": 6, "INVITE": 2, "INVITE 180": 2, "INVITE 200": 2, "ACK": 2, "BYE": 2, "BYE 200": 2})
"""A call of sipp with sipp, both legs; and six T-Library events, which are no SIP."""

STORY = [
    "EventDialing 1501",
    "EventRinging 1502",
    "EventEstablished 1502",
    "EventEstablished 1501",
    "EventReleased 1501",
    "EventReleased 1502",
]

COLLECTOR = """\
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
listen=udp:127.0.0.1:{port}
modparam("sipcapture", "db_url", "text://{folder}")
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "nonsip_hook", 1)
log_stderror=yes
request_route {{ exit; }}
event_route[sipcapture:request] {{
    xlog("L_WARN", "HEP version=$hep(version) kind=$hep(0x00b) transport=$hep(0x002) agent=$hep(0x00c) "
         "password=$hep(0x00e) call=$hep(0x011) $hep(0x003):$hep(0x007) $hep(0x004):$hep(0x008) $hep(0x00f) END\\n");
    exit;
}}
"""
HEARD = re.compile(
    r"HEP version=3 kind=(\d+) transport=17 agent=77 password=sesame call=(\w*) \S+:(\d+) \S+:(\d+) (.*?) END\n",
    re.DOTALL,
)


def called() -> Scenario:
    return Scenario("called", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200)


def caller() -> Scenario:
    return Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack().bye().receive(200)


def until(ready: Callable[[], object], program: Program, what: str) -> None:
    def asked() -> bool | None:
        return bool(ready()) or None

    wait_until(asked, SECONDS, failed=lambda: program.error(what))


def listening(port: int, program: Program) -> None:
    def bound() -> bool:
        return f":{port:04X} " in Path("/proc/net/udp").read_text() or program.exit_code is not None

    until(bound, program, "does not listen")


def frames(file: Path) -> Counter[str]:
    """What is in a capture file, by method and status, as tshark reads it."""
    fields = ["-T", "fields", "-e", "sip.CSeq.method", "-e", "sip.Status-Code", "-E", "separator=/s"]
    command = [find("tshark"), "-r", str(file), "-d", "udp.port==1-65535,sip", *fields]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Counter(line.strip() for line in result.stdout.splitlines())


@pytest.mark.strangers("sipp", "tshark", "sngrep")
def test_sngrep_shows_both_dialogs_of_a_call(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> None:
    port = free_ports()
    file = tmp_path / "sngrep.pcap"
    arguments = [find("sngrep"), "-F", "-N", "-O", str(file), "-L", f"udp:127.0.0.1:{port}"]
    sngrep = stack.enter_context(Program("sngrep", arguments, tmp_path / "sngrep"))
    listening(port, sngrep)
    table = make_table(make_server, tmp_path, stack, application={"hep-address": f"127.0.0.1:{port}"})
    table.play(called(), caller())
    wait_until(
        lambda: frames(file) == FRAMES or None,
        SECONDS,
        failed=lambda: StrangerError("sngrep", f"has seen {frames(file)}", sngrep.output()),
    )
    sngrep.signal(signal.SIGINT)
    sngrep.wait(SECONDS)
    assert "Dialog count: 2" in sngrep.output()
    metrics = table.server.metrics()
    told = {
        what: metrics[f'cordboard_core_events_total{{event="hep_{what}"}}'] for what in ("sent", "dropped", "failed")
    }
    assert told == {"sent": FRAMES.total(), "dropped": 0, "failed": 0}


@pytest.mark.strangers("sipp", "tshark", "kamailio")
def test_kamailio_is_told_which_call_each_leg_and_event_belongs_to(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    port = free_ports()
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "version").write_text("table_name(string) table_version(int)\nsip_capture:4\n")
    config = tmp_path / "collector.cfg"
    config.write_text(COLLECTOR.format(port=port, folder=tmp_path / "db"))
    # One process that receives, so that what it prints is in order.
    arguments = [
        "-f",
        str(config),
        "-DD",
        "-E",
        "-n",
        "1",
        "-m",
        "64",
        "-M",
        "8",
        "-w",
        str(tmp_path),
        "-Y",
        str(tmp_path),
    ]
    kamailio = stack.enter_context(Program("kamailio", [find("kamailio"), *arguments], tmp_path / "kamailio"))
    listening(port, kamailio)
    collector = {"hep-address": f"127.0.0.1:{port}", "hep-id": 77, "hep-password": "sesame"}
    table = make_table(make_server, tmp_path, stack, application=collector)
    desktop = table.desktop("1501")
    table.play(called(), caller())
    conn_id = desktop.wait(EventDialing, "1501").conn_id
    until(lambda: kamailio.output().count(" END\n") == FRAMES.total(), kamailio, "was not told everything")
    heard = HEARD.findall(kamailio.output())
    assert {call for _, call, *_ in heard} == {conn_id}
    messages = [rest for kind, *_, rest in heard if kind == "1"]
    events = [json.loads(rest) for kind, *_, rest in heard if kind == "100"]
    assert len(messages) == FRAMES.total() - len(STORY)
    assert len({match[1] for m in messages if (match := re.search(r"Call-ID: (\S+)", m))}) == 2
    assert [f"{event['Event']} {event['ThisDN']}" for event in events] == STORY
    assert {event["ConnID"] for event in events} == {conn_id}
    ours = str(table.server.port)
    assert all(ours in (source, target) for kind, _, source, target, _ in heard if kind == "1")


@pytest.mark.strangers("sipp", "tshark")
def test_calls_do_not_notice_that_the_collector_is_gone(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    table = make_table(make_server, tmp_path, stack, application={"hep-address": f"127.0.0.1:{free_ports()}"})
    table.play(called(), caller())
    failed = 'cordboard_core_events_total{event="hep_failed"}'
    until(lambda: table.server.metrics()[failed] > 0, table.server.program, "does not count what it could not send")
    table.play(called(), caller())


def trace(table: Table, *arguments: str) -> str:
    """What ``cordboard trace`` prints."""
    state = ["--state", str(table.server.folder / "data")]
    command = [str(COMMAND), "trace", *state, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def drawn(text: str) -> list[str]:
    """What the arrows of a ladder say, in order."""
    return [match[1] for line in text.splitlines() if (match := re.search(r"[<|]-+ (.*?) -+[>|]", line))]


@pytest.mark.strangers("sipp", "tshark")
def test_a_call_is_traced_by_conn_id_call_id_and_dn(table: Table, tmp_path: Path) -> None:
    desktop = table.desktop("1501", "1502")
    table.play(called(), caller())
    conn_id = desktop.wait(EventDialing, "1501").conn_id
    desktop.wait(EventReleased, "1502")
    text = trace(table, conn_id)
    names, places, *rows = text.splitlines()
    assert names.split() == ["1501", "server", "1502", "desktop"]
    assert places.split() == [
        f"127.0.0.1:{port}" for port in (table.ports["1501"], table.server.port, table.ports["1502"])
    ]
    assert Counter(drawn(text)) == Counter(
        {
            "INVITE +sdp": 2,
            "180 INVITE": 2,
            "200 INVITE +sdp": 2,
            "ACK": 2,
            "BYE": 2,
            "200 BYE": 2,
            **dict.fromkeys(STORY, 1),
        }
    )
    assert [what for what in drawn(text) if what.startswith("Event")] == STORY
    times = [float(row.split()[0]) for row in rows]
    assert times == sorted(times)
    assert trace(table, "--dn", "1502") == text
    call_ids = set(re.findall(r"Call-ID: (\S+)", trace(table, conn_id, "--messages")))
    assert len(call_ids) == 2
    for call_id in call_ids:
        assert trace(table, call_id) == text
    assert conn_id in trace(table)
    file = tmp_path / "call.pcap"
    trace(table, conn_id, "--pcap", str(file))
    assert frames(file) == Counter({what: count for what, count in FRAMES.items() if what})


@pytest.mark.strangers("sipp", "tshark")
def test_a_call_is_followed_while_it_happens(table: Table, tmp_path: Path, stack: ExitStack) -> None:
    state = ["--state", str(table.server.folder / "data")]
    command = [str(COMMAND), "trace", "--dn", "1501", "--follow", *state]
    follower = stack.enter_context(Program("trace", command, tmp_path / "trace"))
    follower.expect_line(lambda line: "waiting for the call" in line, SECONDS, "waits for the call")
    table.start(called())
    calling = table.start(
        Scenario("slow", user="1501").invite("1502").receive(180).receive(200).ack().pause(3000).bye().receive(200)
    )
    follower.expect_line(lambda line: "EventEstablished 1501" in line, SECONDS, "shows the answer")
    assert calling.program.exit_code is None, "the call went on when its answer was shown"
    calling.passed()
    assert follower.wait(SECONDS) == 0
    finished = trace(table, "--dn", "1501")
    assert Counter(drawn(follower.output())) == Counter(drawn(finished))


@pytest.mark.strangers("sipp")
def test_passwords_are_shown_to_nobody_and_the_trace_only_to_who_has_the_token(
    make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    server = make_server(Extension("1501", password=PASSWORD), Extension("1502", password=PASSWORD))
    ports = {number: free_ports() for number in ("1501", "1502")}
    table = Table(server, tmp_path, stack, ports)
    for number, port in ports.items():
        register(table, number, port)
    table.start(called())
    scenario = Scenario("caller", user="1501").invite("1502").challenged().ack_failure().invite("1502", authorized=True)
    table.start(scenario.receive(180).receive(200).ack().bye().receive(200), password=PASSWORD).passed()
    text = trace(table, "--dn", "1501", "--messages")
    shown = re.findall(r"uthorization: Digest .*", text)
    assert shown
    assert all(re.search(r'response="\*+"', line) and 'username="1501"' in line for line in shown)
    for token in (b"", b"Authorization: Bearer wrong\r\n"):
        with socket.create_connection(("127.0.0.1", server.http_port), timeout=SECONDS) as client:
            client.sendall(b"GET /admin/trace?dn=1501 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + token + b"\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
