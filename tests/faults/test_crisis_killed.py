"""A crisis in which relay, sender and on-call devices are killed: no alert is lost.

The controls are a relay with its timers in memory, which does not call everybody; the same under a
sender that has no timer of its own, where the alert is lost; and that sender alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.faults.counts import divide, trials
from tests.faults.crisis_controls import NO_TIMER, TIMERS_IN_MEMORY
from tests.faults.crisis_kills import ALARMED, CALLED, GOOD, LOST, run_trials
from tests.faults.crisis_plans import DEVICES, RELAY, Plan
from tests.faults.crisis_world import found_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.counts import Campaign
    from tests.faults.crisis_world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return found_world(tmp_path_factory.mktemp("crisis"))


@pytest.mark.requirement("D06")
@pytest.mark.requirement("C48")
@pytest.mark.parametrize("campaign", divide(trials("crisis"), most=20), ids=str)
async def test_whoever_is_killed_no_alert_is_lost(
    world: World, folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """D06, C48: those on call receive an alert, or its sender is told that nobody did."""
    plans = [Plan.draw(1_000 * campaign.seed + number) for number in range(campaign.kills)]
    ran = await run_trials(world, folder, plans)
    outcomes = Counter(outcome for outcome, _ in ran)
    killed = Counter(name for plan in plans for name, _, _ in plan.kills)
    report(f"{campaign}: {dict(outcomes)}; killed: {dict(killed)}")
    assert not outcomes[LOST], [told for outcome, told in ran if outcome == LOST]
    # Everybody lives in the end, so more must have come of it than that.
    assert set(outcomes) <= GOOD, [told for outcome, told in ran if outcome not in GOOD]


async def test_control_timers_that_die_with_a_process_are_found_out(
    world: World, folder: Path
) -> None:
    kills = ((RELAY, 0.2, 0.1),)
    without = {
        (TIMERS_IN_MEMORY,): ALARMED,
        (NO_TIMER,): CALLED,
        (TIMERS_IN_MEMORY, NO_TIMER): LOST,
    }
    plans = [
        Plan((0, 3), dict.fromkeys(DEVICES), kills, "called", controls) for controls in without
    ]
    ran = await run_trials(world, folder, plans, patience=8.0)
    assert [outcome for outcome, _ in ran] == [*without.values()], ran
