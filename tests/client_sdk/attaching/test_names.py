"""Row 53's names: whatever a sender calls a file, it becomes one file in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway.attaching.names import make_harmless, name_again
from quietway.attaching.staging import open_new, put_in_place
from quietway.errors import AttachmentUnfit
from quietway_schemas.content.attachment import check_file_name

if TYPE_CHECKING:
    from pathlib import Path

NASTY = [
    "../x", "..", ".", "", "/etc/passwd", "C:\\x", "CON", "con.txt", "NUL.", "a\0b",
    "a\u202etxt.exe",
    "x" * 4096, "trailing. ", ".hidden", "COM1.log", "a/b/c", "\u2066a", "a\n", "LPT9", "?*<>|",
    "\ud800", "..\\..\\x", "aux", "a" * 119 + "م", "name.with" + "z" * 300, "\u200d", "   ",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_becomes_one_file_in_the_folder(tmp_path: Path, name: str) -> None:
    with open_new(tmp_path / ".part") as file:
        file.write(b"x")
    path = put_in_place(tmp_path / ".part", tmp_path, name)
    assert [path] == list(tmp_path.iterdir())
    assert path.parent == tmp_path
    assert check_file_name(path.name[:100].rstrip(" ."))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=70))
def test_what_was_made_harmless_is_so_and_stays_so(name: str) -> None:
    made = make_harmless(name)
    assert make_harmless(made) == made
    assert 1 <= len(made.encode()) <= 121
    check_file_name(made[:100].strip(" .") or "_")


def test_a_name_that_is_taken_is_counted_up_and_nothing_is_written_over(tmp_path: Path) -> None:
    for number, content in enumerate((b"1", b"2", b"3"), 1):
        with open_new(tmp_path / ".part") as file:
            file.write(content)
        path = put_in_place(tmp_path / ".part", tmp_path, "a.tar.gz")
        assert path.name == ("a.tar.gz" if number == 1 else f"a.tar ({number}).gz")
        assert path.read_bytes() == content
    assert name_again("plain", 2) == "plain (2)"
    assert name_again(".env", 2) == ".env (2)"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AttachmentUnfit):
        open_new(tmp_path / "none" / "x")
