"""Coordinates: 300 positions all over the globe in every notation, and what only looks like one."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from pluscodes import openlocationcode
from tests.client_sdk.guard.positions import COUNT, NOTATIONS, make_positions
from tests.controls import without

from quietway.guard.inspecting import inspect
from quietway.guard.reading import Reading
from quietway.guard.rules import coordinates, plus_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

SENTENCES: Final = (
    "Pick her up at {} after six.",
    "{}",
    "Está en {}, dice su hermana.",
    "Elle est à {}",
    "moved again ({}) last night",
)
NOWHERE: Final = (
    "The pair 95.1234, 200.5678 is on no map.",
    "The pair 140.712776, 190.005974 is a price.",
    "geo:95.1,200.2 is no place",
    "Costs of 412.7128 and 974.0060 were paid.",
)


def _rules(find: Callable[[View], Iterator[Hit]], text: str) -> set[str]:
    return {hit.rule for view in Reading(text).views for hit in find(view)}


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_position_is_found_in_every_notation(notation: str) -> None:
    """A26: nothing that pinpoints a house or street passes."""
    rule, write = NOTATIONS[notation]
    missed = [
        text
        for index, at in enumerate(make_positions(seed=len(notation)))
        if f"coordinates.{rule}"
        not in _rules(coordinates.find, text := SENTENCES[index % 5].format(write(at)))
    ]
    assert missed == []


@pytest.mark.parametrize("text", NOWHERE)
def test_numbers_beyond_the_globe_are_no_coordinates(text: str) -> None:
    assert _rules(coordinates.find, text) == set()


def test_control_without_the_check_of_range_prices_are_coordinates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.guard.rules.coordinates:_is_in_range", lambda *_: True)
    assert all(_rules(coordinates.find, text) for text in NOWHERE)


@pytest.mark.requirement("A26")
def test_every_full_plus_code_is_found_in_any_case() -> None:
    """A26: a thousand codes made by Google's own library, 10 to 15 places and padded."""
    random = Random(26)
    missed = []
    for index in range(1000):
        length = random.choice((2, 4, 6, 8, 10, 10, 10, 11, 12, 15))
        code = openlocationcode.encode(random.uniform(-90, 90), random.uniform(-180, 180), length)
        written = (code, code.lower(), code.title())[index % 3]
        assert openlocationcode.isFull(code)
        if "plus_code.full" not in _rules(plus_code.find, SENTENCES[index % 5].format(written)):
            missed.append(written)
    assert missed == []


def test_short_plus_codes_are_found_beside_a_place() -> None:
    random = Random(27)
    missed = []
    for _ in range(COUNT):
        full = openlocationcode.encode(random.uniform(-80, 80), random.uniform(-180, 180))
        text = f"She sleeps at {full[4:]} Springfield."
        assert openlocationcode.isShort(full[4:])
        if "plus_code.short" not in _rules(plus_code.find, text):
            missed.append(text)
    assert missed == []


def test_what_is_no_code_to_the_library_is_no_full_code_to_the_guard() -> None:
    random = Random(28)
    alphabet = "23456789CFGHJMPQRVWXAEIOU01"
    for _ in range(1000):
        code = "".join(random.choices(alphabet, k=8)) + "+" + "".join(random.choices(alphabet, k=2))
        if not openlocationcode.isFull(code):
            assert "plus_code.full" not in _rules(plus_code.find, code), code


def test_control_without_its_alphabet_no_code_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.guard.rules.plus_code:_find_full", lambda *_: ())
    assert "plus_code.full" not in _rules(plus_code.find, "849VCWC8+R9")


def test_coordinates_block_and_have_a_code_to_write_instead() -> None:
    (finding,) = inspect("Pick her up at 40.712776, -74.005974.")
    assert finding.action == "block"
    assert finding.codes
