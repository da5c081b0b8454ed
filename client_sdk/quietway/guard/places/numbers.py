"""The numbers of a text, each with the word before it: where most readers of places begin.

Ordinary notes hold few numbers, so whoever begins at them and looks back and on costs next to
nothing where there is nothing to find.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(r"[0-9][\w/]{0,12}(?:-[\w]{1,8}){0,2}")
_SIGNS: Final = frozenset(["no", "n", "num", "number", "numero", "nr", "nro"])
_BACK: Final = 30
_MARKS: Final = " .:,#°-("


class Number(NamedTuple):
    """A number, or a word that begins with one.

    Attributes:
        text: As it stands, in lower case.
        start: Where it begins in the view.
        end: Where it ends.
        before: The word before it, without `no.` and `#`; empty where there is none.
    """

    text: str
    start: int
    end: int
    before: str


@lru_cache(maxsize=1)
def list_numbers(text: str) -> tuple[Number, ...]:
    """Give the numbers of a text, from left to right.

    Several readers ask for those of one view, so they are kept until `forget`.
    """
    return tuple(_read_numbers(text))


def forget() -> None:
    """Let go of the last text, when the guard has looked at it."""
    list_numbers.cache_clear()


def _read_numbers(text: str) -> Iterator[Number]:
    for found in _NUMBER.finditer(text):
        start = found.start()
        # Only behind these marks a word may stand, and next to none where digits lie before them.
        is_behind = start > 1 and text[start - 1] in _MARKS and not text[start - 2].isdigit()
        before = read_word_before(text, start) if is_behind else ""
        yield Number(found[0], start, found.end(), before)


def read_word_before(text: str, start: int) -> str:
    """Give the word before a position, without `no.` and `#`; empty after another number."""
    chunk = text[max(0, start - _BACK) : start].rstrip(_MARKS)
    if not chunk or chunk[-1].isdigit():
        return ""
    word = chunk.rpartition(" ")[2]
    if word in _SIGNS:
        chunk = chunk[: -len(word)].rstrip(_MARKS)
        word = chunk.rpartition(" ")[2]
    return word.strip("(\"'.,")
