"""Texts made into speech: by what ships, by a synthesiser, from the cache."""

import os
import shutil
import wave

import pytest
from msml_house import Controlled
from quiet_house import House

from cordboard.mediaserver import speech as speech_module
from cordboard.mediaserver.server import MediaServer
from cordboard.mediaserver.speech import MOST_KEPT, MOST_WAITING, Speech, SpeechError, render

TEXT = "The lift is out of order until Monday"


class Later:
    """Jobs that are run when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, job, tell):
        self.jobs.append((job, tell))

    def done(self, wrong=""):
        jobs, self.jobs = self.jobs, []
        for job, tell in jobs:
            if not wrong:
                job.path.parent.mkdir(parents=True, exist_ok=True)
                job.path.write_bytes(b"RIFF")
            tell(wrong)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A directory of programs, with an espeak-ng."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "espeak-ng").write_text("#!/bin/sh\nexit 0\n")
    (folder / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def speaking(tmp_path, later, **settings):
    house = House(**settings)
    house.server = MediaServer(
        house.server.settings, endpoint=house.node.endpoint, clock=house.clock, media=house.media,
        now=house.server.now, speech=Speech(tmp_path / "speech", "auto", later),
    )  # fmt: skip
    house.node.drain = house.server.drain_events
    return house, Controlled(house)


def tts(text=TEXT, rest="<playexit><exit namelist='play.end'/></playexit>"):
    return f"<play><tts>{text}</tts>{rest}</play>"


@pytest.mark.usefixtures("program")
def test_a_play_waits_for_its_speech_and_the_next_one_does_not(tmp_path):
    later = Later()
    house, leg = speaking(tmp_path, later)
    assert leg.start(tts()).response == 200
    assert leg.media.players == []
    later.done()
    (player,) = leg.media.players
    house.run(6)
    assert leg.told == [("msml.dialog.exit", {"play.end": "play.complete"})]
    leg.start(tts(f"  {TEXT} \n"))
    assert later.jobs == []
    assert leg.media.players[1].playing.sources == player.playing.sources


@pytest.mark.usefixtures("program")
def test_what_ships_as_a_prompt_is_not_rendered(tmp_path):
    later = Later()
    _, leg = speaking(tmp_path, later)
    leg.start(tts("goodbye"))
    assert later.jobs == []
    assert leg.media.players[0].playing.sources[0].path.name == "goodbye.wav"


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("end", ["dialogend", "hang up"])
def test_a_dialog_may_end_while_its_speech_is_rendered(tmp_path, end):
    later = Later()
    house, leg = speaking(tmp_path, later)
    leg.start(tts())
    if end == "dialogend":
        leg.say(f'<dialogend id="{leg.id}/dialog:d"/>')
        house.run(1)
        assert leg.told == [("msml.dialog.exit", {"play.end": "play.terminated"})]
    else:
        leg.call.hang_up()
        house.run(1)
    later.done()
    assert leg.media.players == []
    if end == "dialogend":
        leg.call.hang_up()
    house.run(40)
    assert house.leftovers() == []


@pytest.mark.usefixtures("program")
def test_a_text_that_could_not_be_rendered_ends_the_play(tmp_path):
    later = Later()
    _, leg = speaking(tmp_path, later)
    leg.start(tts())
    later.done("no voice")
    # A real engine finds no file; here the player is there to be told so.
    assert len(leg.media.players) == 1
    assert not leg.media.players[0].playing.sources[0].path.exists()


def test_without_a_synthesiser_the_dialog_is_refused_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    _, leg = speaking(tmp_path, Later())
    result = leg.start(tts())
    assert result.response == 423
    assert "none of flite, espeak-ng, espeak is installed" in result.description


@pytest.mark.parametrize(("program_", "language", "text", "reason"), [
    ("off", "en", TEXT, "switched off"),
    ("flite", "de", TEXT, "English alone"),
    ("espeak-ng", "en", "", "1 to 1000"),
    ("espeak-ng", "en", "x" * 1001, "1 to 1000"),
])  # fmt: skip
def test_what_cannot_be_said(tmp_path, program, program_, language, text, reason):
    shutil.copy(program / "espeak-ng", program / "flite")
    with pytest.raises(SpeechError, match=reason):
        Speech(tmp_path, program_, Later()).say(text, language)


@pytest.mark.usefixtures("program")
def test_there_are_so_many_texts_in_the_making_and_no_more(tmp_path):
    later = Later()
    speech = Speech(tmp_path / "s", "auto", later)
    for number in range(MOST_WAITING):
        speech.say(f"text {number}", "en")
    speech.say("text 1", "en")
    with pytest.raises(SpeechError, match="already"):
        speech.say("another", "en")
    assert len(later.jobs) == MOST_WAITING
    later.done()
    speech.say("another", "en")


def test_the_cache_forgets_what_was_not_said_for_the_longest(tmp_path, program, monkeypatch):
    monkeypatch.setattr(speech_module, "MOST_KEPT", 3)
    assert MOST_KEPT > 3
    (program / "espeak-ng").write_text('#!/bin/sh\necho sound > "$5"\n')
    speech = Speech(tmp_path / "s", "auto", lambda job, tell: tell(render(job)))
    paths = []
    for number in range(5):
        paths.append(speech.say(f"text {number}", "en"))
        os.utime(paths[-1], (number, number))
    speech.say("text 5", "en")
    assert [path.exists() for path in paths] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 3", "ended with 3"), ("echo no voice >&2; exit 1", "no voice"), ("exit 0", "made nothing")],
)
def test_what_a_synthesiser_says_when_it_fails(tmp_path, program, script, reason):
    (program / "espeak-ng").write_text(f"#!/bin/sh\n{script}\n")
    later = Later()
    Speech(tmp_path / "s", "auto", later).say(TEXT, "en")
    ((job, _),) = later.jobs
    assert reason in render(job)
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_says_it(tmp_path):
    later = Later()
    path = Speech(tmp_path / "s", "flite", later).say("-o /etc/passwd; $(reboot)", "en")
    ((job, _),) = later.jobs
    assert render(job) == ""
    with wave.open(str(path)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.5
    assert [one.name for one in (tmp_path / "s").iterdir()] == [path.name]


@pytest.fixture
def own(tmp_path):
    """The operator's folder, with texts."""
    folder = tmp_path / "sounds"
    (folder / "de").mkdir(parents=True)
    (folder / "place.txt").write_text("You are number {1:number}.\n{2}, please wait.\n")
    (folder / "de" / "place.txt").write_text("Sie sind Nummer {1}, {2}.")
    (folder / "bad.txt").write_bytes(b"\xff\xfe")
    (folder / "secret.txt").symlink_to(tmp_path / "elsewhere.txt")
    (tmp_path / "elsewhere.txt").write_text("not yours")
    return folder


