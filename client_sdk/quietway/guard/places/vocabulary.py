"""The words of `words.toml`, as the readers look them up: sets, and one table of types.

Never holds a word of anybody's text. Spec: docs/spec/guard.md, "Places".
"""

import tomllib
import unicodedata
from importlib import resources
from typing import Final, Literal

from quietway.guard.expressions import any_of

Tier = Literal["strong", "fair", "weak"]
"""How surely a word that follows a number and a name means a street."""

_FILE: Final = tomllib.loads(
    resources.files("quietway.guard.places").joinpath("words.toml").read_text("utf-8")
)


def _fold(words: str) -> str:
    """Drop accents, as a view does."""
    decomposed = unicodedata.normalize("NFKD", words)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _read(table: str, name: str) -> frozenset[str]:
    return frozenset(_fold(_FILE[table][name]).split())


def _tiers() -> dict[str, Tier]:
    tiers: dict[str, Tier] = {}
    order: tuple[Tier, ...] = ("strong", "fair", "weak")
    for tier in order:
        for word in _read("types", tier):
            tiers.setdefault(word, tier)
    return tiers


TIERS: Final = _tiers()
STREETS: Final = frozenset(word for word, tier in TIERS.items() if tier == "strong") | _read(
    "types", "crossing"
)
"""What two streets that meet may be called."""
KNOWN_NAMES: Final = _read("names", "known")
DIRECTIONS: Final = _read("names", "directions")
DOINGS: Final = _read("names", "doings")
ORDINALS: Final = _read("names", "ordinals")
"""Ordinals in words, which name streets too."""
REGIONS: Final = _read("names", "regions")
STOPS: Final = _read("stop", "english") | _read("stop", "spanish") | _read("stop", "french")
COUNTED: Final = _read("counted", "nouns")
DATES: Final = _read("counted", "months") | _read("counted", "days")
MONTHS: Final = _read("counted", "months")
BODIES: Final = _read("counted", "bodies")
SECTIONS: Final = _read("counted", "sections")
HIGHWAYS: Final = _read("roads", "sure")
ROADS_MAYBE: Final = _read("roads", "sure") | _read("roads", "maybe")
ROADS_SHORT: Final = _read("roads", "short")
STRONG_UNITS: Final = _read("units", "strong")
UNITS: Final = STRONG_UNITS | _read("units", "fair")
SURE_FIRST: Final = _read("type_first", "sure")
MAYBE_FIRST: Final = _read("type_first", "maybe")
FIRST: Final = SURE_FIRST | MAYBE_FIRST
PARTICLES: Final = _read("type_first", "particles")
ENDS: Final = _read("around", "ends")
STATE_NAMES: Final = frozenset(
    name for line in _fold(_FILE["states"]["names"]).split("\n") for name in line.split("|") if name
)
STATE_CODES: Final = _read("states", "codes")
WORDY_CODES: Final = _read("states", "wordy")


def alternatives(words: frozenset[str]) -> str:
    """Give words as one alternative of a regular expression, the longest first."""
    return any_of(words)
