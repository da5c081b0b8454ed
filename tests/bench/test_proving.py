"""The bench of the log, on the smallest real round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.place import Place
from bench.proving import Proving

if TYPE_CHECKING:
    from pathlib import Path


def test_a_round_of_the_log_has_a_time_for_each_of_the_two(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        seen = Proving(leaves=50, times=3).run(place)
    assert min(seen.append, seen.prove) > 0
