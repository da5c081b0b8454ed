"""Words that two people say to each other before a place is passed by voice (A47).

Whoever calls says the first half, whoever is called the second half: so neither gives the whole
away to somebody who knows nothing.

Spec: docs/spec/crises.md, "Logistics".
"""

from __future__ import annotations

from typing import Final

from quietway.errors import ContentRefused
from quietway_crypto.encoding import constant_time_equal
from quietway_crypto.errors import WordsRefusedError
from quietway_crypto.words import read_words, to_words

WORDS: Final = 4
HALF: Final = WORDS // 2


def show_code(code: bytes) -> str:
    """Show the code of a matter of logistics as four words."""
    return " ".join(to_words(code, WORDS))


def is_code(code: bytes, spoken: str, *, called: bool) -> bool:
    """Say whether somebody said their half of the words, however they were typed.

    Args:
        code: Of the matter of logistics.
        spoken: Two words.
        called: Whether the one who was called says them (the last two), and not the caller.

    Raises:
        ContentRefused: These are not two words of the list: nothing was compared.
    """
    words = to_words(code, WORDS)
    expected = words[HALF:] if called else words[:HALF]
    try:
        heard = read_words(spoken)
    except WordsRefusedError:
        heard = ()
    if len(heard) != HALF:
        raise ContentRefused("handover_code", "is two words of the list: ask for them again.")
    return constant_time_equal(" ".join(expected).encode(), " ".join(heard).encode())
