"""One transaction in a database: envelopes and their mailboxes, and what the mixins add.

Rules: every statement is SQLAlchemy Core with bound values, and names no database. New envelopes
are held back until the transaction ends and are then inserted in a random order, so that rows lying
side by side say nothing about what was sent together. Only one transaction writes at a time, in
whatever process: what is read here can't be changed by another before the end.

Spec: docs/spec/relay-protocol.md; docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, select, update

from quietway_schemas.envelope import Header
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import MINUTE, Instant
from quietway_server.ports import BLOB_PIECE_ROWS
from quietway_server.rows import Arrival, MailboxRow, StoredEnvelope, Swept
from quietway_server.store.mixing import mix_seen, shuffle
from quietway_server.store.sql_blobs import SqlBlobs
from quietway_server.store.sql_holds import SqlHolds
from quietway_server.store.sql_log import SqlLog
from quietway_server.store.sql_operating import SqlOperating
from quietway_server.store.sql_wakes import SqlWakes
from quietway_server.store.statements import (
    ACKNOWLEDGED,
    AFTER,
    ARRIVED,
    DONE_WITH,
    MAILBOX_COLUMNS,
    SEEN_KEY,
    TAKEN_BACK,
    WITNESSED,
)
from quietway_server.store.tables import (
    ENVELOPE_TABLES,
    enrolment_codes,
    epoch_batches,
    lanes,
    mailboxes,
    nonces,
    seen,
    weeks_of_lanes,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Table

    from quietway_schemas.envelope import EnvelopeClass
    from quietway_server.rows import Held, LeafRow
    from quietway_server.store.mixing import Fresh
    from quietway_server.store.statements import Connection, Driver

_SAME_DEVICE: Final = epoch_batches.alias("same_device")
_NEWEST: Final = (
    select(func.max(_SAME_DEVICE.c.issued))
    .where(_SAME_DEVICE.c.device == epoch_batches.c.device)
    .correlate(epoch_batches)
    .scalar_subquery()
)
_LEFT: Final = (
    update(mailboxes)
    .where(mailboxes.c.mailbox == bindparam("of"))
    .values(waiting=mailboxes.c.waiting - bindparam("gone"))
)


class SqlTransaction(SqlBlobs, SqlHolds, SqlLog, SqlWakes, SqlOperating):
    """One transaction.

    Attributes:
        arrived: What came in it.
        mixed: The memory of what came before that was put into another order.
        logged: The leaves that were added to the transparency log.
    """

    def __init__(self, connection: Connection, driver: Driver, fresh: Fresh) -> None:
        super().__init__(connection, driver)
        self.arrived: list[Arrival] = []
        self.mixed: list[tuple[bytes, bytes]] = []
        self.logged: list[LeafRow] = []
        self._fresh = fresh
        self._held_back: list[Arrival] = []

    def append_leaf(self, leaf: LeafRow, nodes: Mapping[tuple[int, int], bytes]) -> None:
        """Keep a leaf and what it completes, and note that the book must have it."""
        super().append_leaf(leaf, nodes)
        self.logged.append(leaf)

    def find_mailboxes(self, wanted: Collection[bytes]) -> dict[bytes, MailboxRow]:
        """Give the mailboxes that exist, by id."""
        keys = [(of,) for of in wanted]
        rows = self._driver.find(MAILBOX_COLUMNS, MAILBOX_COLUMNS[:1], keys)
        return {
            of: MailboxRow(of, agency, latest, acknowledged, waiting, witness, bool(changed))
            for of, agency, latest, acknowledged, waiting, witness, changed in rows
        }

    def find_seen(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], bytes]:
        """Give the record hashes of what came before, by (mailbox, envelope id)."""
        rows = self._driver.find((*SEEN_KEY, seen.c.record_hash), SEEN_KEY, wanted)
        return {(mailbox, envelope): digest for mailbox, envelope, digest in rows}

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """Remember that envelopes came and move their mailboxes; the rows follow at the end."""
        self.remember(arrivals)
        self.deliver(arrivals)

    def remember(self, arrivals: Sequence[Arrival]) -> None:
        """Remember that envelopes came, and no more."""
        self.arrived.extend(arrivals)
        memory = [_seen_row(arrival) for arrival in arrivals]
        shuffle(memory)
        self._driver.insert(seen, memory)

    def deliver(self, arrivals: Sequence[Arrival]) -> None:
        """Move the mailboxes of envelopes that are remembered; the rows follow at the end."""
        if not arrivals:
            return
        self._held_back.extend(arrivals)
        # Numbers grow within a mailbox, so the last one that is met is the latest.
        latest = {arrival.record.header.mailbox.value: arrival.seq for arrival in arrivals}
        more = Counter(arrival.record.header.mailbox.value for arrival in arrivals)
        self._driver.change(ARRIVED, [(seq, more[of], of) for of, seq in latest.items()])

    def flush(self) -> None:
        """Insert the envelopes that were held back, in a random order."""
        held_back, self._held_back = self._held_back, []
        for envelope_class, table in ENVELOPE_TABLES.items():
            rows = [
                _envelope_row(arrival)
                for arrival in held_back
                if arrival.record.header.class_ is envelope_class
            ]
            shuffle(rows)
            numbered = [(self._fresh.number(envelope_class), *row) for row in rows]
            self._driver.insert(table, numbered)

    def mix(self, *, now: Instant | None, limit: int) -> int:
        """Put rows of minutes that are over into a random order, at most `limit` of each kind."""
        self.flush()
        keys = self._fresh.choose(now=now, limit=limit)
        mix_seen(self._driver, keys)
        self.mixed.extend(keys)
        return max(len(keys), self._fresh.mix_envelopes(self._driver, now=now, limit=limit))

    def envelopes_after(self, mailbox: bytes, after: int, limit: int) -> list[StoredEnvelope]:
        """Give the oldest envelopes with a number above `after`, in order, at most `limit`."""
        self.flush()
        found = [
            stored
            for of in ENVELOPE_TABLES
            for stored in self._read_after(of, mailbox, after, limit)
        ]
        return sorted(found, key=lambda stored: stored.seq)[:limit]

    def _read_after(
        self, of: EnvelopeClass, mailbox: bytes, after: int, limit: int
    ) -> list[StoredEnvelope]:
        rows = self._driver.ask(AFTER[of], (mailbox, after, limit, 0))
        return [
            StoredEnvelope(
                seq,
                Header(of, suite, epoch, MailboxId(mailbox), EnvelopeId(envelope)),
                sealed,
                withdraw_hash,
                record_hash,
            )
            for seq, suite, epoch, envelope, sealed, withdraw_hash, record_hash in rows
        ]

    def acknowledge(self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]) -> None:
        """Delete envelopes up to a number, or exactly these, and raise `acknowledged`."""
        self.flush()
        runs = _join(seqs) if through is None else [(1, through)]
        rows = [(mailbox, low, high) for low, high in runs]
        gone = sum(self._driver.change(done, rows) for done in DONE_WITH)
        self._driver.change(ACKNOWLEDGED, [(runs[-1][1], gone, mailbox)])

    def find_numbers(
        self, wanted: Collection[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], int]:
        """Give the numbers of envelopes that wait, by (mailbox, envelope id).

        Only for ids that came here: no index leads to one, so a mailbox is looked through.
        """
        self.flush()
        named: dict[bytes, list[bytes]] = {}
        for of, envelope in self.find_seen(wanted):
            named.setdefault(of, []).append(envelope)
        return {
            (of, envelope): seq
            for of, ids in named.items()
            for table in ENVELOPE_TABLES.values()
            for envelope, seq in self._connection.execute(
                select(table.c.envelope_id, table.c.seq).where(
                    table.c.mailbox == of, table.c.envelope_id.in_(ids)
                )
            )
        }

    def withdraw(self, held: Held) -> bool:
        """Delete an envelope if it stands there with that id and hash; tell whether it did."""
        self.flush()
        row = (held.mailbox, held.seq, held.envelope_id, held.withdraw_hash)
        if not any(self._driver.change(taken, [row]) for taken in TAKEN_BACK):
            return False
        self._connection.execute(_LEFT, {"of": held.mailbox, "gone": 1})
        return True

    def keep_witness(self, mailbox: bytes, witness: bytes, *, changed: bool) -> None:
        """Replace the witness of a mailbox, and what its hello was answered."""
        self._driver.change(WITNESSED, [(witness, changed, mailbox)])

    def sweep(self, *, now: Instant, oldest_week: str, limit: int) -> Swept:
        """Remove what has expired, at most `limit` envelopes of a class, and of what came."""
        self.flush()
        minute = now // MINUTE
        envelopes = sum(
            self._sweep_envelopes(table, minute, limit) for table in ENVELOPE_TABLES.values()
        )
        others = self._sweep_seen(minute, limit)
        for statement in (
            delete(enrolment_codes).where(enrolment_codes.c.expires_minute <= minute),
            delete(epoch_batches).where(
                epoch_batches.c.over_minute <= minute,
                # The newest of a device stays: freshness is counted by it.
                epoch_batches.c.issued < _NEWEST,
            ),
            delete(lanes).where(lanes.c.week < oldest_week),
            delete(weeks_of_lanes).where(weeks_of_lanes.c.week < oldest_week),
            delete(nonces).where(nonces.c.expires_minute <= minute),
        ):
            others += self._connection.execute(statement).rowcount
        swept = self.sweep_blobs(minute=minute, oldest_week=oldest_week, limit=BLOB_PIECE_ROWS)
        return Swept(envelopes, others, swept)

    def _sweep_envelopes(self, table: Table, minute: int, limit: int) -> int:
        rows = self._connection.execute(
            select(table.c.id, table.c.mailbox)
            .where(table.c.expires_minute <= minute)
            .order_by(table.c.expires_minute)
            .limit(limit)
        ).all()
        if not rows:
            return 0
        self._connection.execute(
            delete(table).where(table.c.id == bindparam("row")), [{"row": row.id} for row in rows]
        )
        gone: dict[bytes, int] = {}
        for row in rows:
            gone[row.mailbox] = gone.get(row.mailbox, 0) + 1
        self._connection.execute(_LEFT, [{"of": of, "gone": count} for of, count in gone.items()])
        return len(rows)

    def _sweep_seen(self, minute: int, limit: int) -> int:
        rows = self._connection.execute(
            select(seen.c.mailbox, seen.c.envelope_id)
            .where(seen.c.expires_minute <= minute)
            .limit(limit)
        ).all()
        if rows:
            self._connection.execute(
                delete(seen).where(
                    seen.c.mailbox == bindparam("of"), seen.c.envelope_id == bindparam("envelope")
                ),
                [{"of": row.mailbox, "envelope": row.envelope_id} for row in rows],
            )
        return len(rows)


def _join(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Join numbers into runs without a hole, ascending: (lowest, highest) of each."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _seen_row(arrival: Arrival) -> tuple[object, ...]:
    header = arrival.record.header
    return (
        header.mailbox.value,
        header.envelope_id.value,
        arrival.record_hash,
        arrival.expires // MINUTE,
    )


def _envelope_row(arrival: Arrival) -> tuple[object, ...]:
    record, header = arrival.record, arrival.record.header
    return (
        header.mailbox.value,
        arrival.seq,
        header.envelope_id.value,
        header.suite,
        header.epoch,
        record.withdraw_hash,
        arrival.expires // MINUTE,
        record.sealed,
    )
