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
    "F1": (8, 200, 5_000),
    "F2": (4, 200, 2_000),
    "F4": (2, 1_000, 20_000),
    "F5": (1, 50, 500),
    "F6": (1, 20, 200),
    "F7": (4, 200, 2_000),
    "F8": (2, 20, 200),
    "F9": (2, 50, 500),
    "F13": (50, 200, 5_000),
    "F14": (8, 200, 5_000),
    "F15": (10, 500, 10_000),
    "F17": (30, 300, 3_000),
    "F22": (2, 20, 200),
    "F23": (1, 5, 30),
    "F28": (2, 50, 500),
    "A42": (10_000, 100_000, 1_000_000),
    "F10": (5, 100, 1_000),
    "F11": (1, 18, 54),
    "F12": (1, 50, 500),
    "F16": (1, 100, 1_000),
    "F18": (400, 10_000, 100_000),
    "F19": (1, 10, 50),
    "F20": (1, 3, 20),
    "F21": (2, 50, 500),
    "F24": (1, 3, 10),
    "F26": (10, 200, 2_000),
    "F27": (1, 50, 500),
    "crisis": (20, 200, 2_000),
    "openapi": (12, 1_000, 3_500),
    "F25": (1, 1, 3),
}
"""By fault, row of the gallery or document: in `make test`, in `make faults`, with RELEASE=1."""
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
