"""Reads a house number in words before a street: `One Microsoft Way`, `Two Park Avenue`.

Numbers in words that stand for figures are turned to digits by the reading; here the short names of
buildings are meant, which are written large.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.places.vocabulary import BODIES, COUNTED, STOPS, TIERS

_SPELLED: Final = re.compile(
    r"\b(?:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Eleven|Twelve|Twenty)"
    r"((?: [A-Z][\w'.-]{1,20}){1,3}) (Way|Plaza|Place|Square|Drive|Court|Center|Centre|Parkway"
    r"|Street|St|Avenue|Ave|Boulevard|Blvd|Road|Rd|Lane|Circle|Row|Terrace)\b"
)
_TITLES: Final = frozenset(
    [
        "safe",
        "stop",
        "love",
        "way",
        "mile",
        "family",
        "big",
        "little",
        "more",
        "better",
        "last",
        "new",
    ]
)


def find_spelled(cased: str) -> Iterator[tuple[int, int]]:
    """Find numbers in words, written large, before a name and a type written large."""
    for found in _SPELLED.finditer(cased):
        names = found[1].lower().split()
        kind = found[2].lower()
        if not set(names) & (STOPS | _TITLES | COUNTED) and (
            TIERS[kind] == "strong" or names[-1] not in BODIES
        ):
            yield found.span()
