"""Reads what a place lies beside, where anyone can find that: `across from the Walmart`.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places.numbers import list_numbers
from quietway.guard.places.vocabulary import STOPS, STREETS, alternatives
from quietway.guard.rule_file import read_rule_file

_WORDS: Final = read_rule_file("crossing").tables["words"]
_NAME: Final = r"[^\W\d_][\w'.-]{1,20}"
_BESIDE: Final = Gated(
    rf"\b(?:(?P<near>{'|'.join(_WORDS['near'])})|(?:{'|'.join(_WORDS['behind'])}))"
    r" (?:(?P<the>the|an?|my|la|el|los|las|un|una|le|les|une?) |l'|)(?P<object>"
    r"(?:st\. )?[^.,;:!?()]{2,50})",
    (
        "across",
        "corner",
        "diagonal",
        "next ",
        "opposite",
        "adjacent",
        "from",
        "beside",
        "past",
        "right by",
        "close to",
        "frente",
        "lado",
        "junto",
        "vuelta",
        "esquina",
        "en face",
        "cote",
        "behind",
        "back of",
        "front of",
        "detras",
        "atras",
        "derriere",
        "cuadra",
        "calles",
        "pasos",
        "casas",
        "minutos",
    ),
)
_LANDMARK: Final = re.compile(
    rf"(?:{_NAME} ){{0,3}}?(?:{'|'.join(_WORDS['landmarks'])})s?\b(?P<more> [^\W\d_][\w']*)?"
)
_BRAND: Final = re.compile(rf"(?:{'|'.join(_WORDS['brands'])})\b")
_CAPITALS: Final = re.compile(r"(?:[A-Z0-9][\w'&-]{1,20} ?){1,4}$")
_AFTER: Final = frozenset(_WORDS["after_landmark"].split())
_FAR: Final = "|".join(_WORDS["far"].split())
_UNITS: Final = f"(?:{'|'.join(_WORDS['units'])})"
_DISTANCE: Final = re.compile(
    rf" ?{_UNITS}\.? (?:{_FAR})(?: of| from)? (?:the )?(?P<object>[^\W\d_][\w'. -]{{2,40}})"
)
_CROSSING: Final = re.compile(rf"{_NAME} (?:and|&) {_NAME}")
_BLOCK: Final = re.compile(
    rf"\b(?:an?|one|two|three|half a|a few|couple) {_UNITS} (?:{_FAR})(?: of| from)? (?:the )?"
    r"(?P<object>[^\W\d_][\w'. -]{2,40})"
)
_STREET: Final = re.compile(rf"(?:{_NAME} ){{1,3}}?(?:{alternatives(STREETS)})\b")


def find_beside(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find places that lie beside one with a sign, as spans of the view."""
    for found in _BESIDE.finditer(text):
        if _has_sign(cased, found):
            yield found.span()


def find_distances(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find places that lie some way from a street: `100 ft east of Garrison Ave`."""
    for number in list_numbers(text):
        found = _DISTANCE.match(text, number.end)
        if found and _is_street(cased, found):
            yield number.start, found.end()
    for found in _BLOCK.finditer(text):
        if _is_street(cased, found) or _is_crossing(cased, found):
            yield found.span()


def _is_street(cased: str, found: re.Match[str]) -> bool:
    street = _STREET.match(found["object"])
    return street is not None and cased[found.start("object")].isupper()


def _is_crossing(cased: str, found: re.Match[str]) -> bool:
    crossing = _CROSSING.match(found["object"])
    return crossing is not None and cased[found.start("object")].isupper()


def _has_sign(cased: str, found: re.Match[str]) -> bool:
    """Whether what stands beside is a place that anyone can find."""
    start, said = found.start("object"), found["object"]
    if said.split()[0] in _WORDS["not_places"]:
        return False
    if _BRAND.match(said):
        return True
    landmark = _LANDMARK.match(said)
    if landmark and said.split()[0] not in STOPS and found["the"] != "my":
        return _is_whole(cased, start, landmark)
    if found["the"] not in {"the", "el", "la", "le"} or not found["near"]:
        return False
    written = cased[start : found.end("object")].rstrip()
    return _CAPITALS.match(written) is not None


def _is_whole(cased: str, start: int, landmark: re.Match[str]) -> bool:
    """Whether the place is all that is meant: `the school`, not `the school counselor`."""
    more = landmark["more"]
    if more is None or more.strip() in _AFTER:
        return True
    return cased[start + landmark.start("more") + 1].isupper()
