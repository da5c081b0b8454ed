"""Digits and signs that stand for letters, and letters that stand for digits: "3lm 5treet", "4l7".

Only within a word that mixes both and is no ordinal or measure ("42nd", "3pm"): where half of it or
more is digits, and the rest looks like digits or is one letter at the end, it is a number, else a
word.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import Edit, View

_SIGN: Final = re.compile(r"[0-9@$!|]")
_MIXED: Final = re.compile(r"[0-9][a-z]|[a-z][0-9]|[a-z0-9][@$!|][a-z0-9]|(?<![^ ])[@$|][a-z]")
_WORD: Final = re.compile(r"[a-z0-9@$!|]+")
_KEPT: Final = re.compile(
    r"[0-9]*(?:1st|2nd|3rd|[0-9]th)|[0-9]+(?:er|re|eme|e|a|o)"
    r"|(?:1[0-9]|20)?[0-9]0s|[0-9]{1,4}(?:am|pm|h|hrs?|min|km|kg|mi|ft|lb|mg|x|k)|[0-9]{1,2}h[0-9]{2}|w3w"
)
"""Ordinals, decades, hours and measures, and the one name of a service that is written so."""

_TO_LETTERS: Final = str.maketrans("0123456789@$!|", "olzeasgtbgasil")
_TO_DIGITS: Final = str.maketrans("oilzsb|!", "01125811")
_NUMBER: Final = re.compile(r"[0-9]+[a-z]?")
_AFTER_NUMBER: Final = re.compile(r"[0-9] \Z")
_BEFORE_MIXED: Final = re.compile(r" (?:[a-z]+[0-9]|[0-9]+[a-z]{2})")
_WITH_I: Final = frozenset(
    {
        "drive", "circle", "highway", "suite", "unit", "building", "exit", "mile", "trail", "via",
        "zip", "avenida", "camino", "chemin", "edificio", "piso", "quai", "impasse", "domicilio",
    }
)  # fmt: skip
"""Words in which a one stands for `i`; anywhere else it stands for `l`."""


def swap(view: View) -> Iterator[Edit]:
    """Yield each word or number that was disguised, as what it stands for."""
    if not (_SIGN.search(view.text) and _MIXED.search(view.text)):
        return
    for found in _WORD.finditer(view.text):
        if _MIXED.search(found[0]) and not _KEPT.fullmatch(found[0]):
            if _is_number(view.text, found):
                plain = found[0].translate(_TO_DIGITS)
            else:
                plain = _swap_letters(found[0], view.cased[found.start() : found.end()])
            if plain != found[0]:
                yield found.start(), found.end(), plain


def _is_number(text: str, found: re.Match[str]) -> bool:
    """Say whether a word is a number, as `4l7` and `2c` are, and `31m` after a number is not."""
    word, number = found[0], found[0].translate(_TO_DIGITS)
    if not _NUMBER.fullmatch(number) or 2 * sum(map(str.isdigit, word)) < len(word):
        return False
    if number.isdigit():
        return True
    before = text[max(0, found.start() - 2) : found.start()]
    return not (_AFTER_NUMBER.match(before) or _BEFORE_MIXED.match(text, found.end()))


def _swap_letters(word: str, cased: str) -> str:
    plain = word.replace("1", "i").translate(_TO_LETTERS)
    if plain not in _WITH_I:
        plain = word.translate(_TO_LETTERS)
    if cased.isupper() and len(cased) > 1 and sum(map(str.isalpha, cased)) > 1:
        return plain.upper()
    # Of a digit nobody knows whether it stands for a capital: the reading that finds more is taken.
    return plain if cased[0].islower() else plain.title()
