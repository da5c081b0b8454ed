"""Which numbers of a text may be those of a house.

`417`, `221B`, `59-17`, `1090-1092`, `123 1/2`, `N165 W2123`, `19W482`, `7/41`; not `$417`, `4.17`,
`4:17`, `417%` or `1,417`.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(
    r"(?:[0-9]{1,4}/)?[0-9]{1,6}(?:[nsew][0-9]{1,5}|-[0-9]{1,5})?(?:-?[a-z])?(?: ?1/2)?"
    r"(?: [nsew][0-9]{2,5})?"
    r"(?![\w%°:/-])(?!\.[0-9])(?!,[0-9])"
    r"(?=[ ,.]{0,2}(?:[^\W\d_]|[0-9]{1,3}(?:st|nd|rd|th)\b)|-block)"
)
_NOT_BEFORE: Final = frozenset("$€£¥%/\\.,-_'")
_GRID: Final = frozenset("nsew")
_SIZES: Final = re.compile(r"[0-9]{1,4}[dgkm]\Z")
_LARGE: Final = 100
_FIRST_YEAR: Final = 1800
_LAST_YEAR: Final = 2100

_DIGITS: Final = re.compile(r"[0-9]{1,6}(?!/)")


class HouseNumber(NamedTuple):
    """A number that may be one of a house.

    Attributes:
        start: Where it begins in the view.
        end: Where it ends.
        value: Its first digits as a number.
        is_year: Whether it may be a year as well.
        is_large: Three digits or more, a range, or a letter behind it: no count and no hour.
    """

    start: int
    end: int
    value: int
    is_year: bool
    is_large: bool


@lru_cache(maxsize=1)
def list_house_numbers(text: str) -> tuple[HouseNumber, ...]:
    """Give what may be numbers of houses, from left to right; kept until `forget`."""
    return tuple(_read_house_numbers(text))


def forget() -> None:
    """Let go of the last text, when the guard has looked at it."""
    list_house_numbers.cache_clear()


def _read_house_numbers(text: str) -> Iterator[HouseNumber]:
    for found in _NUMBER.finditer(text):
        start = _begin(text, found.start())
        if start >= 0:
            yield _make(text, start, found)


def _begin(text: str, start: int) -> int:
    """Give where a number begins, a letter of a grid before it included; -1 where it is none."""
    if start == 0:
        return 0
    before = text[start - 1]
    if before in _GRID and (start == 1 or not text[start - 2].isalnum()):
        return start - 1 if text[start + 1 : start + 2].isdigit() else -1
    return -1 if before.isalnum() or before in _NOT_BEFORE else start


def _make(text: str, start: int, found: re.Match[str]) -> HouseNumber:
    written = text[start : found.end()]
    digits = _DIGITS.search(found[0])
    value = int(digits[0]) if digits else 0
    is_year = written.isdigit() and _FIRST_YEAR <= value < _LAST_YEAR
    has_more = not written.isdigit() and not _SIZES.match(written) and "/" not in written
    return HouseNumber(
        start, found.end(), value, is_year, (value >= _LARGE or has_more) and not is_year
    )
