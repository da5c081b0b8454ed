"""Reads addresses that have no street: post boxes, rural routes, and doors of a building.

Each begins at a number: the word before it says whether it is worth looking closer.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.contexts import LIVING, LODGINGS, PERSONS
from quietway.guard.places.numbers import Number
from quietway.guard.places.vocabulary import (
    COUNTED,
    STRONG_UNITS,
    UNITS,
    alternatives,
)

SIGN: Final = r"(?: ?(?:#|no\.?|number|num\.?|n°) ?| )?"
_BOX_WORDS: Final = frozenset(
    ["box", "bx", "drawer", "bag", "pmb", "postal", "correos", "correo", "apartado", "apdo",
     "casilla", "postale", "c.p", "cp", "postfach", "bp", "b.p", "po", "p.o"]
)  # fmt: skip
_BOX: Final = re.compile(
    r"\b(?:p\.? ?o\.? ?(?:box|bx|b\.)|post(?:al)? office box|post box|lock ?box|p\.? ?o\.? drawer"
    r"|private bag|locked bag|pmb|apartado(?: postal| de correos)?|apdo\.?(?: postal)?|postfach"
    rf"|casilla(?: postal| de correos?)?|boite postale"
    rf"|case postale(?:,? c\.? ?p\.?)?)[ :]{{0,2}}{SIGN}$"
)
_BARE_BOX: Final = re.compile(r"\bbox ?(?P<sign>#|no\.?|number)? ?$")
_BP: Final = re.compile(r"\bb\.?p\.? $")
_CODE_NEXT: Final = re.compile(r" ?,? ?\d{5}\b|,| [^\W\d_]+ cedex")
_RURAL: Final = re.compile(
    r"\b(?:r\.? ?r\.?|rural r(?:ou)?te|rural delivery|rfd|h\.? ?c\.? ?r?\.?|hcr|star r(?:ou)?te|psc"
    r"|cmr|unit|(?:highway|hwy) contract(?: r(?:ou)?te)?)(?: route| rte| r)?"
    rf"{SIGN}\w{{1,5}},? box{SIGN}[a-z]?\d?\w{{0,6}}\b"
)
_RURAL_ALONE: Final = Gated(
    rf"\b(?:r\. ?r\.|rr|rural r(?:ou)?te|rural delivery|rfd){SIGN}\d{{1,4}}[a-z]?\b",
    ("rr", "r. r", "r.r", "rural", "rfd"),
)
_MILITARY: Final = Gated(
    r"\b(?:apo|fpo|dpo),? (?:aa|ae|ap)\b(?: \d{5})?"
    r"|\b(?:general delivery|lista de correos|poste restante)\b",
    ("po", "general delivery", "lista de", "poste"),
)
_DOOR: Final = re.compile(r"[a-z]?-?\d{1,5}[a-z]?(?:-(?:\d{1,4}|[a-z]))?\b(?!['%:]|\.\d)")
_LODGED: Final = re.compile(
    r",? (?:(?:at|in|of) )?(?:the )?(?:[\w']+ ){0,3}"
    r"(?:motel|hotel|inn|super 8|motel 6|lodge|hostel|mobile home park|trailer park|rv park)\b"
)
_IS_DOOR: Final = Gated(
    r"\b(?:her|his|their|the) (?:trailer|unit|apartment|apt|room|flat|lot) (?:is|number is) "
    r"(?:number |no\. ?|#)?(?P<door>#?\d{1,4}[a-z]?)\b",
    (" is ",),
)
_LETTER_DOOR: Final = re.compile(
    rf" (?:{alternatives(STRONG_UNITS | {'unit', 'suite', 'flat', 'building', 'bldg'})})\b\.?"
    r" ?#? ?[b-z]\d{0,3}\b(?!')"
)
_HOUSE_NUMBER: Final = Gated(
    r"\b(?:h\. ?no\.?|house (?:no\.?|number)) ?(?:is )?:? ?#?\d{1,4}[a-z]?\b",
    ("no", "number"),
)
_PAIR_NEXT: Final = re.compile(
    rf",? (?:of )?(?:{alternatives(UNITS)})\b\.?{SIGN}(?:[a-z]?\d{{1,5}}[a-z]?|[a-z])\b"
)
_NEXT_WORD: Final = re.compile(r"[ -]{0,2}([^\W\d_][\w']{0,20})")
_ROOMS: Final = frozenset(
    ["room", "rm", "rooms", "floor", "fl", "office", "oficina", "local", "level", "block", "stop",
     "door", "planta", "piso", "building", "space", "tower", "slip", "pier", "etage", "entrance",
     "torre", "interior", "int", "esc", "ph", "bloque", "lote", "mz", "suite", "blk", "portal"]
)  # fmt: skip


def find_boxes(text: str, numbers: tuple[Number, ...]) -> Iterator[tuple[int, int]]:
    """Find post boxes, rural routes and addresses of the armed forces, as spans of the view."""
    for number in numbers:
        if number.before in _BOX_WORDS:
            start = _start_of_box(text, number)
            if start >= 0:
                yield start, number.end
    if " box" in text:
        for found in _RURAL.finditer(text):
            yield found.span()
    for pattern in (_RURAL_ALONE, _MILITARY):
        for found in pattern.finditer(text):
            yield found.span()


def _start_of_box(text: str, number: Number) -> int:
    since = max(0, number.start - 34)
    found = _BOX.search(text, since, number.start)
    if found:
        return found.start()
    bare = _BARE_BOX.search(text, since, number.start)
    if bare and (bare["sign"] or (number.text.isdigit() and len(number.text) > 2)):  # noqa: PLR2004
        return -1 if text.startswith((" of", " for"), number.end) else bare.start()
    french = _BP.search(text, since, number.start)
    return french.start() if french and _CODE_NEXT.match(text, number.end) else -1


def find_units(text: str, numbers: tuple[Number, ...]) -> Iterator[tuple[int, int]]:
    """Find doors: `Apt 2C` by itself, `Building 4 Unit 5` together, `Unit 12` where she lives."""
    for number in numbers:
        if number.before in UNITS and _is_door(text, number):
            yield text.rindex(number.before, 0, number.start), number.end
    for pattern in (_HOUSE_NUMBER, _IS_DOOR):
        for found in pattern.finditer(text):
            if not counts(text, found.end()):
                yield found.span()
    for found in _LETTER_DOOR.finditer(text):
        if not counts(text, found.end()) and _is_letter_door(text, found):
            yield found.start() + 1, found.end()


def _is_letter_door(text: str, found: re.Match[str]) -> bool:
    word = found[0].split()[0].strip(".")
    paired = _PAIR_NEXT.match(text, found.end()) is not None
    return word in STRONG_UNITS or paired or _is_lived_in(text, found.start(), word)


def _is_door(text: str, number: Number) -> bool:
    found = _DOOR.match(text, number.start)
    if found is None or found.end() != number.end or counts(text, number.end):
        return False
    if number.before in STRONG_UNITS or _PAIR_NEXT.match(text, number.end):
        return True
    if _LODGED.match(text, number.end):
        return True
    if number.before in {"flat", "studio"} and around.is_led(
        text, number.start - len(number.before) - 1
    ):
        return True
    return _is_lived_in(text, number.start, number.before)


def _is_lived_in(text: str, start: int, unit: str) -> bool:
    since = max(0, start - around.BEFORE)
    if not LIVING.search(text, since, start):
        return False
    homes = LODGINGS if unit in _ROOMS else PERSONS
    return homes.search(text, since, start) is not None


def counts(text: str, end: int) -> bool:
    """Say whether what follows a number is something that is counted."""
    following = _NEXT_WORD.match(text, end)
    return following is not None and following[1] in COUNTED
