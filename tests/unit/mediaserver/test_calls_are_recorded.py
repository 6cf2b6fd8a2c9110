"""A call is recorded as one conversation, and its recording is listened to, kept and let go."""

import json
import shutil
import time

import pytest
from msml_house import Controlled, controlled, dialog
from quiet_house import NOW

from cordboard.mediaserver import store as store_module
from cordboard.mediaserver.call_recording import Index, read_index
from cordboard.mediaserver.recordings import Recordings, at_once
from cordboard.mediaserver.store import AUDIT, InUseError, NoRecordingError, RecordingStore

CALL = "0123456789ABCDEF"
RECORD = (
    f'<record dest="call:{CALL}" maxtime="3600s"><recordexit><exit namelist="record.recordid"/></recordexit></record>'
)


class Centre:
    """A conference that is recorded, with parties who have names."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.house, self.control = controlled(recordings=folder, **settings)
        start = self.house.clock.now()
        self.house.server.now = lambda: NOW.fromtimestamp(NOW.timestamp() + self.house.clock.now() - start, NOW.tzinfo)
        self.control.say('<createconference name="c" deletewhen="nocontrol"/>')
        self.parties = {}

    def enter(self, number):
        party = Controlled(self.house, number)
        self.parties[number] = party
        assert self.control.say(f'<join id1="{party.id}" id2="conf:c"/>').response == 200
        return party

    def record(self, name="r"):
        assert self.control.say(dialog("conf:c", RECORD, name)).response == 200

    def stop(self, name="r"):
        assert self.control.say(f'<dialogend id="conf:c/dialog:{name}"/>').response == 200
        self.house.run(0.5)

    def event(self, what, name="r"):
        assert self.control.say(f'<send event="{what}" target="conf:c/dialog:{name}"/>').response == 200

    @property
    def index(self):
        return read_index(self.folder / "calls" / CALL)

    def write(self):
        """What a real engine would have written."""
        for segment in self.index.segments:
            (self.folder / "calls" / CALL / segment.file).write_bytes(b"RIFF")

    def store(self):
        server = self.house.server
        return RecordingStore(self.folder, lambda: server.now().timestamp(), server.recordings.busy)


@pytest.fixture
def centre(tmp_path):
    return Centre(tmp_path / "recordings")


def marks(index):
    return [(mark.segment, mark.what, mark.party) for mark in index.marks]


def test_parties_coming_going_and_held_are_marked_at_their_moment(centre):
    centre.enter("1501")
    centre.enter("1502")
    centre.record()
    centre.house.run(4.5)
    third = centre.enter("1503")
    muted = '<stream><gain amt="{}"/></stream>'
    centre.control.say(f'<modifystream id1="{third.id}" id2="conf:c">{muted.format("mute")}</modifystream>')
    centre.control.say(f'<modifystream id1="{third.id}" id2="conf:c">{muted.format("unmute")}</modifystream>')
    centre.parties["1502"].call.hang_up()
    centre.house.run(1)
    centre.stop()
    index = centre.index
    assert marks(index) == [
        (1, "joined", "1501"),
        (1, "joined", "1502"),
        (1, "joined", "1503"),
        (1, "held", "1503"),
        (1, "retrieved", "1503"),
        (1, "left", "1502"),
    ]
    third_at = index.marks[2].ms
    assert 4900 <= third_at <= 6600
    (segment,) = index.segments
    assert segment.ms >= third_at
    assert segment.end == "stopped"
    assert centre.house.server.recordings.calls.open == {}
    assert dict(centre.control.events[-1].values) == {"record.recordid": f"calls/{CALL}"}


def test_a_pause_is_left_out_of_the_moments_in_the_sound(centre):
    centre.enter("1501")
    centre.record()
    centre.event("pause")
    centre.house.run(60)
    centre.enter("1502")
    centre.event("resume")
    centre.house.run(2)
    centre.enter("1503")
    centre.stop()
    index = centre.index
    assert [what for _, what, _ in marks(index)] == ["joined", "paused", "joined", "resumed", "joined"]
    assert index.marks[2].ms == index.marks[1].ms == index.marks[3].ms
    assert index.marks[2].at - index.marks[1].at > 60
    assert 2000 <= index.marks[4].ms - index.marks[3].ms <= 4000
    assert index.segments[0].ms < 10_000


def test_what_is_recorded_again_is_another_segment_of_the_same_call(centre):
    centre.enter("1501")
    centre.record()
    centre.stop()
    centre.enter("1502")
    centre.record("s")
    centre.house.run(1)
    centre.stop("s")
    index = centre.index
    assert [segment.file for segment in index.segments] == ["1.wav", "2.wav"]
    assert marks(index) == [(1, "joined", "1501"), (2, "joined", "1501"), (2, "joined", "1502")]


def test_the_end_of_the_conference_ends_the_recording(centre):
    centre.enter("1501")
    centre.record()
    centre.control.say('<destroyconference id="conf:c"/>')
    centre.house.run(1)
    assert centre.index.segments[0].end
    assert centre.house.server.recordings.calls.open == {}


def test_a_damaged_index_is_put_aside_and_no_sound_overwritten(centre):
    folder = centre.folder / "calls" / CALL
    folder.mkdir(parents=True)
    (folder / "index.json").write_text("{")
    (folder / "1.wav").write_bytes(b"old")
    centre.enter("1501")
    centre.record()
    centre.stop()
    assert [segment.file for segment in centre.index.segments] == ["2.wav"]
    assert (folder / "index.json.damaged").read_text() == "{"
    assert (folder / "1.wav").read_bytes() == b"old"


def test_a_disk_that_refuses_the_index_ends_no_call(centre):
    centre.enter("1501")
    centre.record()
    folder = centre.folder / "calls" / CALL
    (folder / "index.json").unlink()
    (folder / "index.json").mkdir()
    party = centre.enter("1502")
    centre.stop()
    assert party.call.talking


def test_a_slow_disk_holds_up_nobody_and_gets_what_there_is_when_its_turn_comes(tmp_path):
    works = []
    centre = Centre(tmp_path / "recordings", disk=works.append)
    centre.enter("1501")
    centre.record()
    centre.enter("1502")
    centre.parties["1502"].call.hang_up()
    centre.house.run(1)
    centre.stop()
    assert len(works) == 1
    # The call goes on elsewhere before anything of it is on the disk.
    centre.record("s")
    centre.stop("s")
    calls = centre.house.server.recordings.calls
    assert (calls.open, calls.busy(CALL)) == ({}, True)
    while works:
        works.pop(0)()
    assert marks(centre.index) == [
        (1, "joined", "1501"),
        (1, "joined", "1502"),
        (1, "left", "1502"),
        (2, "joined", "1501"),
    ]
    assert [segment.end for segment in centre.index.segments] == ["stopped", "stopped"]
    assert not calls.busy(CALL)


# Those who listen


def audit(store):
    return [json.loads(line) for line in (store.folder / AUDIT).read_text().splitlines()]


def recorded(centre):
    centre.enter("1501")
    centre.record()
    centre.house.run(3)
    centre.enter("1502")
    centre.stop()
    centre.write()
    messages = centre.folder / "messages"
    messages.mkdir()
    (messages / "greeting.wav").write_bytes(b"RIFFxx")
    return centre.store()


def test_recordings_are_listed_shown_fetched_and_every_access_audited(centre):
    store = recorded(centre)
    found = {summary.id: summary for summary in store.latest("anna")}
    assert set(found) == {f"calls/{CALL}", "messages/greeting.wav"}
    assert found[f"calls/{CALL}"].parties == ["1501", "1502"]
    assert found["messages/greeting.wav"].bytes == 6
    assert [summary.id for summary in store.latest("anna", party="1502")] == [f"calls/{CALL}"]
    shown = store.show("bob", f"calls/{CALL}")
    assert [mark.party for mark in shown.marks] == ["1501", "1502"]
    path, kind = store.sound("bob", f"calls/{CALL}", 1)
    assert (path.name, kind) == ("1.wav", "audio/wav")
    assert store.sound("bob", "messages/greeting.wav")[0].name == "greeting.wav"
    with pytest.raises(NoRecordingError):
        store.sound("eve", f"calls/{CALL}", 2)
    lines = audit(store)
    assert [(line["who"], line["what"], line["found"]) for line in lines] == [
        ("anna", "list", True),
        ("anna", "list", True),
        ("bob", "show", True),
        ("bob", "get", True),
        ("bob", "get", True),
        ("eve", "get", False),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "calls",
        "calls/../messages",
        "../etc/passwd",
        "messages/../../x.wav",
        "calls/x/y",
        "messages/.hidden.wav",
        "audit.jsonl",
        "/etc/passwd",
        "messages",
        "calls/none",
    ],
)
def test_names_that_are_none_lead_nowhere_and_are_audited(centre, name):
    store = recorded(centre)
    for access in (store.show, store.sound, store.delete):
        with pytest.raises(NoRecordingError):
            access("eve", name)
    assert [line["found"] for line in audit(store)] == [False, False, False]


def test_a_segment_named_in_a_forged_index_does_not_lead_out(centre, tmp_path):
    store = recorded(centre)
    (tmp_path / "secret.wav").write_bytes(b"x")
    index = centre.folder / "calls" / CALL / "index.json"
    index.write_text(index.read_text().replace('"1.wav"', '"../../../secret.wav"'))
    with pytest.raises(NoRecordingError):
        store.sound("eve", f"calls/{CALL}")


def test_a_lost_index_is_made_of_the_files(centre):
    store = recorded(centre)
    (centre.folder / "calls" / CALL / "index.json").unlink()
    assert [segment.file for segment in store.show("anna", f"calls/{CALL}").segments] == ["1.wav"]


def test_a_recording_is_deleted_but_not_while_it_is_written(centre):
    centre.enter("1501")
    centre.record()
    centre.write()
    store = centre.store()
    # However long ago something was written: it may be paused.
    centre.house.run(3000)
    with pytest.raises(InUseError):
        store.delete("anna", f"calls/{CALL}")
    centre.stop()
    store.delete("anna", f"calls/{CALL}")
    assert not (centre.folder / "calls" / CALL).exists()
    with pytest.raises(NoRecordingError):
        store.delete("anna", f"calls/{CALL}")
    assert [line["found"] for line in audit(store)] == [False, True, False]


def test_a_message_is_not_deleted_while_it_is_written(centre):
    centre.control.say(dialog(centre.control.id, '<record dest="greeting" maxtime="60s"/>', "g"))
    (centre.folder / "messages" / "greeting.wav").write_bytes(b"RIFF")
    store = centre.store()
    with pytest.raises(InUseError):
        store.delete("anna", "messages/greeting.wav")
    centre.control.say(f'<dialogend id="{centre.control.id}/dialog:g"/>')
    store.delete("anna", "messages/greeting.wav")


def test_what_a_lost_server_was_writing_is_deleted_at_once(centre):
    centre.enter("1501")
    centre.record()
    centre.write()
    after = RecordingStore(centre.folder, lambda: 0.0, Recordings(lambda: 0.0, at_once).busy)
    after.delete("anna", f"calls/{CALL}")
    assert not (centre.folder / "calls" / CALL).exists()


def test_nothing_is_deleted_that_cannot_be_noted(centre):
    store = recorded(centre)
    (centre.folder / AUDIT).mkdir()
    with pytest.raises(OSError, match="directory"):
        store.delete("anna", f"calls/{CALL}")
    assert (centre.folder / "calls" / CALL / "1.wav").exists()


def test_one_that_vanishes_meanwhile_hides_no_other(centre, monkeypatch):
    store = recorded(centre)
    vanishing = centre.folder / "calls" / "0000"

    def read(folder):
        if folder == vanishing:
            shutil.rmtree(folder)
        return read_index(folder)

    monkeypatch.setattr(store_module, "read_index", read)
    for look in (lambda: len(store.latest("anna")), lambda: store.expire(1e-6)):
        vanishing.mkdir()
        (vanishing / "1.wav").write_bytes(b"RIFF")
        store._wall = lambda: time.time() + 1
        assert look() == 2


def test_one_that_cannot_be_deleted_keeps_no_other(centre, monkeypatch):
    store = recorded(centre)
    real = shutil.rmtree

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(store_module.shutil, "rmtree", refuse)
    store._wall = lambda: time.time() + 100
    assert store.expire(50) == 1
    monkeypatch.setattr(store_module.shutil, "rmtree", real)
    assert [summary.id for summary in store.latest("anna")] == [f"calls/{CALL}"]


def test_what_is_older_than_it_may_be_is_let_go(centre):
    store = recorded(centre)
    written = (centre.folder / "messages" / "greeting.wav").stat().st_mtime
    store._wall = lambda: written + 100
    assert store.expire(0) == 0
    assert store.expire(200) == 0
    assert store.expire(50) == 2
    assert store.latest("anna") == []
    assert [line["who"] for line in audit(store)] == ["server", "server", "anna"]


def test_an_access_that_cannot_be_noted_fails(centre):
    store = recorded(centre)
    (centre.folder / AUDIT).mkdir()
    with pytest.raises(OSError, match="directory"):
        store.show("anna", f"calls/{CALL}")


def test_the_index_tells_of_a_segment_whose_server_was_lost(centre):
    centre.enter("1501")
    centre.record()
    index = centre.index
    assert isinstance(index, Index)
    assert (index.segments[0].end, index.segments[0].ms) == ("", 0)
