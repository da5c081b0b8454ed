"""Trials of a crisis: relay, caller and whoever is called are killed at random moments of a ladder.

A world is founded once: a shelter with one device, a hospital with two on call, and a case that the
hospital leads. Each trial has its own copy of all folders, a relay on a port of its own, and lives
that are processes of their own. One seed draws the ladder, who reacts and when, and who is killed
when and for how long. In the end all live again, and then the alert is claimed and the sender has
seen the claim, or everybody was called, or the sender was told that nobody answers. Else it is
lost.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Final

from tests.faults.crisis_forks import Forks
from tests.faults.crisis_plans import DEVICES, RELAY, SENDER
from tests.faults.crisis_process import Order
from tests.relay_process import hold_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.crisis_forks import Life
    from tests.faults.crisis_plans import Plan
    from tests.faults.crisis_world import World

CLAIMED: Final = "claimed"
"""The sender has seen the signed claim, and all who were called see the same one have it."""
DISAGREED: Final = "disagreed"
"""The sender has seen a signed claim; somebody else sees another one first, or none."""
UNANSWERED: Final = "unanswered"
"""Nobody's person reacts: everybody was called, and the sender is told."""
CALLED: Final = "called"
"""Everybody was called, and no more: somebody claims in vain, or the sender is told nothing."""
ALARMED: Final = "alarmed"
"""The sender is told that nobody answers; not everybody was called."""
LOST: Final = "lost"
GOOD: Final = frozenset({CLAIMED, UNANSWERED})
"""What must come of it where everybody lives in the end; `LOST` may never be."""
PATIENCE_SECONDS: Final = 45.0
AT_ONCE: Final = 5
"""How many trials run side by side: a ladder is mostly waiting."""
_LOOK_SECONDS: Final = 0.05
_NUMBERS: Final = count(1)


class Trial:
    """One alert, from the first start of everybody until it is known what came of it."""

    def __init__(self, forks: Forks, folder: Path, case: str, plan: Plan) -> None:
        self.plan = plan
        self._forks = forks
        self._folder = folder
        self._case = case
        self._port = 0
        self._down: set[str] = set()
        self._lives: dict[str, list[Life]] = {name: [] for name in (RELAY, SENDER, *DEVICES)}

    async def run(self, *, patience: float) -> str:
        """Run it; give what came of it."""
        with ExitStack() as stack:
            self._port = _find_port()
            stack.enter_context(hold_port(self._port))
            try:
                for name in self._lives:
                    await self._begin(name)
                await self._lives[SENDER][0].moments[self.plan.since].wait()
                await asyncio.gather(*(self._kill(*kill) for kill in self.plan.kills))
                return await self._wait_for_the_outcome(patience)
            finally:
                await asyncio.gather(*(lives[-1].kill() for lives in self._lives.values()))

    async def _kill(self, name: str, at: float, seconds: float) -> None:
        await asyncio.sleep(at)
        if name in self._down:
            return
        self._down.add(name)
        await self._lives[name][-1].kill()
        await asyncio.sleep(seconds)
        await self._begin(name)
        self._down.remove(name)

    async def _begin(self, name: str) -> None:
        what = name if name in {RELAY, SENDER} else "device"
        order = Order(
            number=next(_NUMBERS),
            what=what,
            home=str(self._folder / name),
            port=self._port,
            case=self._case,
            ladder=self.plan.ladder,
            reacts=self.plan.reacts.get(name),
            controls=self.plan.controls,
        )
        self._lives[name].append(self._forks.begin(order))
        if name == RELAY:
            await self._wait_for_the_relay(self._lives[name][-1])

    async def _wait_for_the_relay(self, life: Life) -> None:
        while not life.moments["ended"].is_set():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                writer.close()
                return

    async def _wait_for_the_outcome(self, patience: float) -> str:
        end = asyncio.get_running_loop().time() + patience
        while (outcome := self._judge()) not in GOOD:
            if asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return outcome

    def _judge(self) -> str:
        noted = {name: self._count(name) for name in self._lives}
        is_alarmed = noted[SENDER]["alarm"] > 0
        if noted[SENDER]["holder"]:
            seen = {self._find_holder(name) for name in (SENDER, *DEVICES) if noted[name]["raised"]}
            return CLAIMED if seen == {self._find_holder(SENDER)} else DISAGREED
        if all(noted[name]["raised"] for name in DEVICES):
            nobody = all(reacts is None for reacts in self.plan.reacts.values())
            return UNANSWERED if nobody and is_alarmed else CALLED
        return ALARMED if is_alarmed else LOST

    def _find_holder(self, name: str) -> object:
        """Find who has the alert, as somebody saw it last."""
        notes = [note for life in self._lives[name] for note in life.notes]
        return next((value for kind, value in reversed(notes) if kind == "holder"), None)

    def _count(self, name: str) -> Counter[str]:
        return Counter(kind for life in self._lives[name] for kind, _ in life.notes)

    def tell(self) -> str:
        """Say what was planned and noted, for whoever looks into a failure."""
        return f"{self.plan}; { ({name: dict(self._count(name)) for name in self._lives}) }"


async def run_trials(
    world: World,
    folder: Path,
    plans: Sequence[Plan],
    *,
    patience: float = PATIENCE_SECONDS,
) -> list[tuple[str, str]]:
    """Run trials, some side by side, each with its own copy of the world.

    Args:
        world: The folders of everybody, and the case.
        folder: An empty one.
        plans: One for each trial.
        patience: For how many seconds it is waited for what should come of each.

    Returns:
        For each what came of it, and what was planned and noted.
    """
    side_by_side = asyncio.Semaphore(AT_ONCE)

    async def run(number: int, plan: Plan) -> tuple[str, str]:
        async with side_by_side:
            own = folder / str(number)
            shutil.copytree(world.folder, own, ignore=shutil.ignore_patterns("*-shm", "*-reserve"))
            trial = Trial(forks, own, world.case, plan)
            outcome = await trial.run(patience=patience)
            shutil.rmtree(own)
            return outcome, trial.tell()

    async with Forks() as forks:
        return await asyncio.gather(*(run(*numbered) for numbered in enumerate(plans)))


def _find_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
