import time

import msgspec
import pytest

from cordboard.cli.demo import tell
from cordboard.cli.lines import duration, event_json, event_line
from cordboard.model.enums import CallState, CallType, DNRole
from cordboard.model.events import (
    EventAddressInfo,
    EventDNBackInService,
    EventError,
    EventOffHook,
    EventReleased,
    EventRinging,
    Time,
)
from cordboard.tlib import SnapshotTaken, UnknownEvent
from cordboard.tlib.protocol import SnapshotReason

AT = Time(1_800_000_000, 250_000)
CLOCK = time.strftime("%H:%M:%S", time.localtime(1_800_000_000)) + ".250"
CALL = {"conn_id": "0123456789abcdef", "call_id": 1, "call_uuid": "u", "time": AT, "call_type": CallType.INTERNAL}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            EventRinging(this_dn="1502", other_dn="1501", this_dn_role=DNRole.DESTINATION, user_data={"a": 1}, **CALL),
            "EventRinging               1502   <- 1501   0123456789abcdef internal {'a': 1}",
        ),
        (
            EventReleased(
                this_dn="1501",
                other_dn="1502",
                this_dn_role=DNRole.ORIGINATION,
                call_state=CallState.NO_ANSWER,
                reference_id=7,
                **CALL,
            ),
            "EventReleased              1501   -> 1502   0123456789abcdef internal no answer ref=7",
        ),
        (EventOffHook(this_dn="1501", time=AT), "EventOffHook               1501  "),
        (
            EventAddressInfo(this_dn="1501", time=AT, extensions={"in-service": 1}),
            "EventAddressInfo           1501   in-service=1",
        ),
        (
            EventError(error_code=59, error_message="DN is not configured", this_dn="9", time=AT),
            "EventError                 9      DN is not configured (59)",
        ),
    ],
)
def test_line_of_an_event(event, line):
    assert event_line(event).plain == f"{CLOCK} {line}"


def test_lines_of_what_is_no_event():
    assert "EventNew" in event_line(UnknownEvent(3, {"Event": "EventNew", "ThisDN": "1501"})).plain
    assert "snapshot (too-far-behind)" in event_line(SnapshotTaken(SnapshotReason.TOO_FAR_BEHIND, [], [])).plain


def test_json_has_the_names_of_t_library():
    value = msgspec.json.decode(event_json(EventOffHook(this_dn="1501", time=AT)))
    assert value == {"Event": "EventOffHook", "ThisDN": "1501", "time": {"sec": 1_800_000_000, "usec": 250_000}}
    assert msgspec.json.decode(event_json(UnknownEvent(3, {"Event": "EventNew"}))) == {"Event": "EventNew"}
    snapshot = msgspec.json.decode(event_json(SnapshotTaken(SnapshotReason.UNKNOWN_SESSION, [], [])))
    assert snapshot == {"Snapshot": "unknown-session", "dns": [], "calls": []}


def test_demo_tells_events_in_plain_words():
    assert tell(EventDNBackInService(this_dn="1501")).plain == "1501 in service"
    assert tell(EventRinging(this_dn="1502", other_dn="1501", **CALL)).plain.startswith("1502 rings, called by 1501")
    assert tell(EventOffHook(this_dn="1501")) is None


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3725, "1:02:05"), (-3, "0:00")])
def test_duration(seconds, text):
    assert duration(seconds) == text
