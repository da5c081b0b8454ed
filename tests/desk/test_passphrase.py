from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from quietway_desk.passphrase import FILE_SETTING, choose_passphrase, read_passphrase
from quietway_desk.refusals import UsageRefused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_SETTING, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_it_is_the_first_line_of_the_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passphrase"
    file.write_text("six words stand here for long\r\nand a second line\n")
    monkeypatch.setenv(FILE_SETTING, str(file))

    assert read_passphrase(None) == choose_passphrase(None) == "six words stand here for long"


def test_an_open_file_descriptor_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_SETTING, str(tmp_path / "missing"))
    reading, writing = os.pipe()
    os.write(writing, b"from the descriptor\n")
    os.close(writing)

    assert read_passphrase(reading) == "from the descriptor"


def test_without_a_terminal_and_a_file_it_says_what_to_do() -> None:
    with pytest.raises(UsageRefused, match=FILE_SETTING):
        read_passphrase(None)


def test_a_file_that_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE_SETTING, str(tmp_path / "missing"))

    with pytest.raises(UsageRefused, match="could not be read"):
        read_passphrase(None)
