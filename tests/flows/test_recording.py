"""Recording of calls, and with it anchoring: where the media goes, before, meanwhile and afterwards."""

from pathlib import Path

import pytest
from media_house import OurMediaServer, ask, errors, hears_nothing, talk_to_each_other, up

from cordboard.mediaserver.call_recording import read_index
from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import PrivateMessage
from cordboard.model.errors import Code
from cordboard.testkit.ladder import ladder
from cordboard.testkit.phone import Manners

LADDERS = Path(__file__).parent / "ladders"
P = PrivateMessage


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


@pytest.fixture
def talking(centre, ours):
    """1501 called 1502; the events start here."""
    a, b = up(centre)
    centre.desktop.events.clear()
    (conn_id,) = centre.switch.calls
    return centre, a, b, conn_id, ours


def record(centre, conn_id, what=P.RECORD_START, dn="1502", reference=5):
    ask(centre, rq.PrivateService(this_dn=dn, conn_id=conn_id, private_msg_id=what), reference)


def told(centre, dn=None):
    return [
        (event.this_dn, PrivateMessage(event.private_msg_id).name, event.reference_id)
        for event in centre.desktop.events
        if isinstance(event, ev.EventPrivateInfo) and dn in (None, event.this_dn)
    ]


def index(ours, centre, conn_id):
    uuid = (
        centre.switch.calls[conn_id].call.uuid
        if conn_id in centre.switch.calls
        else centre.desktop.records[-1].call_uuid
    )
    return read_index(ours.folder / "calls" / uuid)


def in_the_room(ours, *calls):
    """Each phone's voice goes to a leg of its own, and all legs are in one room."""
    legs = {f"{leg.media.place[0]}:{leg.media.place[1]} sendrecv".encode(): leg for leg in ours.server.legs}
    assert sorted(call.hears for call in calls) == sorted(legs), ([call.hears for call in calls], list(legs))
    rooms = {leg.media.room for leg in legs.values()}
    assert len(rooms) == 1
    (room,) = rooms
    assert len(room.roles) == len(calls)
    return room


def recorders(room):
    return [recorder for recorder in room.recorders if recorder.over is None]


def test_a_call_without_a_reason_is_never_touched(talking):
    centre, a, b, _, ours = talking
    talk_to_each_other(a, b)
    centre.run(300)
    assert ours.server.legs == ours.server.legs.__class__()
    assert a.events.count("re-invite") == b.events.count("re-invite") == 0


def test_a_desktop_records_a_call(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    room = in_the_room(ours, a, b)
    assert len(recorders(room)) == 1
    assert told(centre) == [("1501", "RECORD_STARTED", 0), ("1502", "RECORD_STARTED", 5)]
    centre.run(10)
    record(centre, conn_id, P.RECORD_STOP, reference=6)
    assert told(centre)[2:] == [("1501", "RECORD_STOPPED", 0), ("1502", "RECORD_STOPPED", 6)]
    centre.run(2)
    talk_to_each_other(a, b)
    assert not ours.server.legs
    (segment,) = index(ours, centre, conn_id).segments
    assert segment.ms > 9000
    counted = centre.switch.services.counters()
    assert (counted["anchored"], counted["recordings_started"], counted["failures"]) == (1, 1, 0)
    assert centre.switch.services.legs == 0
    assert {mark.party for mark in index(ours, centre, conn_id).marks if mark.what == "joined"} == {"1501", "1502"}


def test_ladder(centre, ours):
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    record(centre, conn_id)
    record(centre, conn_id, P.RECORD_STOP)
    centre.run(2)
    talk_to_each_other(a, b)
    a.hang_up()
    centre.run(1)
    assert not ours.server.legs
    assert ladder(centre.network) == (LADDERS / "recorded.txt").read_text()


def test_a_recording_is_paused(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    (recorder,) = recorders(in_the_room(ours, a, b))
    record(centre, conn_id, P.RECORD_PAUSE, reference=6)
    assert recorder.paused
    record(centre, conn_id, P.RECORD_RESUME, reference=7)
    assert not recorder.paused
    assert told(centre, "1502") == [
        ("1502", "RECORD_STARTED", 5),
        ("1502", "RECORD_PAUSED", 6),
        ("1502", "RECORD_RESUMED", 7),
    ]


def test_what_is_wrong(talking):
    centre, _, _, conn_id, _ = talking
    for what in (P.RECORD_STOP, P.RECORD_PAUSE, P.RECORD_RESUME, 1234):
        record(centre, conn_id, what)
    assert errors(centre) == [Code.ALREADY_IN_STATE, Code.WRONG_STATE, Code.WRONG_STATE, Code.UNSUPPORTED]
    record(centre, conn_id)
    record(centre, conn_id)
    record(centre, conn_id, P.RECORD_RESUME)
    record(centre, conn_id, dn="1503")
    assert errors(centre)[4:] == [Code.ALREADY_IN_STATE, Code.ALREADY_IN_STATE, Code.NO_SUCH_PARTY]


@pytest.mark.parametrize("by", ["phone", "desktop"])
def test_a_hold_is_survived_and_its_music_is_not_recorded(talking, by):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    if by == "phone":
        b.hold()
        centre.run(1)
    else:
        ask(centre, rq.HoldCall(this_dn="1502", conn_id=conn_id))
    hears_nothing(b)
    assert ours.playing
    assert ours.media.rooms[0].closed
    centre.run(20)
    if by == "phone":
        b.retrieve()
        centre.run(1)
    else:
        ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=conn_id))
    centre.run(6)
    room = in_the_room(ours, a, b)
    assert len(recorders(room)) == 1
    assert len(index(ours, centre, conn_id).segments) == 2
    assert told(centre, "1502") == [("1502", "RECORD_STARTED", 5)]


