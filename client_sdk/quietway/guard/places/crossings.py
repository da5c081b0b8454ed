"""Reads two streets that meet: `Elm St & 4th Ave`, `5th and Main`, `calle Hidalgo y Juarez`.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.vocabulary import (
    BODIES,
    COUNTED,
    DATES,
    KNOWN_NAMES,
    ORDINALS,
    STOPS,
    STREETS,
    alternatives,
)
from quietway.guard.rule_file import read_rule_file

_WORDS: Final = read_rule_file("crossing").tables["words"]
_TYPE: Final = alternatives(STREETS)
_FIRST: Final = f"(?:{'|'.join(_WORDS['first'])})"
_ORDINAL: Final = r"(?:(?:[nsew]|north|south|east|west)\.? )?\d{1,3}(?:st|nd|rd|th)"
_NAME: Final = r"[^\W\d_][\w'-]{1,20}"
_AND: Final = r"(?P<and> ?(?:&|/|\+|@) ?| (?:and|at|y|e|con|et|x|n|and the) )"
_TYPED: Final = re.compile(
    rf" (?:{_TYPE})\b\.?{_AND}(?P<second>{_ORDINAL}|(?:{_NAME} ){{1,3}}?(?={_TYPE}\b)|{_NAME})"
    rf"(?: ?(?P<type>{_TYPE})\b)?"
)
_ORDINALS: Final = Gated(
    rf"(?:\d{{1,3}}(?:st|nd|rd|th)|{alternatives(ORDINALS)})(?: (?P<type>{_TYPE})\.?)?{_AND}"
    rf"(?P<second>{_ORDINAL}|{_NAME}(?: {_NAME})?)\b(?: (?:{_TYPE})\b)?",
    ("st", "nd", "rd", "th"),
)
_LEAD: Final = re.compile(
    r"(?:^|[ (])(?P<prep>at|near|on|by|off|to|towards?|around|from|lives?|en|the corner of|@)"
    r"(?: (?:n|s|e|w|ne|nw|se|sw|north|south|east|west)\.?)? $"
)
_NAMED: Final = Gated(
    rf"\b(?:at|near|on|by|off|to|towards?|around|corner of|from) (?P<first>{_NAME}(?: {_NAME})?)"
    rf"(?: ?(?:&|/|@) ?| and | x )(?P<second>{_ORDINAL})\b"
    rf"(?! (?:{'|'.join(_WORDS['not_after_ordinal'])}))",
    ("st", "nd", "rd", "th"),
)
_KNOWN: Final = Gated(
    rf"\b(?:at|near|on|to|from|by|of|off|@) (?P<first>{alternatives(KNOWN_NAMES)}) ?(?:&|/|@|at"
    rf"|and|x) ?(?P<second>{alternatives(KNOWN_NAMES)})\b",
    KNOWN_NAMES,
)
_PAIRED: Final = re.compile(
    rf"\b{_FIRST} (?:(?:de|del|la|las|los|du|des|d') ?){{0,2}}[\w'-]{{1,20}}"
    rf"(?: [\w'-]{{1,20}}){{0,2}}?"
    r" (?:y|e|con|esquina(?: con)?|esq\.?|casi(?: esquina)?|et|entre) (?:la |el |l')?"
    rf"(?:{_FIRST} ?(?:(?:de|del|la|las|los|du|des|d') ?){{0,2}}[\w'-]{{1,20}}"
    r"|(?P<name>[^\W\d_][\w'-]{2,20}))"
)
_BETWEEN: Final = Gated(
    r"\b(?P<word>between|entre) (?:the |la |el )?(?P<first>[\w'-]{2,20}) (?:and|&|y|e|et) "
    r"(?P<second>(?:de )?[\w'-]{2,20})(?P<on> on [^\W\d_]| (?:street|st|ave|avenue|road)s?\b)?",
    ("between", "entre"),
)
_LEADING_HOME: Final = re.compile(
    r"\b(?:casa|queda|vive|esta|viven|habite|loge|reside|lives?|house|home|place|apartment)\b ?"
)
_MEETING: Final = re.compile(
    rf" (?:{_TYPE})\b (?:meets|crosses|hits|runs into|joins) (?P<second>{_NAME})(?: {_NAME})?"
    rf" (?:{_TYPE})\b"
)
_SIGNS: Final = frozenset(["&", "/", "@", "x"])
_HOMES: Final = frozenset(["at", "near", "by", "off", "the corner of", "live", "lives", "@"])


def find_crossings(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find two streets that meet, as spans of the view."""
    for found in _TYPED.finditer(text):
        start = _start_of_name(text, found.start())
        if _is_second(text, cased, found, start) and _is_first(text[start : found.start()]):
            yield start, found.end()
    for found in _ORDINALS.finditer(text):
        if not text[found.start() - 1 : found.start()].isalnum() and _crosses(text, cased, found):
            yield found.span()
    for pattern in (_NAMED, _KNOWN):
        for found in pattern.finditer(text):
            if _is_named(cased, found):
                yield found.span()
    for found in _MEETING.finditer(text):
        if cased[found.start("second")].isupper() and cased[found.start() + 1].isupper():
            yield _start_of_name(text, found.start()), found.end()
    yield from _find_paired(text, cased)


