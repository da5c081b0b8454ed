"""What a rule finds in plain words it finds in disguise: every example, in every way of writing it.

Recall is measured for each way over all examples of all rules. The plain ones are all found
(`test_rules`), so it may fall by three in a hundred at most. Without the step that reads a way, it
falls.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.guard.evasions import TRANSFORMS
from tests.controls import without

from quietway.guard.inspecting import scan
from quietway.guard.reading import Reading
from quietway.guard.rules import list_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway.guard.view import Edit

PERCENT: Final = 97
EXAMPLES: Final = 8
"""Of each rule so many, the first, so that none counts for more than another."""

LEAST_CASES: Final = 2_000
BY_CAPITALS: Final = frozenset({"crossing.corner", "street.unnumbered"})
"""Rules that tell a name by its capital, and so find less where all or none is written so. Rules
that do not block may do so too."""

CASELESS: Final = frozenset({"in capitals", "in small letters", "squared letters"})


@cache
def list_examples() -> tuple[tuple[str, str, int, int], ...]:
    """Give each example of each rule, with the span in which that rule finds something."""
    return tuple(
        (rule.id, example, *spans[0])
        for rule in list_rules().values()
        for example in rule.examples[:EXAMPLES]
        if (spans := find_spans(rule.id, example))
    )


def find_spans(rule_id: str, text: str) -> list[tuple[int, int]]:
    return [(found.start, found.end) for found in scan(Reading(text)) if found.rule == rule_id]


def disguise(way: str) -> list[tuple[str, str]]:
    """Write each example in a way; those that it does not change are left out."""
    cases = []
    for rule_id, example, start, end in list_examples():
        is_blind = rule_id in BY_CAPITALS or list_rules()[rule_id].action != "block"
        disguised = TRANSFORMS[way](example, start, end)
        if disguised != example and not (way in CASELESS and is_blind):
            cases.append((rule_id, disguised))
    return cases


def list_missed(cases: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [case for case in cases if next(scan(Reading(case[1])), None) is None]


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("way", TRANSFORMS)
def test_what_is_found_in_plain_words_is_found_in_disguise(way: str) -> None:
    """A26: a place is found however it is written."""
    cases = disguise(way)
    missed = list_missed(cases)
    assert cases
    assert 100 * (len(cases) - len(missed)) >= PERCENT * len(cases), missed


def test_there_are_enough_cases_to_tell() -> None:
    assert sum(len(disguise(way)) for way in TRANSFORMS) >= LEAST_CASES


def nothing(*_: object) -> object:
    return iter(())


def fold_as_python_does(start: int, run: str) -> Iterator[Edit]:
    """Fold what Unicode calls compatible, and nothing that only looks alike."""
    for position, char in enumerate(run, start):
        yield position, position + 1, unicodedata.normalize("NFKC", char)


CONTROLS: Final[tuple[tuple[str, str, Callable[..., object]], ...]] = (
    ("full width", "quietway.guard.reading:fold", nothing),
    ("mathematical letters", "quietway.guard.reading:fold", nothing),
    ("zero width", "quietway.guard.reading:fold", nothing),
    ("keycaps", "quietway.guard.reading:fold", nothing),
    ("wide spaces", "quietway.guard.reading:fold", nothing),
    ("Cyrillic letters", "quietway.guard.reading:_fold_run", fold_as_python_does),
    ("squared letters", "quietway.guard.reading:_fold_run", fold_as_python_does),
    ("a line break somewhere", "quietway.guard.reading:mend", nothing),
    ("letters apart", "quietway.guard.reading:join_spaced", nothing),
    ("words dashed", "quietway.guard.reading:join_dotted", nothing),
    ("English digits", "quietway.guard.reading:find_numerals", nothing),
    ("Spanish digits", "quietway.guard.reading:find_numerals", nothing),
    ("French digits", "quietway.guard.reading:find_numerals", nothing),
    ("digits for letters", "quietway.guard.reading:swap", nothing),
    ("dots in words", "quietway.guard.reading:join_links", nothing),
    ("in brackets", "quietway.guard.reading:drop_marks", nothing),
)


@pytest.mark.parametrize(("way", "step", "replacement"), CONTROLS)
def test_without_the_step_that_reads_a_way_recall_falls(
    monkeypatch: pytest.MonkeyPatch, way: str, step: str, replacement: Callable[..., object]
) -> None:
    """Control: the same cases, with that one step of the reading left out."""
    cases = disguise(way)
    without(monkeypatch, step, replacement)
    missed = list_missed(cases)
    assert 100 * (len(cases) - len(missed)) < PERCENT * len(cases)