def test_what_is_paused_stays_paused_after_a_hold(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    record(centre, conn_id, P.RECORD_PAUSE)
    b.hold()
    centre.run(3)
    b.retrieve()
    centre.run(6)
    assert recorders(in_the_room(ours, a, b)) == []
    record(centre, conn_id, P.RECORD_RESUME)
    assert len(recorders(in_the_room(ours, a, b))) == 1


def test_a_transfer_is_survived(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    b.refer("1503")
    centre.run(10)
    c = centre.phones["1503"].calls[0]
    assert b.over
    room = in_the_room(ours, a, c)
    assert len(recorders(room)) == 1
    found = index(ours, centre, conn_id)
    assert len(found.segments) == 2
    assert ("1503", 2) in {(mark.party, mark.segment) for mark in found.marks}


@pytest.mark.parametrize("hears", [True, False])
def test_an_attended_transfer_is_survived(talking, hears):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    b.hold()
    centre.run(1)
    second = centre.phones["1502"].call("1503")
    centre.run(4)
    c = centre.phones["1503"].calls[0]
    if not hears:
        c.phone.refused["INVITE"] = 488
        centre.clock.call_later(0.05, c.phone.refused.clear)
    b.refer("1503", second)
    centre.run(10)
    if hears:
        assert b.over
        assert len(recorders(in_the_room(ours, a, c))) == 1
        return
    second.hang_up()
    b.retrieve()
    centre.run(10)
    assert len(recorders(in_the_room(ours, a, b))) == 1


def test_a_conference_is_recorded_as_the_same_conversation(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=conn_id, other_dn="1503"))
    centre.run(6)
    c = centre.phones["1503"].calls[0]
    room = in_the_room(ours, a, b, c)
    assert len(recorders(room)) == 1
    record(centre, conn_id, P.RECORD_STOP)
    centre.run(3)
    assert recorders(in_the_room(ours, a, b, c)) == []
    c.hang_up()
    centre.run(4)
    talk_to_each_other(a, b)


def test_a_recording_begins_in_a_conference(talking):
    centre, a, b, conn_id, ours = talking
    ask(centre, rq.SingleStepConference(this_dn="1502", conn_id=conn_id, other_dn="1503"))
    centre.run(6)
    c = centre.phones["1503"].calls[0]
    assert recorders(in_the_room(ours, a, b, c)) == []
    record(centre, conn_id)
    centre.run(3)
    assert len(recorders(in_the_room(ours, a, b, c))) == 1
    c.hang_up()
    centre.run(5)
    # The two that are left are recorded on.
    assert len(recorders(in_the_room(ours, a, b))) == 1


@pytest.mark.parametrize(
    ("option", "recorded"), [("none", False), ("source", False), ("destination", True), ("both", True)]
)
def test_calls_of_a_dn_are_recorded(centre, ours, option, recorded):
    centre.configure("1502", record=option)
    a, b = up(centre)
    centre.run(2)
    if recorded:
        assert len(recorders(in_the_room(ours, a, b))) == 1
        assert told(centre) == [("1501", "RECORD_STARTED", 0), ("1502", "RECORD_STARTED", 0)]
    else:
        talk_to_each_other(a, b)
        assert not ours.server.legs


def test_a_call_of_a_desktop_is_recorded(centre, ours):
    centre.configure("1501", record="source")
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="1502"), 3)
    centre.run(5)
    assert len(recorders(in_the_room(ours, centre.phones["1501"].calls[0], centre.phones["1502"].calls[0]))) == 1


