"""The files that a command is named: plain ones, and no more of them than a mapper takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quietway import ImportRefused
from quietway.interop.files import read_import_file

LARGEST = 1024 * 1024


def test_a_plain_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a name with spaces.json"
    path.write_bytes(b"{" + b" " * (LARGEST - 2) + b"}")

    assert len(read_import_file(path)) == LARGEST


def test_a_longer_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(b" " * (LARGEST + 1))

    with pytest.raises(ImportRefused, match="too_large"):
        read_import_file(path)


def test_what_is_no_plain_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(ImportRefused, match="unreadable"):
            read_import_file(path)
