"""The marks that tie tests to requirements, and the script that prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.house.requirements import find_faults, invert, list_lines, read_marks, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

KNOWN = {"A27": "Status indicators instead", "C13": "Standard packet", "D01": "Ciphertext only"}


def test_no_test_of_this_run_carries_a_row_it_may_not(
    request: pytest.FixtureRequest, shared: Callable[[str], Path]
) -> None:
    known = read_rows(shared("domain/requirements.md").read_text("utf-8"))
    assert find_faults(read_marks(request.session.items), known) == []


def test_the_list_has_all_its_rows(shared: Callable[[str], Path]) -> None:
    known = read_rows(shared("domain/requirements.md").read_text("utf-8"))
    counts = {letter: sum(row[0] == letter for row in known) for letter in "ABCD"}
    assert counts == {"A": 74, "B": 46, "C": 81, "D": 8}
    assert known["A27"] == (
        'Status indicators instead, e.g. "safety plan active", "court date scheduled"'
    )


def test_each_row_is_one_line_with_its_tests_or_none() -> None:
    held = invert({"t.py::test_a": ("A27", "C13"), "t.py::test_b": ("A27",)})
    assert list_lines(KNOWN, held) == [
        "A27  Status indicators instead  test t.py::test_a, test t.py::test_b",
        "C13  Standard packet  test t.py::test_a",
        "D01  Ciphertext only  none",
    ]


def test_a_test_with_three_rows_is_a_fault() -> None:
    assert find_faults({"t.py::test_a": ("A27", "C13", "D01")}, KNOWN) == [
        "t.py::test_a carries 3 rows; 2 are the most"
    ]


def test_an_unknown_row_is_a_fault() -> None:
    marks: dict[str, tuple[object, ...]] = {"t.py::test_a": ("A99",), "t.py::test_b": (27,)}
    assert len(find_faults(marks, KNOWN)) == 2


def test_without_the_list_only_the_form_of_a_row_is_judged() -> None:
    assert find_faults({"t.py::test_a": ("A99",)}, {}) == []
    assert find_faults({"t.py::test_a": ("Z1",)}, {}) == [
        "t.py::test_a carries 'Z1', which is no row"
    ]
    assert list_lines({}, {"A99": ["t.py::test_a"]}) == [
        "A99  (the list is not here)  test t.py::test_a"
    ]
