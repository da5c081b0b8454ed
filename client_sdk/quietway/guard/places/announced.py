"""Reads an address that has no type of street, where what stands before it leaves no doubt.

A label (`Address:`, `Dirección:`) before a name with a number; a door and then a house number
(`Unit 86 58 Wise Port`); the name of a house and its street (`Rose Cottage, Mill Lane`); which
house of a street it is (`the third house on Sycamore`).

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.vocabulary import COUNTED, DATES, SECTIONS, STOPS, STREETS, alternatives

_NAME: Final = r"[^\W\d_][\w'-]{1,20}"
_HOUSE: Final = r"\d{1,5}(?:[/-]\d{1,5})?[a-z]?"
_LABEL: Final = Gated(
    r"\b(?:address|addy|direccion|domicilio|adresse|anschrift|endereco|indirizzo|ubicacion"
    r"|(?:new|her|his|their) (?:place|home|house|apartment))"
    r"(?: (?:is|es|est|actual|nueva|postale?|exacta))? ?: ?",
    (
        "address",
        "addy",
        "direccion",
        "domicilio",
        "adresse",
        "anschrift",
        "endereco",
        "indirizzo",
        "ubicacion",
        "new ",
        "her ",
        "his ",
        "their ",
    ),
)
_NUMBER_FIRST: Final = re.compile(rf"(?P<house>{_HOUSE}),? (?P<names>{_NAME}(?: {_NAME}){{0,2}})")
_NAME_FIRST: Final = re.compile(
    rf"(?P<names>{_NAME}(?:[. ]{{1,2}}{_NAME}){{0,4}}),? (?:n[°o.]{{0,2}} ?|# ?|num\.? )?"
    rf"(?P<house>{_HOUSE})(?![\w%:°]|[.,:]\d)"
)
_DOOR: Final = Gated(
    r"\b(?:unit|level|suite|ste|flat|studio|apt|apartment|shop|lot|room|villa|townhouse|floor"
    rf"|building|bldg|block)\.? #?[a-z]?\d{{1,4}}[a-z]?,? (?P<house>{_HOUSE}) (?P<names>{_NAME})"
    rf"(?: {_NAME})?",
    (
        "unit",
        "level",
        "suite",
        "ste",
        "flat",
        "studio",
        "ap",
        "shop",
        "lot",
        "room",
        "villa",
        "town",
        "floor",
        "bl",
        "build",
    ),
)
_OF_A_STREET: Final = Gated(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|[1-9](?:st|nd|rd|th)|blue|yellow|green|red"
    r"|brick|gr[ae]y|pink) (?:house|door|building|trailer|driveway|duplex|cabin)"
    rf"(?: (?:down|in|along|on the (?:left|right)))? (?:on|along|off|down) (?P<names>{_NAME})",
    ("house", "door", "building", "trailer", "driveway", "duplex", "cabin"),
)
_STREET: Final = rf"(?P<street>{_NAME})(?: {_NAME})?? (?P<kind>{alternatives(STREETS)})\b"
_HOUSE_NAME: Final = re.compile(
    r" (?:cottages?|farm|farmhouse|house|lodge|barn|villas?|manor|hall|mill|grange|bungalow|chalet"
    rf"|cabin|apartments|flats|court|towers?), {_STREET}"
)
_NUMBERED_NAME: Final = Gated(
    rf"\b(?:no\.?|number|cottage|flat|unit|plot) ?\d{{1,4}}[a-z]?, (?:the )?{_NAME}(?: {_NAME})"
    rf"{{0,2}}, {_STREET}",
    ("no", "number", "cottage", "flat", "unit", "plot"),
)
_THE: Final = Gated(
    rf"(?<![\w$€£.,/-])(?P<house>\d{{1,4}}[a-z]?),? (?P<the>the) "
    rf"(?P<street>{_NAME}(?: {_NAME}){{0,2}})",
    (" the ",),
)
_LEAST_YEAR, _MOST_YEAR = 1950, 2050


def find_announced(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find numbers with a name behind a label, or behind the number of a door."""
    for label in _LABEL.finditer(text):
        for form in (_NUMBER_FIRST, _NAME_FIRST):
            found = form.match(text, label.end())
            if found and _is_named(cased, found) and not _is_year(found["house"]):
                yield found.span()
    for found in _DOOR.finditer(text):
        is_plural = found["names"].endswith("s") and not cased[found.end("names") :][1:2].isupper()
        if _is_named(cased, found) and not is_plural:
            yield found.span()
    yield from _find_greens(text, cased)


def _find_greens(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find `9 The Green`: an article written large behind a number, at which somebody is."""
    for found in _THE.finditer(text):
        is_large = cased[found.start("the")] == "T" and cased[found.start("street")].isupper()
        if not is_large or found["street"].split()[0] in STOPS | DATES | COUNTED:
            continue
        if around.is_led(text, found.start()) or around.is_hers(text, found.end()):
            yield found.span()


def find_named_houses(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find houses told by their name or their place in the row, and by their street."""
    for found in _OF_A_STREET.finditer(text):
        if _is_named(cased, found):
            yield found.span()
    for found in _HOUSE_NAME.finditer(text):
        start = text.rfind(" ", 0, found.start()) + 1
        is_name = cased[start].isupper() and text[start : found.start()] not in STOPS
        if is_name and _is_street(cased, found):
            yield start, found.end()
    for found in _NUMBERED_NAME.finditer(text):
        if _is_street(cased, found):
            yield found.span()


def _is_named(cased: str, found: re.Match[str]) -> bool:
    """Whether the name is written large, and nothing that is counted, dated or said."""
    words = found["names"].replace(".", " ").split()
    if set(words) & (DATES | STOPS - {"sur", "le", "la", "el", "los", "las", "les", "des", "du"}):
        return False
    return cased[found.start("names")].isupper() and not {words[0], words[-1]} & (
        COUNTED | SECTIONS
    )


def _is_street(cased: str, found: re.Match[str]) -> bool:
    is_large = cased[found.start("street")].isupper() and cased[found.start("kind")].isupper()
    return is_large and found["street"] not in STOPS


def _is_year(house: str) -> bool:
    return house.isdigit() and _LEAST_YEAR <= int(house) <= _MOST_YEAR
