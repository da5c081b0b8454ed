"""Names that may never be said: shelters, schools, employers, as an agency lists them.

Theory of operation. Each name is a set of words. Its *anchor* is its rarest word in the list, so of
thousands of names only those are looked at whose anchor a text holds. A word of five letters or
more is recognised with one letter wrong, missing, doubled or swapped: the index holds it with each
of its letters left out, and so does the look-up. Around an anchor all other words of the name must
stand, in any order and with nothing between them; one word that only says the kind of place may be
missing.

Time grows with the length of the text, and not with that of the list.

Spec: docs/spec/guard.md, "Lists".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.guard.names import DROPPED, GENERIC, SPELLINGS, Word, split_words
from quietway.guard.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from quietway.guard.view import View

_LEAST_TYPED_WRONG: Final = 5
"""Shorter words, and numbers, must be written right."""
_MOST_TYPED_WRONG: Final = 60
"""Longer ones too: each letter costs a look-up as long as the word."""
_LEAST_RUN_TOGETHER: Final = 8
"""Letters that a name has at least to be recognised without its spaces."""
_LEAST_LEFT: Final = 2
"""Words that are left at least when one is missing."""

Seen: TypeAlias = frozenset[str]
"""The words of denied names that one word of a text is, or is a slip of."""


@dataclass(frozen=True, slots=True, repr=False)
class _Name:
    words: tuple[str, ...]
    anchor: str
    has_dropped: bool

    @property
    def is_generic(self) -> bool:
        """Whether any of its words may stand in any sentence, as in `Hope House`."""
        return all(word in GENERIC for word in self.words)

    @property
    def missable(self) -> bool:
        """Whether one word that says the kind of place may be missing."""
        return len(self.words) > _LEAST_LEFT and not self.is_generic


class DeniedIndex:
    """A list of names, made ready once for all texts."""

    def __init__(self, denied: Iterable[str]) -> None:
        names = [list(split_words(Reading(name).digits)) for name in denied]
        kept = [[word.text for word in name if word.text not in DROPPED] for name in names]
        counts = Counter(word for words in kept for word in set(words))
        self._names: Final = defaultdict[str, list[_Name]](list)
        self._known: Final = defaultdict[str, set[tuple[str, str]]](set)
        for words, whole in zip(kept, names, strict=True):
            self._add(words, counts, has_dropped=len(words) < len(whole))
            self._add_together([word.written for word in whole])
            self._add_together([word.written for word in whole if word.text not in DROPPED])

    def __repr__(self) -> str:
        """Say how many anchors there are, and nothing of the names."""
        return f"<DeniedIndex of {len(self._names)} anchors>"

    def find(self, view: View, seen: dict[str, Seen] | None = None) -> Iterator[tuple[int, int]]:
        """Yield the spans of a view that are denied names.

        Args:
            view: Of a text.
            seen: Which words of the text were recognised in its other views; more are added.
        """
        seen = {} if seen is None else seen
        words = [word for word in split_words(view) if word.text not in DROPPED]
        for word in words:
            if word.written not in seen:
                seen[word.written] = self._recognise(word)
        known = [seen[word.written] for word in words]
        for place, recognised in enumerate(known):
            for anchor in recognised:
                for name in self._names.get(anchor, ()):
                    yield from _match(view, name, words, known, place)

    def _add(self, words: Sequence[str], counts: Counter[str], *, has_dropped: bool) -> None:
        if not words:
            return
        anchor = min(words, key=lambda word: (word in GENERIC, counts[word], -len(word)))
        self._keep(_Name(tuple(words), anchor, has_dropped))

    def _add_together(self, words: Sequence[str]) -> None:
        together = "".join(words)
        if len(words) > 1 and len(together) >= _LEAST_RUN_TOGETHER:
            self._keep(_Name((together,), together, has_dropped=False))

    def _keep(self, name: _Name) -> None:
        self._names[name.anchor].append(name)
        for word in name.words:
            for spelling in (word, *SPELLINGS.get(word, ())):
                for variant in _variants(spelling):
                    self._known[variant].add((spelling, word))

    def _recognise(self, word: Word) -> frozenset[str]:
        return frozenset(
            known
            for written in {word.text, word.written}
            for variant in _variants(written)
            for spelling, known in self._known.get(variant, ())
            if _is_near(written, spelling)
        )


def _match(
    view: View, name: _Name, words: list[Word], known: list[frozenset[str]], place: int
) -> Iterator[tuple[int, int]]:
    if len(name.words) == 1:
        if name.anchor not in GENERIC or view.cased[words[place].start].isupper():
            yield words[place].start, words[place].end
        return
    wanted = Counter(name.words)
    least = len(name.words) - name.missable
    first, last = _grow(known, place, wanted)
    missing = [word for word, count in wanted.items() if count > 0]
    if last - first + 1 < least or any(word not in GENERIC for word in missing):
        return
    taken = slice(first, last + 1)
    if name.is_generic and not _are_in_order(name.words, known[taken]):
        return
    if (name.has_dropped and not name.is_generic) or _stand_together(view, words[taken]):
        yield words[first].start, words[last].end


def _grow(known: list[frozenset[str]], place: int, wanted: Counter[str]) -> tuple[int, int]:
    """Take in words on both sides of the anchor while they are wanted."""
    _take(known[place], wanted)
    first = last = place
    while first > 0 and _take(known[first - 1], wanted):
        first -= 1
    while last + 1 < len(known) and _take(known[last + 1], wanted):
        last += 1
    return first, last


def _take(seen: frozenset[str], wanted: Counter[str]) -> bool:
    for word in seen:
        if wanted[word] > 0:
            wanted[word] -= 1
            return True
    return False


def _are_in_order(wanted: Sequence[str], known: Sequence[frozenset[str]]) -> bool:
    return all(word in seen for word, seen in zip(wanted, known, strict=False))


def _stand_together(view: View, words: list[Word]) -> bool:
    """Say whether nothing but marks stands between words, or else all are written with capitals."""
    gaps = (view.text[one.end : other.start] for one, other in pairwise(words))
    if not any(char.isalnum() for gap in gaps for char in gap):
        return True
    return all(view.cased[word.start].isupper() for word in words)


def _variants(word: str) -> Iterator[str]:
    yield word
    if _LEAST_TYPED_WRONG <= len(word) <= _MOST_TYPED_WRONG and word.isalpha():
        # The first letter must be right, so it is never left out.
        for place in range(1, len(word)):
            yield word[:place] + word[place + 1 :]


def _is_near(word: str, known: str) -> bool:
    """Say whether two words are one slip apart: a letter wrong, missing, doubled or swapped."""
    if word == known:
        return True
    if min(len(word), len(known)) < _LEAST_TYPED_WRONG - 1 or abs(len(word) - len(known)) > 1:
        return False
    if max(len(word), len(known)) < _LEAST_TYPED_WRONG or word[0] != known[0]:
        return False
    start = next((at for at, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), -1)
    if start < 0:
        return True
    rests = (word[start:], known[start:])
    return (
        rests[0][1:] == rests[1][1:]
        or rests[0][1:] == rests[1]
        or rests[0] == rests[1][1:]
        or (rests[0][:2] == rests[1][1::-1] and rests[0][2:] == rests[1][2:])
    )
