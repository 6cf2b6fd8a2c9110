import os
import stat
from pathlib import Path

import pytest

from cordboard.files import write_whole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "centre.toml"
    target.write_text("old")
    target.chmod(0o644)
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert mode(target) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_the_mode_that_is_asked_for_holds_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "ca.pem", b"public", 0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "ca.pem") == 0o644


def test_what_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bans.json"
    target.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no such folder" / "bans.json", b"[]")
