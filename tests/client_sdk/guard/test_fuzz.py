"""Any text at all: nothing breaks, spans are those of the text, and time grows with its length."""

from __future__ import annotations

import random
import re
import statistics
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway.guard.inspecting import inspect
from quietway.guard.lists import Lists
from quietway.guard.rules import list_rules

if TYPE_CHECKING:
    from quietway.guard.view import View

LISTS: Final = Lists(allowed=("1 Elm Street", "617 555 0142"), denied=("Hope House", "Acme 1"))
MARKS: Final = " \n\t.,;:-/'\"()#@\u200b\u0301\u202eéЖ中𝐄4１½🔟\ud800\x00"


def check(text: str) -> None:
    findings = inspect(text, lists=LISTS)
    assert all(0 <= found.start < found.end <= len(text) for found in findings)
    assert all(one.end <= other.start for one, other in pairwise(findings))
    assert all(found.rule == "place.denied" or found.rule in list_rules() for found in findings)


@given(st.text(st.characters(categories=None), max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_of_any_plane_breaks_it(text: str) -> None:
    check(text)


@pytest.mark.parametrize("seed", range(40))
def test_no_text_glued_of_pieces_of_examples_breaks_it(seed: int) -> None:
    chance = random.Random(seed)
    examples = [example for rule in list_rules().values() for example in rule.examples]
    for _ in range(8):
        text = ""
        for _ in range(chance.randrange(1, 12)):
            example = chance.choice(examples)
            start = chance.randrange(len(example))
            text += example[start : start + chance.randrange(1, 30)] + chance.choice(MARKS)
        check(text)


SHORT: Final = 1_000
TIMES: Final = 10
MOST: Final = 30
"""Ten times the text takes about ten times as long. What grows by squares takes a hundred."""

REPEATED: Final = (
    "1 ", "a.", "(", "1", "\u0301", "e\u0301", "four ", " dot ", "a ", "4 1 7 ", "E-", "3l", "a\n",
    "-\n", "４", " . ", "///a.b", "40.7,", "+1 617", "elm st and ", "1 elm ", "w3w ", "a@b.c ", "Ж",
    "'", "_", "ab:", "00:", "8f", "box 1 ", "she lives in ", "40° ", "Hope ", "http://a.b/",
)  # fmt: skip


def measure(text: str) -> float:
    """Give the processor's seconds that a text takes."""
    began = time.process_time()
    inspect(text, lists=LISTS)
    return time.process_time() - began


def grow(piece: str) -> float:
    """Give how many times longer ten times the text takes."""
    text = piece * (SHORT // len(piece))
    least = 0.001
    short = statistics.median(measure(text) for _ in range(3))
    return measure(text * TIMES) / max(least, short)


@pytest.mark.parametrize("piece", REPEATED)
def test_time_grows_with_the_length_of_a_text(piece: str) -> None:
    # Whoever else uses the machine can only make it seem slower, so the best of three counts.
    assert any(grow(piece) < MOST for _ in range(3))


def test_a_step_that_grows_by_squares_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: one step of the reading looks from each place to the end of the text."""

    def drop_marks(plain: View) -> list[tuple[int, int, str]]:
        return [(0, 0, "") for _ in re.findall(r"1*?2|1*?3", plain.text)]

    without(monkeypatch, "quietway.guard.reading:drop_marks", drop_marks)
    assert grow("1") > MOST
