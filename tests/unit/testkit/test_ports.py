"""Ports for strangers' programs: nobody is given what another has been promised."""

from itertools import pairwise

import pytest

from cordboard.testkit.strangers.ports import FIRST, LAST, free_ports, part


def test_one_worker_has_them_all():
    assert part("", 1) == (FIRST, LAST)


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 16])
def test_workers_share_them_without_overlap(workers):
    parts = [part(f"gw{number}", workers) for number in range(workers)]
    assert parts[0][0] == FIRST
    assert parts[-1][1] <= LAST
    for (first, last), (following, _) in pairwise(parts):
        assert (last, first % 2) == (following, 0)
    assert min(last - first for first, last in parts) > 1000


def test_no_port_is_given_twice():
    given = [port for _ in range(50) for first in (free_ports(4),) for port in range(first, first + 4)]
    assert len(set(given)) == len(given)
