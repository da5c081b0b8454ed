"""A text, read once in every view that the rules look at.

`plain` is what a person sees: characters folded (`folding`), any run of white space one space.
`digits` is `plain` with what was set apart joined (`spacing`) and numbers as digits (`numerals`).
`swapped` is `digits` without digits for letters (`swapping`). `links` is `digits` with the marks of
links as themselves (`spelled_links`), `unmarked` is `plain` without brackets and quotes; both, and
`swapped`, hold only what is near a place where they differ. Where a line break may have cut a word
or a number in two, all of these stand a second time, without the break.

A view that would say the same as the one that it was made of is not made, so a clean text costs
hardly more than one look.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from quietway.guard.folding import FOLDS
from quietway.guard.numerals import find_numerals
from quietway.guard.spacing import join_dotted, join_spaced
from quietway.guard.spelled_links import join_links
from quietway.guard.swapping import swap
from quietway.guard.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import Edit

_FOLDED: Final = re.compile(r"[^!-~]{2,}|[^ -~]")
_MARKS: Final = re.compile(
    r"[()\[\]{}<>\"*~`]{1,8}|\b['_]{1,4}(?![a-z0-9'_])|(?<![a-z0-9'_])['_]{1,4}\b"
)
_WIDE_MARKS: Final = frozenset("\uff1a\uff0c\uff1b\uff01\uff1f\u3002\u3001")
"""Marks that no space follows where Chinese or Japanese is written; what follows begins anew."""

_BREAK: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_CUT_WORD: Final = re.compile(r"[A-Za-z]-\Z")


class Reading:
    """A text in its views.

    Attributes:
        original: The text itself, which no repr shows.
    """

    def __init__(self, original: str) -> None:
        self.original: Final = original
        self._root: Final = View("plain", original, None, [])

    def __repr__(self) -> str:
        """Say how long the text is, and nothing of what it holds."""
        return f"<Reading of {len(self.original)} characters>"

    @cached_property
    def plain(self) -> View:
        """What a person sees."""
        return self._root.derive("plain", fold(self.original))

    @cached_property
    def digits(self) -> View:
        """What a person sees, joined and with numbers as digits."""
        return join_apart(self.plain)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Every view that says something else than those before it."""
        unbroken = self._root.derive("plain", mend(self.original))
        if unbroken is self._root:
            return tuple(_disguised(self.plain))
        mended = unbroken.derive("plain", fold(unbroken.cased))
        return (*_disguised(self.plain), *_disguised(mended))


def _disguised(plain: View) -> Iterator[View]:
    digits = join_apart(plain)
    yield plain
    others = (
        digits,
        digits.derive_near("swapped", swap(digits)),
        digits.derive_near("links", join_links(digits)),
        plain.derive_near("unmarked", drop_marks(plain)),
    )
    yield from dict.fromkeys(view for view in others if view is not plain)


def drop_marks(plain: View) -> Iterator[Edit]:
    """Yield each bracket, quote and mark of emphasis, as nothing."""
    for found in _MARKS.finditer(plain.text):
        yield found.start(), found.end(), ""


def join_apart(plain: View) -> View:
    """Join what was set apart, and write numbers as digits."""
    joined = plain.derive("digits", join_spaced(plain))
    joined = joined.derive("digits", join_dotted(joined))
    joined = joined.derive("digits", find_numerals(joined))
    return joined.derive("digits", join_spaced(joined))


def mend(original: str) -> Iterator[Edit]:
    """Yield each line break that may have cut a word or a number, as nothing.

    A break beside a space cut none, nor one between a small letter and a capital.
    """
    for found in _BREAK.finditer(original):
        start, end = found.span()
        before, after = original[max(0, start - 2) : start], original[end : end + 1]
        if before[-1:].isspace() or after.isspace() or not (before and after):
            continue
        if after.isupper() and before[-1].islower():
            continue
        is_hyphenated = after.isalpha() and _CUT_WORD.match(before)
        yield (start - 1 if is_hyphenated else start), end, ""


def fold(original: str) -> Iterator[Edit]:
    """Yield each character that is read as something else, and what it is read as."""
    for found in _FOLDED.finditer(original):
        yield from _fold_run(found.start(), found.group())


def _fold_run(start: int, run: str) -> Iterator[Edit]:
    last = ""
    for position, char in enumerate(run, start):
        folded = FOLDS[char]
        if last == " ":
            folded = folded.lstrip(" ")
        elif char in _WIDE_MARKS and last.isalpha() and not last.isascii():
            folded += " "
        last = folded[-1:] or last
        if folded != char:
            yield position, position + 1, folded
