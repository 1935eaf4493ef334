"""Files are written whole or not at all."""

import os
import stat

import pytest

from rnnzoo import files


def test_a_failure_leaves_the_old_content_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    files.write_text(path, "old")

    def full(_descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_as_readable_as_the_mask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        path = files.write_text(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_line_ends_are_kept(tmp_path):
    assert files.write_text(tmp_path / "a", "x\ny\n").read_bytes() == b"x\ny\n"
