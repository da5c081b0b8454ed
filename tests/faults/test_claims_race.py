"""F16: two devices claim at the same time, against one another and against the next tier.

Each alert and each claim arrives once, one claimant alone is told that they were first, and what
all of them saw is linearisable. The controls are a relay to which everybody is the first, and one
that puts a claim behind the alerts that it releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.careless import MODULE
from tests.faults.claims_race import run_races
from tests.faults.counts import FIRST_SEED, trials
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess
from tests.server.agency import join

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

AT_ONCE: Final = 20
_OPTIONS: Final = {"lane_crisis_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}


def _race(folder: Path, seed: int, count: int, *, careless: str = "") -> Counter[str]:
    relay = RelayProcess(folder, options=_OPTIONS, environment={"CARELESS": careless})
    relay.module = MODULE if careless else PRODUCT
    with relay:
        return run_races(join(relay.url, enroll(relay), seed), seed, count)


@pytest.mark.requirement("C48")
@pytest.mark.parametrize("world", range(trials("F16")))
def test_claims_that_race_have_one_outcome(
    folder: Path, world: int, report: Callable[[str], None]
) -> None:
    """C48: one person has an alert, and everybody knows who."""
    broken = _race(folder, FIRST_SEED + world, AT_ONCE)
    report(f"seed {FIRST_SEED + world}: {AT_ONCE} races; broken: {dict(+broken) or 'nothing'}")
    assert not +broken


@pytest.mark.parametrize(
    ("careless", "what"),
    [("everybody is first", "firsts"), ("claims stand behind", "unlinearisable")],
)
def test_control_a_relay_that_is_careless_with_claims_is_found_out(
    folder: Path, careless: str, what: str
) -> None:
    assert _race(folder, 1, 6, careless=careless)[what] > 0
