"""What stands before and after a candidate: the evidence that decides where the words alone do not.

Spec: docs/spec/guard.md, "Places".
"""

import re
from typing import Final

from quietway.guard.places.contexts import AFTER_COMMA, ANNOUNCING, FAR, LAST_OF_LEADS, LEADS
from quietway.guard.places.vocabulary import (
    ENDS,
    HIGHWAYS,
    MONTHS,
    SECTIONS,
    STATE_CODES,
    STATE_NAMES,
    STOPS,
    UNITS,
    WORDY_CODES,
    alternatives,
)

BEFORE: Final = 70
_PREPOSITIONS: Final = re.compile(
    r"(?:^|[\s(])(?:at|to|on|near|from|off|by|outside|behind|en|a|al|au|à|@|"
    r"number|no|nº|n°|num|número|numéro|(?:front|back) of)[:.]? ?$"
)
_HERS: Final = re.compile(
    r",? (?:is|was|es|est|that's|its|it's) (?:where|her|his|their|the (?:address|house|place)|donde"
    r"|su|son|sa|l'adresse|la direccion)\b"
)
_IN_YEAR: Final = re.compile(
    r"(?:^|[ (])(?:in|since|by|until|till|of|during|after|before|around|circa|year|late|early|mid"
    r"|the|en|desde|hasta|de|del|depuis|des|vers|and|or) ?$"
)
_UNIT: Final = re.compile(
    rf"[ ,;()-]{{0,3}}(?:(?:{alternatives(UNITS)})\.?[ #:]{{0,3}}(?:[a-z]?-?\d[\w-]{{0,6}}|[a-z]\b)"
    r"|# ?[a-z]?\d[\w-]{0,6}|(?:\d{1,3}(?:st|nd|rd|th|o|a|er|e|eme)|first|second|third|fourth|top"
    r"|ground|upper) (?:fl|floor|piso|etage)\b)"
)
_PLACE_LINE: Final = re.compile(
    r"[ ,]{1,3}(?P<town>(?:[^\W\d_][\w.'-]{0,20} ?){0,4}?)(?:, ?| )?"
    rf"\b(?P<state>{alternatives(STATE_NAMES)}|{alternatives(STATE_CODES)})\b\.?"
    r"(?P<zip>[ ,]{1,2}\d{4,6}\b)?"
)
_POSTCODE: Final = re.compile(
    r"[ ,]{1,3}(?P<town>(?:[^\W\d_][\w.'-]{0,20}[, ]{1,2}){0,4})"
    r"(?:\d{5,6}(?:-\d{4})?\b|(?<=[a-z] )(?!19|20)\d{4}(?=[.,]|$| [a-z])"
    r"|[a-z]\d[\dw] ?[\da-z]{4}\b|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}\b|[a-z]\d[a-z] ?\d[a-z]\d\b)"
)
_JOINING: Final = STOPS - {"los", "las", "la", "el", "les", "le", "des", "san", "st"}
_NEXT: Final = re.compile(r"[\s)\"']{0,2}([^\W\d_][^\W\d_'-]{0,30}|\S)?")


def is_led(text: str, start: int) -> bool:
    """Say whether words of living, going or sending lead up to a position."""
    since = max(0, start - BEFORE)
    window = text[since:start]
    last = window.rstrip(" ,:@").rpartition(" ")[2]
    if window.endswith(", ") and AFTER_COMMA.search(window):
        return True
    if last not in LAST_OF_LEADS and not ANNOUNCING.search(window):
        return False
    return LEADS.search(text, since, start) is not None


def is_announced(text: str, start: int) -> bool:
    """Say whether words that announce an address stand anywhere before a position."""
    return FAR.search(text, max(0, start - BEFORE), start) is not None


def is_hers(text: str, end: int) -> bool:
    """Say whether words right behind a place say that somebody is there: `is where she parks`."""
    return _HERS.match(text, end) is not None


def has_preposition(text: str, start: int) -> bool:
    """Say whether a preposition of place stands right before a position."""
    return _PREPOSITIONS.search(text, max(0, start - 12), start) is not None


def is_in_year(text: str, start: int) -> bool:
    """Say whether what leads up to a number reads as a year."""
    return start == 0 or _IN_YEAR.search(text, max(0, start - 12), start) is not None


def is_day_or_section(word: str) -> bool:
    """Say whether the word before a number makes it a day of a month, a section or the like."""
    return word in MONTHS or word in SECTIONS


def is_road(word: str) -> bool:
    """Say whether the word before a number makes it that of a highway."""
    return word in HIGHWAYS


def is_followed_by_place(text: str, cased: str, end: int) -> bool:
    """Say whether a unit, a state or a postcode follows."""
    limit = min(len(text), end + 90)
    if _UNIT.match(text, end, limit):
        return True
    postcode = _POSTCODE.match(text, end, limit)
    if postcode and _is_town(postcode["town"]):
        return True
    found = _PLACE_LINE.match(text, end, limit)
    return found is not None and _is_town(found["town"]) and _is_state(found, cased, end)


def _is_town(words: str) -> bool:
    """Whether words may be the name of a town: none of them joins a sentence."""
    return not any(word.strip(".,") in _JOINING for word in words.split())


def _is_state(found: re.Match[str], cased: str, end: int) -> bool:
    word, written = found["state"], cased[slice(*found.span("state"))]
    if found["zip"] or len(word) > 3:  # noqa: PLR2004  # three letters is the longest code
        return True
    comma = "," in found.string[end : found.start("state")]
    return written.isupper() or (comma and word not in WORDY_CODES)


def is_ended(text: str, end: int) -> bool:
    """Say whether a phrase ends at `end`: by a mark, or a word that goes on from it."""
    found = _NEXT.match(text, end)
    following = found[1] if found else None
    return following is None or following in ENDS or not following[0].isalpha()


def read_unit(text: str, end: int) -> int:
    """Give where a unit that follows ends, or `end`."""
    found = _UNIT.match(text, end, min(len(text), end + 40))
    return found.end() if found else end
