"""What an operator is told of the rows, as counts; and a write that changes nothing.

Spec: docs/reference/operating.md, "The operator's listener".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, text, update

from quietway_schemas.frames import ERA_NUMBERS
from quietway_schemas.instants import MINUTE
from quietway_server.rows import Waiting
from quietway_server.store.database import HEAD
from quietway_server.store.tables import enrolment_codes, feed, mailboxes, metadata

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant
    from quietway_server.store.statements import Connection

_REVISION: Final = text("SELECT version_num FROM alembic_version")


def begin_era(connection: Connection, now: Instant) -> None:
    """Say in a database that it was put back: nobody has seen a number that is given from here on.

    Args:
        connection: Within a transaction.
        now: When it was put back.
    """
    era = now // MINUTE * ERA_NUMBERS
    connection.execute(
        update(mailboxes).values(latest_seq=era, witness=None, witness_changed=False)
    )
    connection.execute(update(feed).values(latest_change=era))
    connection.execute(delete(enrolment_codes))


class SqlOperating:
    """The part of a transaction that an operator looks through."""

    _connection: Connection

    def begin_era(self, now: Instant) -> None:
        """Say that this database was put back."""
        begin_era(self._connection, now)

    def probe(self) -> None:
        """Write what stands there already."""
        self._connection.execute(update(feed).values(latest_change=feed.c.latest_change))

    def is_current(self) -> bool:
        """Tell whether the tables are of this program's version."""
        return self._connection.execute(_REVISION).scalar() == HEAD

    def count_waiting(self) -> Waiting:
        """Count what waits."""
        row = self._connection.execute(
            select(
                func.coalesce(func.sum(mailboxes.c.waiting), 0),
                func.coalesce(func.max(mailboxes.c.waiting), 0),
            )
        ).one()
        return Waiting(int(row[0]), int(row[1]))

    def count_rows(self) -> dict[str, int]:
        """Count the rows of each table."""
        return {
            table.name: int(
                self._connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in metadata.sorted_tables
        }
