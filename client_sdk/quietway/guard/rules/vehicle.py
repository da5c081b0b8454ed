"""A car that can be looked up: a number plate near words of a car, and a VIN by its check digit.

A plate has no form of its own that ordinary words lack, so it counts only after a word that
announces one, or soon after the make or kind of a car. A VIN (17 letters and digits, without I, O
and Q) is certain where its ninth place checks; one that does not check, as European ones need not,
counts only after `VIN` or a word like it.

Source: 49 CFR 565.15, table IV (weights and values). Spec: docs/spec/guard.md, "Vehicles".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.expressions import Gated
from quietway.guard.places.vocabulary import COUNTED, DATES, STOPS
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("vehicle").tables["words"]
_ANNOUNCED: Final = Gated(
    rf"\b(?:{'|'.join(_WORDS['announcing'])})\b",
    ("plat", "plaque", "placa", "tag", "reg", "matric", "patente", "chapa", "immat"),
)
_CAR: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['cars'])})\b")
_VIN_WORD: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['vin'])})\b")
_NO_PLATE: Final = re.compile(rf"(?:{'|'.join(_WORDS['no_plate'])})\b")

_BETWEEN: Final = rf"(?:[ :#.,(\"'=-]|\b(?:{'|'.join(_WORDS['between'])})\b){{1,6}}"
_MIXED: Final = r"(?=[a-z]{0,4}[0-9])(?=[0-9]{0,4}[a-z])[a-z0-9]{4,8}"
_PARTED: Final = (
    r"[a-z]{1,3}[ -][0-9]{3,4}(?:[ -][a-z])?|[0-9]{3,4}[ -][a-z]{2,3}|[a-z]{2}[0-9]{2}[ -][a-z]{3}"
    r"|[a-z]{2}[ -][0-9]{3}[ -][a-z]{2}|[0-9][a-z]{3}[ -]?[0-9]{3}"
    r"|[a-z]{1,3}-[a-z]{1,2}[ -][0-9]{1,4}"
)
_ANY_PARTS: Final = r"[a-z0-9]{1,4}(?:[ -][a-z0-9]{1,4}){1,2}"
_ANNOUNCED_PLATE: Final = re.compile(rf"{_BETWEEN}((?:{_PARTED}|{_MIXED}|[0-9]{{5,7}})\b)")
_IS: Final = re.compile(
    r"(?: number| no\.?)? ?(?:is|was|:|=|es|est|reads?|says?)[ :\"']{1,3}(?=[a-z0-9 -]{4,10})"
)
_SAID: Final = STOPS | COUNTED | DATES
_ANNOUNCED_PARTS: Final = re.compile(rf"{_BETWEEN}({_ANY_PARTS}\b)")
_CAR_PLATE: Final = re.compile(rf"\b(?:{_PARTED}|{_MIXED})\b")
_VIN: Final = re.compile(r"\b[a-hj-npr-z0-9]{17}\b")

_VALUES: Final = dict(zip("abcdefghjklmnprstuvwxyz", "12345678123457923456789", strict=True))
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CHECK_PLACE: Final = 8
_VIN_WINDOW: Final = 40
_CAR_WINDOW: Final = 30
_BEFORE_WINDOW: Final = 45
_LEAST_BARE: Final = 6


def find(view: View) -> Iterator[Hit]:
    """Yield plates after words of a car, and VINs."""
    yield from _find_vins(view)
    for word in _ANNOUNCED.finditer(view.text):
        yield from _find_announced(view, word.end())
        yield from _find_written(view, max(0, word.start() - _BEFORE_WINDOW), word.start())
    for word in _CAR.finditer(view.text):
        yield from _find_written(view, word.end(), word.end() + _CAR_WINDOW)


def _find_announced(view: View, start: int) -> Iterator[Hit]:
    for form in (_ANNOUNCED_PLATE, _ANNOUNCED_PARTS):
        plate = form.match(view.text, start)
        if plate is None or _NO_PLATE.match(view.text, plate.start(1)):
            continue
        is_said = _IS.match(view.text, start) is not None and _may_be_plate(plate[1])
        if form is _ANNOUNCED_PLATE or is_said or _is_written(view, *plate.span(1)):
            yield view.hit("vehicle.plate", *plate.span(1))
            return


def _may_be_plate(written: str) -> bool:
    """Say whether what is said to be a plate has a digit, and no word of a sentence."""
    has_digit = any(sign.isdigit() for sign in written)
    return has_digit and not set(written.replace("-", " ").split()) & _SAID


def _find_written(view: View, start: int, end: int) -> Iterator[Hit]:
    # Nothing announces it, so only what is written as plates are: in capitals, and long enough.
    for plate in _CAR_PLATE.finditer(view.text, start, end):
        if _is_written(view, *plate.span()):
            yield view.hit("vehicle.plate", *plate.span())


def _is_written(view: View, start: int, end: int) -> bool:
    """Say whether letters in capitals and digits, six of them or more, stand there."""
    signs = [sign for sign in view.cased[start:end] if sign.isalnum()]
    has_both = any(sign.isdigit() for sign in signs) and any(sign.isalpha() for sign in signs)
    return has_both and len(signs) >= _LEAST_BARE and not any(sign.islower() for sign in signs)


def _find_vins(view: View) -> Iterator[Hit]:
    for found in _VIN.finditer(view.text):
        before = view.text[max(0, found.start() - _VIN_WINDOW) : found.start()]
        if _has_both(found.group()) and (_is_checked(found.group()) or _VIN_WORD.search(before)):
            yield view.hit("vehicle.vin", found.start(), found.end())


def _has_both(word: str) -> bool:
    return not word.isdigit() and not word.isalpha()


def _is_checked(vin: str) -> bool:
    values = (int(_VALUES.get(char, char)) for char in vin)
    total = sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True))
    return vin[_CHECK_PLACE] == "0123456789x"[total % 11]
