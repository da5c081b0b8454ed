"""Sealed files beside envelopes, and what each lane was charged for them.

Revision ID: 0004
Revises: 0001

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
_NUMBER = sa.BigInteger()


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def upgrade() -> None:
    """Make the tables of blobs, and find a lane by what it shows."""
    op.create_table(
        "blobs",
        _key("blob", _ID),
        sa.Column("opening_hash", _HASH, nullable=False),
        sa.Column("writer_hash", _HASH, nullable=False),
        sa.Column("total_bytes", _NUMBER, nullable=False),
        sa.Column("stored_bytes", _NUMBER, nullable=False),
        sa.Column("expires_minute", _NUMBER, nullable=False),
    )
    op.create_index("blobs_by_expiry", "blobs", ["expires_minute", "total_bytes"])
    op.create_table(
        "blob_chunks",
        _key("blob", _ID),
        _key("number", sa.Integer()),
        sa.Column("chunk", sa.LargeBinary(65_536), nullable=False),
    )
    op.create_table(
        "lane_blobs",
        _key("week", sa.String(8)),
        _key("digest", _HASH),
        sa.Column("charged_bytes", _NUMBER, nullable=False),
    )
    op.create_index("lanes_by_digest", "lanes", ["digest"])


def downgrade() -> None:
    """Drop the blobs, and with them every file that was not fetched."""
    op.drop_index("lanes_by_digest", "lanes")
    for name in ("lane_blobs", "blob_chunks", "blobs"):
        op.drop_table(name)
