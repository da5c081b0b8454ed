"""Places named as squares of a grid: UTM, MGRS, geohash, H3.

UTM and MGRS are read by the form of their zone, band and square. An H3 index proves itself, for
every digit past its resolution must be 7. A geohash looks like any other code, so it counts after
the word `geohash`, or where a place is spoken of just before it.

Sources: NGA.STND.0037 (UTM, MGRS); h3geo.org, "Index bit layout"; geohash.org. Spec:
docs/spec/guard.md, "Coordinates".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.nearby import compile_words, is_near
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import View

_WORDS: Final = read_rule_file("coordinates").tables["words"]
_GRID_WORD: Final = compile_words(_WORDS["grid"])
_GEOHASH_WORD: Final = re.compile(r"geo ?-?hash(?:es)?(?![a-z])")
_PLACE_WORD: Final = compile_words(_WORDS["place"])
_OTHER_CODE: Final = compile_words(_WORDS["other_code"])

_ZONE: Final = r"[0-9](?<![0-9a-z.][0-9])[0-9]?"
_EAST: Final = (
    r"(?:e(?:asting"
    r"|ste)?[ :=]{0,2})?0?[1-9][0-9]{2} ?[0-9]{3}(?:\.[0-9]{1,4})?(?: ?m)?(?: ?e(?:ast)?\b)?"
)
_NORTH: Final = (
    r"(?:n(?:orthing"
    r"|orte)?[ :=]{0,2})?(?:[0-9]{4,8}|[0-9]{3} [0-9]{3}"
    r"|[0-9]{1,2} [0-9]{3} [0-9]{3})(?:\.[0-9]{1,4})?(?: ?m)?(?: ?n(?:orth)?\b)"
    r"?"
)
_UTM: Final = re.compile(
    rf"({_ZONE}) ?-?[c-hj-np-x][ ,;:/]{{1,3}}{_EAST}[ ,;:/]{{1,3}}{_NORTH}(?![0-9])"
)
_UTM_AFTER: Final = re.compile(
    rf"(?<![0-9]){_EAST}[ ,;:/]{{1,3}}{_NORTH}[ ,;:/(]{{1,3}}(?:utm |zone |zona |huso "
    rf"|fuseau ){{1,2}}"
    r"(?:0?[1-9]|[1-5][0-9]|60) ?-?[c-hj-np-x](?![a-z0-9])"
)
_MGRS: Final = re.compile(
    rf"({_ZONE} ?[c-hj-np-x]) ?([a-hj-np-z][a-hj-np-z]) ?([0-9]{{1,5}})( ?)([0-9]{{1,5}})(?![0-9a"
    rf"-z])"
)
_POLAR: Final = re.compile(
    r"[abyz](?<![a-z0-9][abyz]) ?[a-hj-np-z]{2} ?(?:[0-9]{2} ?[0-9]{2}|[0-9]{3} ?[0-9]{3}"
    r"|[0-9]{4} ?[0-9]{4}|[0-9]{5} ?[0-9]{5})(?![0-9a-z])"
)
_ZONES: Final = 60
_SURE_MGRS: Final = 6
_LAWS: Final = frozenset({"cfr", "usc"})
_H3: Final = re.compile(r"8(?<![a-wyz1-9]8)[0-9a-f]{14}(?![a-z0-9])")
_FOUR_DIGITS: Final = re.compile(r"[0-9](?:[ .]?[0-9]){3}")
_ZONE_WORDS: Final = ("zon", "huso", "utm", "fuseau")
_MIXED: Final = re.compile(r"[0-9](?:[b-z]|(?<=[b-z][0-9]))")
_TOKEN: Final = re.compile(r"(?<![a-z0-9])[0-9b-hjkmnp-z]{5,12}(?![a-z0-9])")
_JOINED: Final = re.compile(r"(?: (?:is|es|est) ?| ?[:=\"'/(#] ?)[\"'(]?$")
_AFTER_WORD: Final = 40
_BEFORE_WORD: Final = 16
_BARE: Final = re.compile(
    r"(?<![a-z0-9])(?=[b-z]{0,11}[0-9])(?=(?:[0-9]{0,9}[b-z]){2})[0-9b-hjkmnp-z]{7,12}(?![a-z0-9])"
)

_H3_BASE_CELLS: Final = 122
_H3_PLACES: Final = 15
_H3_UNUSED: Final = 7


def find_grids(view: View) -> Iterator[tuple[str, int, int]]:
    """Yield rule and span of each place that is named by a grid.

    Args:
        view: Of a text.
    """
    text = view.text
    if _FOUR_DIGITS.search(text):
        for found in _UTM.finditer(text):
            if 1 <= int(found[1]) <= _ZONES:
                yield "utm", *found.span()
        if any(word in text for word in _ZONE_WORDS):
            yield from (("utm", *found.span()) for found in _UTM_AFTER.finditer(text))
        for found in _MGRS.finditer(text):
            if _is_mgrs(view, found):
                yield "mgrs", *found.span()
        if _GRID_WORD.search(text):
            yield from (("mgrs", *found.span()) for found in _POLAR.finditer(text))
    for found in _H3.finditer(text):
        if is_h3(found.group()):
            yield "h3", *found.span()
    yield from (("geohash", *span) for span in _find_geohashes(text))


def _is_mgrs(view: View, found: re.Match[str]) -> bool:
    zone, square, first, space, second = found.groups()
    digits = len(first) + len(second)
    if not 1 <= int(zone[:-1]) <= _ZONES:
        return False
    if digits % 2 or (space and len(first) != len(second)) or (zone[-1] + square) in _LAWS:
        return False
    if is_near(_GRID_WORD, view.text, *found.span(), before=50, after=15):
        return True
    # "18 has 583959" is no square: capitals, or a band that is written to its zone.
    is_written = " " not in zone or view.cased[found.start() : found.end(2)].isupper()
    return digits >= _SURE_MGRS and is_written


def is_h3(index: str) -> bool:
    """Say whether 15 hexadecimal digits are the index of a cell.

    Args:
        index: In lower case, beginning with 8.
    """
    bits = int(index, 16)
    resolution, base = bits >> 52 & 0xF, bits >> 45 & 0x7F
    digits = [bits >> 3 * (_H3_PLACES - place) & 7 for place in range(1, _H3_PLACES + 1)]
    return (
        base < _H3_BASE_CELLS
        and all(digit != _H3_UNUSED for digit in digits[:resolution])
        and all(digit == _H3_UNUSED for digit in digits[resolution:])
    )


def _find_geohashes(text: str) -> Iterator[tuple[int, int]]:
    for word in _GEOHASH_WORD.finditer(text) if "hash" in text else ():
        for found in _TOKEN.finditer(
            text, max(0, word.start() - _BEFORE_WORD), word.end() + _AFTER_WORD
        ):
            if _is_named(text, found):
                yield found.span()
    for word in _PLACE_WORD.finditer(text) if _MIXED.search(text) else ():
        for found in _BARE.finditer(text, word.end(), word.end() + _AFTER_WORD):
            if not is_near(_OTHER_CODE, text, found.start(), found.start(), before=25):
                yield found.span()


def _is_named(text: str, found: re.Match[str]) -> bool:
    start, token = found.start(), found.group()
    return (_has_digit(token) and not token.isdigit()) or bool(
        _JOINED.search(text, max(0, start - 12), start)
    )


def _has_digit(token: str) -> bool:
    return any(char.isdigit() for char in token)
