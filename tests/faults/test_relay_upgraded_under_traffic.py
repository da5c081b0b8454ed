"""F22: this release, the next one, and back again, while senders and readers go on.

The relay ends politely or by SIGKILL, the next release migrates and serves, sometimes killed in the
middle of its start, and is replaced by this one after `migrate --to`. Nothing accepted is lost, and
at every moment the database is one that a program can go on with. The control commits a migration
in halves: one kill, and neither release starts again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import IS_ALONE, Campaign, divide, trials
from tests.faults.next_release import HALVES, NEXT
from tests.faults.relay_kills import run_campaign
from tests.faults.verdict import rank
from tests.relay_process import PRODUCT, RelayProcess, product_environment, run_relay

from quietway_server.store.database import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

NEXT_RELEASE: Final = "tests.faults.next_release"
DOWN_SECONDS: Final = 2.0
KILLED: Final = 0.3
KILLED_IN_THE_MIDDLE: Final = 0.3


def run_next(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", NEXT_RELEASE, *arguments],
        env=product_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Releases:
    """Which release runs, and what it took to change it."""

    def __init__(self) -> None:
        self.killed_in_the_middle = 0
        self.back = 0
        self.seconds: list[float] = []

    def change(self, relay: RelayProcess, moments: Random) -> None:
        """End one release; whoever starts the relay then starts the other."""
        if moments.random() < KILLED:
            relay.kill()
        else:
            assert relay.stop() == 0
        began = time.monotonic()
        if relay.module == PRODUCT:
            relay.module = NEXT_RELEASE
            if moments.random() < KILLED_IN_THE_MIDDLE:
                relay.begin()
                time.sleep(moments.uniform(0, relay.ready_seconds))
                relay.kill()
                self.killed_in_the_middle += 1
        else:
            done = run_next("migrate", "--to", HEAD, "--database", str(relay.database))
            assert done.returncode == 0, done.stderr
            relay.module = PRODUCT
            self.back += 1
        self.seconds.append(time.monotonic() - began)


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(2 * trials("F22")), ids=str)
async def test_an_upgrade_and_the_way_back_under_traffic_lose_nothing(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    releases = Releases()
    verdict = await run_campaign(folder, campaign, end=releases.change)
    down = sorted(verdict.wall)
    report(
        f"{verdict.figures()}; {releases.back} ways back, {releases.killed_in_the_middle} killed"
        f" in the middle; down for {rank(down, 0.5):.2f} s at a start (p50), {down[-1]:.2f} (max)"
    )
    assert verdict.is_clean, f"{campaign}: {verdict.figures()}"
    assert releases.back >= campaign.kills // 2
    down_for = rank(verdict.wall, 0.99) if IS_ALONE else rank(verdict.cpu, 0.5)
    assert down_for <= DOWN_SECONDS, verdict.figures()


def test_a_kill_in_the_middle_of_a_migration_leaves_what_was_there(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    assert run_relay("migrate", "--database", str(database)).returncode == 0
    assert run_next("migrate", "--database", str(database)).returncode == 0
    refused = run_relay("migrate", "--database", str(database))
    assert (refused.returncode, f"of version {NEXT}, which a newer relay" in refused.stderr) == (
        2,
        True,
    )
    assert run_next("migrate", "--to", HEAD, "--database", str(database)).returncode == 0
    assert run_relay("migrate", "--database", str(database)).returncode == 0


def test_control_a_migration_in_halves_leaves_a_database_that_nobody_can_go_on_with(
    tmp_path: Path,
) -> None:
    database = tmp_path / "relay.db"
    assert run_relay("migrate", "--database", str(database)).returncode == 0
    assert run_next("migrate", "--database", str(database), **{HALVES: "1"}).returncode == 9
    assert run_next("migrate", "--database", str(database)).returncode != 0
