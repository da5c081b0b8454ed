"""Where devices are woken, sealed, and who is to be woken when.

Spec: server/quietway_server/store/metadata.lock, which says why each column is there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "wake_endpoints",
        sa.Column("mailbox", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(2_600), nullable=False),
    )
    op.create_table(
        "pending_wakes",
        sa.Column("mailbox", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("wake_id", _ID, nullable=False),
        sa.Column("due_second", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("pending_wakes_by_due", "pending_wakes", ["due_second"])


def downgrade() -> None:
    """Forget where devices are woken: they say it again."""
    op.drop_table("pending_wakes")
    op.drop_table("wake_endpoints")
