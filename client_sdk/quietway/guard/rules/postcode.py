"""A postcode: a few doors in Britain, one side of a street with ZIP+4, elsewhere a town.

Five digits are any number. They count after a state, after a word that announces them, before a
large town, or where somebody lives in them.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.places.gazetteer import is_large_town
from quietway.guard.places.numbers import Number, list_numbers
from quietway.guard.places.vocabulary import STATE_CODES, STATE_NAMES, WORDY_CODES, alternatives
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("postcode").tables["words"]
_AREAS: Final = frozenset(_WORDS["uk_areas"].split())
_ENDINGS: Final = frozenset(_WORDS["no_ending"].split())
_ANNOUNCED: Final = re.compile(
    rf"\b(?:{'|'.join(_WORDS['announcing'])})(?:[ :=(#\"',.-]|\b"
    rf"(?:{'|'.join(_WORDS['between'])})\b)"
    r"{1,10}(?:[a-z]{1,2}-)?$"
)
_STATE: Final = re.compile(
    rf"(?:^|[ ,(])(?P<state>{alternatives(STATE_NAMES)}|{alternatives(STATE_CODES)})\.?,? $"
)
_LIVED: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['living'])}) (?:\w+ )?(?:in|to|near|en|a|au) $")
_NEXT: Final = re.compile(
    r",? (?:code postal|codigo postal|area|zip|zip code|postcode|neighborhood|postal)\b"
)
_CITY: Final = re.compile(r",? (?P<city>[^\W\d_][\w'-]{2,20}(?: [^\W\d_][\w'-]{2,20})?)")
_COUNTED: Final = re.compile(r" ?(?:%|people|dollars|usd|times|euros|pesos|[a-z]{3,15}s\b)")
_ZIP4: Final = re.compile(r"[0-9]{5} ?- ?[0-9]{4}(?![\w-])")
_FILED: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['filed'])})\b[^.;,]{{0,16}}$")
_UK_OUT: Final = (
    r"(?P<out>[a-pr-uwyz](?:\d{1,2}|[a-hk-y]\d{1,2}|\d[a-hjkpstuw]|[a-hk-y]\d[abehmnprv-y]))"
)
_UK: Final = re.compile(rf"\b{_UK_OUT} ?(?P<in>\d[abd-hjlnp-uw-z]{{2}})(?![\w-])")
_UK_AREA: Final = re.compile(
    rf"\b(?:{'|'.join(_WORDS['uk_leads'])}) (?:is |in |of |the |to )?{_UK_OUT}(?![\w-])(?! ?\d)"
)
_LETTERS: Final = re.compile(r"[a-z]{1,2}")
_CANADA: Final = re.compile(
    r"(?<![\w-])[abceghj-nprstvxy]\d[abceghj-nprstv-z][ -]?\d[abceghj-nprstv-z]\d(?![\w-])"
)
_AUSTRALIA: Final = frozenset(["nsw", "vic", "qld", "tas"])
_SHORT, _LONG = 4, 5


def find(view: View) -> Iterator[Hit]:
    """Yield postcodes."""
    for found in _UK.finditer(view.text):
        if _is_british(view, found):
            yield view.hit("postcode.uk", *found.span())
    for found in _UK_AREA.finditer(view.text):
        area = _LETTERS.match(found["out"])
        if area and area[0] in _AREAS:
            yield view.hit("postcode.uk_area", *found.span("out"))
    for found in _CANADA.finditer(view.text):
        yield view.hit("postcode.canada", *found.span())
    for number in list_numbers(view.text):
        if len(number.text) >= _SHORT:
            yield from _find_digits(view, number)


def _is_british(view: View, found: re.Match[str]) -> bool:
    """Whether it begins with an area there is, and ends as no ordinal or unit does."""
    area = _LETTERS.match(found["out"])
    if area is None or (len(area[0]) > 1 and area[0] not in _AREAS):
        return False
    written = view.cased[slice(*found.span("in"))]
    return written[1:].isupper() or found["in"][1:] not in _ENDINGS


def _find_digits(view: View, number: Number) -> Iterator[Hit]:
    text, start = view.text, number.start
    if start and (text[start - 1].isalnum() or text[start - 1] in "$€£,."):
        return
    long = _ZIP4.match(text, start)
    if long:
        if not _FILED.search(text, max(0, start - 30), start):
            yield view.hit("postcode.zip4", *long.span())
    elif number.text.isdigit() and len(number.text) in {_SHORT, _LONG} and _is_code(view, number):
        yield view.hit("postcode.digits", start, number.end)


def _is_code(view: View, number: Number) -> bool:
    """Whether what stands around four or five digits makes them a postcode."""
    text, start = view.text, number.start
    if text[number.end : number.end + 1] in {"-", "%"} or _COUNTED.match(text, number.end):
        return False
    if _ANNOUNCED.search(text, max(0, start - 60), start) or _is_after_state(view, number):
        return True
    if len(number.text) == _SHORT:
        return False
    city = _CITY.match(text, number.end)
    if city and is_large_town(view.cased[slice(*city.span("city"))]):
        return True
    lived = _LIVED.search(text, max(0, start - 40), start)
    return lived is not None or _NEXT.match(text, number.end) is not None


def _is_after_state(view: View, number: Number) -> bool:
    """Whether a state stands before it: in capitals where it is an ordinary word too."""
    found = _STATE.search(view.text, max(0, number.start - 28), number.start)
    if found is None:
        return False
    word = found["state"]
    is_upper = view.cased[slice(*found.span("state"))].isupper()
    if len(number.text) == _SHORT:
        return word in _AUSTRALIA and is_upper
    return word in STATE_NAMES or is_upper or word not in WORDY_CODES | {"wa"}
