"""What strangers' phones hear of the Media Server: music, tones, each other in a conference, told by frequency."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from interop_setup import MakeServer, media_within
from talking_room import NUMBERS, VOICES, Kind, Room, extensions

from cordboard.mediaserver.call_recording import read_index
from cordboard.model.enums import PrivateMessage, TreatmentType
from cordboard.model.events import (
    EventDestinationBusy,
    EventEstablished,
    EventHeld,
    EventReleased,
    EventRetrieved,
    EventRouteRequest,
    EventTreatmentEnd,
)
from cordboard.model.userdata import KVList
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers import Baresip, Linphone
from cordboard.testkit.strangers.program import wait_until
from cordboard.testkit.strangers.tone import measure, read, write_sine

pytestmark = pytest.mark.strangers("baresip", "linphonec", "tshark")

SOUNDS = {"music": 350.0, "ringing": 550.0, "busy": 850.0, "queue": 1250.0}
POINT = "8000"

MakeMediaRoom = Callable[..., Room]


@pytest.fixture
def make_media_room(make_server: MakeServer, tmp_path: Path, stack: ExitStack) -> MakeMediaRoom:
    """Phones, and a server with a Media Server within it whose every sound is a sine of its own."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for name, hertz in SOUNDS.items():
        write_sine(sounds / f"{name}.wav", hertz, 20.0)

    def make(**kinds: Kind) -> Room:
        service, media = media_within()
        point = Extension(POINT, type="Routing Point", options={"router-timeout": 0})
        server = make_server(
            *extensions(),
            service,
            point,
            application=media
            | {
                "media-sounds": str(sounds),
                "media-recordings": str(tmp_path / "recordings"),
                "music-on-hold": "music",
                "ring-tone": "ringing",
                "busy-tone": "busy",
                "busy-tone-time": 20,
            },
        )
        return Room(server, tmp_path, stack, kinds, SOUNDS)

    return make


def conference(here: Room) -> str:
    """Ann has called Bob and has Cyd called in; returns the ConnID."""
    here.call("ann", "bob")
    conn_id = here.desktop.wait(EventEstablished, NUMBERS["ann"]).conn_id
    adding = here.desktop.begin(lambda link: link.single_step_conference(NUMBERS["ann"], conn_id, NUMBERS["cyd"]))
    here["cyd"].wait_incoming()
    here["cyd"].answer()
    adding.result(30)
    return conn_id


TRIO = {"ann": Baresip, "bob": Baresip, "cyd": Baresip}
MIXED = {"ann": Baresip, "bob": Linphone, "cyd": Baresip}


@pytest.mark.parametrize(
    ("ann", "bob", "holder"), [(Baresip, Baresip, "phone"), (Baresip, Linphone, "desktop")], ids=["phone", "desktop"]
)
def test_who_is_held_hears_music_and_nobody_else(
    make_media_room: MakeMediaRoom, ann: Kind, bob: Kind, holder: str
) -> None:
    here = make_media_room(ann=ann, bob=bob)
    here.call("ann", "bob")
    conn_id = here.desktop.wait(EventEstablished, NUMBERS["ann"]).conn_id
    here.hear(ann="bob", bob="ann")
    if holder == "phone":
        here["ann"].hold()
        here.desktop.wait(EventHeld, NUMBERS["ann"])
    else:
        here.desktop.call(lambda link: link.hold_call(NUMBERS["ann"], conn_id))
    here.hear(ann=None, bob="music")
    if holder == "phone":
        here["ann"].resume()
        here.desktop.wait(EventRetrieved, NUMBERS["ann"])
    else:
        here.desktop.call(lambda link: link.retrieve_call(NUMBERS["ann"], conn_id))
    here.hear(ann="bob", bob="ann")
    assert "music" not in here.ears.ever("ann")
    here["ann"].hang_up()
    here["bob"].wait_ended()
    here.over()


@pytest.mark.parametrize("trio", [TRIO, MIXED], ids=["baresip", "with-linphone"])
def test_each_hears_all_others_in_a_conference_and_no_music_leaks_into_it(
    make_media_room: MakeMediaRoom, trio: dict[str, Kind]
) -> None:
    here = make_media_room(**trio)
    conn_id = conference(here)
    here.hear(ann="bob+cyd", bob="ann+cyd", cyd="ann+bob")
    here.desktop.call(lambda link: link.hold_call(NUMBERS["cyd"], conn_id))
    here.hear(ann="bob", bob="ann", cyd=None)
    here.desktop.call(lambda link: link.retrieve_call(NUMBERS["cyd"], conn_id))
    here.hear(ann="bob+cyd", bob="ann+cyd", cyd="ann+bob")
    here["cyd"].hang_up()
    here.desktop.wait(EventReleased, NUMBERS["cyd"])
    here.hear(ann="bob", bob="ann")
    assert not {"music", "ringing", "busy"} & (here.ears.ever("ann") | here.ears.ever("bob") | here.ears.ever("cyd"))
    here["ann"].hang_up()
    here["bob"].wait_ended()
    here.over()


