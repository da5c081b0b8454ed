"""Weighs what was read on from a number: is it an address?

| type | it is one where |
|---|---|
| strong (`street`) | a capital, a direction, a large number, a lead or an end speaks for it |
| fair (`court`) | capitals, or a direction, or a large number, or a lead and an end |
| weak (`park`) | capitals, an end, and a large number or a lead |
| none (`1234 Broadway`) | a direction and a name; or a lead and an end |

A place behind it (a unit, a state, a postcode) is enough for all. A year, a day of a month and the
number of a section count nothing.

Spec: docs/spec/guard.md, "Places".
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from quietway.guard.places import around
from quietway.guard.places.numbered import Candidate, find_roads, read_candidates
from quietway.guard.places.numbers import read_word_before
from quietway.guard.places.tokens import Token
from quietway.guard.places.vocabulary import (
    BODIES,
    COUNTED,
    DATES,
    DOINGS,
    KNOWN_NAMES,
    REGIONS,
    SECTIONS,
    UNITS,
)

_SMALL: Final = 100
_MOST_NAMES: Final = 4


class _Evidence:
    """What stands around a candidate, looked at when it is asked for."""

    def __init__(self, text: str, cased: str, candidate: Candidate) -> None:
        self._text, self._cased = text, cased
        self._start, self._end = candidate.number.start, candidate.end

    @cached_property
    def led(self) -> bool:
        """Words of living, going or sending lead up to it."""
        return around.is_led(self._text, self._start)

    @cached_property
    def placed(self) -> bool:
        """So they do, or a preposition of place does."""
        return around.has_preposition(self._text, self._start) or self.led or self.doored

    @cached_property
    def doored(self) -> bool:
        """The number of a door stands before it, or words of hers behind it."""
        before = read_word_before(self._text, self._start)
        return before in UNITS - SECTIONS or around.is_hers(self._text, self._end)

    @cached_property
    def followed(self) -> bool:
        """A unit, a state or a postcode follows."""
        return around.is_followed_by_place(self._text, self._cased, self._end)

    @cached_property
    def ended(self) -> bool:
        """The phrase ends there."""
        return around.is_ended(self._text, self._end)


def find_numbered(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find addresses that begin with a house number, as spans of the view."""
    yield from find_roads(text, cased)
    for candidate in read_candidates(text, cased):
        if _is_address(candidate, _Evidence(text, cased, candidate), text):
            yield candidate.number.start, around.read_unit(text, candidate.end)


def _is_address(candidate: Candidate, evidence: _Evidence, text: str) -> bool:
    if _counts_something(candidate, evidence, text) or _is_circuit(candidate):
        return False
    if candidate.tier is None:
        return _is_typeless(candidate, evidence, text)
    if evidence.followed or candidate.tier == "strong":
        return _is_strong(candidate, evidence)
    if _names_body(candidate) or _reads_as_doing(candidate):
        return False
    judge = _is_fair if candidate.tier == "fair" else _is_weak
    return judge(candidate, evidence)


def _counts_something(candidate: Candidate, evidence: _Evidence, text: str) -> bool:
    """Whether the number is a year, a day of a month, or the number of a section or a road."""
    number = candidate.number
    word = read_word_before(text, number.start)
    if around.is_road(word):
        return True
    doubtful = number.is_year or candidate.has_comma or not number.is_large
    if not doubtful or evidence.led:
        return False
    if candidate.has_comma and (number.is_year or number.value < _SMALL):
        return not evidence.followed
    if candidate.directions:
        return False
    if number.is_year:
        return around.is_in_year(text, number.start)
    surely = number.is_large or evidence.followed or "/" in text[number.start : number.end]
    return not surely and around.is_day_or_section(word)


def _is_strong(candidate: Candidate, evidence: _Evidence) -> bool:
    number = candidate.number
    certain = candidate.is_capital or number.is_large or candidate.directions > 0
    return certain or evidence.followed or evidence.placed or evidence.ended


def _names_body(candidate: Candidate) -> bool:
    """Whether the word before the type makes it a court, a center, a place of another kind."""
    before = candidate.before_kind
    return before is not None and before.word in BODIES


