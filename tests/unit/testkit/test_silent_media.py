from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cordboard.media import FOREVER, File, MediaRefusedError, PlayEnd, Playing, Role, Waves
from cordboard.testkit.clock import VirtualClock
from cordboard.testkit.media import SilentMedia

if TYPE_CHECKING:
    from cordboard.media import Media

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


@pytest.fixture
def media() -> SilentMedia:
    return SilentMedia(VirtualClock())


def ended(into: list[tuple[PlayEnd, int]]):
    return lambda why, ms: into.append((why, ms))


def test_it_has_the_face_of_the_engine(media: SilentMedia) -> None:
    face: Media = media
    assert face.leg().place == ("192.0.2.50", 30_000)
    face.leg(srtp="required")
    assert [leg.srtp for leg in media.legs] == [None, "required"]


def test_a_player_ends_after_the_length_of_its_row(media: SilentMedia) -> None:
    heard: list[tuple[PlayEnd, int]] = []
    clock = media.clock
    assert isinstance(clock, VirtualClock)
    playing = Playing((File(Path("a.wav")), Waves(500)), repeat=2, delay_ms=100)
    media.leg().play(playing, ended(heard))
    clock.advance(11.0)
    assert heard == []
    clock.advance(11.2)
    assert heard == [(PlayEnd.COMPLETE, 11_100)]


def test_an_endless_player_ends_by_its_duration_or_when_stopped(media: SilentMedia) -> None:
    heard: list[tuple[PlayEnd, int]] = []
    clock = media.clock
    assert isinstance(clock, VirtualClock)
    media.leg().play(Playing((Waves(500),), repeat=FOREVER, duration_ms=3_000), ended(heard))
    endless = media.leg().play(Playing((Waves(500),), repeat=FOREVER), ended(heard))
    clock.advance(4.0)
    endless.pause()
    clock.advance(9.0)
    endless.stop()
    clock.advance(9.0)
    assert heard == [(PlayEnd.DURATION, 3_000), (PlayEnd.STOPPED, 4_000)]


def test_a_leg_is_in_one_place_at_a_time(media: SilentMedia) -> None:
    one, two, room = media.leg(), media.leg(), media.room()
    media.join(one, two, one_to_other=Role(), other_to_one=Role(talk=False))
    assert one.joined == {two: Role()}
    room.add(one, Role())
    assert (one.joined, two.joined, one.room) == ({}, {}, room)
    one.close()
    assert room.roles == {}


def test_an_offer_is_answered_stream_by_stream(media: SilentMedia) -> None:
    answer = media.leg().answer(OFFER + b"m=video 4 RTP/AVP 99\r\nm=audio 6 RTP/AVP 9 8 0\r\na=sendonly\r\n")
    assert b"m=video 0 RTP/AVP 99\r\nm=audio 30000 RTP/AVP 8\r\na=recvonly\r\n" in answer
    with pytest.raises(MediaRefusedError) as refused:
        media.leg().answer(OFFER + b"m=audio 6 RTP/AVP 18\r\n")
    assert refused.value.status == 488


def test_ports_run_out() -> None:
    media = SilentMedia(VirtualClock(), ports=1)
    media.leg()
    with pytest.raises(MediaRefusedError) as refused:
        media.leg()
    assert refused.value.status == 503
