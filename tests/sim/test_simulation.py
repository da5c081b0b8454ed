"""Seeds of the simulation, from 1 on: as many as 120 seconds give, and at least 30.

They are the same each time; `make sim` and `make sim-long` look at others as well. The planted bugs
are looked for in a world of three agencies, which is founded in a few seconds.

They run in a process of their own, in which the order of sets does not depend on the day, so that
`SEED=n make sim` is the same history.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.sim.planted import PLANTS

ROOT = Path(__file__).resolve().parents[2]


def _simulate(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.requirement("A43", "C44")
def test_whatever_goes_wrong_an_alert_reaches_someone_and_nothing_is_lost_or_doubled(
    record_property: pytest.RecordProperty,
) -> None:
    """A43, C44: claimed, called to the last tier, or told to its sender; then all agree."""
    status, told = _simulate("--first", "1", "--least", "30", "--seconds", "120", "--again", "10")
    assert status == 0, told
    record_property("told", told.splitlines()[-1])


def test_controls_each_planted_bug_is_found(record_property: pytest.RecordProperty) -> None:
    status, told = _simulate("--planted")
    assert status == 0, told
    assert told.count(": found by seed") == len(PLANTS) >= 10
    record_property("told", f"simulation: {len(PLANTS)} planted bugs were found")
