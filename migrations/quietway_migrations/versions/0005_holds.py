"""Alerts that the relay releases by itself: ladders, their tiers, places and claims.

Spec: server/quietway_server/store/metadata.lock, which says why each column is there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
_TIME = sa.BigInteger()


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:  # bytes or a number
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def upgrade() -> None:
    """Make the tables of ladders, and of what they hold."""
    op.create_table(
        "ladders",
        _key("ladder", _ID),
        sa.Column("body_hash", _HASH, nullable=False),
        sa.Column("accepted_ms", _TIME, nullable=False),
        sa.Column("age_ms", _TIME, nullable=False),
        sa.Column("due_ms", _TIME, nullable=False),
    )
    op.create_index("ladders_by_due", "ladders", ["due_ms"])
    op.create_table(
        "ladder_tiers",
        _key("ladder", _ID),
        _key("tier", sa.SmallInteger()),
        sa.Column("after_ms", _TIME, nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "ladder_places",
        _key("ladder", _ID),
        _key("tier", sa.SmallInteger()),
        _key("mailbox", _ID),
        sa.Column("cancel_hash", _HASH, nullable=False),
    )
    op.create_index("ladder_places_by_mailbox", "ladder_places", ["mailbox"])
    op.create_table(
        "held_alerts",
        _key("ladder", _ID),
        _key("tier", sa.SmallInteger()),
        _key("mailbox", _ID),
        sa.Column("envelope_id", _ID, nullable=False),
        sa.Column("suite", sa.SmallInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("withdraw_hash", _HASH, nullable=False),
        sa.Column("sealed", sa.LargeBinary(2_560), nullable=False),
    )
    op.create_index("held_alerts_by_mailbox", "held_alerts", ["mailbox"])
    op.create_table(
        "ladder_claims",
        _key("ladder", _ID),
        _key("number", sa.Integer()),
        sa.Column("cancel_hash", _HASH, nullable=False),
        sa.Column("body_hash", _HASH, nullable=False),
    )


def downgrade() -> None:
    """Let go of all that is held, now: a relay of before could never release it."""
    connection = op.get_bind()
    held = connection.execute(
        sa.text(
            "SELECT held_alerts.*, ladders.accepted_ms / 60000 + 96 * 60 AS expires_minute"
            " FROM held_alerts JOIN ladders ON ladders.ladder = held_alerts.ladder"
            " ORDER BY held_alerts.tier"
        )
    ).all()
    for alert in held:
        connection.execute(
            sa.text(
                "UPDATE mailboxes SET latest_seq = latest_seq + 1, waiting = waiting + 1"
                " WHERE mailbox = :mailbox"
            ),
            {"mailbox": alert.mailbox},
        )
        connection.execute(
            sa.text(
                "INSERT INTO flash_envelopes (mailbox, seq, envelope_id, suite, epoch,"
                " withdraw_hash, expires_minute, sealed) SELECT mailbox, latest_seq, :envelope_id,"
                " :suite, :epoch, :withdraw_hash, :expires_minute, :sealed FROM mailboxes"
                " WHERE mailbox = :mailbox"
            ),
            dict(alert._mapping),  # noqa: SLF001 - the row's public mapping
        )
    for name in ("ladder_claims", "held_alerts", "ladder_places", "ladder_tiers", "ladders"):
        op.drop_table(name)
