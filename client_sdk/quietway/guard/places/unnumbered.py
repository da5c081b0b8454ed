"""Reads a street without a number, where the words around it say that somebody is there.

A street by itself is no place of hers: people speak of Wall Street. `She lives on Elm Street` is.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.contexts import DWELLING, SOMEONE
from quietway.guard.places.vocabulary import (
    BODIES,
    COUNTED,
    DIRECTIONS,
    STOPS,
    STREETS,
    TIERS,
    alternatives,
)

_TYPE: Final = re.compile(rf" (?:{alternatives(STREETS)})\b")
_PREPOSITION: Final = r"(?:on|at|off|near|along|down|in|to|from|behind|up|by|onto|outside)"
_BEFORE: Final = re.compile(
    rf".{{0,50}}\b(?P<prep>{_PREPOSITION}) (?P<name>(?:(?:{alternatives(DIRECTIONS)})\.? )?"
    r"(?:\d{1,3}(?:st|nd|rd|th)|[^\W\d_][\w'-]{1,20}\.?(?: [^\W\d_][\w'-]{1,20}\.?){0,2}))$"
)
_ORDINAL: Final = Gated(
    rf"\b(?:(?P<prep>{_PREPOSITION}) )?(?P<dir>(?:[nsew]|ne|nw|se|sw|north|south|east|west)\.? )?"
    r"\d{1,3}(?:st|nd|rd|th) (?:st|street|str|ave|avenue|av|road|rd|blvd|lane|ln|drive|dr|place"
    r"|pl|court|ct|terrace|ter)\b\.?(?! (?:century|grade))",
    ("st ", "nd ", "rd ", "th "),
)
_SPANISH: Final = Gated(
    r"\b(?:vive[ns]?|vivimos|viv[ia]n?|queda[ns]?|esta|estan|estamos|mud\w{1,5}|alojad[oa]s?"
    r"|casa|piso|departamento|apartamento|domicilio|"
    r"refugio|recoger\w{0,3}|ver\w{0,3}|direccion|habite|habitent|loge|reside|demeure|vit"
    r"|appartement|maison|adresse|retrouv\w{1,4})"
    r"(?: (?:\w+ ){0,2}(?:en|a|sobre|cerca de|au|a la|dans|sur|pres de))?(?: la| el| l')?"
    r"(?: :)?[: ]{1,2}"
    r"(?:calle|avenida|avda\.?|av\.|c/|paseo|plaza|callejon|calzada|camino|carretera|carrera"
    r"|ronda|rue|avenue|boulevard|bd|impasse|allee|chemin|quai|place)"
    r" ?(?P<name>(?:(?:de|del|de la|de los|las|los|la|le|les|du|des|d'|de l') ?){0,2}"
    r"[^\W\d_][\w'-]{2,20})",
    (
        "viv",
        "queda",
        "esta",
        "mud",
        "aloja",
        "casa",
        "piso",
        "part",
        "domicilio",
        "refugio",
        "recoger",
        "ver",
        "direccion",
        "habite",
        "loge",
        "reside",
        "demeure",
        "vit",
        "maison",
        "adresse",
        "retrouv",
    ),
)
_COLONY: Final = Gated(
    r"(?:\b(?:en|de|a|para) (?:la |el )?|, ?)(?:col\.|colonia|fracc\.|fraccionamiento|barrio"
    r"|urb\.|urbanizacion|unidad habitacional) "
    r"(?P<name>(?:de la |del |los |las |la |el |san |santa )?[^\W\d_]\w{2,20})",
    ("col.", "colonia", "fracc", "barrio", "urb", "unidad"),
)
_BORROWED: Final = Gated(
    r"\b(?:at|to|on|is|in|near) (?P<kind>calle|avenida|callejon|calzada|camino|paseo|rue|chemin"
    r"|impasse|allee|quai|boulevard(?= d))"
    r" (?P<name>(?:(?:de|del|de la|de los|la|le|les|du|des) ){0,2}[^\W\d_][\w'-]{2,20})",
    (
        "calle",
        "avenida",
        "calzada",
        "camino",
        "paseo",
        "rue",
        "chemin",
        "impasse",
        "allee",
        "quai",
        "boulevard",
    ),
)
_FAMOUS: Final = re.compile(
    r"(?:wall|sesame|downing|fleet|easy|high|coronation|madison|abbey|silk|main|two-way|one-way"
    r"|through|back|side|dirt|gravel|busy|quiet|cross|"
    r"city|public|open|same|next|wrong|right|other|first|new|old|long|short|residential|local"
    r"|private|nearby|the)\Z"
)
_NEAR: Final = 70


def find_unnumbered(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find streets at which somebody lives, stays or waits, as spans of the view."""
    for found in _TYPE.finditer(text):
        before = _BEFORE.match(text, max(0, found.start() - 50), found.start())
        if before and _is_place(text, cased, before, found):
            yield before.start("name"), found.end()
    for found in _BORROWED.finditer(text):
        is_name = cased[found.end() - len(found["name"].split()[-1])].isupper()
        if is_name and around.is_led(text, found.start("kind")):
            yield found.start("kind"), found.end()
    yield from _find_ordinals(text)
    for pattern in (_SPANISH, _COLONY):
        for found in pattern.finditer(text):
            start = found.end() - len(found["name"].split()[-1])
            if cased[start].isupper():
                yield found.span()


def _find_ordinals(text: str) -> Iterator[tuple[int, int]]:
    for found in _ORDINAL.finditer(text):
        if found["dir"] or (found["prep"] and _speaks_of_someone(text, found.start(), found.end())):
            yield found.span()


def _is_place(text: str, cased: str, before: re.Match[str], kind: re.Match[str]) -> bool:
    """Whether a name and a type are a street, and somebody is there."""
    words = [word.strip(".") for word in before["name"].split()]
    if any(word in STOPS or word in COUNTED for word in words):
        return False
    if words[-1] in BODIES or _FAMOUS.match(before["name"]):
        return False
    is_living = (
        DWELLING.search(text, max(0, before.start("prep") - 40), before.start("prep")) is not None
    )
    if (
        kind[0] == " st"
        and cased[kind.end() + 1 : kind.end() + 2].isupper()
        and text[kind.end()] == " "
    ):
        return False
    written = cased[before.start("name")].isupper() and cased[kind.start() + 1].isupper()
    if is_living:
        return written or TIERS[kind[0].strip()] == "strong"
    return written and _speaks_of_someone(text, before.start("prep"), kind.end())


def _speaks_of_someone(text: str, start: int, end: int) -> bool:
    if SOMEONE.search(text, max(0, start - _NEAR), start):
        return True
    return SOMEONE.search(text, end, min(len(text), end + 30)) is not None
