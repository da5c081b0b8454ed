"""F15: two escalators want the same due tiers, and a third dies between the effect and the commit.

Each round has some ladders in one real store: a file, or a PostgreSQL database that two relays
share. First a worker process finds a tier of all of them due, puts alerts into their mailboxes, and
is killed before it commits. Then two escalators, each with threads of its own, look at the same
time. Each alert must have arrived exactly once. A trial is one ladder, which has two such tiers.

The control is an escalator that reads what is due, and puts it into the mailboxes without looking
once more in the commit that does so.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import divide, trials
from tests.faults.dying_escalator import open_database, open_escalator
from tests.relay_process import product_environment
from tests.server.on_call import BACKUP, PRIMARY, SUPERVISOR, OnCall, open_on_call

from quietway_server.core.holds import Looked, Release, release_expiry, step
from quietway_server.services.ladders import carry_out, deliver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.faults.counts import Campaign
    from tests.server.ladders import Sealed

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_server.ports import Transaction
    from quietway_server.services.escalator import Due, Escalator

TIERS: Final = {0: (PRIMARY,), 60: (BACKUP, SUPERVISOR), 120: (BACKUP,)}
_EACH_ROUND: Final = 25
_OPTIONS: Final = {"lane_crisis_envelopes": "1000000000", "mailbox_envelopes": "1000000000"}


@dataclass
class Verdict:
    """What came of some trials: alerts that should have arrived, and how many did otherwise."""

    alerts: int = 0
    deaths: int = 0
    missing: int = 0
    doubled: int = 0

    def figures(self, ladders: int) -> str:
        """Write it down in one line."""
        return (
            f"{ladders} ladders, {self.deaths} workers killed before their commit, two escalators "
            f"racing for each tier; {self.alerts} alerts due: {self.missing} missing, "
            f"{self.doubled} doubled"
        )


@pytest.mark.parametrize("campaign", divide(trials("F15"), most=_EACH_ROUND), ids=str)
async def test_each_alert_arrives_once_whoever_races_and_whoever_dies(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    verdict = await _run(str(folder / "r.db"), campaign)
    report(verdict.figures(campaign.kills))
    assert verdict.deaths == len(TIERS) - 1
    assert verdict.alerts == campaign.kills * 4
    assert (verdict.missing, verdict.doubled) == (0, 0), verdict.figures(campaign.kills)


async def test_two_relays_on_one_database_release_each_alert_once(
    new_postgres: str, report: Callable[[str], None]
) -> None:
    (campaign,) = divide(min(max(trials("F15") // 5, 5), _EACH_ROUND))
    verdict = await _run(new_postgres, campaign)
    report(f"PostgreSQL: {verdict.figures(campaign.kills)}")
    assert (verdict.deaths, verdict.alerts) == (len(TIERS) - 1, campaign.kills * 4)
    assert (verdict.missing, verdict.doubled) == (0, 0), verdict.figures(campaign.kills)


async def test_control_an_escalator_that_does_not_look_again_in_its_commit_is_found_out(
    folder: Path, report: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch, "quietway_server.services.escalator:Escalator._release", _release_unclaimed
    )
    campaign = divide(5)[0]
    verdict = await _run(str(folder / "r.db"), campaign)
    report(verdict.figures(campaign.kills))
    assert verdict.doubled > 0, verdict.figures(campaign.kills)


async def _run(database: str, campaign: Campaign) -> Verdict:
    moments, verdict = Random(campaign.seed), Verdict()
    async with _open_world(database) as (on_call, rival):
        ladders = [await on_call.place(TIERS) for _ in range(campaign.kills)]
        for _ in range(len(TIERS) - 1):
            on_call.clocks.pass_seconds(60)
            looks = moments.randint(1, campaign.kills)
            verdict.deaths += await asyncio.to_thread(_die, database, on_call.clocks.wall, looks)
            await asyncio.gather(on_call.relay.escalator.look(), rival.look())
        _judge(on_call, ladders, verdict)
    return verdict


@asynccontextmanager
async def _open_world(database: str) -> AsyncIterator[tuple[OnCall, Escalator]]:
    store = open_database(database)
    # A file is one process's; a database may be several relays'.
    other = open_database(database) if database.startswith("postgresql:") else store
    try:
        async with open_on_call(store, **_OPTIONS) as on_call:
            rival = open_escalator(other, on_call.clocks)
            try:
                yield on_call, rival
            finally:
                rival._writer.close()
                rival._reader.close()
    finally:
        store.close()
        if other is not store:
            other.close()


def _die(database: str, wall: int, looks: int) -> bool:
    died = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying_escalator", database, str(wall), str(looks)],
        env=product_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return died.returncode == -signal.SIGKILL


def _judge(on_call: OnCall, ladders: list[Sealed], verdict: Verdict) -> None:
    arrived: Counter[bytes] = Counter()
    for mailbox in (PRIMARY, BACKUP, SUPERVISOR):
        with on_call.store.reading() as transaction:
            found = transaction.envelopes_after(mailbox, 0, 1_000_000)
        arrived.update(stored.header.envelope_id.value for stored in found)
    for name in (name for sealed in ladders for names in sealed.names for name in names):
        verdict.alerts += 1
        verdict.missing += arrived[name] == 0
        verdict.doubled += arrived[name] > 1


class _UndoneError(Exception):
    """What was looked at goes back."""


async def _release_unclaimed(escalator: Escalator, due: Due) -> int:
    """Stand in for the release: what is due is read first, and then put into the mailboxes."""
    store, now = escalator._writer._store, escalator._clock.now()
    alerts: list[SubmissionRecord] = []
    with suppress(_UndoneError), store.writing() as transaction:
        before = transaction.find_hold(due.hold)
        after, effects = step(before, Looked(now, due.elapsed_ms))
        for effect in effects:
            if isinstance(effect, Release):
                alerts += transaction.take_alerts(due.hold, effect.tier)
        raise _UndoneError
    await asyncio.sleep(0.01)  # as long as another needs to do the same

    def release(transaction: Transaction) -> int:
        assert before is not None
        deliver(transaction, alerts, expires=release_expiry(before, now=now))
        for effect in effects:
            if isinstance(effect, Release):
                transaction.take_alerts(due.hold, effect.tier)
        carry_out(transaction, due.hold, before, after, (), now=now)
        return len(alerts)

    return await escalator._writer.write(release)
