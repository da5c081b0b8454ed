"""The one text of a checkpoint: each other spelling is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas.checkpoints import MAX_NOTE_BYTES, format_note, format_text, read_note
from quietway_schemas.errors import CheckpointError

NAME = "quietway.log/" + "a" * 26
OTHER = "quietway.log/" + "b" * 26
ROOT = bytes(range(32))
TEXT = format_text(NAME, 7, ROOT)
NOTE = format_note(NAME, TEXT, key_id=b"keyi", signature=bytes(range(64)))
ROOT_64 = base64.b64encode(ROOT).decode()
SIGNED_64 = base64.b64encode(b"keyi" + bytes(range(64))).decode()
LOOSE_ROOT = ROOT_64[:-2] + chr(ord(ROOT_64[-2]) + 1) + "="


def test_a_note_has_the_lines_of_the_page() -> None:
    assert TEXT.decode() == f"{NAME}\n7\n{ROOT_64}\n"
    assert f"{TEXT.decode()}\n\u2014 {NAME} {SIGNED_64}\n" == NOTE
    said = read_note(NOTE)
    assert (said.name, said.size, said.root, said.text) == (NAME, 7, ROOT, TEXT)
    assert (said.key_id, said.signature) == (b"keyi", bytes(range(64)))


@pytest.mark.parametrize("size", [0, 1, 10, 2**53 - 1])
def test_every_size_comes_back(size: int) -> None:
    text = format_text(NAME, size, ROOT)
    note = format_note(NAME, text, key_id=bytes(4), signature=bytes(64))
    assert read_note(note).size == size
    assert len(note.encode()) <= MAX_NOTE_BYTES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n7 \n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n\u0667\n"),
        ("\n7\n", "\n\n"),
        ("\n7\n", f"\n{2**53}\n"),
        ("\n7\n", "\n" + "9" * 400 + "\n"),
        (ROOT_64, ROOT_64[:-1]),
        (ROOT_64, ROOT_64 + "="),
        (ROOT_64, LOOSE_ROOT),
        (ROOT_64, ROOT_64[:10] + "=" + ROOT_64[11:]),
        (ROOT_64 + "\n", ROOT_64 + "\nan extension\n"),
        (ROOT_64 + "\n\n", ROOT_64 + "\n"),
        ("\n", "\r\n"),
        ("\u2014", "-"),
        ("\u2014", "\u2013"),
        ("\u2014 ", "\u2014"),
        (f"\u2014 {NAME}", f"\u2014 {OTHER}"),
        (NAME, NAME[:-1]),
        (NAME, NAME.upper()),
        (NAME, NAME[:-1] + "1"),
        (NAME, "example.log/" + "a" * 26),
        (SIGNED_64, SIGNED_64.replace("+", "-").replace("/", "_").rstrip("=")),
        (SIGNED_64, SIGNED_64[:-4]),
        (SIGNED_64, base64.b64encode(bytes(69)).decode()),
        (SIGNED_64 + "\n", SIGNED_64),
        (SIGNED_64 + "\n", SIGNED_64 + "\n\n"),
        (SIGNED_64 + "\n", SIGNED_64 + f"\n\u2014 {OTHER} {SIGNED_64}\n"),
        (SIGNED_64, SIGNED_64 + " "),
    ],
)
def test_another_spelling_is_refused(old: str, new: str) -> None:
    assert old in NOTE
    altered = NOTE.replace(old, new)
    assert altered != NOTE
    with pytest.raises(CheckpointError):
        read_note(altered)


def test_nothing_is_no_checkpoint() -> None:
    for note in ("", "\n", NOTE + NOTE, " " + NOTE, "\ufeff" + NOTE):
        with pytest.raises(CheckpointError):
            read_note(note)


@given(st.integers(0, len(NOTE) - 1), st.characters())
@settings(deadline=None)
def test_what_is_read_is_written_back_the_same(at: int, character: str) -> None:
    altered = NOTE[:at] + character + NOTE[at + 1 :]
    try:
        said = read_note(altered)
    except CheckpointError:
        return
    text = format_text(said.name, said.size, said.root)
    assert said.text == text
    assert format_note(said.name, text, key_id=said.key_id, signature=said.signature) == altered
