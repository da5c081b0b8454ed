"""The table of rules is whole, and every test that it names is there."""

from __future__ import annotations

import re

from tests.house.pages import ROOT

PAGE = (ROOT / "docs" / "spec" / "validation.md").read_text("utf-8")
ROWS = re.findall(r"^\| (V\d\d) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
ELSEWHERE = ["V32", "V33", "V35"]
"""Rules of crises, meetings, totals and surveys: their content is not in the dictionary yet."""


def test_each_rule_stands_in_the_table_once() -> None:
    assert [rule for rule, _, _ in ROWS] == [f"V{number:02}" for number in range(1, 39)]


def test_every_rule_but_those_of_other_features_names_tests_that_exist() -> None:
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    named = {rule: re.findall(r"`(test_\w+)`", tests) for rule, _, tests in ROWS}
    assert [rule for rule, tests in named.items() if not tests] == ELSEWHERE
    assert {test for tests in named.values() for test in tests} - defined == set()
