"""Bans are kept in a file, and the next run begins with them."""

import asyncio

import msgspec
import pytest

pytest.importorskip("cordboard._core")

from cordboard import _core
from cordboard.config.options import ApplicationOptions
from cordboard.runtime.bans import Ban, BanWatch, core_guard, load_bans, read_bans, save_bans
from cordboard.testkit.strangers.program import wait_until

NOW = 2_000_000_000
ONE = Ban("192.0.2.7", "tls", NOW, NOW + 600)
TWO = Ban("2001:db8::", "udp", NOW + 1, NOW + 601)


class Core:
    """As much of a core as is asked for its bans."""

    def __init__(self, *bans):
        self.held = list(bans)

    def bans(self):
        return [msgspec.structs.astuple(ban) for ban in self.held]


@pytest.fixture
def loop():
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def test_the_file_follows_what_the_core_says(tmp_path, loop):
    path, core = tmp_path / "bans.json", Core()
    watch = BanWatch(loop, core, path)
    watch.start()
    assert not path.exists()
    core.held = [ONE, TWO]
    watch.stop()
    assert load_bans(path) == [TWO, ONE]
    core.held = []
    watch.stop()
    assert load_bans(path) == []


def test_a_core_begins_with_them_and_forgets_those_that_are_over(tmp_path):
    path = tmp_path / "bans.json"
    save_bans(path, [ONE, TWO, Ban("192.0.2.8", "tcp", 1000, 1600)])
    options = ApplicationOptions()
    endpoint = _core.Endpoint.live(
        [("udp", "127.0.0.1", 0)], realm="cordboard.test", software="test", guard=core_guard(options, load_bans(path))
    )
    try:
        wait_until(lambda: len(endpoint.bans()) == 2, 10, failed=AssertionError)
        bans = read_bans(endpoint)
        assert {(ban.source, ban.transport, ban.since) for ban in bans} == {
            ("192.0.2.7", "tls", NOW),
            ("2001:db8::", "udp", NOW + 1),
        }
        # However far the clock was set back: none is longer than a ban may be.
        assert all(ban.until < NOW for ban in bans)
        endpoint.unban("192.0.2.7")
        endpoint.flush()
        wait_until(lambda: len(endpoint.bans()) == 1, 10, failed=AssertionError)
    finally:
        endpoint.close()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'[{"source": "x", "transport": "udp", "since": 1, "until": 2}]',
        b'[{"source": "192.0.2.7", "transport": "pigeon", "since": 1, "until": 2}]',
        b'[{"source": "192.0.2.7", "transport": "udp", "since": -1, "until": 2}]',
    ],
)
def test_a_damaged_file_stops_nobody(tmp_path, text):
    path = tmp_path / "bans.json"
    path.write_bytes(text)
    assert load_bans(path) == []


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path):
    save_bans(tmp_path / "no such folder" / "bans.json", [ONE])
    assert load_bans(tmp_path / "no such folder" / "bans.json") == []
