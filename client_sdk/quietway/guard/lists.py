"""What an agency always allows to be said, and what it never does.

An allowed phrase is the agency's own: its office, its hotline, the court's main line. It is read as
a text is read, and compared without spaces and marks, so "(617) 555-0123" is "617.555.0123". It
takes out findings that lie wholly within it, so it lets nothing pass that says more.

Denied names are those of places where somebody may be: shelters, schools, employers.

Rules: what is private to a person (`PRIVATE`) is never allowed, nor is a denied name. The lists
never print.

Spec: docs/spec/guard.md, "Lists".
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from quietway.guard.denied import DeniedIndex
from quietway.guard.names import split_words
from quietway.guard.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway.guard.view import View

DENIED: Final = "place.denied"
"""The rule of the denied names."""

PRIVATE: Final = ("acp.", "device.", "identity.", "routine.", "vehicle.", DENIED)
"""How the rules begin that no allowed phrase takes anything out of: an office has none of these."""


@dataclass(frozen=True, repr=False)
class Lists:
    """An agency's lists.

    Attributes:
        allowed: Phrases that may be said.
        denied: Names that may not be said.
    """

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how long the lists are, and nothing of what they hold."""
        return f"<Lists: {len(self.allowed)} allowed, {len(self.denied)} denied>"

    @cached_property
    def index(self) -> DeniedIndex:
        """The denied names, made ready once."""
        return DeniedIndex(self.denied)

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """The allowed phrases, as they are compared."""
        squeezed = (_squeeze(Reading(phrase).plain)[0] for phrase in self.allowed)
        return tuple(sorted(set(squeezed) - {""}))


NO_LISTS: Final = Lists()


class Spans:
    """Spans of a text, of which it is asked whether one holds another one as a whole."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            self._starts.append(start)
            self._ends.append(max(end, self._ends[-1]) if self._ends else end)

    def hold(self, start: int, end: int) -> bool:
        """Say whether one of them begins no later and ends no earlier."""
        # Of those that begin no later the one that ends last says it for all.
        at = bisect_right(self._starts, start)
        return at > 0 and end <= self._ends[at - 1]


def find_allowed(reading: Reading, lists: Lists) -> Iterator[tuple[int, int]]:
    """Yield the spans of the original that are allowed phrases, with the marks around them."""
    for view in reading.views if lists.phrases else ():
        squeezed, starts, ends = _squeeze(view)
        for phrase in lists.phrases:
            at = squeezed.find(phrase)
            while at >= 0:
                if at in starts and at + len(phrase) in ends:
                    yield _widen(view, starts[at], ends[at + len(phrase)])
                at = squeezed.find(phrase, at + 1)


def _squeeze(view: View) -> tuple[str, dict[int, int], dict[int, int]]:
    """Join the words of a view; give where each begins and ends in it, by its place in the join."""
    joined: list[str] = []
    starts, ends, length = {}, {}, 0
    for word in split_words(view):
        starts[length] = word.start
        length += len(word.text)
        ends[length] = word.end
        joined.append(word.text)
    return "".join(joined), starts, ends


def _widen(view: View, start: int, end: int) -> tuple[int, int]:
    while start > 0 and not view.text[start - 1].isalnum():
        start -= 1
    while end < len(view.text) and not view.text[end].isalnum():
        end += 1
    return view.back(start, end)
