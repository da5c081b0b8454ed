"""Files' names are read as people write them: with other marks where words have spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway.guard.inspecting import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES: Final = {
    "417_Elm_Street.jpg": "street.numbered",
    "417-elm-street.jpg": "street.numbered",
    "417.elm.street.pdf": "street.numbered",
    "lease+417+Elm+St.pdf": "street.numbered",
    "617_555_0123.txt": "phone.private",
}
ORDINARY: Final = (
    "CamScanner 03-12-2024 10.15.pdf",
    "FB_IMG_1609459200000.jpg",
    "IMG-20240305-WA0012.jpg",
    "IMG_20240101_123456.jpg",
    "Microsoft Lens 2024-03-05_10-22-33.pdf",
    "PXL_20230914_183012345.MP.jpg",
    "Screenshot 2024-01-02 at 10.22.33 AM.png",
    "Screenshot_2024-01-02-10-22-33-123_com.whatsapp.jpg",
    "WhatsApp Image 2024-03-12 at 10.15.30.jpeg",
    "consent_form_v1.0.3.pdf",
    "meeting_minutes_2024-03-05.docx",
    "notes-page-3-of-12.txt",
    "plan_de_seguridad_2024.pdf",
    "protective_order_draft_3.docx",
    "received_1234567890123456.jpeg",
)


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("name", NAMES)
def test_a_place_in_a_name_is_found_whatever_stands_between_its_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A26: names of attachments are read; the control shows what a reading as prose misses."""
    (finding,) = inspect(name, field="file_name")
    assert finding.rule == NAMES[name]
    assert 0 <= finding.start < finding.end <= len(name)

    def spell_as_it_is(text: str, _: str) -> Iterator[str]:
        yield text

    without(monkeypatch, "quietway.guard.inspecting:_spell", spell_as_it_is)
    assert inspect("417_Elm_Street.jpg", field="file_name") == ()


@pytest.mark.parametrize("name", ORDINARY)
def test_names_that_programs_and_offices_give_are_let_alone(name: str) -> None:
    assert inspect(name, field="file_name") == ()
