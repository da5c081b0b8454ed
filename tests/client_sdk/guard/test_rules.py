"""Every rule of every class: its examples are found, its clean sentences pass, and it has words."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest

from quietway.guard.finding import STRICTNESS
from quietway.guard.inspecting import inspect, scan
from quietway.guard.lists import DENIED
from quietway.guard.reading import Reading
from quietway.guard.rule_file import Rule, read_rule_file
from quietway.guard.rules import CLASSES, list_rules
from quietway_schemas.codebook.lists import codes
from quietway_schemas.locale import is_awaiting_translator, read_catalogue

LEAST: Final = 8
"""So many examples, and so many clean sentences, a rule has at least."""

RULES: Final = tuple(list_rules().values())


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_each_of_its_examples(rule: Rule) -> None:
    """A26: what pinpoints a house or street is found before it is sent."""
    missed = [
        example
        for example in rule.examples
        if rule.id not in {finding.rule for finding in scan(Reading(example))}
    ]
    assert missed == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_rule_finds_anything_in_the_clean_sentences_of_any(rule: Rule) -> None:
    found = {
        sentence: [(finding.rule, sentence[finding.start : finding.end]) for finding in findings]
        for sentence in rule.clean
        if (findings := inspect(sentence))
    }
    assert found == {}


@pytest.mark.requirement("A18")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_why_in_both_languages(rule: Rule) -> None:
    """A18: a refusal carries a reason that teaches."""
    wording = read_catalogue("guard")[f"guard.{rule.id}"]
    assert wording.english
    assert wording.translated
    assert is_awaiting_translator(f"guard.{rule.id}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_whole(rule: Rule) -> None:
    assert rule.action in STRICTNESS
    assert len(set(rule.examples)) >= LEAST
    assert len(set(rule.clean)) >= LEAST
    for code in rule.codes:
        list_name, _, name = code.partition("/")
        assert name in codes(list_name), code


def test_classes_are_sorted_and_their_files_bear_their_names() -> None:
    assert all(one < two for one, two in pairwise(CLASSES))
    for name in CLASSES:
        file = read_rule_file(name)
        assert file.name == name
        assert {rule.id.partition(".")[0] for rule in file.rules} == {name}


def test_there_are_words_for_no_rule_that_is_not_there() -> None:
    spoken = {place for place in read_catalogue("guard") if place.count(".") == 2}
    assert spoken == {f"guard.{rule_id}" for rule_id in (*list_rules(), DENIED)}
