"""What is not cleaned is refused, with the reason. Spec: docs/spec/cleaning.md, "Kinds"."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
from tests.client_sdk.cleaning.documents import write_docx
from tests.client_sdk.cleaning.pages import list_objects, write_pdf
from tests.client_sdk.cleaning.photographs import NAMES, take
from tests.client_sdk.cleaning.rooms import clean_here

from quietway.cleaning.kinds import KINDS
from quietway.cleaning.worker.result import Refused
from quietway.cleaning.worker.rooms import clean_content


def write_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def write_zip(flags: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"a")
    content = bytearray(out.getvalue())
    content[content.find(b"PK\x01\x02") + 8] |= flags
    return bytes(content)


REFUSED = {
    "a film": (b"\0\0\0\x18ftypmp42" + bytes(40), "mp4", "moving"),
    "a film of a telephone": (b"\0\0\0\x14ftypqt  " + bytes(40), "mov", "moving"),
    "a film in Matroska": (b"\x1aE\xdf\xa3" + bytes(40), "mkv", "moving"),
    "a film in AVI": (b"RIFF\0\0\0\0AVI " + bytes(40), "avi", "moving"),
    "sound": (b"ID3" + bytes(40), "mp3", "moving"),
    "sound of a recorder": (b"\0\0\0\x18ftypM4A " + bytes(40), "m4a", "moving"),
    "a wave": (b"RIFF\0\0\0\0WAVE" + bytes(40), "wav", "moving"),
    "a GIF": (b"GIF89a" + bytes(40), "gif", "moving"),
    "a ZIP": (write_zip(), "zip", "archive"),
    "a locked ZIP": (write_zip(flags=1), "zip", "encrypted"),
    "a broken ZIP": (write_zip()[:40], "zip", "damaged"),
    "a TAR": (write_tar(), "tar", "archive"),
    "a 7z": (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7z", "archive"),
    "a former office file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "doc", "office"),
    "rich text": (b"{\\rtf1 hello}", "rtf", "office"),
    "a program": (b"\x7fELF" + bytes(40), "", "not_utf8"),
    "a program by its name": (b"MZ" + bytes(40), "exe", "unknown_type"),
    "a page of the web": (b"<html></html>", "html", "unknown_type"),
    "a drawing in SVG": (b"<svg/>", "svg", "unknown_type"),
    "a contact": (b"BEGIN:VCARD", "vcf", "unknown_type"),
    "a picture that is text": (b"hello", "jpg", "mislabelled"),
    "a text that is a picture": (take("JPEG"), "txt", "mislabelled"),
    "a PNG that is a JPEG": (take("JPEG"), "png", "mislabelled"),
    "a PDF that is a DOCX": (write_docx(), "pdf", "mislabelled"),
    "a text in Latin-1": ("Añasco".encode("latin-1"), "txt", "not_utf8"),
    "a text with zeros": (b"a\0b", "txt", "not_utf8"),
    "a JPEG cut off in its head": (take("JPEG")[:30], "jpg", "damaged"),
    "a PDF cut off": (write_pdf(list_objects())[:60], "pdf", "damaged"),
    "an empty PDF": (b"%PDF-1.7\n", "pdf", "damaged"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_its_reason(what: str) -> None:
    content, ending, reason = REFUSED[what]
    with pytest.raises(Refused) as refused:
        clean_here(content, ending)
    assert refused.value.reason == reason


@pytest.mark.parametrize("form", sorted(NAMES))
def test_a_media_type_that_says_another_kind_is_refused(form: str) -> None:
    with pytest.raises(Refused, match="mislabelled"):
        clean_content(take(form), "", "application/pdf", lambda *_: None)


@pytest.mark.parametrize("kind", ["text", "csv", "markdown"])
def test_texts_are_told_by_their_endings(kind: str) -> None:
    for ending in KINDS[kind].endings:
        assert clean_here(b"Room, bed\n1, 2\n", ending).kind == kind


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("A\u200bB\U000e0041C\u202eD\ufeff".encode(), "ABCD"),
        ("\ufeffwith a mark".encode(), "with a mark"),
        ("Añasco".encode("utf-16"), "Añasco"),
        ("a family: \U0001f469\u200d\U0001f467".encode(), "a family: \U0001f469\u200d\U0001f467"),
        (b"", ""),
    ],
)
def test_text_keeps_what_is_seen(content: bytes, text: str) -> None:
    new = clean_here(content, "txt")
    assert (new.content.decode(), new.texts) == (text, (text,))
