"""F10: the way to the relay is cut, in one direction or both, once or flapping, and comes back.

A cut lasts up to 0.8 s in `make test`, up to 20 s where nothing else runs; with RELEASE=1 up to
a minute, and the first one an hour. Both clients are on call: who is called in a crisis waits for
four seconds at most before it tries again. The control tries again at its next tick alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.apart import HEALED, Cut, two_apart
from tests.faults.counts import FIRST_SEED, IS_ALONE, SCALE, divide, trials
from tests.faults.rough_way import BOTH
from tests.faults.verdict import rank

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.counts import Campaign

    from quietway.agent import Agent

LONGEST_SECONDS: Final = {"test": 0.8, "faults": 20.0, "release": 60.0}[SCALE]
SOON_SECONDS: Final = 5.0


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(trials("F10")), ids=str)
async def test_what_was_said_while_the_way_was_cut_arrives_soon_after_and_once(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    async with two_apart(folder, campaign.seed) as apart:
        first = FIRST_SEED + 1_000 * (campaign.seed - FIRST_SEED)
        cuts = [Cut.draw(first + n, longest=LONGEST_SECONDS) for n in range(campaign.kills)]
        if SCALE == "release" and campaign.seed == FIRST_SEED:
            cuts[0] = replace(cuts[0], spans=(3_600.0,))
        late = [await apart.suffer(cut) for cut in cuts]
        broken = await apart.judge()
    figures = (
        f"{campaign}, {sum(map(len, apart.said))} messages, there {rank(late, 0.5):.2f} s after "
        f"the end of a cut, {rank(late, 1):.2f} s at most; {broken}"
    )
    report(figures)
    assert not any(broken.values()), figures
    # A shared machine's clock says more of the others; a tick would still be found out.
    assert rank(late, 1) <= (SOON_SECONDS if IS_ALONE else 30.0), figures


async def test_control_without_trying_again_it_takes_until_the_next_tick(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_for_ever(_: Agent) -> None:
        await asyncio.Event().wait()

    without(monkeypatch, "quietway.agent:Agent._try_again", wait_for_ever)
    async with two_apart(folder, 0, role="shelter_staff", patience=3.0) as apart:
        # The socket stands all the while; who sends anew is turned away.
        apart.way.cut(BOTH[1:], refuses=True)
        await apart.say(0, 1)
        await apart.suffer(HEALED, messages=0)
        assert (await apart.judge())["missing"] > 0
