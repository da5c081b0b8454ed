"""Words near a place in a view: much is what it is only after a word that announces it.

A window is bounded, so that looking around a thousand things costs a thousand small looks.

Spec: docs/spec/guard.md, "Classes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def compile_words(words: Iterable[str]) -> re.Pattern[str]:
    """Make one pattern of many words, each of which stands by itself.

    Args:
        words: Regular expressions without groups, in lower case and without accents.
    """
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z0-9])")


def is_near(
    words: re.Pattern[str], text: str, start: int, end: int, *, before: int = 40, after: int = 0
) -> bool:
    """Say whether a word stands near a span.

    Args:
        words: What to look for.
        text: The text of the view.
        start: Where the span begins.
        end: Where it ends, exclusive.
        before: How many characters before it are looked at.
        after: How many after it.
    """
    if words.search(text, max(0, start - before), start):
        return True
    return after > 0 and words.search(text, end, end + after) is not None
