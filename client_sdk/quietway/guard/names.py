"""Names and phrases as words that can be compared: "St. Mary's" and "saint marys" are the same.

Spec: docs/spec/guard.md, "Lists".
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import View

_TABLES: Final = tomllib.loads(
    resources.files("quietway.guard").joinpath("names.toml").read_text(encoding="utf-8")
)
DROPPED: Final = frozenset(_TABLES["dropped"])
"""Words that a name is the same without."""
GENERIC: Final = frozenset(_TABLES["generic"])
"""Words that say what kind of place it is, or that any name may hold."""
_SAME: Final[dict[str, str]] = _TABLES["same"]
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

SPELLINGS: Final = {
    short: tuple(word for word, same in _SAME.items() if same == short) for short in _SAME.values()
}
"""The words that each abbreviation stands for."""


class Word(NamedTuple):
    """A word of a view.

    Attributes:
        text: Abbreviated, where there is an abbreviation.
        written: As it is written, without apostrophes.
        start: Where it begins in the view.
        end: Where it ends, exclusive.
    """

    text: str
    written: str
    start: int
    end: int


def split_words(view: View) -> Iterator[Word]:
    """Yield the words of a view, in order."""
    for found in _WORD.finditer(view.text):
        plain = found[0].replace("'", "")
        yield Word(_SAME.get(plain, plain), plain, found.start(), found.end())
