"""ConnID, CallUUID and CallID."""

import re

import pytest

from cordboard.model import connid
from cordboard.model.connid import CallIds


def test_form():
    conn_id, uuid, number = CallIds(started=1_790_000_000.5, seed=b"0123456789", server=255).next()
    assert re.fullmatch("[0-9a-f]{16}", conn_id)
    assert re.fullmatch("[0-9A-V]{32}", uuid)
    assert number == 1
    assert int(conn_id, 16) >> 56 == 255


def test_same_seed_gives_the_same_and_a_restart_gives_others():
    def some(started, seed):
        ids = CallIds(started=started, seed=seed)
        return [ids.next() for _ in range(1000)]

    assert some(1_790_000_000, b"a" * 10) == some(1_790_000_000, b"a" * 10)
    before, after = some(1_790_000_000, b"a" * 10), some(1_790_000_001, b"b" * 10)
    assert len({c for c, _, _ in before + after}) == 2000
    assert len({u for _, u, _ in before + after}) == 2000


def test_high_part_moves_when_the_low_part_is_used_up(monkeypatch):
    monkeypatch.setattr(connid, "_LOW_BITS", 2)
    ids = CallIds(started=1_790_000_000, seed=b"a" * 10)
    given = [int(ids.next()[0], 16) for _ in range(10)]
    seconds = 1_790_000_000 - connid.EPOCH
    assert len(set(given)) == 10
    assert [number >> 2 for number in given] == [seconds] * 3 + [seconds + 1] * 4 + [seconds + 2] * 3


@pytest.mark.parametrize(("server", "seed"), [(256, b"a" * 10), (-1, b"a" * 10), (0, b"short")])
def test_bad_arguments_are_refused(server, seed):
    with pytest.raises(ValueError, match=r"server number|seed"):
        CallIds(started=1_790_000_000, seed=seed, server=server)
