"""A full disk leaves the earlier file as it was."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from personalrm.files import replace_file


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    replace_file(tmp_path / "a", b"1")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        replace_file(tmp_path / "a", b"2")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"1"
