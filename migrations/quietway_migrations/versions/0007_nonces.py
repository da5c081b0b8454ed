"""Nonces that relays on one database take from each other.

On SQLite the table stays empty: one process serves a file, and remembers by itself.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, on PostgreSQL without a trace in its log."""
    op.create_table(
        "nonces",
        sa.Column(
            "digest", sa.LargeBinary(32), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("expires_minute", sa.BigInteger(), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE nonces SET UNLOGGED")


def downgrade() -> None:
    """Drop it: a request could then be taken by two relays."""
    op.drop_table("nonces")
