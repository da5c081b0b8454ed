"""Degrees with minutes and seconds: as marks, letters, words of three languages, bare numbers.

An angle counts where its marks and a side of the world make it certain (`40°42'46"N`, `40 degrees
42 minutes north`), or where it is half of a pair (`N40 42.767 W074 00.366`). Ranges are checked:
minutes and seconds below 60, latitude to 90, longitude to 180 degrees.

Spec: docs/spec/guard.md, "Coordinates".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIDE: Final = "north|south|east|west|norte|sur|este|oeste|nord|sud|ouest|est|[nsewo]"
_DEGREE: Final = (
    r"(?: ?(?:°|\*|degrees?|degs?\.?|grados?|degres?|[od](?=[ 0-9]))[ ,]?(?:and |y |et )?| |:|-)"
)
_MINUTE: Final = (
    r"(?: ?(?:'(?!')|minutes?|mins?\.?|minutos?|m(?=[ 0-9nsewo,]))[ ,]?(?:and |y |et )?| |:|-)"
)
_SECOND: Final = (
    r"(?: ?(?:\"|''|(?:seconde?|segundo)s?(?![a-z])|secs?\.?|segs?\.?|s(?=,"
    r"| ?(?:[nsewo](?![a-z])|north|south|east|west))))"
)
_ANGLE: Final = re.compile(
    r"(?P<degrees>[0-9](?<![0-9.,][0-9])[0-9]{0,2})"
    rf"(?P<degree>{_DEGREE})(?P<minutes>[0-9]{{1,2}}(?:[.,][0-9]{{1,9}}+)?)(?![0-9])"
    rf"(?:(?P<minute>{_MINUTE})(?P<seconds>[0-9]{{1,2}}(?:[.,][0-9]{{1,9}}+)?)(?![0-9])(?P<second"
    rf">{_SECOND})?"
    r"|(?P<last> ?(?:'(?!')|minutes?|mins?\.?|minutos?|m(?=[ nsewo,])))?)"
    rf"(?:[ ,]{{0,2}}(?:of )?(?P<after>{_SIDE})(?![a-z]))?"
)
_BEFORE: Final = re.compile(rf"(?<![a-z])({_SIDE})[ .:]{{0,2}}[+-]?$")
_LONGEST_SIDE: Final = 8
_COMPACT: Final = re.compile(
    r"(?<![0-9a-z])(?:[0-9]{4}(?:[0-9]{2})?(?:\.[0-9]{1,6})? ?[ns][ ,/]{0,3}[0-9]{5}(?:[0-9]{2})?"
    r"(?:\.[0-9]{1,6})? ?[ew]"
    r"|[ns] ?[0-9]{4}(?:[0-9]{2})?(?:\.[0-9]{1,6})?[ ,/]{0,3}[ew] ?[0-9]{5}(?:[0-9]{2})?(?:\.[0-9"
    r"]{1,6})?"
    r"|[+-][0-9]{6}(?:\.[0-9]{1,6})?[+-][0-9]{7}(?:\.[0-9]{1,6})?/?)(?![0-9a-z])"
)
_COMPACT_HINT: Final = re.compile(r"[0-9]{4}")
_GAP: Final = re.compile(
    r"(?:[ ,;:/|&()+-]|(?:and|y|et|by|por|lat|latitude|latitud|long|lon|lng|longitude"
    r"|longitud)(?![a-z])){0,8}+"
)
_LONGEST_GAP: Final = 20
_SIXTY: Final = 60
_MOST_DEGREES: Final = 180
_LATITUDE: Final = 90
_LATITUDES: Final = frozenset({"n", "north", "norte", "nord", "s", "south", "sur", "sud"})


@dataclass(frozen=True, slots=True)
class _Angle:
    """An angle as it is written, with the side of the world that goes with it."""

    start: int
    end: int
    side: str
    is_marked: bool
    has_minutes: bool


def find_angles(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of angles on the earth.

    Args:
        text: Text of a view.
    """
    if _COMPACT_HINT.search(text):
        yield from (found.span() for found in _COMPACT.finditer(text))
    angles = list(_read_angles(text))
    for angle in angles:
        if angle.is_marked and angle.side and angle.has_minutes:
            yield angle.start, angle.end
    for one, two in pairwise(angles):
        gap = text[one.end : two.start]
        if len(gap) <= _LONGEST_GAP and _GAP.fullmatch(gap) and _is_pair(one, two):
            yield one.start, two.end


def _read_angles(text: str) -> Iterator[_Angle]:
    # A side that went with one angle is not the next one's too.
    taken = 0
    for found in _ANGLE.finditer(text):
        before = _BEFORE.search(text, max(taken, found.start() - _LONGEST_SIDE), found.start())
        side = (before[1] if before else found["after"]) or ""
        end = found.start("after") if before and found["after"] else found.end()
        if _is_in_range(found, side):
            start = before.start() if before else found.start()
            yield _Angle(start, end, side, _is_mark(found["degree"]), _has_minutes(found))
            taken = end


def _is_in_range(found: re.Match[str], side: str) -> bool:
    parts = found["minutes"], found["seconds"] or "0"
    most = _LATITUDE if side in _LATITUDES else _MOST_DEGREES
    return int(found["degrees"]) <= most and all(
        float(part.replace(",", ".")) < _SIXTY for part in parts
    )


def _is_mark(written: str) -> bool:
    # A dash, a colon or a space may stand between any two numbers.
    return written.strip(" ,") not in {"", ":", "-"}


def _has_minutes(found: re.Match[str]) -> bool:
    return bool(found["last"]) or _is_mark(found["minute"] or "")


def _is_pair(one: _Angle, two: _Angle) -> bool:
    if one.is_marked and two.is_marked:
        return True
    return bool(one.side and two.side) and (one.side in _LATITUDES) != (two.side in _LATITUDES)
