"""What SQLite does not say by itself about a damaged file.

Theory of operation: a log protects itself by checksums that build on each other, and answers damage
by forgetting everything from there on. The index of the log, in the file that ends in `-shm`, says
how many of its pages were durable, and survives a killed process. So it is read before the database
is opened, which makes the index anew, and once more afterwards. Whether tables hang together, and
whether mailboxes count what lies in them, is asked at the start.

Spec: docs/spec/relay-protocol.md, "A disk that is full, or fails".
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, or_, select, union_all
from sqlalchemy.exc import DBAPIError

from quietway_server.errors import StartError
from quietway_server.store.tables import ENVELOPE_TABLES, mailboxes

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

MOST_CHECKED_BYTES: Final = 256 * 1024 * 1024
"""Checking 56 MiB took 50 ms; what is larger is checked as it is read."""
_INDEX: Final = struct.Struct("=16s I 12s 8s 8s")
"""Of the index's head: version and the like, the pages in the log, more, the log's salt, a sum."""
_COPIED: Final = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a log had got.

    Attributes:
        salt: Which log it was: a new one has another.
        pages: How many pages of it were durable.
        copied: How many of these stand in the database already.
    """

    salt: bytes
    pages: int
    copied: int

    def is_beyond(self, found: Reach | None) -> bool:
        """Tell whether pages that were durable, and are nowhere else, are not found again."""
        if self.copied >= self.pages:
            return False
        return found is None or found.pages < self.pages


def read_reach(database: Path) -> Reach | None:
    """Read how far the log of a database that nobody has open had got; None where nothing says."""
    index = database.with_name(database.name + "-shm")
    head = b""
    with contextlib.suppress(OSError), index.open("rb") as file:
        head = file.read(2 * _INDEX.size + _COPIED.size)
    if len(head) < 2 * _INDEX.size + _COPIED.size:
        return None
    first, second = head[: _INDEX.size], head[_INDEX.size : 2 * _INDEX.size]
    if first != second:
        return None
    _, pages, _, salt, _ = _INDEX.unpack(first)
    return Reach(salt, pages, *_COPIED.unpack_from(head, 2 * _INDEX.size))


def check_tables(engine: Engine, path: Path) -> None:
    """Check that the tables of a database hang together, where the file is small enough.

    Raises:
        StartError: They do not.
    """
    if path.stat().st_size > MOST_CHECKED_BYTES:
        return
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    except DBAPIError:
        found = None
    if found != "ok":
        raise damaged(path)


def counts_add_up(connection: Connection) -> bool:
    """Tell whether each mailbox knows of what lies in it: else it would not be given out."""
    lying = union_all(*(select(table.c.mailbox, table.c.seq) for table in ENVELOPE_TABLES.values()))
    found = lying.subquery()
    held = (
        select(found.c.mailbox, func.count().label("rows"), func.max(found.c.seq).label("last"))
        .group_by(found.c.mailbox)
        .subquery()
    )
    astray = (
        select(func.count())
        .select_from(held.outerjoin(mailboxes, mailboxes.c.mailbox == held.c.mailbox))
        .where(
            or_(
                mailboxes.c.mailbox.is_(None),
                mailboxes.c.waiting < held.c.rows,
                mailboxes.c.latest_seq < held.c.last,
            )
        )
    )
    return connection.execute(astray).scalar() == 0


def damaged(path: Path) -> StartError:
    """Give the sentence about a file that can't be served."""
    return StartError(
        f"The database {path} is damaged or cut short: check the disk, keep a copy of the file, and"
        " restore the newest backup, or start with a new file."
    )
