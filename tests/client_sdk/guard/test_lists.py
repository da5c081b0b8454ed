"""What an agency always allows, and what it never does: found through slips, and nowhere else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway.guard.inspecting import inspect, scan
from quietway.guard.lists import DENIED, Lists, Spans
from quietway.guard.reading import Reading
from quietway.guard.rules import find_rule

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
NAMES: Final = tuple((HERE / "denied_names.txt").read_text("utf-8").splitlines())
"""Some 200 names of kinds that agencies deny: shelters, schools, employers, places to meet."""

LISTS: Final = Lists(denied=NAMES)
CLEAN: Final = [
    json.loads(line)["text"] for line in (HERE / "clean/seen.jsonl").read_text("utf-8").splitlines()
]


def is_denied(text: str, lists: Lists = LISTS) -> bool:
    return any(finding.rule == DENIED for finding in scan(Reading(text), lists=lists))


def slip(name: str) -> str:
    """Swap, double, drop or change one letter inside the longest word."""
    chance = random.Random(name)
    word = max(name.split(), key=len)
    at = chance.randrange(1, len(word) - 1)
    slips = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + chance.choice("aeinort") + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )
    return name.replace(word, chance.choice(slips))


WAYS: Final[dict[str, tuple[Callable[[str], str], int]]] = {
    "as listed": (str, 100),
    "in capitals": (str.upper, 100),
    "in small letters": (str.lower, 98),
    "one slip": (slip, 93),
    "without articles": (lambda name: name.replace("The ", "").replace(" de la ", " "), 100),
    "abbreviated": (lambda name: name.replace("Street", "St").replace("Center", "Ctr."), 100),
    "spelled out": (lambda name: name.replace("St.", "Saint"), 100),
    "with hyphens": (lambda name: name.replace(" ", "-"), 100),
    "run together": (lambda name: name.replace(" ", ""), 93),
    "letters apart": (lambda name: "  ".join(map(" ".join, name.split(" "))), 100),
    "in look-alikes": (lambda name: name.replace("e", "е").replace("o", "ο"), 100),
}
"""How a name is written, and how many of a hundred must be found so."""


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("way", WAYS)
def test_a_denied_name_is_found_however_it_is_written(way: str) -> None:
    """A26: places that an agency lists are never named."""
    write, percent = WAYS[way]
    missed = [name for name in NAMES if not is_denied(f"They moved her to {write(name)} then.")]
    assert 100 * (len(NAMES) - len(missed)) >= percent * len(NAMES), missed


def test_two_hundred_denied_names_are_found_in_no_clean_sentence() -> None:
    assert [sentence for sentence in CLEAN if is_denied(sentence)] == []


def test_ordinary_words_that_a_name_is_made_of_pass() -> None:
    for sentence in (
        "I hope the house is safe.",
        "It was a second chance, and a turning of the point.",
        "She needs a haven, and the target is Monday.",
        "The school of her elementary years had a good program.",
    ):
        assert not is_denied(
            sentence, Lists(denied=("Hope House", "Haven", "Turning Point School"))
        )


def test_a_name_is_not_found_by_half_of_it() -> None:
    lists = Lists(denied=("Maple Grove Residence",))
    assert not is_denied("Maple syrup in a grove.", lists)
    assert is_denied("at the Residence Maple Grove", lists)


def test_a_denied_name_blocks_and_says_so_where_it_stands() -> None:
    text = "She is at ｈope   house, I think."
    (finding,) = inspect(text, lists=Lists(denied=("Hope House",)))
    assert finding.action == find_rule(DENIED).action == "block"
    assert text[finding.start : finding.end] == "ｈope   house"
    assert "list" in finding.explain()


def test_without_the_neighbourhood_of_words_a_slip_hides_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: the same slips, with words compared letter by letter."""
    without(monkeypatch, "quietway.guard.denied:_variants", lambda word: iter((word,)))
    lists = Lists(denied=NAMES)
    found = [name for name in NAMES if is_denied(f"They moved her to {slip(name)} then.", lists)]
    assert 100 * len(found) < 60 * len(NAMES)


PLATE: Final = "VIN 1HGCM82633A004352"


@pytest.mark.parametrize("written", ["+1 (617) 555-0123", "617.555.0123", "6175550123"])
def test_an_allowed_phrase_covers_what_lies_within_it_however_it_is_written(written: str) -> None:
    text = f"Call Hope House, {written}!"
    lists = Lists(allowed=("Call Hope House, (617) 555-0123", "Call Hope House, +1 617 555 0123"))
    assert [finding.rule for finding in inspect(text, lists=lists)] == []


def test_an_allowed_phrase_takes_nothing_out_that_goes_beyond_it() -> None:
    lists = Lists(allowed=("Maple Grove",), denied=("Maple Grove Residence",))
    assert [finding.rule for finding in inspect("at Maple Grove Residence", lists=lists)] == [
        DENIED
    ]


def test_what_is_private_is_never_allowed() -> None:
    assert [finding.rule for finding in inspect(PLATE, lists=Lists(allowed=(PLATE,)))] == [
        "vehicle.vin"
    ]
    both = Lists(allowed=("Hope House",), denied=("Hope House",))
    assert [finding.rule for finding in inspect("at Hope House", lists=both)] == [DENIED]


def test_lists_never_print() -> None:
    lists = Lists(allowed=("canary one",), denied=("Canary Two House",))
    assert "anary" not in f"{lists!r}{lists.index!r}"


def test_a_span_is_allowed_where_one_allowed_span_holds_it_as_a_whole() -> None:
    """As asking each of them would say, and without asking each."""
    chance = random.Random(8)
    spans = [(start, start + chance.randrange(9)) for start in chance.choices(range(60), k=12)]
    held = Spans(spans)
    for start in range(70):
        for end in range(start, 75):
            wanted = any(first <= start and end <= last for first, last in spans)
            assert held.hold(start, end) == wanted, (start, end)
    assert not Spans(()).hold(0, 0)
