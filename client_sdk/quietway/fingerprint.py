"""A root key as people compare it: eight groups of four, or eight words, read out over a phone.

Both show the same digest: the groups 128 bits of it, the words 88. Someone who wants another key to
read the same would have to make 2^88 keys. Whoever compares types what the other side reads out;
what they see on their own screen proves nothing.

Rules: what was heard is read with patience and never completed. Equality is asked here only, in
constant time, and a difference is raised, never returned.

Spec: docs/spec/envelope.md, "Tags".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from quietway.errors import ContentRefused, FingerprintDiffers
from quietway_crypto.encoding import TAG_PRINTED_KEY, constant_time_equal, hash_tagged
from quietway_crypto.errors import WordsRefusedError
from quietway_crypto.words import read_words, to_words

GROUPS: Final = 8
GROUP_CHARACTERS: Final = 4
WORDS: Final = 8
_LONGEST_SPOKEN: Final = 400
_GROUPS_SPOKEN: Final = re.compile(r"[0-9a-f]+")
_BETWEEN_GROUPS: Final = re.compile(r"[\s.,:\-\u2013]+")


def show_fingerprint(root_key: bytes) -> str:
    """Show a public key as 128 bits of its hash, in groups of hexadecimal digits."""
    digits = hash_tagged(TAG_PRINTED_KEY, root_key).hex()
    starts = range(0, GROUPS * GROUP_CHARACTERS, GROUP_CHARACTERS)
    return " ".join(digits[start : start + GROUP_CHARACTERS] for start in starts)


def show_words(root_key: bytes) -> str:
    """Show a public key as 88 bits of the same hash, in words of BIP 39's English list."""
    return " ".join(to_words(hash_tagged(TAG_PRINTED_KEY, root_key), WORDS))


def compare_fingerprint(root_key: bytes, spoken: str, *, agency: str) -> None:
    """Compare a key with what its owner read out. Returning at all means that it is the same.

    Args:
        root_key: As it is pinned here.
        spoken: The eight words, or the eight groups, however they were typed.
        agency: Whose key it is, for the sentence.

    Raises:
        ContentRefused: These are neither eight words of the list nor eight groups: nothing was
            compared.
        FingerprintDiffers: It is another key.
    """
    shown, heard = _read_spoken(root_key, spoken)
    if not constant_time_equal(shown.encode(), heard.encode()):
        raise FingerprintDiffers(agency)


def _read_spoken(root_key: bytes, spoken: str) -> tuple[str, str]:
    if len(spoken) > _LONGEST_SPOKEN:
        raise _refuse()
    plain = _BETWEEN_GROUPS.sub("", unicodedata.normalize("NFKC", spoken).lower())
    if _GROUPS_SPOKEN.fullmatch(plain):
        if len(plain) != GROUPS * GROUP_CHARACTERS:
            raise _refuse()
        return show_fingerprint(root_key).replace(" ", ""), plain
    try:
        words = read_words(spoken)
    except WordsRefusedError as refused:
        if refused.number is None:
            raise _refuse() from None
        number = refused.number
    else:
        if len(words) != WORDS:
            raise _refuse()
        return show_words(root_key), " ".join(words)
    raise ContentRefused(
        "fingerprint", f"has a word that is not in the list, number {number}: ask for it again."
    )


def _refuse() -> ContentRefused:
    return ContentRefused("fingerprint", "is not whole: ask for all eight words, or eight groups.")
