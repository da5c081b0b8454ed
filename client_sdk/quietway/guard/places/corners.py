"""Reads a corner or a crossing that is called one: `the corner of Elm`, `a l'angle de la rue Foch`.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.places.vocabulary import (
    DATES,
    FIRST,
    KNOWN_NAMES,
    STOPS,
    STREETS,
    alternatives,
)
from quietway.guard.rule_file import read_rule_file

_WORDS: Final = read_rule_file("crossing").tables["words"]
_CORNER: Final = re.compile(
    rf"(?<!\w)(?:{'|'.join(_WORDS['corners'])}) ?(?:the |la |las |los |el |le |les |l')?"
    r"(?P<first>[^ ,;:!?]{1,24})(?P<rest>[^;:!?]{0,50})"
)
_SEEDS: Final = re.compile(
    r"corner|cnr|cor\b|intersection|junction|cross|esq|cruce|interseccion|entre |angle|coin d"
    r"|crois|carrefour"
)
_STREET_SOON: Final = re.compile(
    rf"(?: [\w'-]+)?,? (?:(?:{alternatives(STREETS)})\b|(?:and|&|y|et|con) "
    rf"(?:{'|'.join(_WORDS['first'])})\b)"
    r"| (?:calle|avenida|rue|avenue)\b"
)
_SPAN: Final = 30


def find_corners(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find corners of streets, as spans of the view."""
    if not _SEEDS.search(text):
        return
    for found in _CORNER.finditer(text):
        word = found["first"].strip(".'\"")
        start = found.start("first")
        if _is_street(cased[start], word, found["rest"]):
            yield found.start(), min(found.end(), start + len(word) + _SPAN)


def _is_street(letter: str, word: str, rest: str) -> bool:
    if not word or word in STOPS or word in DATES:
        return False
    if letter.isupper() or letter.isdigit() or word in KNOWN_NAMES or word in FIRST:
        return True
    return _STREET_SOON.match(rest) is not None
