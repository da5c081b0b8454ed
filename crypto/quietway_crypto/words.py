"""Bytes as words that people write down and read out: BIP 39's English list, eleven bits a word.

A seed of 32 bytes is 24 words, the last of which carries a checksum, so that a slip of the pen is
told. A digest that is only compared is a few words and carries none.

Rules: what people type is read with patience (case, white space, numbers before the words, commas),
and never guessed at: a word that is not in the list is named by its number. No error holds a word.
No other part of BIP 39 is used.

Source: BIP 39, "Generating the mnemonic" and "Wordlist". Spec: docs/spec/keys.md, "Recovery".
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from mnemonic import Mnemonic

from quietway_crypto.errors import EncodingError, WordsRefusedError
from quietway_crypto.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED_BYTES: Final = 32
SEED_WORDS: Final = 24
BITS_A_WORD: Final = 11
_MOST_CHARACTERS: Final = 2_000
# What sets words apart when a sheet is copied: "1. abandon", "2) ability", commas, dashes.
_BETWEEN_WORDS: Final = re.compile(r"[\s\d.,;:()\-\u2013]+")


def to_words(digest: bytes, count: int) -> tuple[str, ...]:
    """Show the first bits of a digest as words, to be compared and not to be read back.

    Args:
        digest: At least as many bits as the words show.
        count: How many words, 11 bits each.

    Raises:
        EncodingError: The digest has fewer bits than that.
    """
    surplus = len(digest) * 8 - count * BITS_A_WORD
    if count < 1 or surplus < 0:
        raise EncodingError("The digest has fewer bits than the words would show.")
    bits = int.from_bytes(digest, "big") >> surplus
    shifts = range((count - 1) * BITS_A_WORD, -1, -BITS_A_WORD)
    return tuple(_list().wordlist[bits >> shift & 2**BITS_A_WORD - 1] for shift in shifts)


def seed_to_words(seed: bytes | Secret) -> tuple[str, ...]:
    """Write a seed as 24 words, which are as secret as the seed.

    Raises:
        EncodingError: The seed is not 32 bytes long.
    """
    raw = reveal(seed)
    if len(raw) != SEED_BYTES:
        raise EncodingError("A seed that is written as words is 32 bytes long.")
    return tuple(_list().to_mnemonic(raw).split(" "))


def words_to_seed(text: str) -> Secret:
    """Read 24 words as people type them.

    Returns:
        The seed, 32 bytes.

    Raises:
        WordsRefusedError: Not 24 words, a word that is not in the list, or a wrong checksum.
    """
    words = read_words(text)
    if len(words) != SEED_WORDS:
        raise WordsRefusedError(
            f"There are {len(words)} words, and there must be {SEED_WORDS}: look which one is "
            "missing or stands twice.",
        )
    try:
        return Secret(bytes(_list().to_entropy(list(words))))
    except ValueError:
        raise WordsRefusedError(
            "All words are in the list, and together they are not what was written down: compare "
            "each with the sheet, and their order.",
        ) from None


def read_words(text: str) -> tuple[str, ...]:
    """Read words of the list, however they were typed.

    Args:
        text: Any case, any white space, with or without numbers before the words.

    Raises:
        WordsRefusedError: Too long a text, or a word that is not in the list; its number is named.
    """
    if len(text) > _MOST_CHARACTERS:
        raise WordsRefusedError("This is longer than any words of ours: type the words alone.")
    plain = unicodedata.normalize("NFKC", text).lower()
    words = tuple(word for word in _BETWEEN_WORDS.split(plain) if word)
    for number, word in enumerate(words, start=1):
        if word not in _places():
            raise WordsRefusedError(
                f"Word {number} is not in the list: look at it on the sheet and type it again.",
                number=number,
            )
    return words


@cache
def _list() -> Mnemonic:
    return Mnemonic("english")


@cache
def _places() -> Mapping[str, int]:
    return {word: place for place, word in enumerate(_list().wordlist)}
