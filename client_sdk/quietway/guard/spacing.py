"""Letters and digits set apart by spaces, dots or dashes are joined: "4 1 7", "E-l-m".

Where a word ends inside such a run is seen by a wider gap, by a capital after a small letter, by a
change between digits and letters, and, where nothing else tells, by a word of streets at the end.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import Edit, View

_SPACED: Final = re.compile(r"(?:(?<= )|(?<![^(\"'#]))[^ ](?: [^ ]){2,}(?=[ .,;:!?)\"']|$)")
_DOTTED: Final = re.compile(
    r"(?<![a-z0-9])[a-z0-9](?:([._*~|/-])[a-z0-9])(?:\1[a-z0-9])+(?![a-z0-9])"
)
_LEAST_MIXED: Final = 4
"""Fewer single characters are a list or a formula; digits alone are joined from three on."""
_CODE_CHANGES: Final = 3
"""A run that changes so often between letters and digits is a code, and one word."""

STREET_WORDS: Final = (
    "street", "avenue", "boulevard", "road", "drive", "lane", "court", "place", "terrace", "circle",
    "highway", "parkway", "square", "crescent", "close", "calle", "avenida", "carrera", "plaza",
    "paseo", "camino", "rue", "chemin", "apartment", "apt", "unit", "suite", "ave", "blvd", "ste",
)  # fmt: skip
"""Words that a run without any other sign of where words end is parted by."""
_STREET: Final = re.compile("|".join(STREET_WORDS))


def join_spaced(view: View) -> Iterator[Edit]:
    """Yield what joins single characters that stand apart; each edit drops or adds one space."""
    for found in _SPACED.finditer(view.text):
        places = range(found.start(), found.end(), 2)
        chars = [view.cased[place] for place in places]
        if len(chars) >= _LEAST_MIXED or all(char.isdigit() for char in chars):
            yield from _join_run(view, found.start(), chars)


def _join_run(view: View, start: int, chars: list[str]) -> Iterator[Edit]:
    wide = _find_wide(view, start, len(chars))
    borders = wide or _find_borders(chars)
    for index in range(1, len(chars)):
        if index not in borders:
            gap = start + 2 * index - 1
            yield gap, gap + 1, ""


def _find_wide(view: View, start: int, count: int) -> frozenset[int]:
    """Give the places in a run, its ends too, at which the original has a wider space."""
    places = [start + 2 * index - 1 for index in range(count + 1)]
    return frozenset(index for index, place in enumerate(places) if view.is_wide(place))


def _find_borders(chars: list[str]) -> frozenset[int]:
    """Give the places in a run at which its characters say that a word begins."""
    changes = {
        index
        for index, (one, other) in enumerate(pairwise(chars), 1)
        if (one.isdigit() and other.isalpha()) or (one.isalpha() and other.isdigit() and index > 1)
    }
    if len(changes) >= _CODE_CHANGES:
        return frozenset()
    capitals = {
        index
        for index, (one, other) in enumerate(pairwise(chars), 1)
        if one.islower() and other.isupper()
    }
    return frozenset(changes | (capitals or _part_streets("".join(chars).lower())))


def _part_streets(joined: str) -> set[int]:
    return {place for found in _STREET.finditer(joined) for place in found.span()}


def join_dotted(view: View) -> Iterator[Edit]:
    """Yield what joins single characters with one and the same mark between any two."""
    for found in _DOTTED.finditer(view.text):
        for place in range(found.start() + 1, found.end() - 1, 2):
            yield place, place + 1, ""
