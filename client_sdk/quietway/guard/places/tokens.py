"""A text cut into words and marks from a place on, and only as far as somebody reads.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

WINDOW: Final = 110
"""How many characters are read on from a number, at most."""
_TOKEN: Final = re.compile(
    r"c/|(?:[^\W\d_]\.){2,5}|\d[\w/-]{0,11}|[^\W_][\w'-]{0,40}|[^\w\s]", re.UNICODE
)


class Token(NamedTuple):
    """One word, number or mark.

    Attributes:
        word: In lower case, without a dot at its end.
        start: Where it begins in the view.
        end: Where it ends.
        is_capital: Whether its first letter is written large.
        is_upper: Whether every letter is.
    """

    word: str
    start: int
    end: int
    is_capital: bool
    is_upper: bool


def read_tokens(text: str, cased: str, start: int) -> Iterator[Token]:
    """Cut what follows `start` into tokens, lazily, a window wide."""
    for found in _TOKEN.finditer(text, start, min(len(text), start + WINDOW)):
        begin, end = found.span()
        shown = cased[begin:end]
        upper = shown.isupper()
        yield Token(found[0].rstrip(".") or ".", begin, end, shown[:1].isupper(), upper)
