"""Makes text of others safe to show on a terminal.

A partner's words may hold characters that move the cursor, recolour the screen or turn the reading
direction around, and so show something else than what was signed. They are replaced by a visible
mark. Joiners and single direction marks stay: Persian, Arabic and Hebrew need them.

It never shortens and never translates.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

import unicodedata
from typing import Final

MARK: Final = "\N{REPLACEMENT CHARACTER}"

_NEEDED: Final = frozenset(
    (
        "\n",
        "\N{ZERO WIDTH NON-JOINER}",
        "\N{ZERO WIDTH JOINER}",
        "\N{LEFT-TO-RIGHT MARK}",
        "\N{RIGHT-TO-LEFT MARK}",
        "\N{ARABIC LETTER MARK}",
    )
)
# Controls, formats, surrogates, private and unassigned characters, line and paragraph separators.
_REPLACED: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def show_plain(text: str) -> str:
    """Return the text with every character replaced that a terminal might obey rather than show."""
    return "".join(_show(character) for character in text)


def show_line(text: str) -> str:
    """Return the text as `show_plain` does, on one line."""
    return show_plain(text.replace("\n", " "))


def _show(character: str) -> str:
    if character in _NEEDED or unicodedata.category(character) not in _REPLACED:
        return character
    return MARK
