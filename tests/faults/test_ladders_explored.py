"""Every state that a ladder of holds can come into, by the very function that the relay runs.

Two relays race on one database, claimants claim, lie and repeat themselves, devices are removed, a
relay dies with its work half done, the clock jumps. The controls plant faults into that function:
each is found, by the rule that it breaks.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import SCALE
from tests.ladders.explorer import Explorer
from tests.ladders.planted import PLANTED, Planted
from tests.ladders.rules import BrokenRuleError
from tests.ladders.world import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

THREE_HELD: Final = Plan(
    ("a", "bc", "ad", "e"), (0, 1, 2, 4), ("a", "c", "?"), ("b", "bc"), jumps=1
)
PLANS: Final = {
    "test": Plan(("a", "bc", "d"), (0, 1, 3), ("a", "c", "?"), ("bc",), jumps=1),
    "faults": THREE_HELD,
    "release": replace(THREE_HELD, jumps=2),
}
MOST: Final = {"test": None, "faults": None, "release": 6 * 10**6}
"""How many states are explored at most; None is all."""
LEAST: Final = {"test": 10**5, "faults": 10**6, "release": 10**6}
PLANTED_IN: Final = Plan(("a", "bc", "d"), (0, 1, 3), ("a", "c", "?"), ("b", "bc"), jumps=2)


@pytest.mark.requirement("C44")
def test_in_every_state_of_a_ladder_all_rules_hold(report: Callable[[str], None]) -> None:
    """C44: order and timeframe of who is notified; the relay's timer knows opaque steps only."""
    begun = time.process_time()
    explored = Explorer(PLANS[SCALE]).explore(most=MOST[SCALE])
    report(f"{explored.figures()}, {time.process_time() - begun:.0f} s of the processor")
    assert explored.is_closed or MOST[SCALE]
    assert explored.states > LEAST[SCALE]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_control_a_planted_fault_is_found(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, report: Callable[[str], None]
) -> None:
    without(monkeypatch, planted.defence, planted.fault)
    with pytest.raises(BrokenRuleError) as broken:
        Explorer(PLANTED_IN).explore()
    report(f"{planted.name}: {broken.value}, {len(broken.value.path)} states on the way")
    assert broken.value.rule == planted.rules


def test_control_two_relays_that_overwrite_one_another_are_found() -> None:
    with pytest.raises(BrokenRuleError) as broken:
        Explorer(PLANTED_IN, is_isolated=False).explore()
    assert broken.value.rule == "I2"
