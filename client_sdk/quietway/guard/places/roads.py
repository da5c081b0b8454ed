"""Reads roads that are named by a number: `Highway 9`, `I-95`, `County Road 12`.

Each begins at a number: the word before it says whether it is worth looking closer. People speak of
highways too, so somebody has to be by it, or it is all that is said.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.places import around
from quietway.guard.places.boxes import SIGN, counts
from quietway.guard.places.contexts import ROAD_LEADS, ROAD_NEXT, SOMEONE
from quietway.guard.places.numbers import Number
from quietway.guard.places.vocabulary import ROADS_MAYBE, ROADS_SHORT

_KIND_OF_ROAD: Final = (
    r"(?:u\.? ?s\.?|united states|state|county|country|farm|ranch|forest|service|business|federal"
    r"|fed|provincial|trunk|co|township|indian service|bia|private|park|fire)"
)
_HIGHWAY: Final = re.compile(
    rf"(?:\b{_KIND_OF_ROAD} )?\b(?:highway|hwy|hgwy|hiway|route|rte|rt|interstate|ruta|autopista"
    r"|autoroute|bundesstrasse|carretera(?: federal| nacional| estatal)?)\.?"
    rf"{SIGN}(?:[a-z]{{1,3}}[ -]?)?$"
    rf"|\b{_KIND_OF_ROAD} (?:road|rd|line road)\.?{SIGN}(?:[a-z]{{1,3}}[ -]?)?$"
    rf"|\b(?:farm|ranch)[ -]to[ -]market(?: road| rd)?{SIGN}$"
)
_LETTER_ROAD: Final = re.compile(
    r" county (?:road|rd|highway) [a-z]{1,3}\b(?=,| (?:n|s|e|w|ne|nw|se|sw)\b|\.|$)"
)
_SHORT_ROAD: Final = re.compile(r"(?:^|[ (])(?P<kind>[a-z.]{1,4})[ -]?$")
_LAST_OF_LEADS: Final = frozenset(
    ["on", "off", "along", "near", "down", "up", "exit", "past", "beside", "by", "onto", "take",
     "taking", "via", "from", "across", "of", "at", "the", "la", "l", "autoroute", "carretera"]
)  # fmt: skip
_LONG_NAME: Final = 12
"""A longer one is a state's or a county's road."""
_FRAGMENT: Final = 60
_NO_ROAD: Final = re.compile(r" ?(?:%|form|visa|a\.?m\b|p\.?m\b|status|record)|\.\d")


def find_highways(text: str, numbers: tuple[Number, ...]) -> Iterator[tuple[int, int]]:
    """Find roads that are named by a number, as spans of the view."""
    for number in numbers:
        if not number.before and not text[number.start - 1 : number.start].isalpha():
            continue
        start = _start_of_road(text, number)
        if start >= 0 and not counts(text, number.end):
            yield start, number.end
    for found in _LETTER_ROAD.finditer(text):
        yield found.start() + 1, found.end()


def _start_of_road(text: str, number: Number) -> int:
    before = number.before.rpartition("-")[2] if "-" in number.before else number.before
    if before in ROADS_MAYBE:
        found = _HIGHWAY.search(text, max(0, number.start - 34), number.start)
        if found and _is_road_number(number.text) and _is_reached(text, found.start(), number):
            return found.start()
    if before in ROADS_SHORT or (not before and text[number.start - 1 : number.start].isalpha()):
        return _start_of_short(text, number)
    return -1


def _is_reached(text: str, start: int, number: Number) -> bool:
    """Whether somebody is by a road, or it is all that is said: people speak of highways too."""
    if start == 0 or number.start - start > _LONG_NAME:
        return len(text) < _FRAGMENT or start > 0
    if ROAD_LEADS.search(text, max(0, start - 24), start) or ROAD_NEXT.match(text, number.end):
        return True
    return SOMEONE.search(text, max(0, start - around.BEFORE), start) is not None


def _is_road_number(written: str) -> bool:
    digits = written.rstrip("abcdefghijklmnopqrstuvwxyz")
    return digits.isdigit() and len(digits) <= 4  # noqa: PLR2004


def _start_of_short(text: str, number: Number) -> int:
    """`I-95`, `FM 1960`: a letter or three and a number, where somebody drives or stays by it."""
    found = _SHORT_ROAD.search(text, max(0, number.start - 6), number.start)
    if found is None or found["kind"].rstrip(".") not in ROADS_SHORT:
        return -1
    if not _is_road_number(number.text) or _NO_ROAD.match(text, number.end):
        return -1
    start, kind = found.start("kind"), found["kind"]
    if kind == "i" and number.text in {"9", "94"} and not ROAD_NEXT.match(text, number.end):
        return -1
    is_farm_road = kind in {"fm", "rm"} and len(number.text) > 2  # noqa: PLR2004
    if is_farm_road or ROAD_NEXT.match(text, number.end):
        return start
    since = max(0, start - 24)
    led = text[since:start].rstrip(" '").rpartition(" ")[2] in _LAST_OF_LEADS
    return start if led and ROAD_LEADS.search(text, since, start) else -1
