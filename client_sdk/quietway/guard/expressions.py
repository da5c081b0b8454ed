"""Words as one regular expression in which no beginning is tried twice.

An alternative of hundreds of words is tried word by word at each place of a text; joined by their
common beginnings they are left at the first letter that none of them has.

Spec: docs/spec/guard.md, "Classes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def any_of(words: Iterable[str]) -> str:
    """Write words as one expression, which takes the longest that fits first.

    Args:
        words: As they stand in a view; none of them an expression itself.
    """
    tails: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        tails.setdefault(word[:1], []).append(word[1:])
    is_end = tails.pop("", None) is not None
    branches = [f"{re.escape(head)}{any_of(rest)}" for head, rest in tails.items()]
    if not branches:
        return ""
    joined = branches[0] if len(branches) == 1 and not is_end else f"(?:{'|'.join(branches)})"
    return f"{joined}?" if is_end else joined


class Gated:
    """An expression that is only tried on a text that holds one of some pieces of it.

    Looking for a piece costs next to nothing, so a text without them, of whatever signs, is passed
    over at once.

    Attributes:
        pattern: The expression itself.
    """

    def __init__(self, expression: str, pieces: Iterable[str]) -> None:
        self.pattern: Final = re.compile(expression)
        self._pieces: Final = tuple(pieces)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Find it in a text, from left to right."""
        if any(piece in text for piece in self._pieces):
            return self.pattern.finditer(text)
        return iter(())
