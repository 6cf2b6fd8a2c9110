import wave
from contextlib import suppress
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordboard.media import File
from cordboard.mediaserver.prompts import LANGUAGES, SHIPPED, Catalogue, PromptError, saying, texts
from cordboard.mediaserver.sounds import SoundError, Sounds, _by_text

ENGLISH = texts()


def words(said):
    return " ".join(ENGLISH[name] for name in said)


def test_every_prompt_of_the_catalogue_ships_and_nothing_else():
    files = {str(path.relative_to(SHIPPED / "en"))[:-4] for path in (SHIPPED / "en").rglob("*.wav")}
    assert files == set(ENGLISH)
    for name in ENGLISH:
        head = Catalogue().find(name).read_bytes()[:44]
        assert head[:4] == b"RIFF"
        assert head[20:24] == b"\x07\x00\x01\x00", f"{name}: not mono mu-law"
        assert int.from_bytes(head[24:28], "little") == 16000


def test_the_operators_own_voice_comes_first(tmp_path):
    own = tmp_path / "fr" / "digits"
    own.mkdir(parents=True)
    with wave.open(str(own / "1.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(160))
    (tmp_path / "hello.ulaw").write_bytes(b"\xff" * 80)
    catalogue = Catalogue([tmp_path])
    assert catalogue.find("digits/1", "fr-CA") == own / "1.wav"
    assert catalogue.find("digits/1.wav", "fr") == own / "1.wav"
    assert catalogue.find("digits/1", "en") == SHIPPED / "en/digits/1.wav"
    assert catalogue.find("digits/2", "fr") == SHIPPED / "en/digits/2.wav"
    assert catalogue.find("hello") == tmp_path / "hello.ulaw"


@pytest.mark.parametrize(
    "name", ["", "nothing", "../en.toml", "/etc/passwd", "digits/../../en", "digits//1", "a\0b", "."]
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(PromptError) as raised:
        Catalogue().find(name, "de")
    assert raised.value.name == name
    assert raised.value.languages == ("de", "en")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"RIFF")
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "secret.wav").symlink_to(outside)
    with pytest.raises(PromptError):
        Catalogue([folder]).find("secret")


@given(st.text(max_size=40), st.text(max_size=12))
def test_any_name_leads_to_a_file_of_ours_or_to_an_error(name, language):
    with suppress(PromptError):
        assert Catalogue().find(name, language).is_relative_to(SHIPPED)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "zero"),
        (7, "seven"),
        (19, "nineteen"),
        (42, "forty two"),
        (100, "one hundred"),
        (115, "one hundred fifteen"),
        (2003, "two thousand three"),
        (-4, "minus four"),
        (1_000_000, "one million"),
        (12_345_678, "twelve million three hundred forty five thousand six hundred seventy eight"),
        (1_234_567_890, "one two three four five six seven eight nine zero"),
    ],
)
def test_numbers(value, said):
    assert words(saying.number(value)) == said


@given(st.integers(-(10**12), 10**12))
def test_every_number_can_be_said(value):
    assert all(name in ENGLISH for name in saying.number(value))


@given(st.text(max_size=30))
def test_any_text_can_be_spelled(text):
    assert all(name in ENGLISH for name in saying.characters(text))


def test_codes_are_said_sign_by_sign():
    assert words(saying.characters("+1-A*#")) == "plus one minus ay star pound"


def test_dates_and_times():
    today = date(2026, 3, 14)
    assert words(saying.day(today, today)) == "today"
    assert words(saying.day(date(2026, 3, 13), today)) == "yesterday"
    assert words(saying.day(date(2026, 3, 1), today)) == "Sunday March first"
    assert words(saying.day(date(1999, 12, 31), today)) == ("Friday December thirty first nineteen ninety nine")
    assert words(saying.year(2009)) == "two thousand nine"
    assert words(saying.year(1900)) == "nineteen hundred"
    assert words(saying.year(1905)) == "nineteen oh five"
    assert words(saying.year(2026)) == "twenty twenty six"
    assert words(saying.clock(time(17, 7))) == "five oh seven P M"
    assert words(saying.clock(time(0, 0))) == "twelve o'clock A M"
    moment = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
    assert words(saying.moment(moment, moment)) == "today at nine thirty A M"
    with pytest.raises(ValueError, match="no day"):
        saying.ordinal(32)


@given(st.dates(), st.dates())
def test_every_date_can_be_said(value, today):
    assert all(name in ENGLISH for name in saying.day(value, today))


def test_lengths_of_time():
    assert words(saying.duration(0)) == "zero seconds"
    assert words(saying.duration(61)) == "one minute one second"
    assert words(saying.duration(120)) == "two minutes"
    assert words(saying.duration(7265)) == "two hours one minute"
    with pytest.raises(ValueError, match="length of time"):
        saying.duration(-1)


def test_of_recordings_only_announcements_of_users_are_played(tmp_path):
    for name in ("users/alice/1", "vm/1501/1"):
        path = tmp_path / f"{name}.opus"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"OggS")
    sounds = Sounds((), recorded=tmp_path)
    assert sounds.find("users/alice/1") == File(tmp_path / "users/alice/1.opus")
    for name in ("vm/1501/1", "users/alice/2", "users/../vm/1501/1", "users"):
        with pytest.raises(SoundError):
            sounds.find(name)
    with pytest.raises(SoundError):
        Sounds(()).find("users/alice/1")


def test_languages_nobody_speaks_are_not_remembered_for_ever():
    sounds = Sounds(())
    for number in range(3 * LANGUAGES):
        with pytest.raises(SoundError):
            sounds.speak("nothing that ships", f"x{number}")
    assert texts.cache_info().currsize <= LANGUAGES
    assert _by_text.cache_info().currsize <= LANGUAGES
