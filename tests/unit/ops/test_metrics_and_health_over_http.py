import asyncio
import http.client
import re
import socket
from pathlib import Path

import pytest
import uvloop
from prometheus_client import generate_latest

from cordboard.ops.http import HttpServer, ListenError, Readiness, health_routes
from cordboard.ops.meters import TALK_BUCKETS, CallMeters
from cordboard.ops.metrics import GaugeCollector, LoopLag, PartCollector, ProcessInfo, registry
from cordboard.runtime import core_metrics

ROOT = Path(__file__).resolve().parents[3]


def get(server, path):
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_health_tells_when_new_calls_are_taken():
    async def main():
        readiness, made = Readiness(), registry()
        made.register(PartCollector("core_events", "What the core counted.", lambda: {"udp.received": 3}))
        server = HttpServer(health_routes(made, readiness))
        await server.start()
        try:
            ask = lambda path: asyncio.to_thread(get, server, path)  # noqa: E731
            assert await ask("/healthz") == (200, "ok\n")
            assert await ask("/readyz") == (503, '{"ready":false,"reasons":["starting"]}\n')
            readiness.started()
            assert await ask("/readyz") == (200, '{"ready":true,"reasons":[]}\n')
            readiness.draining()
            assert await ask("/readyz") == (503, '{"ready":false,"reasons":["draining"]}\n')
            assert await ask("/healthz") == (200, "ok\n")
            status, text = await ask("/metrics")
            assert status == 200
            assert 'cordboard_core_events_total{event="udp_received"} 3.0' in text
            assert "process_cpu_seconds_total" in text
            assert (await ask("/nothing"))[0] == 404
        finally:
            await server.stop()

    uvloop.run(main())


def test_port_in_use_is_told_by_name():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            HttpServer([], port=port).bind()
    assert (refused.value.host, refused.value.port) == ("127.0.0.1", port)
    assert "in use" in refused.value.reason


def test_unknown_host_is_told_by_name():
    with pytest.raises(ListenError, match=r"no\.such\.host\.invalid"):
        HttpServer([], host="no.such.host.invalid").bind()


def test_url_reaches_a_server_that_listens_everywhere():
    assert HttpServer([], host="0.0.0.0", port=80).url("ws", "/tlib") == "ws://127.0.0.1:80/tlib"
    assert HttpServer([], host="::", port=80).url() == "http://[::1]:80"
    assert HttpServer([], host="192.0.2.1", port=80).url() == "http://192.0.2.1:80"


def samples(*collectors):
    made = registry()
    for collector in collectors:
        made.register(collector)
    text = generate_latest(made).decode()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("cordboard"))


def test_calls_are_counted_by_outcome():
    meters = CallMeters()
    for _ in range(4):
        meters.call_started()
    meters.call_ended("answered", 4.0)
    meters.call_ended("answered", 5000.0)
    meters.call_ended("busy", 0.0)
    meters.call_refused(404)
    found = samples(meters)
    assert found["cordboard_calls_active"] == "1.0"
    assert found["cordboard_calls_started_total"] == "4.0"
    assert found['cordboard_calls_ended_total{outcome="answered"}'] == "2.0"
    assert found['cordboard_calls_ended_total{outcome="busy"}'] == "1.0"
    assert found['cordboard_calls_refused_total{status="404"}'] == "1.0"
    assert found['cordboard_call_talk_seconds_bucket{le="1.0"}'] == "0.0"
    assert found['cordboard_call_talk_seconds_bucket{le="5.0"}'] == "1.0"
    assert found['cordboard_call_talk_seconds_bucket{le="+Inf"}'] == "2.0"
    assert found["cordboard_call_talk_seconds_sum"] == "5004.0"
    assert sum(name.startswith("cordboard_call_talk_seconds_bucket") for name in found) == len(TALK_BUCKETS) + 1


def test_what_a_part_counts_of_the_moment_is_a_gauge():
    found = samples(PartCollector("core_events", "x", lambda: {"dialogs": 2, "registers": 5}, gauges={"dialogs"}))
    assert found["cordboard_core_dialogs"] == "2.0"
    assert found['cordboard_core_events_total{event="registers"}'] == "5.0"
    assert not any("dialogs" in name and "events" in name for name in found)


def test_loop_lag_shows_the_worst_since_the_last_look():
    async def main():
        lag = LoopLag(interval=0.01)
        lag.start()
        loop = asyncio.get_running_loop()
        held = asyncio.Event()

        def hold():
            end = loop.time() + 0.1
            while loop.time() < end:
                pass
            loop.call_later(0.02, held.set)

        loop.call_soon(hold)
        await held.wait()
        lag.stop()
        assert lag.take() > 0.05
        assert lag.take() == 0.0

    uvloop.run(main())


def test_every_metric_has_a_line_in_the_documentation():
    readiness, lag = Readiness(), LoopLag()
    names = {name.partition("{")[0] for name in samples(CallMeters(), ProcessInfo("1", readiness, lag, None))}
    files = ("runtime/server_metrics.py", "runtime/mediaserver.py")
    source = "".join((ROOT / "src/cordboard" / name).read_text() for name in files)
    names |= {f"cordboard_{name}_total" for name in re.findall(r'(?:PartCollector|collector)\(\s*"(\w+)"', source)}
    names |= {f"cordboard_core_{name}" for name in core_metrics.GAUGES}
    names |= {f"cordboard_{name}" for name in re.findall(r'^\s+"(\w+)": \(', source, re.MULTILINE)}
    names |= {"cordboard_media_legs", "cordboard_media_legs_started_total", "cordboard_media_legs_refused_total"}
    names |= {"cordboard_media_msml_total", "cordboard_media_engine_legs", "cordboard_media_engine_free_ports"}
    names |= {"cordboard_log_lines_total", "cordboard_calls_refused_total", "cordboard_calls_ended_total"}
    documented = (ROOT / "docs/operations.md").read_text()
    missing = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names} - set(
        re.findall(r"`(cordboard_\w+)", documented)
    )
    assert not missing


def test_gauges_are_read_when_asked():
    value = [1.0]
    gauges = GaugeCollector({"dns": ("DNs configured.", lambda: value[0])})
    assert samples(gauges)["cordboard_dns"] == "1.0"
    value[0] = 2.0
    assert samples(gauges)["cordboard_dns"] == "2.0"
