"""Which passphrases a guesser tries early, and what is said of them.

The length alone is judged where keys are derived. Here a new passphrase is measured as a guesser
would go about it: common passwords and words, their repetitions, rows of keys, dates, and the names
that whoever stole this machine knows anyway. What takes fewer than ten thousand million guesses is
refused, with the reason in a sentence, and never with the passphrase or a part of it.

Six words that dice picked pass by a wide margin. A passphrase is judged when it is chosen, and not
again when it is typed.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from quietway.errors import PassphraseTooWeak
from quietway_crypto.errors import PassphraseRefusedError
from quietway_crypto.passphrase import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEAST_GUESSES_LOG10: Final = 10.0
"""At a second for each guess on one core: three hundred core years."""
PRODUCT_WORDS: Final = (
    "quietway",
    "quiet way",
    "quiet",
    "passphrase",
    "keyring",
    "shelter",
    "relay",
)
_MOST_JUDGED: Final = 72
"""What is longer is judged by its beginning and its end: the measure is slow with length."""
_ADVICE: Final = "Use six words picked at random."
_REASONS: Final = {
    "bruteforce": "The passphrase has too little in it that is hard to guess.",
    "date": "The passphrase is mostly a date, and dates are tried first.",
    "regex": "The passphrase is mostly a date, and dates are tried first.",
    "repeat": "The passphrase repeats itself, and repetitions are tried first.",
    "sequence": "The passphrase counts or follows the alphabet, which is tried first.",
    "spatial": "The passphrase follows the keys of a keyboard, which is tried first.",
    "dictionary": "The passphrase is made of a few common words and names, which are tried first.",
    "passwords": "The passphrase is made of common passwords, which are tried first.",
    "user_inputs": "The passphrase is made of names that a thief knows: the product's, the "
    "agency's or the program's.",
}


def check_new_passphrase(passphrase: str, *, known: Iterable[str] = ()) -> None:
    """Refuse a passphrase that is short, or that a guesser tries early.

    Args:
        passphrase: As typed.
        known: What a thief of this machine knows: the agency's code, the program's.

    Raises:
        PassphraseTooWeak: With the reason.
    """
    try:
        check_passphrase(passphrase)
    except PassphraseRefusedError as refused:
        raise PassphraseTooWeak(str(refused)) from None
    text = unicodedata.normalize("NFKC", passphrase)
    measured = max(
        (_measure(part, known) for part in {text[:_MOST_JUDGED], text[-_MOST_JUDGED:]}),
        key=lambda found: float(found["guesses_log10"]),
    )
    if measured["guesses_log10"] < LEAST_GUESSES_LOG10:
        raise PassphraseTooWeak(f"{_name_reason(measured)} {_ADVICE}")


def _measure(text: str, known: Iterable[str]) -> Mapping[str, Any]:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists take a moment, and few programs choose

    words = [word.lower() for word in (*PRODUCT_WORDS, *known)]
    measured: Mapping[str, Any] = zxcvbn(text, user_inputs=words)
    return measured


def _name_reason(measured: Mapping[str, Any]) -> str:
    longest = max(measured["sequence"], key=lambda match: len(match["token"]))
    return _REASONS.get(longest.get("dictionary_name", ""), _REASONS[longest["pattern"]])
