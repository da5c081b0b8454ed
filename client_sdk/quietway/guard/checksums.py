"""Check digits and letters of the numbers that states and makers give to persons and devices.

A number that proves itself needs no word beside it, and digits that only look like one are left
alone.

Sources: ISO/IEC 7812-1, annex B (Luhn); Real Decreto 1553/2005 (Spain's letter); INSEE (the French
key). Spec: docs/spec/guard.md, "Identity numbers".
"""

from __future__ import annotations

from typing import Final

_LETTERS: Final = "trwagmyfpdxbnjzsqvhlcke"
_FOREIGN: Final = str.maketrans("xyz", "012")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_FRENCH: Final = 97


def is_luhn(digits: str) -> bool:
    """Say whether the last of some digits checks the others.

    Args:
        digits: ASCII digits, nothing between them.
    """
    ones = sum(int(digit) for digit in digits[-1::-2])
    return (ones + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def is_spanish(number: str) -> bool:
    """Say whether the letter of a DNI or NIE checks its digits.

    Args:
        number: In lower case, nothing between: `12345678z`, `x1234567l`.
    """
    return _LETTERS[int(number[:-1].translate(_FOREIGN)) % len(_LETTERS)] == number[-1]


def is_french(number: str) -> bool:
    """Say whether the key of a French social security number checks its 13 places.

    Args:
        number: 15 places in lower case, nothing between; Corsica's 2A and 2B as they are written.
    """
    body = number[:13].replace("2a", "19").replace("2b", "18")
    return body.isdigit() and _FRENCH - int(body) % _FRENCH == int(number[13:])
