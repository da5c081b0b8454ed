"""A campaign against the relay: killed again and again under load, and an account of every promise.

The load runs in this process, the relay in its own. After each start, and once the first
submission was answered, a moment is drawn uniformly from a window, and then the relay gets SIGKILL;
now and then it gets it before it is ready, too. While it is dead its files are copied and the copy
is checked, so that the relay itself is the first to meet what the kill has left. In the end
everything is taken out of the mailboxes and held against the account.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

import sqlcipher3.dbapi2
from tests.faults.account import Account
from tests.faults.people import People
from tests.faults.readers import Readers
from tests.faults.senders import SENDERS, Senders
from tests.faults.verdict import Verdict
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, hold_port
from tests.server.agency import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from tests.faults.counts import Campaign

End: TypeAlias = "Callable[[RelayProcess, Random], None]"
"""Ends a relay, in a thread of its own; it is started again after that."""
WINDOW_SECONDS: Final = 0.25
STUMBLES: Final = 0.1
"""How often a relay is killed once more while it starts."""
PATIENCE_SECONDS: Final = 60.0
_FAILURE: Final = re.compile(r"failed|crashed|Traceback")
# The load goes far beyond what a lane carries in earnest.
OPTIONS: Final = {"lane_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}


@dataclass
class _World:
    """A relay, and who works with it."""

    relay: RelayProcess
    account: Account
    senders: Senders
    readers: Readers
    people: People
    end: End

    async def suffer(self, campaign: Campaign, verdict: Verdict, copy: Path) -> None:
        """Kill the relay as often as ordered, while it is worked with."""
        moments = Random(f"{campaign.seed} moments")
        for _ in range(campaign.kills):
            if moments.random() < STUMBLES:
                await _kill_while_it_starts(self.relay, moments)
                verdict.stumbles += 1
            await self.start(verdict)
            before = self.account.cut_off
            await _end_under_load(self, moments)
            verdict.damaged += await asyncio.to_thread(is_damaged, self.relay, copy)
            verdict.cut_off += self.account.cut_off > before
            verdict.kills += 1

    async def start(self, verdict: Verdict) -> None:
        """Start the relay, and note how long it took."""
        await asyncio.to_thread(self.relay.start)
        verdict.cpu.append(self.relay.ready_cpu_seconds)
        verdict.wall.append(self.relay.ready_seconds)

    async def judge(self, verdict: Verdict, problems: int) -> None:
        """Note what was promised, and how often each promise was broken."""
        verdict.accepted = len(self.account.accepted)
        verdict.said = sum(len(said) for said in self.people.said.values())
        verdict.broken = {
            "damaged": verdict.damaged,
            "failures": len(_FAILURE.findall(self.relay.output)),
            "problems": problems,
            **self.account.judge(),
            **await self.people.judge(),
        }


def kill(relay: RelayProcess, _moments: Random) -> None:
    """End a relay as SIGKILL does."""
    relay.kill()


async def run_campaign(
    folder: Path, campaign: Campaign, *, module: str = PRODUCT, end: End = kill
) -> Verdict:
    """Kill a relay under load.

    Args:
        folder: An empty one.
        campaign: How often, and the seed of everything that is drawn.
        module: What is killed; a control gives another than the product.
        end: How it is ended, where not by SIGKILL.
    """
    verdict = Verdict()
    async with _open_world(folder, campaign.seed, end) as world:
        world.relay.module = module
        readers, people = world.readers, world.people
        async with going_on(readers.listen(), readers.poll(), people.follow()):
            sending = [world.senders.send(number) for number in range(SENDERS)]
            async with going_on(people.write(), people.look(), *sending):
                await world.suffer(campaign, verdict, folder / "copy")
                # Whoever was killed, it is the product that says what is left.
                world.relay.module = PRODUCT
                await world.start(verdict)
            with suppress(TimeoutError):
                await asyncio.wait_for(readers.read_to_the_end(), PATIENCE_SECONDS)
            problems = await people.settle_down()
        await world.judge(verdict, len(problems))
    return verdict


@asynccontextmanager
async def _open_world(folder: Path, seed: int, end: End) -> AsyncIterator[_World]:
    """Let everyone found what they need at a relay, and leave it dead."""
    with RelayProcess(folder / "relay", options=OPTIONS) as relay, ExitStack() as stack:
        account, port = Account(), relay.port
        heard, polled = [join(relay.url, enroll(relay), 2 * seed + number) for number in (0, 1)]
        people = await People.found(relay, folder)
        relay.kill()
        stack.enter_context(hold_port(port))
        # A socket empties faster than polling does.
        senders = Senders(port, (heard, heard, heard, polled), account, seed)
        readers = Readers(port, heard, polled, account, seed)
        try:
            yield _World(relay, account, senders, readers, people, end)
        finally:
            await people.close()


async def _kill_while_it_starts(relay: RelayProcess, moments: Random) -> None:
    relay.begin()
    await asyncio.sleep(moments.uniform(0, relay.ready_seconds))
    await asyncio.to_thread(relay.kill)


async def _end_under_load(world: _World, moments: Random) -> None:
    world.senders.answered.clear()
    await asyncio.wait_for(world.senders.answered.wait(), PATIENCE_SECONDS)
    await asyncio.sleep(moments.uniform(0, WINDOW_SECONDS))
    await asyncio.to_thread(world.end, world.relay, moments)


def is_damaged(relay: RelayProcess, copy: Path) -> bool:
    """Tell whether a copy of a dead relay's files fails the integrity check."""
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
async def going_on(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Let work go on beside the block, and end it with the block; its errors are the block's."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()
