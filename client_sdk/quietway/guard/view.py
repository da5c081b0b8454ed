"""One way of reading a text, in which every character knows where in the original it comes from.

A view is its parent with some places replaced. What is not replaced is the parent's, character by
character; a replacement as long as what it replaces maps character by character too; of any other
replacement each character comes from the whole that was replaced.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, Literal

from quietway.guard.finding import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Name = Literal["plain", "digits", "swapped", "links", "unmarked"]
REACH: Final = 120
"""So far around a place that was replaced a view holds the rest: as far as any rule looks."""

CUT: Final = " \x00 "
"""What stands for the rest."""

Edit = tuple[int, int, str]
"""A place in the parent, from and to (exclusive), and what stands there instead."""


class View:
    """A text as the guard reads it, and the way back.

    Attributes:
        name: Which view it is.
        cased: The text with its capitals.
        text: The same in lower case, position by position.
    """

    __slots__ = ("_begins", "_edits", "_parent", "cased", "name", "text")

    def __init__(self, name: Name, cased: str, parent: View | None, edits: list[_Placed]) -> None:
        self.name: Final = name
        self.cased: Final = cased
        lowered = cased.lower()
        self.text: Final = lowered if len(lowered) == len(cased) else _lower_each(cased)
        self._parent: Final = parent
        self._edits: Final = edits
        self._begins: Final = [placed[0] for placed in edits]

    def __repr__(self) -> str:
        """Name the view and its length, and nothing of what it holds."""
        return f"<View {self.name}: {len(self.text)} characters>"

    def derive(self, name: Name, edits: Iterable[Edit]) -> View:
        """Make a view of this one with some places replaced.

        Args:
            name: What the new view is called.
            edits: The places, in order, none overlapping another.

        Returns:
            The new view, or this one where there is nothing to replace.
        """
        pieces: list[str] = []
        placed: list[_Placed] = []
        copied = shift = 0
        for start, end, replacement in edits:
            pieces += (self.cased[copied:start], replacement)
            placed.append((start + shift, start + shift + len(replacement), start, end))
            copied, shift = end, shift + len(replacement) - (end - start)
        if not placed:
            return self
        pieces.append(self.cased[copied:])
        return View(name, "".join(pieces), self, placed)

    def derive_near(self, name: Name, edits: Iterable[Edit]) -> View:
        """Make a view of the places replaced and what stands near them, and nothing of the rest.

        Args:
            name: What the new view is called.
            edits: The places, in order, none overlapping another.

        Returns:
            The new view, or this one where there is nothing to replace.
        """
        return self.derive(name, self._cut_far(edits))

    def _cut_far(self, edits: Iterable[Edit]) -> Iterator[Edit]:
        near = -1
        for edit in edits:
            yield from self._cut(near, max(0, edit[0] - REACH))
            yield edit
            near = edit[1] + REACH
        if near >= 0:
            yield from self._cut(near, len(self.text))

    def _cut(self, start: int, end: int) -> Iterator[Edit]:
        """Cut from the first space after `start` to the last before `end`, if that is any way."""
        first = self.text.find(" ", start) if start >= 0 else 0
        last = self.text.rfind(" ", max(first, 0), end) if end < len(self.text) else end
        if first >= 0 and last - first > len(CUT):
            yield first, last, CUT

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of the original that a span of this view was made of.

        Args:
            start: Where the span begins here.
            end: Where it ends, exclusive; after `start`.
        """
        if self._parent is None:
            return start, end
        return self._parent.back(self._origin(start)[0], self._origin(end - 1)[1])

    def is_wide(self, place: int) -> bool:
        """Say whether a space here was more than one character of space in the original."""
        if not 0 < place < len(self.text) - 1 or self.text[place] != " ":
            return False
        return self.back(place + 1, place + 2)[0] - self.back(place - 1, place)[1] > 1

    def hit(self, rule: str, start: int, end: int) -> Hit:
        """Make a hit of a span here."""
        return Hit(rule, start, end)

    def _origin(self, position: int) -> tuple[int, int]:
        index = bisect_right(self._begins, position) - 1
        if index < 0:
            return position, position + 1
        begin, until, start, end = self._edits[index]
        if position >= until:
            moved = end + position - until
            return moved, moved + 1
        if until - begin == end - start:
            moved = start + position - begin
            return moved, moved + 1
        return start, end


_Placed = tuple[int, int, int, int]
"""Where a replacement stands in the view, from and to, and what it replaced in the parent."""


def _lower_each(cased: str) -> str:
    return "".join(low if len(low := one.lower()) == 1 else one for one in cased)
