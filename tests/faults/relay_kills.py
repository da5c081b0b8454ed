"""A campaign against the relay: killed again and again under load, and an account of every promise.

The load runs in this process, the relay in its own. After each start, and once the first
submission was answered, a moment is drawn uniformly from a window, and then the relay gets SIGKILL.
While it is dead its files are copied and the copy is checked, so that the relay itself is the first
to meet what the kill has left. In the end everything is taken out of the mailboxes and held against
the account.
"""

from __future__ import annotations

import asyncio
import math
import re
import shutil
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import sqlcipher3.dbapi2
from tests.faults.account import Account
from tests.faults.load import SENDERS, Load
from tests.faults.people import People
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, hold_port
from tests.server.agency import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from tests.faults.counts import Campaign

WINDOW_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 60.0
_FAILURE: Final = re.compile(r"failed|crashed|Traceback")
# The load goes far beyond what a lane carries in earnest.
_OPTIONS: Final = {"lane_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}


@dataclass
class Verdict:
    """What a campaign has shown.

    Attributes:
        broken: How often each promise was broken; all zero, or the relay has failed.
        kills: How many there were.
        cut_off: In how many of them a submission was under way.
        accepted: Envelopes that the relay has answered for.
        said: Messages of the people.
        wall: Seconds from each spawn to the line that says ready.
        cpu: Seconds of the processor until then.
    """

    broken: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    cut_off: int = 0
    accepted: int = 0
    said: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.broken.values())

    def figures(self) -> str:
        """Write it down in one line."""
        broken = {name: count for name, count in self.broken.items() if count} or "nothing"
        return (
            f"{self.kills} kills, {self.cut_off} with submissions under way; "
            f"{self.accepted} envelopes accepted, {self.said} messages said; broken: {broken}; "
            f"ready after {_show(self.wall)} s, {_show(self.cpu)} s of the processor"
        )


async def run_campaign(folder: Path, campaign: Campaign, *, module: str = PRODUCT) -> Verdict:
    """Kill a relay under load.

    Args:
        folder: An empty one.
        campaign: How often, and the seed of everything that is drawn.
        module: What is killed; a control gives another than the product.
    """
    verdict, account, damaged = Verdict(), Account(), 0
    moments = Random(f"{campaign.seed} moments")
    async with AsyncExitStack() as stack:
        relay = stack.enter_context(RelayProcess(folder / "relay", options=_OPTIONS))
        load = Load(
            relay.port,
            join(relay.url, enroll(relay), 2 * campaign.seed),
            join(relay.url, enroll(relay), 2 * campaign.seed + 1),
            account,
            campaign.seed,
        )
        people = await People.found(relay, folder)
        stack.push_async_callback(people.close)
        relay.kill()
        stack.enter_context(hold_port(relay.port))
        relay.module = module
        async with _going_on(load.listen(), load.look(), people.follow()):
            async with _going_on(
                people.write(), people.look(), *[load.send(number) for number in range(SENDERS)]
            ):
                for _ in range(campaign.kills):
                    await _start(relay, verdict)
                    before = account.cut_off
                    await _kill_under_load(relay, load, moments)
                    damaged += await asyncio.to_thread(_is_damaged, relay, folder / "copy")
                    verdict.cut_off += account.cut_off > before
                # Whoever was killed, it is the product that says what is left.
                relay.module = PRODUCT
                await _start(relay, verdict)
            with suppress(TimeoutError):
                await asyncio.wait_for(load.all_came(), PATIENCE_SECONDS)
            problems = await people.settle_down()
        verdict.broken = {
            "damaged": damaged,
            "failures": len(_FAILURE.findall(relay.output)),
            "problems": len(problems),
            **account.judge(),
            **await people.judge(),
        }
    verdict.kills = campaign.kills
    verdict.accepted = len(account.accepted)
    verdict.said = sum(len(said) for said in people.said.values())
    return verdict


async def _start(relay: RelayProcess, verdict: Verdict) -> None:
    await asyncio.to_thread(relay.start)
    verdict.cpu.append(relay.ready_cpu_seconds)
    verdict.wall.append(relay.ready_seconds)


async def _kill_under_load(relay: RelayProcess, load: Load, moments: Random) -> None:
    load.answered.clear()
    await asyncio.wait_for(load.answered.wait(), PATIENCE_SECONDS)
    await asyncio.sleep(moments.uniform(0, WINDOW_SECONDS))
    await asyncio.to_thread(relay.kill)


def _is_damaged(relay: RelayProcess, copy: Path) -> bool:
    copy.mkdir()
    for path in relay.paths:
        if not path.name.endswith(("-reserve", "-shm")):
            shutil.copy(path, copy)
    connection = sqlcipher3.dbapi2.connect(str(copy / relay.database.name))
    try:
        found = connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()
        shutil.rmtree(copy)
    return bool(found != [("ok",)])


@asynccontextmanager
async def _going_on(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Let work go on beside the block, and end it with the block; its errors are the block's."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


def _show(seconds: list[float]) -> str:
    return "/".join(f"{rank(seconds, share):.2f}" for share in (0.5, 0.99, 1))


def rank(seconds: list[float], share: float) -> float:
    """Give the value that at least this share of the values does not exceed."""
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]
