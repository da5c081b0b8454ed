"""The bench of the guard, on short texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.guard_reading import NOTE, GuardReading, list_notes
from bench.place import Place

if TYPE_CHECKING:
    from pathlib import Path


def test_a_round_of_the_guard_has_a_time_for_each_of_the_two(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        seen = GuardReading(length=500).run(place)
    assert min(seen.note, seen.long) > 0
    assert {len(note) for note in list_notes()} == {NOTE}
