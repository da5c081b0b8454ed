"""The guard's sentences are what their README says: whole, different, and evenly split."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Final, TypedDict

import pytest

FOLDER: Final = Path(__file__).parent
FILES: Final = [f"{folder}/{half}" for folder in ("clean", "places") for half in ("seen", "unseen")]
ROW: Final = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|", re.MULTILINE)
FIELDS: Final = {"text", "has_location", "kind", "language"}


class Sentence(TypedDict, total=False):
    """One line of a file; README.md tells its form."""

    text: str
    has_location: bool
    kind: str
    language: str
    span: tuple[int, int]


def read(name: str) -> list[Sentence]:
    lines = (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def count(*names: str) -> Counter[tuple[str, str]]:
    return Counter((each["kind"], each["language"]) for name in names for each in read(name))


def read_page() -> dict[tuple[str, str], int]:
    page = ROW.findall((FOLDER / "README.md").read_text("utf-8"))
    return {
        (kind, language): int(number)
        for kind, *numbers in page
        for language, number in zip(("en", "es", "fr"), numbers, strict=True)
        if int(number)
    }


@pytest.mark.parametrize("half", ["seen", "unseen"])
def test_each_clean_line_has_its_fields_and_tells_nothing(half: str) -> None:
    for line, each in enumerate(read(f"clean/{half}"), 1):
        assert each.keys() == FIELDS, line
        assert (each["has_location"], each["kind"]) == (False, "clean"), line
        assert each["text"] == each["text"].strip() != "", line


@pytest.mark.parametrize("half", ["seen", "unseen"])
def test_each_place_has_its_fields_and_its_span_lies_in_the_text(half: str) -> None:
    for line, each in enumerate(read(f"places/{half}"), 1):
        assert each.keys() == FIELDS | {"span"}, line
        assert each["has_location"] is True, line
        start, end = each["span"]
        assert 0 <= start < end <= len(each["text"]), line
        marked = each["text"][start:end]
        assert marked == marked.strip(), line


def test_no_sentence_stands_twice() -> None:
    texts = Counter(" ".join(each["text"].casefold().split()) for f in FILES for each in read(f))
    assert max(texts.values()) == 1


def test_the_page_counts_what_is_there() -> None:
    assert count(*FILES) == read_page()


def test_there_are_as_many_as_figures_need() -> None:
    assert count("clean/seen", "clean/unseen").total() >= 520
    assert count("places/seen", "places/unseen").total() >= 600


@pytest.mark.parametrize("folder", ["clean", "places"])
def test_each_kind_in_each_language_is_split_evenly(folder: str) -> None:
    seen, unseen = count(f"{folder}/seen"), count(f"{folder}/unseen")
    assert all(abs(seen[group] - unseen[group]) <= 1 for group in seen | unseen)
