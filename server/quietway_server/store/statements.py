"""The statements that run for every group of envelopes, and what runs them.

Theory of operation: these few are written by SQLAlchemy Core, once, without naming a database. A
driver writes each in its database's words the first time it meets it, and runs the text with plain
tuples: rows come by the hundred and groups by the hundred a second, and what SQLAlchemy does for
each value and each statement costs more than the work. What is rare goes through `execute`.

Rules: values are always bound, in the order in which they stand in the statement. Bytes, numbers
and text go in and come out as they are. What two databases say differently (the larger of two
numbers, adding rows, asking for many keys) is said here or in a driver, and nowhere else.

Spec: docs/decisions/relay-storage.md; docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import BigInteger, and_, bindparam, delete, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from quietway_server.store.tables import ENVELOPE_TABLES, devices, lanes, mailboxes, seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Column, CursorResult, Table
    from sqlalchemy.sql import ClauseElement, Executable
    from sqlalchemy.sql.compiler import SQLCompiler

MAILBOX_COLUMNS: Final = (
    mailboxes.c.mailbox,
    mailboxes.c.agency,
    mailboxes.c.latest_seq,
    mailboxes.c.acknowledged_seq,
    mailboxes.c.waiting,
    mailboxes.c.witness,
    mailboxes.c.witness_changed,
)
DEVICE_COLUMNS: Final = (
    devices.c.device,
    devices.c.agency,
    devices.c.mailbox,
    devices.c.identity_key,
    devices.c.listen_key,
)
SEEN_KEY: Final = (seen.c.mailbox, seen.c.envelope_id)
LANE_KEY: Final = (lanes.c.agency, lanes.c.week, lanes.c.digest)


class Larger(GenericFunction[int]):
    """The larger of two numbers."""

    type = BigInteger()
    name = "greatest"
    inherit_cache = True


class Smaller(GenericFunction[int]):
    """The smaller of two numbers."""

    type = BigInteger()
    name = "least"
    inherit_cache = True


@compiles(Larger, "sqlite")
def _write_larger(element: Larger, compiler: SQLCompiler, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"


@compiles(Smaller, "sqlite")
def _write_smaller(element: Smaller, compiler: SQLCompiler, **options: Any) -> str:
    return f"min({compiler.process(element.clauses, **options)})"


ARRIVED: Final = (
    update(mailboxes)
    .values(latest_seq=bindparam("latest"), waiting=mailboxes.c.waiting + bindparam("more"))
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (latest, more, mailbox)."""
WITNESSED: Final = (
    update(mailboxes)
    .values(witness=bindparam("shown"), witness_changed=bindparam("is_changed"))
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (witness, whether it changed, mailbox)."""
USED: Final = (
    update(lanes)
    .values(used=lanes.c.used + bindparam("more"))
    .where(*(column == bindparam(f"of_{column.name}") for column in LANE_KEY))
)
"""Takes (more, agency, week, digest)."""
AFTER: Final = {
    of: select(
        *(table.c.seq, table.c.suite, table.c.epoch, table.c.envelope_id, table.c.sealed),
        *(table.c.withdraw_hash, seen.c.record_hash),
    )
    .outerjoin_from(
        table,
        seen,
        and_(seen.c.mailbox == table.c.mailbox, seen.c.envelope_id == table.c.envelope_id),
    )
    .where(table.c.mailbox == bindparam("of"), table.c.seq > bindparam("after"))
    .order_by(table.c.seq)
    .limit(bindparam("most", type_=BigInteger()))
    .offset(bindparam("skipped", type_=BigInteger()))
    for of, table in ENVELOPE_TABLES.items()
}
"""Takes (mailbox, after, most, 0)."""
DONE_WITH: Final = tuple(
    delete(table).where(
        table.c.mailbox == bindparam("of"),
        table.c.seq >= bindparam("low"),
        table.c.seq <= bindparam("high"),
    )
    for table in ENVELOPE_TABLES.values()
)
"""Takes (mailbox, lowest number, highest number)."""
TAKEN_BACK: Final = tuple(
    delete(table).where(
        table.c.mailbox == bindparam("of"),
        table.c.seq == bindparam("number"),
        table.c.envelope_id == bindparam("named"),
        table.c.withdraw_hash == bindparam("digest"),
    )
    for table in ENVELOPE_TABLES.values()
)
"""Takes (mailbox, number, envelope id, withdraw hash)."""
ACKNOWLEDGED: Final = (
    update(mailboxes)
    .values(
        acknowledged_seq=Larger(
            mailboxes.c.acknowledged_seq,
            Smaller(mailboxes.c.latest_seq, bindparam("highest", type_=BigInteger())),
        ),
        waiting=mailboxes.c.waiting - bindparam("gone"),
    )
    .where(mailboxes.c.mailbox == bindparam("of"))
)
"""Takes (highest, gone, mailbox)."""


class Connection(Protocol):
    """Where statements run that are rare: SQLAlchemy's connection, or what stands for one."""

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, once or for each of several sets of values."""
        ...


class Driver(Protocol):
    """Runs statements for many rows, within the transaction that has begun."""

    def find(
        self,
        columns: tuple[Column[Any], ...],
        key: tuple[Column[Any], ...],
        wanted: Collection[Sequence[object]],
    ) -> Iterable[tuple[Any, ...]]:
        """Give the rows with these keys.

        Args:
            columns: What to give.
            key: The columns that the keys are made of.
            wanted: The keys.
        """
        ...

    def ask(
        self, statement: ClauseElement, values: tuple[object, ...]
    ) -> Iterable[tuple[Any, ...]]:
        """Give the rows that a question finds."""
        ...

    def change(self, statement: ClauseElement, rows: Sequence[tuple[object, ...]]) -> int:
        """Run a change for each of these rows of values; tell how many rows it changed."""
        ...

    def insert(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows, many at once.

        Args:
            table: The table.
            rows: Values in the order of its columns.
        """
        ...