def _find_paired(text: str, cased: str) -> Iterator[tuple[int, int]]:
    for found in _PAIRED.finditer(text):
        if found["name"] is None or cased[found.start("name")].isupper():
            yield found.span()
    for found in _BETWEEN.finditer(text):
        if _is_between(text, cased, found):
            yield found.span()


def _start_of_name(text: str, end: int) -> int:
    return text.rfind(" ", 0, end) + 1


def _is_first(word: str) -> bool:
    """Whether a name stands before a type, and not an article: `Elm St`, not `the street`."""
    if not word or word in STOPS or word in BODIES:
        return False
    return word[0].isalnum() and not word.isdigit()


def _is_second(text: str, cased: str, found: re.Match[str], start: int) -> bool:
    """Whether what follows is a street too: an ordinal, a typed name, or a name after a sign."""
    word = found["second"].split()[0]
    if word in STOPS or word in DATES or (word in COUNTED and not found["type"]):
        return False
    is_capital = cased[found.start("second")].isupper()
    sign = found["and"].strip()
    if found["type"] or word[0].isdigit():
        return is_capital or word[0].isdigit() or sign in _SIGNS or sign in {"and", "at"}
    named = is_capital or word in KNOWN_NAMES
    return named and (sign in _SIGNS or around.has_preposition(text, start))


def _crosses(text: str, cased: str, found: re.Match[str]) -> bool:
    """`on 5th and Main`, `42nd St & 8th`: an ordinal, and what it crosses."""
    word = found["second"].split()[0]
    if word in _WORDS["not_crossing"] or not around.is_ended(text, found.end()):
        return False
    lead = _LEAD.search(text, max(0, found.start() - 24), found.start())
    is_signed = found["and"].strip() in _SIGNS
    if word[0].isdigit() and not found["type"]:
        return bool(lead and lead["prep"] in _HOMES) and not text.startswith(" of", found.end())
    if not (word[0].isdigit() or is_name(cased, found.start("second"), word)):
        return False
    return bool(lead or found["type"] or is_signed)


def is_name(cased: str, start: int, word: str) -> bool:
    """Say whether a word may be the name of a street: written large, or known, and no date."""
    if word in STOPS or word in DATES or word in COUNTED:
        return False
    return cased[start].isupper() or word in KNOWN_NAMES


def _is_named(cased: str, found: re.Match[str]) -> bool:
    words = found["first"].split()
    if not is_name(cased, found.start("first"), words[0]) or words[-1] in DATES:
        return False
    second = found.start("second")
    return (
        cased[second].isdigit() or cased[second].isupper() == cased[found.start("first")].isupper()
    )


def _is_between(text: str, cased: str, found: re.Match[str]) -> bool:
    first, second = cased[found.start("first")], cased[found.start("second")]
    if first.isdigit() and found["first"][-2:] in {"st", "nd", "rd", "th"}:
        return found["on"] is not None
    if (
        not first.isupper()
        or found["first"] in DATES
        or not (second.isupper() or found["second"].startswith("de "))
    ):
        return False
    return _LEADING_HOME.search(text, max(0, found.start() - 30), found.start()) is not None
