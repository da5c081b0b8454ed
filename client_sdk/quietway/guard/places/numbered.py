"""Reads an address that begins with its house number: `417 Elm Street`, `1234 Broadway`.

From each number that may be one of a house it reads on, token by token, to a type. How surely that
type means a street (`Tier`) says how much must stand around it; `judging` weighs it.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from quietway.guard.expressions import any_of
from quietway.guard.places import around
from quietway.guard.places.house_number import HouseNumber, list_house_numbers
from quietway.guard.places.numbers import read_word_before
from quietway.guard.places.tokens import Token, read_tokens
from quietway.guard.places.vocabulary import (
    COUNTED,
    DATES,
    DIRECTIONS,
    KNOWN_NAMES,
    ORDINALS,
    STOPS,
    STRONG_UNITS,
    TIERS,
    Tier,
)

_ORDINAL: Final = re.compile(r"\d{1,3}(?:st|nd|rd|th)\Z")
_LETTERS: Final = frozenset("aeiouy")
"""Words of one letter, and streets: `150 I St`."""
_AFTER_LETTER: Final = frozenset(["st", "street", "ave", "avenue", "road", "rd", "blvd", "."])
_ROAD: Final = re.compile(
    r",? (?:(?:[nsew]|north|south|east|west)\.? )?"
    r"(?:(?:u\. ?s\.?|us|state|county) (?=h|r))?"
    r"(?:business|u\. ?s\.?|us|fm|pr|cr|sr|rr|ih|rm|hwy|highway|route|rte|rt|loop|spur|avenue|ave"
    r"|(?:county|country|private|state|township) (?:road|rd|route|rte|highway|hwy)) ?-?\d{1,4}\b"
    r"(?! (?:years|percent|people|days|hours))(?: (?:business|north|south|east|west)\b)?"
)
_BLOCK: Final = re.compile(r"(?:-| )block (?:of )?")
_REPORTER: Final = re.compile(r" U\. ?S\. \d{1,4}(?! (?:[NSEW]\b|North|South|East|West|Hwy))")
"""`319 U.S. 624`: a court's decision in its book."""
_LEAST_ON_ROAD: Final = 10
_MOST_NAMES: Final = 6

_NAME_SOON: Final = re.compile(r"[\W\d_]{0,12}[^\W\d_]")
_DIRECTION_NEXT: Final = re.compile(rf"[ .,]{{0,3}}{any_of(DIRECTIONS)}\b")


@dataclass(slots=True)
class Candidate:
    """What was read on from a number so far.

    Attributes:
        number: The number.
        names: The words of the name, and the types among them.
        directions: How many directions were read.
        has_comma: Whether a comma follows the number.
        kind: The word that says what kind of street it is, once there is one.
        tier: How surely it means a street.
        end: Where the address ends.
    """

    number: HouseNumber
    end: int
    names: list[Token] = field(default_factory=list)
    directions: int = 0
    has_comma: bool = False
    kind: Token | None = None
    tier: Tier | None = None

    @property
    def is_capital(self) -> bool:
        """Whether the name is written large."""
        return bool(self.names) and self.names[0].is_capital

    @property
    def may_be_address(self) -> bool:
        """Whether there is anything to weigh: a type, or a name that may be one without a type."""
        if not self.names:
            return False
        if self.tier is not None:
            return True
        first = self.names[0]
        named = first.is_capital or first.word in KNOWN_NAMES or self.number.is_large
        return named and (len(first.word) > 1 or self.directions > 0)

    @property
    def before_kind(self) -> Token | None:
        """The word before the type."""
        if self.kind is None or self.kind not in self.names:
            return None
        position = self.names.index(self.kind)
        return self.names[position - 1] if position else None


def read_candidates(text: str, cased: str) -> Iterator[Candidate]:
    """Yield what may be an address, for every number that may be one of a house."""
    for number in list_house_numbers(text):
        if not _NAME_SOON.match(text, number.end):
            continue
        block = _BLOCK.match(text, number.end)
        candidate = _read(text, cased, number, block.end() if block else number.end)
        if candidate.may_be_address:
            yield candidate


def find_roads(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find house numbers on roads that have a number themselves: `2002 FM 544`."""
    for number in list_house_numbers(text):
        found = _ROAD.match(text, number.end)
        if (
            found
            and number.value >= _LEAST_ON_ROAD
            and not _REPORTER.match(cased, number.end)
            and not around.is_road(read_word_before(text, number.start))
        ):
            yield number.start, around.read_unit(text, found.end())


def _read(text: str, cased: str, number: HouseNumber, start: int) -> Candidate:
    candidate = Candidate(number, number.end)
    for position, token in enumerate(read_tokens(text, cased, start)):
        if position == 0 and token.word == ",":
            candidate.has_comma = True
        elif not _take(candidate, token) or candidate.tier == "strong":
            break
    _take_direction_behind(text, cased, candidate)
    return candidate


def _take(candidate: Candidate, token: Token) -> bool:
    """Take one more token; False where the address, or the reading of it, ends."""
    word = token.word
    started = bool(candidate.names) or candidate.directions > 0
    if candidate.names and candidate.names[0].word in _LETTERS and word not in _AFTER_LETTER:
        return False
    if word in TIERS and started:
        return _take_kind(candidate, token)
    if word in DIRECTIONS and _may_be_side(candidate, token):
        candidate.directions += 1
        return True
    if word == "and" and candidate.directions and not candidate.names:
        return True
    return word == "." if word == "." and started else _take_name(candidate, token)


def _may_be_side(candidate: Candidate, token: Token) -> bool:
    """Whether a direction is no word of the sentence: `so`, `no`, `est` are."""
    is_first = not candidate.names and not candidate.has_comma
    return token.word not in STOPS or token.is_upper or is_first


def _take_kind(candidate: Candidate, token: Token) -> bool:
    """Take a word that is a type; a surer one read before it stands."""
    tier = TIERS[token.word]
    kind = candidate.kind
    if kind is not None and kind.is_capital and not token.is_capital:
        return False
    candidate.names.append(token)
    if tier != "weak" or candidate.tier != "fair":
        candidate.tier, candidate.kind, candidate.end = tier, token, token.end
    return len(candidate.names) <= _MOST_NAMES


def _take_name(candidate: Candidate, token: Token) -> bool:
    word = token.word
    first = not candidate.names
    if first and not candidate.directions and word in _LETTERS:
        candidate.names.append(token)
        return True
    if not word[0].isalnum() or word in STOPS or len(candidate.names) >= _MOST_NAMES:
        return False
    if word[0].isdigit() and not _ORDINAL.match(word):
        return False
    if (first and not candidate.directions and _is_counted(token)) or word in STRONG_UNITS:
        return False
    candidate.names.append(token)
    if candidate.tier is None:
        candidate.end = token.end
    return True


def _is_counted(token: Token) -> bool:
    """Whether it is what a number counts, or a date: `3 people`, `5 May`; not `12 Mile Road`."""
    if token.word in ORDINALS:
        return False
    if token.word in DATES:
        return token.word not in {"may", "march"}
    return token.word in COUNTED and not (token.is_capital and not token.is_upper)


def _take_direction_behind(text: str, cased: str, candidate: Candidate) -> None:
    """Let the span hold a direction that follows its type: `Marietta St NW`."""
    if not _DIRECTION_NEXT.match(text, candidate.end):
        return
    token = next(read_tokens(text, cased, candidate.end), None)
    if token is not None and token.word in DIRECTIONS and token.word != "no":
        candidate.directions += 1
        candidate.end = token.end
