"""``annc`` (RFC 4240 section 3): something is played to one party, who is then let go."""

import pytest
from quiet_house import House

from cordboard.media import FOREVER, File, PlayEnd, Tone, Waves
from cordboard.mediaserver.announcement import TABLE, AnnouncementService, Input, State
from cordboard.mediaserver.sounds import MUSIC
from cordboard.sip.machine import MachineError


def test_a_prompt_is_played_once_and_the_server_hangs_up():
    house = House()
    call = house.caller("1").ask("annc;play=busy")
    house.run(0.1)
    assert call.talking
    (leg,) = house.media.legs
    (player,) = leg.players
    assert [source.path.name for source in player.playing.sources] == ["busy.wav"]
    house.run(20)
    assert call.events[-1] == "bye"
    assert house.leftovers() == []


def test_music_goes_on_until_the_caller_hangs_up():
    house = House()
    call = house.caller("1").ask("annc;play=music/on_hold;repeat=forever")
    house.run(3600)
    assert call.talking
    (player,) = house.media.legs[0].players
    assert player.playing.sources == (File(MUSIC / "on_hold.wav"),)
    assert player.playing.repeat == FOREVER
    call.hang_up()
    house.run()
    assert player.over is PlayEnd.STOPPED
    assert house.leftovers() == []


def test_repeat_delay_and_duration_are_kept():
    house = House()
    call = house.caller("1").ask("annc;play=music/silence;repeat=3;delay=500")
    house.run(3.9)
    assert call.talking
    house.run(0.3)
    assert call.over
    call = house.caller("2").ask("annc;play=music/on_hold;repeat=forever;duration=2500")
    house.run(2.4)
    assert call.talking
    house.run(0.3)
    assert call.events[-1] == "bye"
    assert house.leftovers() == []


def test_nothing_is_played_before_the_ack():
    house = House()
    house.network.filter = lambda packet: not packet.data.startswith(b"ACK")
    house.caller("1").ask("annc;play=busy")
    house.run(5)
    assert [leg.players for leg in house.media.legs] == [[]]
    house.run(60)
    assert house.server.legs == {}
    assert house.media.legs == []


def test_an_offer_may_come_in_the_answer_and_its_answer_in_the_ack():
    house = House()
    call = house.caller("1").ask("annc;play=music/on_hold", offer=False)
    house.run(0.5)
    assert call.talking
    assert b"m=audio 30000 " in call.bodies[-1]
    assert b"c=IN IP4 10.0.1.1" in house.media.legs[0].heard
    assert house.media.legs[0].players


def test_early_media_plays_before_the_refusal_it_was_asked_for():
    house = House()
    call = house.caller("1").ask("annc;play=tone/busy;duration=4000;early=486")
    house.run(3)
    assert call.events == ["183"]
    assert house.media.legs[0].players[-1].playing.sources == (Tone("busy", "us"),)
    house.run(2)
    assert call.events == ["183", "486"]
    house.run(40)
    assert house.leftovers() == []


def test_who_cancels_early_media_is_let_go():
    house = House()
    call = house.caller("1").ask("annc;play=tone/ringback/de;early=yes")
    house.run(1)
    assert house.media.legs[0].players[-1].playing.sources == (Tone("ringback", "de"),)
    call.hang_up()
    house.run(40)
    assert call.events[-1] == "487"
    assert house.leftovers() == []


@pytest.mark.parametrize(
    ("user", "status", "why"),
    [
        ("annc", 404, "play= is missing"),
        ("annc;play=nothing-of-the-sort", 404, "no such sound"),
        ("annc;play=../../etc/passwd", 404, "no such sound"),
        ("annc;play=file:///etc/passwd", 404, "no such sound"),
        ("annc;play=http://10.0.0.1/a.wav", 404, "not fetched"),
        ("annc;play=tone/hoot", 404, "no such tone"),
        ("annc;play=music/on_hold;repeat=x", 400, "repeat"),
        ("dialog;voicexml=http://10.0.0.1/a.vxml", 501, "VoiceXML"),
        ("teapot", 404, "No such service"),
    ],
)
def test_what_cannot_be_given_is_refused_with_a_reason(user, status, why):
    house = House()
    call = house.caller("1").ask(user)
    house.run(40)
    assert call.events == [str(status)]
    assert why in call.refusal.header("Warning")
    assert house.leftovers() == []


def test_codecs_that_do_not_meet_are_refused():
    house = House()
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"
    call = house.caller("1").ask("annc;play=music/on_hold", body=body)
    house.run(40)
    assert call.events == ["488"]
    assert "codec" in call.refusal.header("Warning")
    assert house.leftovers() == []


def test_familiar_names_of_tones_are_tones_unless_there_is_such_a_file(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "busy_5sec.wav").write_bytes(b"")
    house = House(folders=(tmp_path,), country="de")
    assert house.server.sounds.find("music/ring_back") == Tone("ringback", "de")
    assert house.server.sounds.find("music/silence") == Waves(1000)
    assert house.server.sounds.find("music/busy_5sec") == File(tmp_path / "music" / "busy_5sec.wav")
    assert house.server.sounds.find("file:///music/busy_5sec.wav") == File(tmp_path / "music" / "busy_5sec.wav")
    assert house.server.sounds.find(f"file://{tmp_path}/music/busy_5sec.wav").path.exists()


def test_values_are_said_as_prompts():
    house = House()

    def said(*asked):
        return [source.path.stem for source in house.server.sounds.say(*asked)]

    assert said("number", "42") == ["40", "2"]
    assert said("digits", "1#") == ["1", "pound"]
    assert said("time", "1705")[0] == "5"
    assert said("date", "20261125") == ["today"]
    with pytest.raises(LookupError, match="cannot be said"):
        said("number", "many")
    with pytest.raises(LookupError, match="no such kind"):
        said("smell", "rose")


def test_what_fails_to_play_ends_the_call():
    house = House()
    call = house.caller("1").ask("annc;play=music/on_hold;repeat=forever")
    house.run(1)
    house.media.legs[0].players[0].end(PlayEnd.FAILED)
    house.run(1)
    assert call.events[-1] == "bye"
    assert house.leftovers() == []


def test_an_announcement_follows_its_table():
    for state in State:
        for what in Input:
            service = AnnouncementService(None, None, ())
            service.state = state
            if (state, what) in TABLE:
                service._step(what)
                assert service.state is TABLE[state, what]
            else:
                with pytest.raises(MachineError):
                    service._step(what)
