"""Numbers in words become digits: "four seventeen", "quatre cent dix-sept".

A run of number words of one language is read as it is spoken: what belongs together is added and
multiplied ("four hundred and seventeen" is 417), what does not is set side by side ("four
seventeen" is 417 too, "four one seven" as well). Words that mean something else by themselves count
only in a run: "once a week" is no 11, and "one of them" no 1. Small numbers by themselves count
before a capital, or after a word of doors and roads: "two weeks" are left alone.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from quietway.guard.expressions import any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import Edit, View

_TABLES: Final = tomllib.loads(
    resources.files("quietway.guard").joinpath("numerals.toml").read_text(encoding="utf-8")
)
_LANGUAGES: Final = ("en", "es", "fr")
_JOINING: Final = {word: language for language in _LANGUAGES for word in _TABLES["join"][language]}
_NEVER_ALONE: Final = frozenset(_TABLES["never_alone"])
_AFTER: Final = re.compile(rf"\b{any_of(_TABLES['after'])}\.? \Z")
_BEFORE: Final = re.compile(rf" {any_of(_TABLES['before'])}\b")
_GAPS: Final = frozenset({" ", "-", " - ", ", ", "- ", " -", ".", ",", "/"})
_FEW: Final = 12
_FOUR, _TEN, _TWENTY, _EIGHTY, _HUNDRED, _THOUSAND = 4, 10, 20, 80, 100, 1_000
_TO_NINETEEN: Final = (60, 80)
"""After these French goes on to nineteen: soixante-dix, quatre-vingt-dix-sept."""


class _Word(NamedTuple):
    value: int
    languages: frozenset[str]


_WORDS: Final = {
    word: _Word(value, frozenset(one for one in _LANGUAGES if word in _TABLES[one]))
    for language in _LANGUAGES
    for word, value in _TABLES[language].items()
}

_SPOKEN: Final = re.compile(rf"\b{any_of(_WORDS.keys() | _JOINING.keys())}\b")


def find_numerals(view: View) -> Iterator[Edit]:
    """Yield each number in words, and its digits."""
    run: list[re.Match[str]] = []
    for token in _SPOKEN.finditer(view.text):
        if run and not _goes_on(view.text, run, token):
            yield from _close(view, run)
            run = []
        if run or token[0] in _WORDS:
            run.append(token)
    yield from _close(view, run)


def _goes_on(text: str, run: list[re.Match[str]], token: re.Match[str]) -> bool:
    if text[run[-1].end() : token.start()] not in _GAPS:
        return False
    return bool(_shared_languages([*run[-6:], token]))


def _shared_languages(run: list[re.Match[str]]) -> frozenset[str]:
    shared = frozenset(_LANGUAGES)
    for token in run:
        word = token[0]
        shared &= _WORDS[word].languages if word in _WORDS else {_JOINING[word]}
    return shared


def _close(view: View, run: list[re.Match[str]]) -> Iterator[Edit]:
    while run and run[-1][0] not in _WORDS:
        run = run[:-1]
    if not run or (len(run) == 1 and not _counts_alone(view, run[0])):
        return
    values = [_WORDS[token[0]].value for token in run if token[0] in _WORDS]
    yield run[0].start(), run[-1].end(), _speak(values, "en" not in _shared_languages(run[:6]))


def _counts_alone(view: View, token: re.Match[str]) -> bool:
    """Say whether one word may be that of a door or an hour: `two weeks` are not, `Unit two` is."""
    if token[0] in _NEVER_ALONE:
        return False
    start, end = token.span()
    if token[0] == "dos" and view.cased[start:end].isupper() and not view.cased.isupper():
        return False  # the operating system
    is_named = view.text[end : end + 1] == " " and view.cased[end + 1 : end + 2].isupper()
    if is_named or _WORDS[token[0]].value > _FEW or _BEFORE.match(view.text, end):
        return True
    return _AFTER.search(view.text, max(0, start - 16), start) is not None


def _speak(values: list[int], is_romance: bool) -> str:  # noqa: FBT001  # a fact about the words
    digits = ""
    number: _Number | None = None
    for value in values:
        grown = number and number.grow(value, is_romance=is_romance)
        if number and not grown:
            digits += str(number.total)
        number = grown or _begin(value)
    return digits + str(number.total) if number else digits


class _Number(NamedTuple):
    """What was said of a number so far: its thousands, what is below them, and the last word."""

    thousands: int
    rest: int
    last: int

    @property
    def total(self) -> int:
        return self.thousands + self.rest

    def grow(self, value: int, *, is_romance: bool) -> _Number | None:
        """Take in the next word; None where another number begins with it."""
        if value == _THOUSAND:
            return None if self.thousands else _Number(self.rest * _THOUSAND, 0, _THOUSAND)
        rest = self._grow_rest(value, is_romance=is_romance)
        return None if rest is None else _Number(self.thousands, rest, value)

    def _grow_rest(self, value: int, *, is_romance: bool) -> int | None:
        if value == _HUNDRED:
            return self.rest * _HUNDRED if 0 < self.rest < _HUNDRED else None
        if value == _TWENTY and self.last == _FOUR and is_romance:
            return self.rest - _FOUR + _EIGHTY
        return self.rest + value if self._takes(value, is_romance=is_romance) else None

    def _takes(self, value: int, *, is_romance: bool) -> bool:
        below = self.rest % _HUNDRED
        if value == 0:
            return False
        if self.last == _THOUSAND:
            return not self.rest
        if self.last >= _HUNDRED:
            return value < _HUNDRED
        if is_romance and below in _TO_NINETEEN and self.last >= _TEN:
            return value < _TWENTY
        return (below > _TEN or is_romance) and below % _TEN == 0 and below > 0 and value < _TEN


def _begin(value: int) -> _Number:
    return _Number(value, 0, value) if value == _THOUSAND else _Number(0, value, value)
