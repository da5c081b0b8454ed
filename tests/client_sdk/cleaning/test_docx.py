"""A DOCX comes out with what it shows, and nothing besides. Spec: docs/spec/cleaning.md, "DOCX"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from tests.client_sdk.cleaning.documents import SHOWN, W, unpack_docx, write_docx
from tests.client_sdk.cleaning.photographs import find_place
from tests.client_sdk.cleaning.rooms import clean_here
from tests.controls import without

from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.cleaning.cleaned import Cleaned

SECRET = re.compile(rb"(?i)secret")


def list_secrets(content: bytes) -> set[str]:
    """Find in which parts, or in whose name, something stands that nobody sees."""
    parts = unpack_docx(content)
    found = {name for name, part in parts.items() if SECRET.search(part) or "secret" in name}
    return found | ({"the package"} if SECRET.search(content) else set())


@pytest.mark.requirement("A26")
async def test_a_document_says_what_it_shows_and_nothing_else(
    cleaned: Callable[..., Awaitable[Cleaned]],
) -> None:
    """A26: a document that is sent carries no author, former wording, hidden word or place."""
    content = write_docx()
    assert len(list_secrets(content)) > 8
    new = await cleaned(content, "Letter.docx")
    written = new.path.read_bytes()
    parts = unpack_docx(written)
    assert list_secrets(written) == set()
    assert find_place(parts["word/media/image1.jpeg"]) == set()
    document = parts["word/document.xml"].decode() + parts["word/header1.xml"].decode()
    assert [words for words in SHOWN if words not in document] == []
    assert [words for words in SHOWN if words not in "\n".join(new.texts)] == []
    assert {
        "gps",
        "thumbnail",
        "properties",
        "comments",
        "tracked_changes",
        "hidden_text",
        "links",
        "embedded",
        "custom_data",
    } <= set(new.removed)


def test_control_without_judging_what_is_said_the_former_wording_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.cleaning.worker.docx:scrub", lambda *_: set())
    assert "word/document.xml" in list_secrets(clean_here(write_docx()).content)


def test_whatever_points_to_a_part_finds_it() -> None:
    parts = unpack_docx(clean_here(write_docx()).content)
    types = parts["[Content_Types].xml"].decode()
    for name in (name for name in parts if name.endswith(".rels")):
        folder = name.partition("_rels/")[0]
        for relation in etree.fromstring(parts[name]):
            target = folder + relation.attrib["Target"]
            assert target in parts
            assert target.endswith(".jpeg") or f'"/{target}"' in types
    pointers = set(re.findall(rb'r:(?:id|embed)="(\w+)"', parts["word/document.xml"]))
    relations = parts["word/_rels/document.xml.rels"]
    assert pointers
    assert all(b'Id="' + pointer + b'"' in relations for pointer in pointers)


def test_what_was_cleaned_is_as_it_was_when_it_is_cleaned_again() -> None:
    once = clean_here(write_docx()).content
    twice = clean_here(once)
    assert unpack_docx(twice.content)["word/document.xml"] == unpack_docx(once)["word/document.xml"]


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE r SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_a_document_type_is_refused(prologue: str) -> None:
    document = f'{prologue}<w:document xmlns:w="{W}"/>'.encode()
    with pytest.raises(Refused, match="too_much_inside"):
        clean_here(write_docx(more={"word/document.xml": document}))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("word/vbaProject.bin", "office"),
        ("xl/workbook.xml", "office"),
        ("ppt/presentation.xml", "office"),
        ("mimetype", "office"),
    ],
)
def test_other_office_files_and_macros_are_refused(part: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        clean_here(write_docx(more={part: b""}))
