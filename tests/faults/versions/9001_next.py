"""The migration of a release that does not exist yet: it expands, and takes nothing away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietway_server.store.database import PRODUCT_HEAD  # type: ignore[attr-defined]  # see next_release

revision = "9001"
down_revision = PRODUCT_HEAD
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, fill it from what is there, and add a column."""
    op.create_table("of_tomorrow", sa.Column("mailbox", sa.LargeBinary(16), primary_key=True))
    op.execute("INSERT INTO of_tomorrow SELECT mailbox FROM mailboxes")
    op.add_column("mailboxes", sa.Column("of_tomorrow", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take both away again."""
    op.drop_column("mailboxes", "of_tomorrow")
    op.drop_table("of_tomorrow")
