"""Characters folded to the plain ones that they look like or stand for.

Each character is folded by itself, so that nothing has to be known of its neighbours: digits of
every script as ASCII digits; letters decomposed for compatibility (full width, circled,
mathematical, superscript), without their marks (so rules are written without accents), and by their
names or Unicode's own table as the Latin letters that they look like; dashes and quotes as the
plain ones; spaces and line breaks as one space; and what cannot be seen as nothing.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from importlib import resources
from typing import Final

_LETTER_NAME: Final = re.compile(
    r"(?:LATIN (?:CAPITAL |SMALL )?LETTER|REGIONAL INDICATOR SYMBOL LETTER)"
    r"(?: SMALL CAPITAL)? ([A-Z])(?: WITH .*)?$"
)
_INVISIBLE: Final = frozenset({"Mn", "Me", "Cc", "Cf", "Cs", "Co", "Cn"})
_MOST_KEPT: Final = 20_000
"""So many folds are remembered: more than all characters of a language, and few enough to hold."""


def _read_look_alikes() -> dict[str, str]:
    file = resources.files("quietway.guard").joinpath("look_alikes.toml")
    rows = tomllib.loads(file.read_text(encoding="utf-8"))
    return {char: plain for plain, chars in rows.items() for char in chars}


_FIXED: Final = {
    **_read_look_alikes(),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u02b9\u00b4\u275b\u275c", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u275d\u275e", '"'),
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u02d7\u2796\u23af", "-"),
    **dict.fromkeys("\u2044\u2215\u29f8\u2571", "/"),
    **dict.fromkeys("\u3002\u00b7\u22c5\u2219\u0701\u0702\ua4f8", "."),
    **dict.fromkeys("\u2236\u02d0\ua789\u0589\u05c3", ":"),
    **dict.fromkeys("\u00ba\u02da\u2218\u1d52", "\u00b0"),
    **dict.fromkeys("\u115f\u1160\u3164\uffa0\ufffc", ""),
    "\u2800": " ",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "🔟": "10",
}
"""What folds to something that Unicode's decomposition does not give."""


class _Folds(dict[str, str]):
    """What each character is folded to, worked out when first met."""

    def __missing__(self, char: str) -> str:
        folded = _fold(char)
        if len(self) < _MOST_KEPT:
            self[char] = folded
        return folded


FOLDS: Final = _Folds()


def _fold(char: str) -> str:
    if char in _FIXED:
        return _FIXED[char]
    if char.isspace():
        return " "
    if unicodedata.category(char) in _INVISIBLE:
        return ""
    digit = unicodedata.digit(char, None)
    return _decompose(char) if digit is None else str(digit)


def _decompose(char: str) -> str:
    number = unicodedata.numeric(char, None)
    parts = unicodedata.normalize("NFKD", char)
    kept = "".join(_name(part) for part in parts if unicodedata.category(part) not in _INVISIBLE)
    if unicodedata.category(char) == "No" and number is not None and not kept.isascii():
        return str(int(number)) if number.is_integer() else char
    if "/" in kept and number is not None:
        return f" {kept}"
    return kept if kept.isascii() or len(parts) == 1 or len(kept) == 1 else char


def _name(char: str) -> str:
    if char.isascii() or char in _FIXED:
        return _FIXED.get(char, char)
    found = _LETTER_NAME.search(unicodedata.name(char, ""))
    if found is None:
        return char
    return found[1] if " CAPITAL LETTER" in found.string else _lower_unless_symbol(found)


def _lower_unless_symbol(found: re.Match[str]) -> str:
    # Letters in squares, and those of flags, have no case of their own.
    return found[1].lower() if found.string.startswith("LATIN") else found[1]
