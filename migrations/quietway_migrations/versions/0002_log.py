"""The transparency log: its leaves, the nodes of its tree, and its signed head.

The tables are made empty. The relay appends a leaf for each manifest that it holds when it opens
the log, because that takes the log's key.

Spec: docs/spec/transparency-log.md, "The tree".
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HASH = sa.LargeBinary(32)
_NUMBER = sa.BigInteger()
_ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "log_leaves",
        sa.Column("position", _ROW, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("nonce", _HASH, nullable=False),
        sa.Column("agency", sa.LargeBinary(16), nullable=False),
        sa.Column("manifest_hash", _HASH, nullable=False),
        sa.Column("leaf_hash", _HASH, nullable=False),
    )
    op.create_index("log_leaves_by_agency", "log_leaves", ["agency", "position"])
    op.create_table(
        "log_nodes",
        sa.Column(
            "level", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("position", _NUMBER, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("hash", _HASH, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("root", _HASH, nullable=False),
        sa.Column("checkpoint", sa.String(400), nullable=False),
    )


def downgrade() -> None:
    """Drop the log. Readers who saw it will call a new one a fork."""
    for name in ("log_leaves", "log_nodes", "log_head"):
        op.drop_table(name)