def _is_circuit(candidate: Candidate) -> bool:
    """`475 (7th Cir. 2007)`: a court's decision."""
    before, kind = candidate.before_kind, candidate.kind
    return (
        before is not None and kind is not None and kind.word == "cir" and before.word[0].isdigit()
    )


def _reads_as_doing(candidate: Candidate) -> bool:
    """`120 volunteers drive`, `300 women walk`: people who do something."""
    before, kind = candidate.before_kind, candidate.kind
    if kind is None or kind.word not in DOINGS or before is None or before.is_capital:
        return False
    return before.word.endswith("s") or before.word in COUNTED


def _has_capitals(candidate: Candidate) -> bool:
    return candidate.kind is not None and candidate.kind.is_capital and candidate.is_capital


def _is_fair(candidate: Candidate, evidence: _Evidence) -> bool:
    if _has_capitals(candidate) or candidate.directions or candidate.number.is_large:
        return True
    return evidence.placed and evidence.ended


def _is_weak(candidate: Candidate, evidence: _Evidence) -> bool:
    large = candidate.number.is_large
    is_whole = candidate.is_capital and evidence.ended and _is_one(candidate)
    if is_whole and (evidence.doored or evidence.led):
        return True
    if _has_capitals(candidate) and large:
        return evidence.ended or evidence.placed
    if not evidence.ended:
        return False
    if _has_capitals(candidate):
        return evidence.placed
    return large and (evidence.led or candidate.directions > 0)


def _is_one(candidate: Candidate) -> bool:
    """Whether the type is neither a plural nor a center: those are counted, and visited."""
    before, kind = candidate.before_kind, candidate.kind
    if kind is None or kind.word.endswith("s") or kind.word.startswith("cent"):
        return False
    return candidate.number.is_large or before is None or not before.word.endswith("s")


def _is_typeless(candidate: Candidate, evidence: _Evidence, text: str) -> bool:
    first, number = candidate.names[0], candidate.number
    if first.word in DATES or _is_abbreviation(candidate):
        return False
    is_named = first.is_capital or first.word in KNOWN_NAMES
    if candidate.directions and first.word not in REGIONS:
        return evidence.followed or evidence.led or (is_named and not number.is_year)
    if number.is_year and not _is_no_year(candidate, text):
        return False
    if candidate.has_comma and _is_old_year(candidate, text):
        return False
    if evidence.followed:
        return is_named or (number.is_large and not candidate.has_comma)
    return _is_placed(candidate, evidence, text)


def _is_no_year(candidate: Candidate, text: str) -> bool:
    """Whether a number that may be a year is none: nobody is `at` one, or gives one as address."""
    start = candidate.number.start
    if candidate.has_comma:
        return False
    return around.is_announced(text, start) or text.endswith((" at ", "@ "), 0, start)


def _is_old_year(candidate: Candidate, text: str) -> bool:
    """`in 1775, Brigadier General Gates`: a year of history."""
    old = 1000 <= candidate.number.value < 1800  # noqa: PLR2004
    return old and around.is_in_year(text, candidate.number.start)


def _is_placed(candidate: Candidate, evidence: _Evidence, text: str) -> bool:
    """Whether a number and a name stand where an address does, and nothing goes on from them."""
    names, large = candidate.names, candidate.number.is_large
    if len(names) > _MOST_NAMES or not evidence.ended or not _may_be_street(candidate):
        return False
    if evidence.led or (evidence.placed and (large or len(names) == 1)):
        return True
    return large and around.is_announced(text, candidate.number.start)


def _is_abbreviation(candidate: Candidate) -> bool:
    """`230 V`, `34 U.S.C.`, `42 USC`: a unit, or the short name of a book."""
    names = candidate.names
    if candidate.directions or len(names) > 1:
        return False
    is_short = len(names[0].word) <= 4 and names[0].is_upper  # noqa: PLR2004
    return is_short or "." in names[0].word


def _may_be_street(candidate: Candidate) -> bool:
    """A name written large, that is neither a plural nor an abbreviation."""
    names = candidate.names
    if names[0].word in KNOWN_NAMES and len(names) == 1 and candidate.number.is_large:
        return True
    if not all(_is_title(token) for token in names):
        return False
    return not names[-1].word.endswith("s") or candidate.number.is_large


def _is_title(token: Token) -> bool:
    return token.is_capital and not (token.is_upper and len(token.word) > 1)
