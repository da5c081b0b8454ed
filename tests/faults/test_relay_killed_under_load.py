"""F1: the relay is killed at random moments under mixed load; every promise it made is kept.

The control is a relay that answers before it commits: the same campaign must find envelopes lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, Campaign, divide, trials
from tests.faults.relay_kills import run_campaign
from tests.faults.verdict import rank

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READY_SECONDS: Final = 2.0


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(trials("F1")), ids=str)
async def test_a_relay_killed_under_load_loses_nothing_and_is_ready_again_soon(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: a fluctuating network costs time, never a message."""
    verdict = await run_campaign(folder, campaign)
    report(verdict.figures())
    assert verdict.is_clean, f"{campaign}: {verdict.figures()}"
    assert verdict.cut_off > campaign.kills / 2, verdict.figures()
    # A shared machine's clock says more of the others than of the relay, and so do its slowest.
    ready = rank(verdict.wall, 0.99) if IS_ALONE else rank(verdict.cpu, 0.5)
    assert ready <= READY_SECONDS, verdict.figures()


async def test_control_a_relay_that_answers_before_it_commits_is_found_out(
    folder: Path, report: Callable[[str], None]
) -> None:
    campaign = Campaign(seed=0, kills=5)
    verdict = await run_campaign(folder, campaign, module="tests.faults.answers_first")
    report(verdict.figures())
    assert verdict.broken["lost"] > 0, verdict.figures()
