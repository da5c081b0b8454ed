"""A PDF comes out with its pages, and nothing besides. Spec: docs/spec/cleaning.md, "PDF"."""

from __future__ import annotations

import io
import re
import zlib
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject
from tests.client_sdk.cleaning.pages import (
    SHOWN,
    list_objects,
    stream,
    write_office_pdf,
    write_pdf,
)
from tests.client_sdk.cleaning.photographs import MARKS, draw_scene
from tests.client_sdk.cleaning.rooms import clean_here
from tests.controls import without

from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.cleaning.cleaned import Cleaned
    from quietway.cleaning.worker.pdf_carry import Carrier

STREAM = re.compile(rb"stream\n(.*?)\nendstream", re.DOTALL)


def look_through(content: bytes) -> bytes:
    """Give a PDF's bytes and everything that is packed in it, as an independent reader finds it."""
    found = [content]
    for packed in STREAM.findall(content):
        try:
            found.append(zlib.decompress(packed))
        except zlib.error:
            found.append(packed)
    return b"\n".join(found)


def list_secrets(content: bytes) -> set[bytes]:
    seen = look_through(content)
    marks = {mark for mark in MARKS if mark in seen and mark != b"GPS"}
    return set(re.findall(rb"(?i)secret[-\w.]*", seen)) | marks


@pytest.mark.requirement("A26")
async def test_a_pdf_shows_its_pages_and_says_nothing_else(
    cleaned: Callable[..., Awaitable[Cleaned]],
) -> None:
    """A26: a PDF that is sent carries no author, former version, hidden word, file or place."""
    content = write_office_pdf()
    assert len(list_secrets(content)) > 15
    new = await cleaned(content, "Letter.pdf", "application/pdf")
    written = new.path.read_bytes()
    assert list_secrets(written) == set()
    reader = PdfReader(io.BytesIO(written))
    text = reader.pages[0].extract_text()
    assert [words for words in SHOWN if words not in text] == []
    assert set(reader.trailer) == {"/Size", "/Root"}
    assert set(reader.trailer["/Root"]) == {"/Type", "/Pages"}
    assert {
        "gps",
        "exif",
        "xmp",
        "thumbnail",
        "properties",
        "hidden_text",
        "hidden_layers",
        "form",
        "annotations",
        "links",
        "scripts",
        "embedded",
        "custom_data",
        "earlier_versions",
    } <= set(new.removed)
    assert "secret-layer of a scan" in "".join(new.texts)


def test_control_without_the_list_of_what_crosses_everything_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def carry_all(self: Carrier, held: DictionaryObject, _: str = "") -> DictionaryObject:
        return DictionaryObject(
            {key: self.carry(held.raw_get(key), key) for key in held if key != "/Parent"}
        )

    without(monkeypatch, "quietway.cleaning.worker.pdf_carry:Carrier.carry_entries", carry_all)
    assert b"SecretKey" in list_secrets(clean_here(write_office_pdf()).content)


def test_pictures_in_a_pdf_keep_their_pixels_and_lose_their_place() -> None:
    written = clean_here(write_office_pdf()).content
    (image,) = PdfReader(io.BytesIO(written)).pages[0].images
    assert image.image is not None
    assert image.image.size == draw_scene().size
    assert list_secrets(image.data) == set()


def test_a_field_is_drawn_where_it_stood() -> None:
    written = clean_here(write_office_pdf()).content
    page = PdfReader(io.BytesIO(written)).pages[0]
    assert (
        b"q 2.00000 0 0 2.00000 40.00000 400.00000 cm /Drawn0 Do Q"
        in page.get_contents().get_data()
    )


def test_a_redaction_that_was_not_made_is_refused() -> None:
    objects = list_objects()
    objects[10] = b"<</Type /Annot /Subtype /Redact /Rect [0 0 9 9]>>"
    with pytest.raises(Refused, match="unmade_redaction"):
        clean_here(write_pdf(objects))


def test_a_pdf_behind_a_password_is_refused() -> None:
    writer, out = PdfWriter(clone_from=io.BytesIO(write_pdf(list_objects()))), io.BytesIO()
    writer.encrypt("open", algorithm="RC4-128")
    writer.write(out)
    with pytest.raises(Refused, match="encrypted"):
        clean_here(out.getvalue())


def test_what_was_cleaned_is_cleaned_again_without_a_change_of_words() -> None:
    once = clean_here(write_office_pdf()).content
    twice = clean_here(once)
    assert PdfReader(io.BytesIO(twice.content)).pages[0].extract_text() == (
        PdfReader(io.BytesIO(once)).pages[0].extract_text()
    )


def test_a_stream_that_unpacks_to_far_more_is_refused() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(40))
    objects = list_objects()
    objects[4] = stream(packed + packer.flush(), "/Filter /FlateDecode")
    with pytest.raises(Refused, match="too_much_inside"):
        clean_here(write_pdf(objects))
