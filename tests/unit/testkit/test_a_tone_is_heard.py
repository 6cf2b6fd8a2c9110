"""What counts as a tone that is heard, and what does not."""

from array import array
from pathlib import Path

import pytest

from cordboard.testkit.strangers.tone import NotHeardError, Recording, assert_heard, measure, read, write_sine


@pytest.fixture
def sine(tmp_path: Path) -> Recording:
    """A second of 440 Hz."""
    write_sine(tmp_path / "sine.wav", 440, 1.0)
    return read(tmp_path / "sine.wav")


def test_a_sine_is_heard_whole_at_its_level(tmp_path: Path) -> None:
    write_sine(tmp_path / "sine.wav", 440, 1.0, dbfs=-12.0)
    heard = assert_heard(tmp_path / "sine.wav", 440)
    assert (heard.seconds, heard.share) == pytest.approx((1.0, 1.0))
    assert heard.dbfs == pytest.approx(-12.0, abs=0.1)


@pytest.mark.parametrize(("hertz", "seconds", "dbfs"), [(1000, 1.0, -9.0), (440, 0.5, -9.0), (440, 1.0, -40.0)])
def test_another_tone_one_too_short_and_one_too_faint_are_not_heard(
    tmp_path: Path, hertz: float, seconds: float, dbfs: float
) -> None:
    write_sine(tmp_path / "other.wav", hertz, seconds, dbfs=dbfs)
    with pytest.raises(NotHeardError, match="wanted 1 s"):
        assert_heard(tmp_path / "other.wav", 440)


def test_a_gap_takes_from_the_share_and_silence_around_does_not(sine: Recording) -> None:
    silence = array("h", [0] * sine.rate)
    parted = silence + sine.samples + silence + sine.samples + silence
    heard = measure(Recording(sine.rate, parted), 440)
    assert (heard.seconds, heard.share) == pytest.approx((2.0, 2 / 3))
