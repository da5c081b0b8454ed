"""Epoch batches add up: several of a device are kept. Agencies may be removed for good.

Spec: server/quietway_server/store/metadata.lock, which says why each column is there.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_NUMBER = sa.BigInteger()
_DAY_MINUTES = 24 * 60
_GRACE_MINUTES = 2 * 60


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:  # bytes or a number
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def _find_over_minute(payload: bytes) -> int:
    """Say when the last epoch of a batch is over: a day for flash, a week from Monday for case."""
    ends = [
        (held["epoch"] + 1) * _DAY_MINUTES
        if held["class"] == "flash"
        else ((held["epoch"] + 1) * 7 - 3) * _DAY_MINUTES
        for held in json.loads(payload)["epochs"]
    ]
    return max(ends, default=-_GRACE_MINUTES) + _GRACE_MINUTES


def _make_batches(name: str) -> sa.Table:
    return op.create_table(
        name,
        _key("device", _ID),
        _key("issued", _NUMBER),
        sa.Column("agency", _ID, nullable=False),
        sa.Column("over_minute", _NUMBER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
    )


def upgrade() -> None:
    """Bring what is there over; each device has one batch, the newest."""
    connection = op.get_bind()
    former = connection.execute(
        sa.text("SELECT device, issued, agency, payload, signature, change FROM epoch_batches")
    ).all()
    op.drop_table("epoch_batches")
    made = _make_batches("epoch_batches")
    rows = [
        {**row._mapping, "over_minute": _find_over_minute(row.payload)}  # noqa: SLF001 - the row's public mapping
        for row in former
    ]
    if rows:
        connection.execute(sa.insert(made), rows)
    op.create_index("epoch_batches_by_change", "epoch_batches", ["change"], unique=True)
    op.create_index("epoch_batches_by_end", "epoch_batches", ["over_minute"])
    op.create_table(
        "removed_agencies",
        _key("agency", _ID),
        sa.Column("agency_code", sa.String(16), nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
    )
    op.create_index("removed_agencies_by_code", "removed_agencies", ["agency_code"], unique=True)
    op.create_index("removed_agencies_by_change", "removed_agencies", ["change"], unique=True)
    op.create_table(
        "removed_devices",
        _key("device", _ID),
        sa.Column("identity_key", sa.LargeBinary(32), nullable=False),
    )


def downgrade() -> None:
    """Keep the newest batch of each device; who was removed is forgotten."""
    connection = op.get_bind()
    newest = connection.execute(
        sa.text(
            "SELECT device, agency, issued, payload, signature, change FROM epoch_batches"
            " AS held WHERE issued = (SELECT max(issued) FROM epoch_batches"
            " WHERE device = held.device)"
        )
    ).all()
    for name in ("epoch_batches", "removed_agencies", "removed_devices"):
        op.drop_table(name)
    made = op.create_table(
        "epoch_batches",
        _key("device", _ID),
        sa.Column("agency", _ID, nullable=False),
        sa.Column("issued", _NUMBER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
    )
    op.create_index("epoch_batches_by_change", "epoch_batches", ["change"], unique=True)
    if newest:
        connection.execute(sa.insert(made), [dict(row._mapping) for row in newest])  # noqa: SLF001 - as above
