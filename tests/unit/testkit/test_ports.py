"""Ports for strangers' programs: nobody is given what another has been promised."""

import socket
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


def test_no_port_is_given_twice_while_others_are_left():
    given = [port for _ in range(50) for first in (free_ports(4),) for port in range(first, first + 4)]
    assert len(set(given)) == len(given)


def test_a_worker_never_comes_to_the_end_of_them():
    # More than there are, in pieces large and small, each given back before the next: as a long run of tests does.
    for count in (1, 64, 1, 1, 600) * (2 * (LAST - FIRST) // 600):
        first = free_ports(count)
        assert first >= FIRST
        assert first + count <= LAST


def test_one_that_is_bound_is_not_given():
    first = free_ports(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first + 1))
        for _ in range(2 * (LAST - FIRST) // 256):
            given = free_ports(256)
            assert not given <= first + 1 < given + 256