def test_an_option_anchors_without_recording(centre, ours):
    centre.configure("1501", media_anchor="yes")
    a, b = up(centre)
    centre.run(2)
    assert recorders(in_the_room(ours, a, b)) == []
    (conn_id,) = centre.switch.calls
    record(centre, conn_id)
    assert len(recorders(in_the_room(ours, a, b))) == 1
    record(centre, conn_id, P.RECORD_STOP)
    centre.run(1)
    assert recorders(in_the_room(ours, a, b)) == []
    a.hang_up()
    centre.run(1)
    assert not ours.server.legs


def test_there_is_no_service_and_then_there_is(centre, tmp_path):
    centre.configure("1502", record="destination")
    a, b = up(centre)
    centre.run(2)
    talk_to_each_other(a, b)
    ours = OurMediaServer(centre, recordings=tmp_path)
    centre.run(6)
    assert len(recorders(in_the_room(ours, a, b))) == 1
    a.hang_up()


def test_there_is_no_service_for_long(centre):
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    record(centre, conn_id)
    centre.run(60)
    talk_to_each_other(a, b)
    assert told(centre, "1502") == [("1502", "RECORD_STOPPED", 5)]
    counted = centre.switch.services.counters()
    assert (counted["not_anchored"], counted["recordings_broken"], counted["recordings_started"]) == (1, 1, 0)
    record(centre, conn_id)
    assert errors(centre) == []
    a.hang_up()


def test_the_service_cannot_record(centre):
    ours = OurMediaServer(centre)
    a, b = up(centre)
    (conn_id,) = centre.switch.calls
    record(centre, conn_id)
    (event,) = [one for one in centre.desktop.events if isinstance(one, ev.EventPrivateInfo) and one.this_dn == "1502"]
    assert (event.private_msg_id, event.reference_id) == (P.RECORD_STOPPED, 5)
    assert event.reasons["reason"]
    centre.run(2)
    talk_to_each_other(a, b)
    a.hang_up()
    centre.run(1)
    assert ours.idle


def test_a_service_dies_and_another_goes_on(talking, tmp_path):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    second = OurMediaServer(centre, "ours2", "10.0.2.8", recordings=tmp_path / "second")
    centre.configure("ours", oos_check=5.0, session_audit_interval=0)
    centre.network.remove(ours.node)
    centre.run(60)
    assert len(recorders(in_the_room(second, a, b))) == 1
    assert told(centre, "1502") == [("1502", "RECORD_STARTED", 5)]
    centre.switch.unconfigure("ours")
    for leg in list(ours.server.legs):
        leg.gone()
    for session in list(ours.server.dispatcher.dialogs.values()):
        session.hang_up()


def test_the_caller_hangs_up_while_it_is_recorded(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    centre.run(5)
    a.hang_up()
    centre.run(1)
    assert b.over
    assert not ours.server.legs
    (segment,) = index(ours, centre, conn_id).segments
    assert segment.end
    assert centre.desktop.records[0].outcome == "answered"


def test_a_call_that_rings_is_recorded_from_its_answer_on(centre, ours):
    centre.phones["1502"].manners = Manners(answer=5.0)
    a = centre.phones["1501"].call("1502")
    centre.run(1)
    (conn_id,) = centre.switch.calls
    record(centre, conn_id, dn="1501")
    assert told(centre) == []
    centre.run(8)
    assert len(recorders(in_the_room(ours, a, centre.phones["1502"].calls[0]))) == 1
    assert told(centre, "1501") == [("1501", "RECORD_STARTED", 5)]


def test_music_while_anchored_is_for_the_held_one_alone(talking):
    centre, a, b, conn_id, ours = talking
    record(centre, conn_id)
    a.hold()
    centre.run(1)
    (leg,) = ours.server.legs
    assert b.hears == f"{leg.media.place[0]}:{leg.media.place[1]} sendrecv".encode()
    hears_nothing(a)
    b.hang_up()
