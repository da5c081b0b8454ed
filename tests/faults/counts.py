"""How often each fault is made to happen: the one place of all counts.

`make test` runs the counts of the first row, `make faults` those of the second, and with RELEASE=1
those of the third; COUNT=n takes n of each, and SEED=n begins with that seed. Zero failures in n
trials bound the rate of failures below 3/n (95 %).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

# Names of F1 and F17: kills of the relay, kills of a client.
_COUNTS: Final = {"test": (50, 60), "faults": (200, 300), "release": (5_000, 3_000)}
SCALE: Final = os.environ.get("FAULTS", "test")
FIRST_SEED: Final = int(os.environ.get("FAULTS_SEED") or 1)
IS_ALONE: Final = SCALE != "test"
"""Whether nothing else runs on the machine, so that its clock may judge."""
_OF_EACH: Final = int(os.environ.get("FAULTS_COUNT") or 0)
RELAY_KILLS: Final = _OF_EACH or _COUNTS[SCALE][0]
CLIENT_KILLS: Final = _OF_EACH or _COUNTS[SCALE][1]
_CAMPAIGN: Final = 100 if IS_ALONE else 25


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
