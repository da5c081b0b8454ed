"""Names of towns: which are large, and which are so small that the name nearly says the house.

`towns.txt` holds names alone, in two parts: towns from 50,000 people of the United States and of
other countries that speak English, Spanish or French (from 100,000 in some); then smaller towns of
the United States from 1,000. Derived from GeoNames (https://www.geonames.org), CC BY 4.0.

Spec: docs/spec/guard.md, "Places".
"""

import unicodedata
from functools import cache
from importlib import resources


@cache
def _read() -> tuple[frozenset[str], frozenset[str]]:
    file = resources.files("quietway.guard.places").joinpath("towns.txt")
    parts = file.read_text(encoding="utf-8").split("\n\n")
    large, small = (frozenset(part.strip().split("\n")) for part in parts[1:3])
    return large, small


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def is_large_town(written: str) -> bool:
    """Say whether a name, written large, is one of a large town; of two words, the first may be."""
    return written[:1].isupper() and (
        _fold(written) in _read()[0] or _fold(written.split(maxsplit=1)[0]) in _read()[0]
    )


def find_longest(words: list[str]) -> tuple[int, bool]:
    """Give how many of the words name a town, the most that do, and whether it is a large one.

    Returns:
        (0, False) where they name none.
    """
    large, small = _read()
    for count in range(len(words), 0, -1):
        name = _fold(" ".join(words[:count]))
        if name in large:
            return count, True
        if name in small:
            return count, False
    return 0, False
