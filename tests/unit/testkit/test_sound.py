"""Known sounds are found in what arrived, and nothing else is."""

import numpy as np
import pytest

from cordboard.testkit import music, sound
from cordboard.testkit.sound import Samples, Slip, follow, identify
from cordboard.testkit.strangers import g711

ANN, BOB, CYD, DEE = (sound.noise(name, seed) for seed, name in enumerate(("ann", "bob", "cyd", "dee"), 1))
ALL = [ANN, BOB, CYD, DEE]


def g711_and_back(samples: Samples, kind: int = g711.PCMU) -> Samples:
    return np.array(g711.decode(kind, g711.encode(kind, samples.tolist())), dtype=np.int16)


def mix(*parts: Samples) -> Samples:
    return np.clip(np.sum([p.astype(np.int32) for p in parts], axis=0), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("voice", [ANN, sound.chirp("ann"), sound.noise("ann", 7, rate=16_000)])
def test_a_voice_is_known_by_name_level_and_delay(voice: sound.Voice) -> None:
    late = 1_234
    received = g711_and_back(voice.samples(-late, voice.rate))
    [heard] = identify(received, [voice, BOB, CYD])
    assert heard.voice == "ann"
    assert heard.share > 0.99
    assert heard.dbov == pytest.approx(-20.0, abs=0.2)
    assert heard.delay(0, voice.rate) == late


def test_half_a_second_is_enough() -> None:
    assert [h.voice for h in identify(BOB.samples(555, 4_000), ALL)] == ["bob"]


@pytest.mark.parametrize("silence", [np.zeros(8_000, np.int16), np.full(8_000, 3, np.int16), np.zeros(0, np.int16)])
def test_nobody_is_heard_in_silence(silence: Samples) -> None:
    assert identify(silence, ALL) == []


def test_nobody_is_heard_in_sound_of_others() -> None:
    stranger = np.random.default_rng(99).normal(0.0, 3_000.0, 8_000).astype(np.int16)
    assert identify(stranger, ALL) == []
    assert identify(sound.noise("eve", 99).samples(0, 8_000), ALL) == []
    assert identify(sound.tone("eve", 440).samples(0, 8_000), ALL) == []


def test_in_a_mix_each_is_heard_and_the_one_who_is_not_in_it_is_not() -> None:
    faint = (CYD.samples(4_000, 8_000) * 10 ** (-14 / 20)).astype(np.int16)
    heard = identify(g711_and_back(mix(ANN.samples(17, 8_000), BOB.samples(99, 8_000), faint), g711.PCMA), ALL)
    assert {h.voice: h.place for h in heard} == {"ann": 17, "bob": 99, "cyd": 4_000}
    levels = {h.voice: h.dbov for h in heard}
    assert levels == {
        "ann": pytest.approx(-20.0, abs=0.5),
        "bob": pytest.approx(-20.0, abs=0.5),
        "cyd": pytest.approx(-34.0, abs=0.7),
    }


def test_a_tone_is_told_from_another() -> None:
    tones = [sound.tone(f"{hertz}", hertz) for hertz in (425, 440, 480)]
    for voice in tones:
        assert [h.voice for h in identify(g711_and_back(voice.samples(3, 8_000)), tones)] == [voice.name]


def test_an_unbroken_reception_has_no_fault() -> None:
    received = np.concatenate([np.zeros(333, np.int16), g711_and_back(ANN.samples(70, 16_000))])
    account = follow(received, ANN)
    assert (account.gaps, account.glitches, account.slips) == ([], [], [])
    assert 320 <= account.begins <= 400
    assert account.heard >= 15_900
    assert account.place == (70 - 333) % 8_000


def test_a_gap_a_foreign_frame_and_a_jump_are_found_where_they_are() -> None:
    parts = [ANN.samples(0, 8_000), ANN.samples(8_160, 8_000), ANN.samples(16_080, 8_000)]
    received = np.concatenate(parts)
    received[2_400:2_720] = 0
    received[4_800:4_960] = BOB.samples(0, 160)
    account = follow(received, ANN)
    assert account.gaps == [(2_400, 320)]
    assert account.glitches == [(4_800, 160)]
    assert account.slips == [Slip(8_000, 160), Slip(16_000, -80)]
    assert account.broken == 480


def test_of_a_voice_that_never_came_nothing_is_said() -> None:
    account = follow(BOB.samples(0, 8_000), ANN)
    assert (account.heard, account.broken) == (0, 0)


@pytest.mark.parametrize("kind", [g711.PCMU, g711.PCMA])
def test_what_was_decoded_encodes_to_the_same_code(kind: int) -> None:
    codes = bytes(range(256))
    again = g711.decode(kind, g711.encode(kind, g711.decode(kind, codes) or []))
    assert again == g711.decode(kind, codes)
    with pytest.raises(KeyError):
        g711.encode(101, [0])


def test_a_voice_is_the_same_sound_at_every_rate() -> None:
    narrow, wide = sound.noise("ann", 5), sound.noise("ann", 5, rate=16_000)
    assert np.max(np.abs(wide.samples(0, 16_000)[::2].astype(int) - narrow.samples(0, 8_000))) <= 1


def test_the_music_on_hold_is_told_from_all_else():
    piece = music.on_hold()[50_000 : 50_000 + sound.RATE]
    assert music.is_on_hold(g711_and_back(mix(piece // 2, ANN.samples(0, sound.RATE) // 50)))
    assert sound.likeness(piece, music.on_hold()) > 0.999
    for other in (ANN.samples(0, sound.RATE), sound.tone("a", 440).samples(0, sound.RATE), np.zeros(sound.RATE)):
        assert not music.is_on_hold(other)
    assert not music.is_on_hold(piece[:-1])
