"""The dictionary's page says what the models say, of every type, field and code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.house.pages import ROOT

from quietway_schemas import reference
from quietway_schemas.codebook.lists import label, list_names
from quietway_schemas.content.registry import CONTENT_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = ROOT / "docs" / "reference" / "dictionary.md"


def test_the_page_is_the_one_that_the_models_write() -> None:
    assert reference.main(["--check", str(PAGE)]) == 0


def test_the_page_has_every_type_with_its_fields_and_every_list_in_two_languages() -> None:
    made = reference.make_page()
    for name, row in CONTENT_TYPES.items():
        section = made.partition(f"### `{name}`\n")[2].partition("\n### ")[0]
        for field, info in row.model.model_fields.items():
            if info.is_required():
                assert f"| `{field}` | " in section, f"{name}.{field}"
    for name in list_names():
        assert f"### List `{name}`\n" in made
    assert f"| `reached` | Reached | {label('contact_outcome', 'reached', 'es')} |" in made
    assert "Moment" not in made
    assert "Annotated" not in made


def test_a_page_that_differs_ends_with_status_1_and_a_call_without_one_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "dictionary.md"
    assert reference.main([str(page)]) == 0
    page.write_text("changed", encoding="utf-8")
    assert reference.main([str(page), "--check"]) == 1
    assert "differs" in capsys.readouterr().err
    assert reference.main([]) == 2
