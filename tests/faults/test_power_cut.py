"""F2: the power fails, while the relay is busy and while it is idle after an answer.

The controls are a relay that never syncs, and one with SQLite's usual journal, which loses its last
commit when it was idle: without these the test would show nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.faults.careless import MODULE
from tests.faults.counts import Campaign, divide, trials
from tests.faults.disks import can_loop, open_disk, remove_leftovers
from tests.faults.power_cuts import BUSY, IDLE, run_campaign, write_down
from tests.faults.shim import ShimDisk
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(trials("F2")), ids=str)
async def test_a_power_cut_takes_nothing_that_was_accepted(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    with open_disk(folder) as disk:
        verdict = await run_campaign(folder, disk, campaign)
        report(write_down(disk, verdict))
    assert verdict.is_clean, f"{campaign}: {verdict}"


async def test_on_the_disk_of_c_a_power_cut_takes_nothing_either(
    folder: Path, report: Callable[[str], None]
) -> None:
    with ShimDisk(folder) as disk:
        verdict = await run_campaign(folder, disk, Campaign(seed=3, kills=2))
        report(write_down(disk, verdict))
    assert verdict.is_clean, verdict


@pytest.mark.parametrize(
    ("careless", "moments"), [("never syncs", (BUSY, IDLE)), ("keeps a journal", (IDLE,))]
)
async def test_control_a_relay_that_does_not_sync_its_log_loses_what_it_accepted(
    folder: Path, careless: str, moments: tuple[str, ...], report: Callable[[str], None]
) -> None:
    with open_disk(folder) as disk:
        verdict = await run_campaign(
            folder,
            disk,
            Campaign(seed=1, kills=len(moments)),
            moments=moments,
            module=MODULE,
            careless=careless,
        )
        report(f"{careless}: {write_down(disk, verdict)}")
    assert verdict.broken["lost"] > 0, verdict


async def test_control_the_disk_of_c_loses_it_too(
    folder: Path, report: Callable[[str], None]
) -> None:
    careless = "keeps a journal"
    with ShimDisk(folder) as disk:
        verdict = await run_campaign(
            folder,
            disk,
            Campaign(seed=1, kills=1),
            moments=(IDLE,),
            module=MODULE,
            careless=careless,
        )
        report(f"{careless}: {write_down(disk, verdict)}")
    assert verdict.broken["lost"] > 0, verdict


LEFT_BEHIND = """
import os, signal, sys
from pathlib import Path
from tests.faults.disks import LoopDisk

with LoopDisk(Path(sys.argv[1]), megabytes=16) as disk:
    print(disk.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_has_left_mounted_is_found_and_taken_away(folder: Path) -> None:
    if not can_loop(folder):
        # The disk of C mounts nothing, so nothing is left of it.
        assert not any(tmp.name.startswith("quietway-power") for tmp in folder.iterdir())
        return
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND, str(folder)],
        env=product_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    left = done.stdout.strip()
    assert os.path.ismount(left), done.stderr
    remove_leftovers()
    assert not os.path.ismount(left)
