"""A group of batches and acknowledgements comes out as if each had come alone, on either store.

The relay decides on all batches of a group together. Beside it runs a simple model that takes one
thing after the other; whatever is drawn, both must answer alike and hold the same.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.server.test_services import FakeClock

from quietway_crypto.lanes import hash_capability
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import iso_week
from quietway_server.bootstrap import assemble
from quietway_server.core.quota import Quota
from quietway_server.errors import RefusedError
from quietway_server.rows import DeviceRow, ManifestRow, WeekRow
from quietway_server.services.ingest import Batch, Ingest
from quietway_server.services.mailbox import Done
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_server.ports import Store, Transaction

AGENCIES = (b"a" * 16, b"b" * 16)
DEVICES = [
    DeviceRow(bytes((100 + n,)) * 16, AGENCIES[n % 2], bytes((n,)) * 16, b"i" * 32, b"l" * 32)
    for n in range(4)
]
OWNERS = {device.mailbox: device.agency for device in DEVICES}
# The first opens both agencies, the second only one, the third none.
CAPABILITIES = (b"1" * 32, b"2" * 32, b"3" * 32)
OPENED = {(AGENCIES[0], b"1" * 32), (AGENCIES[0], b"2" * 32), (AGENCIES[1], b"1" * 32)}

Sent = tuple[bytes, list[SubmissionRecord]]


def _found(store: Store) -> None:
    with store.writing() as transaction:
        for agency in AGENCIES:
            code = agency[:1].decode().upper() * 6
            row = ManifestRow(agency, code, 1, b"h" * 32, b"r" * 32, b"{}", b"s" * 64)
            transaction.replace_manifest(row, [d for d in DEVICES if d.agency == agency])
            lanes = [(hash_capability(shown), "normal") for of, shown in OPENED if of == agency]
            transaction.replace_week(
                agency, iso_week(FakeClock().time), WeekRow(1, b"w" * 32), lanes
            )


@dataclass
class Model:
    """What a relay holds, one thing after the other."""

    quota: Quota
    seen: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    latest: Counter[bytes] = field(default_factory=Counter)
    used: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)
    acknowledged: Counter[bytes] = field(default_factory=Counter)
    waiting: dict[tuple[bytes, int], bytes] = field(default_factory=dict)

    def take(self, shown: bytes, records: list[SubmissionRecord]) -> int | tuple[str, int]:
        """Take a batch whole; tell how many were new, or why and where it is refused."""
        before = (dict(self.seen), self.latest.copy(), self.used.copy(), dict(self.waiting))
        new = 0
        for index, record in enumerate(records):
            refusal = self._refuse(shown, record)
            if refusal is not None:
                self.seen, self.latest, self.used, self.waiting = before
                return refusal, index
            new += self._keep(shown, record)
        return new

    def _refuse(self, shown: bytes, record: SubmissionRecord) -> str | None:
        of = record.header.mailbox.value
        lane = (OWNERS.get(of, b""), shown)
        if lane not in OPENED:
            return "not_found"
        known = self.seen.get((of, record.header.envelope_id.value))
        if known is not None:
            return None if known == record.pack() else "conflict"
        # The last half of a mailbox is for lanes that carried less than an eighth of their week.
        most = self.quota.mailbox_envelopes
        most -= most // 2 if self.used[lane] * 8 >= self.quota.lane_envelopes else 0
        if sum(of == held for held, _ in self.waiting) >= most:
            return "mailbox_full"
        return "over_quota" if self.used[lane] >= self.quota.lane_envelopes else None

    def _keep(self, shown: bytes, record: SubmissionRecord) -> bool:
        of = record.header.mailbox.value
        key = (of, record.header.envelope_id.value)
        if key in self.seen:
            return False
        self.seen[key] = record.pack()
        self.latest[of] += 1
        self.used[OWNERS[of], shown] += 1
        self.waiting[of, self.latest[of]] = record.sealed
        return True

    def acknowledge(self, done: Done) -> None:
        """Delete what was acknowledged."""
        of = done.device.mailbox
        numbers = done.seqs if done.through is None else range(done.through + 1)
        for number in numbers:
            self.waiting.pop((of, number), None)
        highest = min(max(numbers), self.latest[of])
        self.acknowledged[of] = max(self.acknowledged[of], highest)


@dataclass
class Drawn:
    """What comes, from a seed."""

    random: random.Random

    def batches(self) -> list[Sent]:
        return [
            (self.random.choice(CAPABILITIES[: self.random.choice((2, 2, 3))]), self._records())
            for _ in range(self.random.randrange(8))
        ]

    def acknowledgements(self, model: Model) -> list[Done]:
        return [self._done(model) for _ in range(self.random.randrange(4))]

    def _records(self) -> list[SubmissionRecord]:
        return [self._record() for _ in range(self.random.randrange(1, 6))]

    def _record(self) -> SubmissionRecord:
        """Draw one of few ids and contents, so that many repeat or contradict another."""
        envelope_class = self.random.choice(list(EnvelopeClass))
        of = self.random.choice([*OWNERS] * 8 + [b"?" * 16])
        envelope = EnvelopeId(self.random.randrange(30).to_bytes(16, "big"))
        header = Header(envelope_class, 2, 7, MailboxId(of), envelope)
        sealed = bytes(envelope_class.sealed_bytes)
        return SubmissionRecord(header, bytes((self.random.randrange(2),)) * 32, sealed)

    def _done(self, model: Model) -> Done:
        device = self.random.choice(DEVICES)
        highest = model.latest[device.mailbox] + 2
        if self.random.random() < 0.5:
            return Done(device, self.random.randrange(highest), ())
        seqs = self.random.sample(range(1, highest + 2), self.random.randrange(1, 3))
        return Done(device, None, tuple(sorted(seqs)))


def _check(transaction: Transaction, model: Model) -> None:
    rows = transaction.find_mailboxes(list(OWNERS))
    for of in OWNERS:
        held = {n: sealed for (mailbox, n), sealed in model.waiting.items() if mailbox == of}
        found = transaction.envelopes_after(of, 0, 1000)
        assert {envelope.seq: envelope.sealed for envelope in found} == held
        told = (rows[of].latest, rows[of].waiting, rows[of].acknowledged)
        assert told == (model.latest[of], len(held), model.acknowledged[of])
    week = iso_week(FakeClock().time)
    wanted = {(agency, week, hash_capability(shown)): (agency, shown) for agency, shown in OPENED}
    for lane in transaction.find_lanes(wanted.keys()):
        assert lane.used == model.used[wanted[lane.agency, lane.week, lane.digest]]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_group_comes_out_as_if_each_had_come_alone(
    tmp_path: Path, kind: str, seed: int
) -> None:
    drawn = Drawn(random.Random(seed))
    store: Store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "r.db")
    _found(store)
    relay = assemble(read_settings({}, {}), store=store, clock=FakeClock(), on_failure=lambda: None)
    quota = Quota(drawn.random.choice((3, 8, 99)), drawn.random.choice((5, 30, 999)))
    ingest, model = Ingest(relay.writer, relay.delivery, FakeClock(), quota), Model(quota)
    with contextlib.closing(relay):
        for _ in range(15):
            batches, done = drawn.batches(), drawn.acknowledgements(model)
            group = [Batch.of(sent, lane=hash_capability(shown)) for shown, sent in batches]
            with store.writing() as transaction:
                outcomes = ingest.accept(transaction, group)
                relay.mailboxes.carry_out(transaction, done)
            told = [(o.code, o.index) if isinstance(o, RefusedError) else len(o) for o in outcomes]
            assert told == [model.take(*sent) for sent in batches]
            for each in done:
                model.acknowledge(each)
            with store.reading() as transaction:
                _check(transaction, model)
