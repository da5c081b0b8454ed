"""A campaign against the relay's disk: the power fails while it is busy, or idle after an answer.

Half of the cuts come while four senders submit, at a moment drawn from a quarter of a second after
an answer; the other half come after one submission was answered and nothing else was under way.
Then the files are checked, and the relay starts on what the disk has kept. In the end everything is
taken out of the mailboxes and held against the account.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.account import Account
from tests.faults.readers import Readers
from tests.faults.relay_kills import OPTIONS, PATIENCE_SECONDS, going_on, is_damaged
from tests.faults.senders import SENDERS, Senders
from tests.faults.verdict import Verdict
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, hold_port
from tests.server.agency import PARTNER, join

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.counts import Campaign
    from tests.faults.disks import Disk
    from tests.server.agency import Agency

BUSY, IDLE = "busy", "idle"
WINDOW_SECONDS: Final = 0.25


async def run_campaign(
    folder: Path,
    disk: Disk,
    campaign: Campaign,
    *,
    moments: tuple[str, ...] = (BUSY, IDLE),
    module: str = PRODUCT,
    careless: str = "",
) -> Verdict:
    """Cut the power of a disk under a relay.

    Args:
        folder: An empty one, on another disk.
        disk: A disk that is there.
        campaign: How often, and the seed of everything that is drawn.
        moments: When, in turns.
        module: What runs; a control gives another than the product.
        careless: Which control it is.
    """
    verdict, account, draw = Verdict(), Account(), Random(f"{campaign.seed} power")
    environment = {**disk.environment, "CARELESS": careless}
    with RelayProcess(disk.folder, options=OPTIONS) as relay:
        agencies = [join(relay.url, enroll(relay), 2 * campaign.seed + n) for n in (0, 1)]
        relay.stop()
    disk.begin()
    relay.module, relay.environment = module, environment
    senders = Senders(relay.port, (agencies[0],) * 3 + (agencies[1],), account, campaign.seed)
    with ExitStack() as stack:
        # Whatever becomes of the campaign, nothing may keep the disk from being unmounted.
        stack.callback(relay.kill)
        stack.enter_context(hold_port(relay.port))
        for number in range(campaign.kills):
            moment = moments[number % len(moments)]
            await asyncio.to_thread(relay.start)
            if moment == BUSY:
                await _submit_and_cut(relay, disk, senders, draw)
            else:
                await asyncio.to_thread(_submit, agencies[number // 2 % 2], account)
                await asyncio.to_thread(disk.cut_power, relay)
            verdict.damaged += await asyncio.to_thread(is_damaged, relay, folder / "copy")
            verdict.kills += 1
        relay.module = PRODUCT
        await _read_everything(relay, agencies, account, campaign)
    verdict.accepted = len(account.accepted)
    verdict.cut_off = account.cut_off
    verdict.broken = {"damaged": verdict.damaged, **account.judge()}
    # Whoever was cut off meets a disk that fails, and is told so.
    del verdict.broken["refused"]
    return verdict


def write_down(disk: Disk, verdict: Verdict) -> str:
    """Write down in one line what a campaign has shown."""
    broken = {name: count for name, count in verdict.broken.items() if count} or "nothing"
    return (
        f"{disk.means}: {verdict.kills} power cuts, {verdict.cut_off} submissions under way; "
        f"{verdict.accepted} envelopes accepted; broken: {broken}"
    )


async def _submit_and_cut(relay: RelayProcess, disk: Disk, senders: Senders, draw: Random) -> None:
    async with going_on(*[senders.send(number) for number in range(SENDERS)]):
        senders.answered.clear()
        await asyncio.wait_for(senders.answered.wait(), PATIENCE_SECONDS)
        await asyncio.sleep(draw.uniform(0, WINDOW_SECONDS))
        await asyncio.to_thread(disk.cut_power, relay)


def _submit(agency: Agency, account: Account) -> None:
    records = [agency.record(), agency.record()]
    ids = account.offer(records)
    assert agency.submit(agency.capability_for(PARTNER), *records).status_code == 201
    account.accept(ids)


async def _read_everything(
    relay: RelayProcess, agencies: list[Agency], account: Account, campaign: Campaign
) -> None:
    try:
        await asyncio.to_thread(relay.start)
        readers = Readers(relay.port, agencies[0], agencies[1], account, campaign.seed)
        async with going_on(readers.listen(), readers.poll()):
            with suppress(TimeoutError):
                await asyncio.wait_for(readers.read_to_the_end(), PATIENCE_SECONDS)
    finally:
        await asyncio.to_thread(relay.kill)