@pytest.mark.usefixtures("program")
def test_what_netann_gives_is_put_into_a_text(tmp_path, own):
    later = Later()
    house, _ = speaking(tmp_path, later, folders=(own,))
    call = house.caller("1").ask("annc;play=place;param1=23;param2=Ann%20Lee")
    house.run(0.1)
    assert call.talking
    (leg,) = house.media.legs[-1:]
    assert leg.players == []
    # The first words ship as a prompt, the number as two.
    assert [job.said for job, _ in later.jobs] == ["Ann Lee, please wait."]
    later.done()
    house.run(0.1)
    (player,) = leg.players
    names = [source.path.stem for source in player.playing.sources]
    assert names[1:3] == ["20", "3"]
    assert len(names) == 4
    house.run(60)
    assert call.events[-1] == "bye"


@pytest.mark.usefixtures("program")
def test_a_text_is_taken_in_the_language_asked_for(tmp_path, own):
    later = Later()
    house, _ = speaking(tmp_path, later, folders=(own,))
    for _ in range(2):
        house.caller("1").ask("annc;play=place;param1=3;param2=Ann;locale=de")
        house.run(0.1)
    assert [job.said for job, _ in later.jobs] == ["Sie sind Nummer 3, Ann."]
    later.done()


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("play=place;param1=3", "param2= is missing"),
        ("play=place;param2=3", "param1= is missing"),
        ("play=place;param1=many;param2=x", "cannot be said"),
        ("play=bad", "no such sound"),
        ("play=secret", "no such sound"),
        ("play=../place", "no such sound"),
    ],
)
def test_a_text_that_cannot_be_said(tmp_path, own, asked, why):
    house, _ = speaking(tmp_path, Later(), folders=(own,))
    call = house.caller("1").ask(f"annc;{asked}")
    house.run(0.1)
    assert call.events == ["404"]
    assert why in call.refusal.header("Warning")


@pytest.mark.usefixtures("program")
def test_the_caller_is_gone_before_the_text_is_made(tmp_path, own):
    later = Later()
    house, _ = speaking(tmp_path, later, folders=(own,))
    call = house.caller("1").ask("annc;play=place;param1=3;param2=Ann")
    house.run(0.1)
    (leg,) = house.media.legs[-1:]
    call.hang_up()
    house.run(1)
    later.done()
    house.run(1)
    assert leg.players == []
