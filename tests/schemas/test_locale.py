"""Words in Spanish: nothing missing, nothing stale, and what awaits a translator says so."""

from __future__ import annotations

import string
import subprocess
import sys
from importlib import resources

import pytest

from quietway_schemas.codebook.lists import entries, label, list_names
from quietway_schemas.errors import UnknownCodeError
from quietway_schemas.locale import (
    CODEBOOK,
    is_awaiting_translator,
    read_catalogue,
    say,
    translate_label,
)

READ_BY_SURVIVORS = ("consent_scope", "data_category", "informed_item", "purpose_of_use")
DOMAINS = sorted(
    file.name.removesuffix(".po")
    for file in resources.files("quietway_schemas").joinpath("locale/es/LC_MESSAGES").iterdir()
    if file.name.endswith(".po")
)


@pytest.mark.requirement("A52")
def test_every_code_has_a_label_in_spanish_that_was_made_of_its_english_label() -> None:
    """A52: codes are never language text; catalogues translate codes."""
    english = {
        f"{name}/{entry.code}": entry.label
        for name in list_names()
        for entry in entries(name).values()
    }
    catalogue = read_catalogue(CODEBOOK)
    assert {place: held.english for place, held in catalogue.items()} == english
    assert [place for place, held in catalogue.items() if not held.translated] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_sentence_has_both_languages_with_the_same_names_in_braces(domain: str) -> None:
    catalogue = read_catalogue(domain)
    assert catalogue
    for place, held in catalogue.items():
        assert held.english.strip(), place
        assert held.translated.strip(), place
        assert names_in(held.english) == names_in(held.translated), place
        assert domain == CODEBOOK or place.startswith(f"{domain}."), place


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.requirement("A52")
def test_one_code_reads_in_each_readers_language_and_in_english_where_there_is_none() -> None:
    """A52: each reader sees a code in a language of their own."""
    assert label("urgent_action_state", "done") == "Done"
    assert label("urgent_action_state", "done", "es") == "Hecha"
    assert label("urgent_action_state", "done", "fr") == "Done"
    assert translate_label("urgent_action_state", "novel", "es") is None
    with pytest.raises(UnknownCodeError):
        label("urgent_action_state", "hecha", "es")


def test_what_survivors_read_and_no_professional_has_translated_is_marked() -> None:
    awaiting = {
        place.partition("/")[0]
        for place, held in read_catalogue(CODEBOOK).items()
        if held.is_awaiting
    }
    assert awaiting >= set(READ_BY_SURVIVORS)
    assert not is_awaiting_translator("texts.awaiting_translator")
    assert "pendiente de traducción profesional" in say("texts.awaiting_translator", "es")
    assert say("texts.awaiting_translator") == say("texts.awaiting_translator", "fr")


@pytest.mark.parametrize("message_id", ["texts.novel", "novel.text", "../texts.x", "", "."])
def test_a_sentence_that_does_not_exist_is_a_typed_refusal(message_id: str) -> None:
    with pytest.raises(UnknownCodeError):
        say(message_id)


def test_starting_the_program_reads_no_catalogue() -> None:
    told = "import quietway, sys; sys.exit('babel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
