"""A virtual centre for each test, which must end with nothing left over. The ladder of a failed test is printed."""

from collections.abc import Iterator

import pytest
from media_house import OurMediaServer

from cordboard.ops.ladder import ladder
from cordboard.testkit.centre import Centre
from cordboard.testkit.tracing import trace_of

LADDERS = pytest.StashKey[Centre]()
LONGEST = 200
"""Lines of a ladder that are printed."""


@pytest.fixture
def make_centre(request):
    """Makes the virtual centre of a test, as :class:`Centre`; it must end with nothing left over.

    ``hang_up``: at the end the phones hang up what calls they still have; otherwise the test has ended them.
    """
    ends = []

    def make(*arguments, hang_up=False, **how):
        made = request.node.stash[LADDERS] = Centre(*arguments, **how)
        ends.append((made, hang_up))
        return made

    yield make
    for made, hang_up in ends:
        if hang_up:
            made.hang_up()
        made.run(100)  # longer than every timer of SIP
        assert made.leftovers() == []


@pytest.fixture
def centre(make_centre):
    return make_centre()


@pytest.fixture
def ours(centre, tmp_path):
    """Our Media Server in the centre, which must end with nothing left over too; its recordings are in ``folder``."""
    made = OurMediaServer(centre, recordings=tmp_path)
    made.folder = tmp_path
    yield made
    centre.hang_up()
    centre.run(100)
    assert made.idle
    assert made.server.faults == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    centre = item.stash.get(LADDERS, None)
    if report.failed and centre is not None and centre.network.packets:
        lines = ladder(trace_of(centre)).splitlines()
        report.sections.append(("ladder", "\n".join(lines[:LONGEST])))
    return report
