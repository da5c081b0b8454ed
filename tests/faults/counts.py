"""How often each fault is made to happen: the one place of all counts.

`make test` runs the first count of a row, `make faults` the second, and with RELEASE=1 the third;
COUNT=n takes n of each, and SEED=n begins with that seed. Zero failures in n trials bound the rate
of failures below 3/n (95 %).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

_SCALES: Final = ("test", "faults", "release")
_COUNTS: Final = {
    "F1": (50, 200, 5_000),
    "F17": (60, 300, 3_000),
}
"""By fault: in `make test`, in `make faults`, with RELEASE=1."""
SCALE: Final = os.environ.get("FAULTS", "test")
FIRST_SEED: Final = int(os.environ.get("FAULTS_SEED") or 1)
IS_ALONE: Final = SCALE != "test"
"""Whether nothing else runs on the machine, so that its clock may judge."""
_OF_EACH: Final = int(os.environ.get("FAULTS_COUNT") or 0)
_CAMPAIGN: Final = 100 if IS_ALONE else 25


def trials(fault: str) -> int:
    """Tell how often a fault is made to happen in this run."""
    return _OF_EACH or _COUNTS[fault][_SCALES.index(SCALE)]


@dataclass(frozen=True)
class Campaign:
    """Some of the kills, in a world of their own."""

    seed: int
    kills: int

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.kills} kills"


def divide(kills: int, *, most: int = _CAMPAIGN) -> list[Campaign]:
    """Divide kills into campaigns of at most `most`, each with a seed."""
    sizes = [min(most, kills - done) for done in range(0, kills, most)]
    return [Campaign(FIRST_SEED + number, size) for number, size in enumerate(sizes)]
