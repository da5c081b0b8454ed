"""Coordinates in every notation that maps, phones, radios and libraries write.

Each notation is read and checked for its range, so that a pair of prices or a version is no place:
decimal degrees, degrees with minutes and seconds, UTM, MGRS, `geo:`, geohash, H3. Degrees in words
are in `angles`, what names a square of a grid in `grids`; here they are put together.

Spec: docs/spec/guard.md, "Coordinates".
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from quietway.guard.angles import find_angles
from quietway.guard.grids import find_grids
from quietway.guard.nearby import compile_words, is_near
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("coordinates").tables["words"]
_ANNOUNCING: Final = compile_words(_WORDS["announcing"])
_AXES: Final = "|".join(_WORDS["axes"])
_SIDES: Final = "|".join(_WORDS["sides"])

_DECIMAL: Final = re.compile(
    r"[0-9](?<![0-9.][0-9])[0-9]{0,2}(?:\.[0-9]{1,17}+(?!\.?[0-9])|,[0-9]{1,17}+(?![.,]?[0-9]))"
)
_GAP: Final = re.compile(
    rf"(?:[ ,;:/|&=(){{}}\[\]\"'+°_-]|(?:{_AXES}|{_SIDES}|degrees?|deg|and|y|et|by|por|grados?"
    rf"|degres?)(?![a-z])"
    r"|%2c|%20){0,24}+"
)
_LONGEST_GAP: Final = 40
_SIDE_BEFORE: Final = re.compile(rf"(?<![a-z])({_SIDES}|{_AXES})[ :=.\"'°]{{0,4}}$")
_SIDE_AFTER: Final = re.compile(
    rf"(?: ?(?:°|degrees?|deg|grados?|degres?))?[ \"']{{0,2}}({_SIDES})(?![a-z])"
)
_DEGREE_AFTER: Final = re.compile(r" ?(?:°|degrees?\b|grados?\b|degres?\b)")
_SIGNED: Final = re.compile(r"(?<![0-9a-z])[+-]$")
_LATITUDE: Final = 90
_LONGITUDE: Final = 180
_SURE_PLACES: Final = 7
_LATITUDES: Final = frozenset(
    ("n", "s", "north", "south", "norte", "sur", "nord", "sud", "lat", "latitude", "latitud")
)
_SIDE_PLACES: Final = 4
_LONGEST_SIDE: Final = 14
_THOUSANDS: Final = 3
_GEO: Final = re.compile(
    r"(?<![a-z])geo ?: ?([+-]?[0-9]{1,3}(?:\.[0-9]{1,17})?) ?, ?([+-]?[0-9]{1,3}(?:\.[0-9]{1,17})?)"
)


def find(view: View) -> Iterator[Hit]:
    """Yield coordinates in every notation."""
    text = view.text
    if _HAS_DIGITS.search(text):
        yield from _find_decimals(view)
        yield from (view.hit("coordinates.dms", *span) for span in find_angles(text))
    if "geo" in text:
        yield from _find_geo(view)
    yield from (view.hit(f"coordinates.{rule}", *span) for rule, *span in find_grids(view))


_HAS_DIGITS: Final = re.compile(r"[0-9]")


def _find_geo(view: View) -> Iterator[Hit]:
    for found in _GEO.finditer(view.text):
        if _is_in_range(found.group(1), found.group(2)):
            yield view.hit("coordinates.geo_uri", *found.span())


def _find_decimals(view: View) -> Iterator[Hit]:
    text, is_used = view.text, False
    for one, two in pairwise(_DECIMAL.finditer(text)):
        is_pair = not is_used and _is_pair(text, one, two)
        if is_pair:
            yield view.hit("coordinates.decimal", one.start(), two.end())
        is_used = is_pair


def _is_pair(text: str, one: re.Match[str], two: re.Match[str]) -> bool:
    gap = text[one.end() : two.start()]
    if len(gap) > _LONGEST_GAP or not _GAP.fullmatch(gap):
        return False
    if not _is_in_range(one.group(), two.group()) and not _is_in_range(two.group(), one.group()):
        return False
    return _are_places_enough(text, one, two)


def _is_in_range(latitude: str, longitude: str) -> bool:
    return abs(_read(latitude)) <= _LATITUDE and abs(_read(longitude)) <= _LONGITUDE


def _read(number: str) -> float:
    return float(number.replace(",", "."))


def _are_places_enough(text: str, one: re.Match[str], two: re.Match[str]) -> bool:
    places = _count_places(one.group()), _count_places(two.group())
    # "3.6 s, 4.2 s" are seconds, "S72.0, W19.9" diagnoses.
    if _are_axes_crossed([_SIDE_AFTER.match(text, number.end()) for number in (one, two)]):
        return sum(places) > 1
    if _are_axes_crossed([_find_side_before(text, number) for number in (one, two)]):
        return sum(places) >= _SIDE_PLACES
    if all(_DEGREE_AFTER.match(text, number.end()) for number in (one, two)):
        return sum(places) >= 2 * _THOUSANDS
    if is_near(_ANNOUNCING, text, one.start(), two.end(), before=50, after=20):
        return sum(places) >= _THOUSANDS
    is_sure = sum(places) >= _SURE_PLACES or (
        sum(places) >= 2 * _THOUSANDS and _is_signed(text, one, two)
    )
    # Shares and odds are written so too; within a degree of 0, 0 is open sea.
    is_share = abs(_read(one.group())) < 1 and abs(_read(two.group())) < 1
    is_thousands = "," in one.group() and places == (_THOUSANDS, _THOUSANDS)
    return is_sure and not is_share and not is_thousands


def _count_places(number: str) -> int:
    return len(number) - max(number.find("."), number.find(",")) - 1


def _is_signed(text: str, *numbers: re.Match[str]) -> bool:
    return any(_SIGNED.search(text, max(0, one.start() - 2), one.start()) for one in numbers)


def _find_side_before(text: str, number: re.Match[str]) -> re.Match[str] | None:
    return _SIDE_BEFORE.search(text, max(0, number.start() - _LONGEST_SIDE), number.start())


def _are_axes_crossed(sides: list[re.Match[str] | None]) -> bool:
    """Say whether both numbers have a side of the world, one for each axis."""
    return {side[1] in _LATITUDES for side in sides if side} == {True, False}
