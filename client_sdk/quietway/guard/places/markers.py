"""Reads marks along a road: mile markers, kilometres, exits.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.places.numbers import Number, list_numbers
from quietway.guard.places.vocabulary import COUNTED

_MARKS: Final = frozenset(
    ["marker", "milepost", "mileposts", "post", "mm", "kilometrico", "pk", "p.k", "borne", "mojon",
     "km", "kilometro", "kilometre", "kilometer", "kilometrique"]
)  # fmt: skip
_MARK: Final = re.compile(
    r"\b(?:mile ?(?:marker|post)s?|km marker|mm|punto kilometrico|p\.?k\.?|borne(?: kilometrique)?"
    r"|mojon)[ .:#]{0,3}(?:no\.? ?|number )?$"
)
_KILOMETRE: Final = re.compile(r"(?<!\d )(?<!\w)(?:km\.?|kilomet(?:ro|re|er))[ #]{0,2}$")
_NO_KILOMETRE: Final = re.compile(r" (?:por|per|an|of|de la (?:carrera|maraton)|race)\b")
_EXITS: Final = frozenset(["exit", "off-ramp", "offramp", "ramp", "salida", "sortie"])
_EXIT_NUMBER: Final = re.compile(r"\d{1,3}(?:-?[a-d])?\Z")
_NO_EXIT: Final = re.compile(
    r" ?(?:%|:|x\b|code|status|interview|strateg|poll|survey|plan|de\b|of\b|veces|fois)"
)
_NEXT_WORD: Final = re.compile(r"[ -]{0,2}([^\W\d_][\w']{0,20})")


def find_markers(text: str) -> Iterator[tuple[int, int]]:
    """Find marks along a road, as spans of the view."""
    for number in list_numbers(text):
        if number.before in _MARKS and _is_mark(text, number):
            yield max(0, number.start - len(number.before) - 1), number.end
        elif number.before in _EXITS and _is_exit(text, number):
            yield text.rindex(number.before, 0, number.start), number.end


def _is_mark(text: str, number: Number) -> bool:
    since = max(0, number.start - 30)
    if _MARK.search(text, since, number.start):
        return not _counts(text, number.end)
    if not _KILOMETRE.search(text, since, number.start):
        return False
    return not _counts(text, number.end) and not _NO_KILOMETRE.match(text, number.end)


def _is_exit(text: str, number: Number) -> bool:
    if not _EXIT_NUMBER.match(number.text) or _NO_EXIT.match(text, number.end):
        return False
    return not _counts(text, number.end)


def _counts(text: str, end: int) -> bool:
    following = _NEXT_WORD.match(text, end)
    return following is not None and following[1] in COUNTED