def test_the_caller_of_a_desktops_call_hears_ringback_then_the_callee(make_media_room: MakeMediaRoom) -> None:
    here = make_media_room(ann=Baresip, bob=Baresip)
    calling = here.desktop.begin(lambda link: link.make_call(NUMBERS["ann"], NUMBERS["bob"]))
    here["ann"].wait_incoming()
    here["ann"].answer()
    conn_id = calling.result(30).conn_id
    here["bob"].wait_incoming()
    here.hear(ann="ringing")
    here["bob"].answer()
    here.hear(ann="bob", bob="ann")
    here.desktop.call(lambda link: link.release_call(NUMBERS["ann"], conn_id))
    here["bob"].wait_ended()
    here.over()


def test_busy_is_heard(make_media_room: MakeMediaRoom) -> None:
    here = make_media_room(ann=Baresip, bob=Baresip)
    here.desktop.call(lambda link: link.set_dnd(NUMBERS["bob"]))
    calling = here.desktop.begin(lambda link: link.make_call(NUMBERS["ann"], NUMBERS["bob"]))
    here["ann"].wait_incoming()
    here["ann"].answer()
    calling.result(30)
    here.desktop.wait(EventDestinationBusy, NUMBERS["ann"])
    here.hear(ann="busy")
    here["ann"].hang_up()
    here.desktop.wait(EventReleased, NUMBERS["ann"])
    here.over()


def test_a_caller_is_treated_gives_digits_and_is_routed(make_media_room: MakeMediaRoom) -> None:
    here = make_media_room(ann=Baresip, bob=Baresip)
    with here.server.desktop(POINT) as router:
        here["ann"].dial(POINT)
        conn_id = router.wait(EventRouteRequest, POINT).conn_id
        router.call(lambda link: link.apply_treatment(POINT, conn_id, TreatmentType.MUSIC, {"MUSIC_DN": "queue"}))
        here["ann"].wait_established()
        here.hear(ann="queue")
        router.call(
            lambda link: link.apply_treatment(
                POINT, conn_id, TreatmentType.COLLECT_DIGITS, {"MAX_DIGITS": 4, "TERM_DIGITS": "#"}
            )
        )
        here["ann"].press("17#")
        end = router.wait(EventTreatmentEnd, POINT, treatment_type=TreatmentType.COLLECT_DIGITS)
        assert end.collected_digits == "17"
        routing = router.begin(lambda link: link.route_call(POINT, conn_id, NUMBERS["bob"]))
        here["bob"].wait_incoming()
        here["bob"].answer()
        routing.result(30)
        here.hear(ann="bob", bob="ann")
        here["ann"].hang_up()
        here["bob"].wait_ended()
    here.over()


def test_what_a_caller_records_as_an_announcement_is_heard_by_the_next(make_media_room: MakeMediaRoom) -> None:
    here = make_media_room(ann=Baresip, bob=Baresip)
    whose: KVList = {"USER_ID": "ann", "USER_ANN_ID": "7"}
    with here.server.desktop(POINT) as router:

        def treat(name: str, kind: TreatmentType, parameters: KVList) -> KVList:
            here[name].dial(POINT)
            conn_id = router.wait(EventRouteRequest, POINT).conn_id
            router.call(lambda link: link.apply_treatment(POINT, conn_id, kind, parameters))
            return router.wait(EventTreatmentEnd, POINT).extensions or {}

        ended = treat("ann", TreatmentType.RECORD_USER_ANNOUNCEMENT, {**whose, "TOTAL_TIMEOUT": 3})
        assert ended["USER_ANN_ID"] == "messages/users/ann/7.wav"
        here["ann"].hang_up()
        treat("bob", TreatmentType.PLAY_ANNOUNCEMENT, {"PROMPT": {"1": whose}})
        assert measure(read(here["bob"].wait_audio(2.5)), VOICES["ann"]).seconds > 2.0
        here["bob"].hang_up()
    here.over()


def test_a_recorded_call_is_heard_as_before_and_is_on_disk(make_media_room: MakeMediaRoom, tmp_path: Path) -> None:
    here = make_media_room(ann=Baresip, bob=Baresip)
    here.call("ann", "bob")
    established = here.desktop.wait(EventEstablished, NUMBERS["ann"])
    ann, conn_id = NUMBERS["ann"], established.conn_id
    here.hear(ann="bob", bob="ann")
    here.desktop.call(lambda link: link.private_service(ann, conn_id, PrivateMessage.RECORD_START))
    here.hear(ann="bob", bob="ann")
    here.desktop.call(lambda link: link.private_service(ann, conn_id, PrivateMessage.RECORD_STOP))
    here.hear(ann="bob", bob="ann")
    here["ann"].hang_up()
    here["bob"].wait_ended()
    here.over()
    folder = tmp_path / "recordings" / "calls" / established.call_uuid
    wait_until(
        lambda: all(one.end for one in read_index(folder).segments),
        10,
        failed=lambda: here.server.program.error("does not end its recording"),
    )
    (segment,) = read_index(folder).segments
    recorded = read(folder / segment.file)
    for name in ("ann", "bob"):
        assert measure(recorded, VOICES[name], purity=0.2).seconds > 0.3
