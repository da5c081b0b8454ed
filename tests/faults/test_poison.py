"""F21: what lies at the head of a mailbox can't be given out; everybody else is served as before.

The relay's side: rows that are no longer what came stay back, the rest of that mailbox goes out,
and others read theirs meanwhile. The client's side, which gives up after five tries and says so, is
gallery row 31. The control is a relay that reads whatever lies there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import update
from tests.controls import without
from tests.faults.counts import IS_ALONE, trials
from tests.server.in_process import InProcessRelay

from quietway_schemas.frames import MailboxPage
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.tables import flash_envelopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.agency import Agency

    from quietway_server.rows import StoredEnvelope

SOUND: Final = 3
OTHERS: Final = 5
DELAY_SECONDS: Final = 1.0


@pytest.fixture
def relay(folder: Path) -> Iterator[tuple[InProcessRelay, SqliteStore]]:
    store = SqliteStore(folder / "r.db")
    with InProcessRelay(store=store).running() as running:
        yield running, store


def _read(agency: Agency) -> list[int]:
    page = MailboxPage.unpack(agency.get("/v1/mailbox?after=0").content)
    return [envelope.seq for envelope in page.entries]


def _poison(relay: InProcessRelay, store: SqliteStore) -> tuple[list[int], float]:
    """Damage the head of one mailbox; give what comes out of it, and how long others waited."""
    poisoned, *others = (relay.new_agency() for _ in range(1 + OTHERS))
    for agency in (poisoned, *others):
        records = [agency.record() for _ in range(1 + SOUND)]
        lane = agency.capability_for(bytes(range(16)))
        assert agency.submit(lane, *records).status_code == 201
    with store.writing() as transaction:
        rows = flash_envelopes.c
        transaction._connection.execute(
            update(flash_envelopes)
            .where(rows.mailbox == poisoned.mailbox.value, rows.seq == 1)
            .values(sealed=bytes(2560))
        )
    came = _read(poisoned)
    longest = 0.0
    for other in others:
        begun = time.monotonic()
        assert _read(other) == list(range(1, SOUND + 2))
        longest = max(longest, time.monotonic() - begun)
    return came, longest


@pytest.mark.parametrize("trial", range(trials("F21")))
def test_poison_at_the_head_stops_neither_its_mailbox_nor_anybody_else(
    relay: tuple[InProcessRelay, SqliteStore], trial: int, report: Callable[[str], None]
) -> None:
    came, longest = _poison(*relay)
    report(f"trial {trial}: {came} came; others waited {longest * 1000:.0f} ms at most")
    assert came == list(range(2, SOUND + 2))
    if IS_ALONE:
        assert longest <= DELAY_SECONDS


def test_control_a_relay_that_compares_nothing_gives_the_poison_out(
    relay: tuple[InProcessRelay, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    def believe(_: StoredEnvelope) -> bool:
        return True

    without(monkeypatch, "quietway_server.services.mailbox:is_whole", believe)
    came, _ = _poison(*relay)
    assert came == list(range(1, SOUND + 2))
