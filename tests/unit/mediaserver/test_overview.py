from types import SimpleNamespace

from cordboard.media import LegStats
from cordboard.mediaserver.overview import overview

STATS = LegStats(
    packets_received=100,
    comfort_received=3,
    packets_lost=4,
    packets_late=2,
    packets_refused=1,
    jitter_ms=7.5,
    packets_sent=90,
    lost_there=0.25,
    jitter_there_ms=9.0,
    round_trip_ms=41.0,
    mos=4.1,
    remote=("fd00::1", 9),
    codec="PCMU",
)


class Leg(SimpleNamespace):
    """One that can be a key."""

    __hash__ = object.__hash__


def test_all_that_is_known_of_a_leg_is_shown():
    leg = Leg(
        id="L",
        up=SimpleNamespace(value="up"),
        party="1501",
        conn_id="",
        call_id="c",
        dialogs={"d": None},
        media=SimpleNamespace(stats=lambda: STATS),
    )
    server = SimpleNamespace(
        legs={leg: "msml"},
        settings=SimpleNamespace(max_legs=5),
        draining=False,
        conferences={},
        recordings=SimpleNamespace(calls=SimpleNamespace(open=[])),
        joins=SimpleNamespace(conference_of=lambda _: None),
    )
    (view,) = overview(server).legs
    assert (view.service, view.remote, view.codec, view.dialogs) == ("msml", "[fd00::1]:9", "PCMU", ["d"])
    assert (view.received, view.lost, view.sent) == (100, 4, 90)
    assert (view.comfort, view.late, view.refused) == (3, 2, 1)
    assert (view.jitter_ms, view.jitter_there_ms) == (7.5, 9.0)
    assert (view.lost_there, view.round_trip_ms, view.mos) == (0.25, 41.0, 4.1)
