"""Plus codes (Open Location Code): a place as small as a doorway in ten letters and digits.

A full code is certain: its alphabet, the place of its plus sign and its range leave hardly a word
of any language, so every valid one is found, in any case. A short code is four to eight of these
places with the plus sign among them; it stands for a place only beside a name, and looks like a sum
where it is digits alone, so it must hold a letter, and a digit or capitals or a name beside it.

Source: Open Location Code, specification. Spec: docs/spec/guard.md, "Plus codes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.nearby import compile_words, is_near
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_ANNOUNCING: Final = compile_words(read_rule_file("plus_code").tables["words"]["announcing"])
_SIGN: Final = re.compile(r" ?(?:\+|%2b)")

# Latitude ends at the ninth letter of the alphabet, longitude at the eighteenth.
_FULL_BEFORE: Final = re.compile(
    r"(?<![a-z0-9])[2-9c](?:[2-9cfghjmpqrv](?:[2-9cfghjmpqrvwx]{6}|[2-9cfghjmpqrvwx]{4}00"
    r"|[2-9cfghjmpqrvwx]{2}0000|000000))$"
)
_SHORT_BEFORE: Final = re.compile(
    r"(?<![a-z0-9+])(?:[2-9cfghjmpqrvwx]{2}|[2-9cfghjmpqrvwx]{4}|[2-9cfghjmpqrvwx]{6})$"
)
_AFTER: Final = re.compile(r" ?([2-9cfghjmpqrvwx]{2,25})(?![a-z0-9])")
_NOTHING_AFTER: Final = re.compile(r"(?![a-z0-9])")
_LONGEST_BEFORE: Final = 9
_NAME_AFTER: Final = re.compile(r",? [A-Z][a-z]{2,}")
_LETTER: Final = re.compile(r"[a-z]")
_DIGIT: Final = re.compile(r"[0-9]")
_SHORTEST_SURE: Final = 6
_MOST_AFTER_SHORT: Final = 5


def find(view: View) -> Iterator[Hit]:
    """Yield full and short codes."""
    if "+" not in view.text and "%2b" not in view.text:
        return
    for sign in _SIGN.finditer(view.text):
        head = view.text[max(0, sign.start() - _LONGEST_BEFORE) : sign.start()]
        tail = _AFTER.match(view.text, sign.end())
        if full := _FULL_BEFORE.search(head):
            yield from _find_full(view, sign, full.group(), tail)
        elif tail and (short := _SHORT_BEFORE.search(head)):
            yield from _find_short(view, sign, short.group(), tail)


def _is_tight(sign: re.Match[str], tail: re.Match[str] | None) -> bool:
    return sign.group()[0] != " " and (tail is None or tail.group()[0] != " ")


def _find_full(
    view: View, sign: re.Match[str], head: str, tail: re.Match[str] | None
) -> Iterator[Hit]:
    start = sign.start() - len(head)
    # With spaces around the sign, digits alone are a sum.
    if (
        tail
        and not head.endswith("0")
        and (_is_tight(sign, tail) or _LETTER.search(head + tail[1]))
    ):
        yield view.hit("plus_code.full", start, tail.end())
    elif _is_tight(sign, None) and _NOTHING_AFTER.match(view.text, sign.end()):
        yield view.hit("plus_code.full", start, sign.end())


def _find_short(view: View, sign: re.Match[str], head: str, tail: re.Match[str]) -> Iterator[Hit]:
    start, code = sign.start() - len(head), head + tail[1]
    if len(tail[1]) > _MOST_AFTER_SHORT:
        return
    is_announced = is_near(_ANNOUNCING, view.text, start, tail.end(), after=30)
    is_named = _NAME_AFTER.match(view.cased, tail.end()) is not None
    is_written = bool(_DIGIT.search(code)) or view.cased[start : sign.start()].isupper()
    is_whole = len(code) >= _SHORTEST_SURE and _is_tight(sign, tail)
    is_sum = not _LETTER.search(code)
    is_sure = is_whole and (is_named or (is_written and not is_sum))
    if is_sure or (not is_sum and (is_announced or (is_named and _DIGIT.search(code)))):
        yield view.hit("plus_code.short", start, tail.end())
