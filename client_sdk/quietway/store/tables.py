"""The encrypted store's three tables: what kind of store this is, rows, and what they are found by.

One table of rows serves every kind, because the engine alone knows what its entities mean: the
store moves bytes. A new kind of entity needs no new table, and so no migration.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

FORMAT: Final = 3
METADATA: Final = MetaData()
STEPS: Final[Mapping[int, Callable[[Connection], None]]] = {
    # The tables are the same. From format 2 on the rows of content lie under record keys, which is
    # `shelved`'s to do: it has the keys.
    1: lambda _: None,
    # What the rows of content are found by is the agent's to read out of them: it has the keys.
    2: METADATA.create_all,
}

identity: Final = Table(
    "identity",
    METADATA,
    Column("format", Integer, nullable=False, comment="Which layout these tables have."),
    Column(
        "store_id", LargeBinary, nullable=False, comment="16 bytes; the keyring names the same."
    ),
    Column(
        "generation",
        Integer,
        nullable=False,
        comment="How often the store was opened; the keyring counts too, so an old copy shows.",
    ),
)

rows: Final = Table(
    "rows",
    METADATA,
    Column(
        "position",
        Integer,
        primary_key=True,
        comment="Grows by first writing and is never given twice.",
    ),
    Column("kind", Text, nullable=False, comment="Which entity of the engine this is."),
    Column("key", LargeBinary, nullable=False, comment="What the row is found by in its kind."),
    Column("value", LargeBinary, nullable=False, comment="Its bytes, as the engine gave them."),
    UniqueConstraint("kind", "key"),
    Index("rows_in_order", "kind", "position"),
    sqlite_autoincrement=True,
)

tags: Final = Table(
    "tags",
    METADATA,
    Column("tag", LargeBinary, primary_key=True, comment="An id that a row is found by."),
    Column(
        "position",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="The row's; deleted with it.",
    ),
    Index("tags_of_row", "position"),
    sqlite_with_rowid=False,
)
