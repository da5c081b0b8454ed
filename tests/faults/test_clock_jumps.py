"""F13: clocks jump, are put back at the deadline, stand still; the ladder goes on.

Missed 0, premature 0, and released by the first look at which either clock says due. The control
goes by the wall clock alone, and is late by as much as that was put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.controls import without
from tests.faults.counts import FIRST_SEED, trials
from tests.faults.jumping_clocks import Account, run_trial
from tests.ladders.planted import wall_clock_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def run_all(count: int) -> Account:
    account = Account()
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        run_trial(seed, account)
        assert account.is_clean, f"seed {seed}: {account.figures()}"
    return account


def test_whatever_clocks_do_each_tier_is_released_once_and_on_time(
    report: Callable[[str], None],
) -> None:
    account = run_all(trials("F13"))
    report(f"F13, {trials('F13')} ladders, {account.figures()}")
    assert account.tiers >= trials("F13")


def test_control_a_relay_that_goes_by_the_wall_clock_alone_is_late(
    monkeypatch: pytest.MonkeyPatch, report: Callable[[str], None]
) -> None:
    without(monkeypatch, "quietway_server.core.holds:sight", wall_clock_alone)
    account = Account()
    for seed in range(20):
        run_trial(seed, account)
    report(f"F13, the wall clock alone, 20 ladders, {account.figures()}")
    assert account.late > 0
