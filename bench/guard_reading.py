"""Read notes and long texts with the whole guard, all rules and long lists on.

A note is a thousand characters of plain sentences, as caseworkers write them: what is there to find
costs more than what is not, so the notes are both. A long text is 100 KB of one piece said over and
over, the pieces being those that cost most. What is clocked is the processor's time.

Spec: docs/explanation/performance.md, "The guard".
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from quietway.guard.inspecting import inspect
from quietway.guard.lists import Lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Place

TESTS: Final = Path(__file__).parent.parent / "tests/client_sdk/guard"
NOTE: Final = 1_000
LONG: Final = 100_000
NAMES: Final = 2_000
WINGS: Final = ("North", "Annex", "Woods", "East", "Hall", "Mesa", "Glen", "Point", "Falls", "Row")
PIECES: Final = (
    "1 ",
    "1 elm ",
    "w3w ",
    "4 1 7 ",
    "+1 617",
    "a\n",
    "a@b.c ",
    "four ",
    "\u0301",
    "\uff14",
)


@dataclass(frozen=True, slots=True)
class GuardTimes:
    """What was seen, in milliseconds.

    Attributes:
        note: The median of the notes.
        long: The slowest of the long texts.
    """

    note: float
    long: float

    def __str__(self) -> str:
        return f"note {self.note:.2f} ms, 100 KB {self.long:.0f} ms"


@dataclass(frozen=True, slots=True)
class GuardReading:
    """Notes are read, then long texts.

    Attributes:
        length: Characters of a long text.
    """

    length: int = LONG

    def run(self, _place: Place) -> GuardTimes:
        """Read them all."""
        lists = Lists(denied=tuple(islice(list_names(), NAMES)))
        inspect("Nothing is here.", lists=lists)
        notes = [clock(note, lists) for note in list_notes()]
        texts = [clock(piece * (self.length // len(piece)), lists) for piece in PIECES]
        return GuardTimes(median(notes), max(texts))


def clock(text: str, lists: Lists) -> float:
    """Give the milliseconds of the processor that a text takes."""
    began = time.process_time()
    inspect(text, lists=lists)
    return (time.process_time() - began) * 1_000


def list_notes() -> Iterator[str]:
    """Yield notes of about a thousand characters, of sentences with and without a place."""
    lines = [*read_lines("clean/seen.jsonl"), *read_lines("places/seen.jsonl")]
    note = ""
    for text in sorted(json.loads(line)["text"] for line in lines):
        note = f"{note} {text}".lstrip()
        if len(note) >= NOTE:
            yield note[:NOTE]
            note = ""


def list_names() -> Iterator[str]:
    """Yield names of places that an agency may deny, ten to each that the tests know."""
    for name in read_lines("denied_names.txt"):
        yield from (f"{name} {wing}" for wing in WINGS)


def read_lines(name: str) -> list[str]:
    """Give the lines of a file of the tests."""
    return (TESTS / name).read_text("utf-8").splitlines()
