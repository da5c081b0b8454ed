"""what3words: three words that name a square of three metres.

After `///`, or after the service's name, three words are an address and are blocked. Three bare
words joined by full stops are held, for they may be one; they are not where the last is the ending
of a domain or of a file, where they are part of a longer name, or where a full stop lacks its
space.

Spec: docs/spec/guard.md, "Three words".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.nearby import compile_words
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("three_words").tables["words"]
_ENDINGS: Final = frozenset(_WORDS["endings"])
_BEGINNINGS: Final = frozenset(_WORDS["beginnings"])
_COMMON: Final = frozenset(_WORDS["common"])
_TECHNICAL: Final = frozenset(_WORDS["technical"])
_PLACE: Final = compile_words(_WORDS["places"])
_NEAR: Final = 60
_SHORTEST: Final = 4

_WORD: Final = r"[^\W\d_]{2,24}+"
_DOT: Final = r" ?[.\u30fb\uff0e] ?"
_TRIPLE: Final = rf"{_WORD}{_DOT}{_WORD}{_DOT}{_WORD}"
_MARKED: Final = re.compile(rf"(?:/ ?){{3}} ?{_TRIPLE}")
_NAMED: Final = re.compile(
    rf"(?:what ?-?(?:3|three) ?-?words?|w3w)(?![a-z.])[^.]{{0,24}}?[^\w.]({_TRIPLE}"
    rf"|{_WORD} {_WORD} {_WORD}$)"
)
_MIDDLE: Final = re.compile(r"\.([^\W\d_]{3,24}+)\.([^\W\d_]{3,24}+)(?![\w/@=(-]|\.\w)")
_FIRST: Final = re.compile(r"(?<![\w./@:#=&\\-])[^\W\d_]{3,24}$")
_LONGEST: Final = 26


def find(view: View) -> Iterator[Hit]:
    """Yield marked, named and bare addresses of three words."""
    text = view.text
    if "/" in text:
        for found in _MARKED.finditer(text):
            yield view.hit("three_words.marked", *found.span())
    if "w3w" in text or "words" in text:
        for found in _NAMED.finditer(text):
            yield view.hit("three_words.marked", *found.span(1))
    if view.name == "unmarked":
        return  # where brackets are gone, the call of a function reads as three words
    for found in _MIDDLE.finditer(text):
        first = _FIRST.search(text, max(0, found.start() - _LONGEST), found.start())
        if first and _is_address(view, first, found):
            yield view.hit("three_words.bare", first.start(), found.end())


def _is_address(view: View, first: re.Match[str], found: re.Match[str]) -> bool:
    one, two, three = first.group(), *found.groups()
    if three in _ENDINGS or one in _BEGINNINGS or two in _ENDINGS:
        return False
    # "ended.The next.She" are sentences without their space.
    written = view.cased[found.start(1)], view.cased[found.start(2)]
    is_sentences = (
        all(char.isupper() for char in written) and not view.cased[first.end() - 1].isupper()
    )
    if is_sentences or _COMMON & {one, two, three}:
        return False
    return _is_plain(one, two, three) or _is_spoken_of(view.text, first.start(), found.end())


def _is_plain(*words: str) -> bool:
    """Whether each is a word of its own length, and none one of programs, data or news groups."""
    return min(map(len, words)) >= _SHORTEST and not _TECHNICAL & set(words)


def _is_spoken_of(text: str, start: int, end: int) -> bool:
    """Whether words of a place, or of the service, stand near."""
    return _PLACE.search(text, max(0, start - _NEAR), min(len(text), end + _NEAR)) is not None
