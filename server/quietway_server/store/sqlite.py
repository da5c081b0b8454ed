"""The store in one SQLite file: one writing transaction at a time, any number of readers beside it.

Rules: every statement is SQLAlchemy Core with bound values. New envelopes are held back until the
transaction ends and are then inserted in a random order, and mixed with all others of their minute
when it is over, so that rows lying side by side say nothing about what was sent together. When the
disk is full, a reserve beside the file is given up, so that acknowledging, which makes room, still
works.

Spec: docs/spec/relay-protocol.md; docs/decisions/relay-storage.md.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

import sqlcipher3.dbapi2
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from quietway_schemas.envelope import Header
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.instants import MINUTE, Instant
from quietway_server.ports import BLOB_PIECE_ROWS, Arrival, MailboxRow, StoredEnvelope, Swept
from quietway_server.store.database import READING, as_store_error, open_engine, prepare_schema
from quietway_server.store.mixing import Fresh, mix_envelopes, mix_seen, shuffle
from quietway_server.store.reserve import Reserve
from quietway_server.store.sqlite_blobs import SqliteBlobs
from quietway_server.store.sqlite_log import SqliteLog
from quietway_server.store.tables import (
    ENVELOPE_TABLES,
    enrolment_codes,
    epoch_batches,
    lanes,
    mailboxes,
    seen,
    weeks_of_lanes,
)
from quietway_server.store.texts import (
    ACKNOWLEDGED,
    AFTER,
    ARRIVED,
    DONE_WITH,
    MAILBOX_COLUMNS,
    SEEN_KEY,
    TAKEN_BACK,
    Driver,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from quietway_server.ports import Held

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


class SqliteStore:
    """The rows of a relay in one file.

    Args:
        path: The database file; it is made, or migrated, where it has to be.
        max_bytes: The most that the file may grow to; None for no limit but the disk.

    Raises:
        StartError: The file can't be used as it is.
    """

    def __init__(self, path: Path, *, max_bytes: int | None = None) -> None:
        self._engine = open_engine(path, max_bytes=max_bytes)
        try:
            prepare_schema(self._engine)
            # The one connection that writes: taking one from the pool for each group costs more
            # than the first ten rows.
            self._writing = self._engine.connect()
            with self._writing.begin():
                self._fresh = Fresh(Driver(self._writing))
        except BaseException:
            self._engine.dispose()
            raise
        self._one_writer = threading.Lock()
        self._readers: dict[int, Connection] = {}
        self._reserve = Reserve(path.with_name(path.name + "-reserve"))
        self._reserve.restore()

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        """Open the writing transaction; leaving it well commits durably, an exception undoes it."""
        try:
            with self._one_writer, self._writing.begin():
                transaction = SqliteTransaction(self._writing, self._fresh)
                yield transaction
                transaction.flush()
            self._fresh.note(transaction.arrived)
            self._fresh.forget(transaction.mixed)
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            raise as_store_error(getattr(error, "orig", error)) from None

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        """Open a consistent view for reading."""
        try:
            connection = self._find_reader()
            with connection.begin():
                yield SqliteTransaction(connection, self._fresh)
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            raise as_store_error(getattr(error, "orig", error)) from None

    def _find_reader(self) -> Connection:
        """Find the connection on which this thread reads: each has one, and keeps it."""
        thread = threading.get_ident()
        if thread not in self._readers:
            options = {READING: True}
            self._readers[thread] = self._engine.connect().execution_options(**options)
        return self._readers[thread]

    def tidy(self) -> None:
        """Write the log back and empty it: it still holds what was deleted from the file.

        Raises:
            StoreError: The log stays as it is.
        """
        try:
            with contextlib.closing(self._engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (DBAPIError, sqlcipher3.dbapi2.Error) as error:
            raise as_store_error(getattr(error, "orig", error)) from None

    def make_room(self) -> bool:
        """Give up the reserve, and with it empty the log; False if there was none."""
        if not self._reserve.release():
            return False
        with contextlib.suppress(Exception):  # the retry that follows tells whether it helped
            self.tidy()
        return True

    def restore_reserve(self) -> bool:
        """Set the reserve aside again; tell whether it stands."""
        return self._reserve.restore()

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._writing, *self._readers.values()):
            connection.close()
        self._engine.dispose()


class SqliteTransaction(SqliteBlobs, SqliteLog):
    """One transaction on the file.

    Attributes:
        arrived: What came in it.
        mixed: The memory of what came before that was put into another order.
    """

    def __init__(self, connection: Connection, fresh: Fresh) -> None:
        super().__init__(connection)
        self.arrived: list[Arrival] = []
        self.mixed: list[tuple[bytes, bytes]] = []
        self._fresh = fresh
        self._held_back: list[Arrival] = []

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
        if not arrivals:
            return
        self.arrived.extend(arrivals)
        self._held_back.extend(arrivals)
        memory = [_seen_row(arrival) for arrival in arrivals]
        shuffle(memory)
        self._driver.insert(seen, memory)
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
        return max(len(keys), mix_envelopes(self._driver, now=now, limit=limit))

    def envelopes_after(self, mailbox: bytes, after: int, limit: int) -> list[StoredEnvelope]:
        """Give the oldest envelopes with a number above `after`, in order, at most `limit`."""
        self.flush()
        found = [
            StoredEnvelope(
                seq, Header(of, suite, epoch, MailboxId(mailbox), EnvelopeId(envelope)), sealed
            )
            for of, text in AFTER.items()
            for seq, suite, epoch, envelope, sealed in self._driver.ask(
                text, (mailbox, after, limit, 0)
            )
        ]
        return sorted(found, key=lambda stored: stored.seq)[:limit]

    def acknowledge(self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]) -> None:
        """Delete envelopes up to a number, or exactly these, and raise `acknowledged`."""
        self.flush()
        runs = _join(seqs) if through is None else [(1, through)]
        rows = [(mailbox, low, high) for low, high in runs]
        gone = sum(self._driver.change(text, rows) for text in DONE_WITH)
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
        if not any(self._driver.change(text, [row]) for text in TAKEN_BACK):
            return False
        self._connection.execute(_LEFT, {"of": held.mailbox, "gone": 1})
        return True

    def keep_witness(self, mailbox: bytes, witness: bytes, *, changed: bool) -> None:
        """Replace the witness of a mailbox, and what its hello was answered."""
        self._connection.execute(
            update(mailboxes)
            .where(mailboxes.c.mailbox == mailbox)
            .values(witness=witness, witness_changed=changed)
        )

    def sweep(self, *, now: Instant, oldest_week: str, limit: int) -> Swept:
        """Remove what has expired, at most `limit` rows of each kind."""
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
