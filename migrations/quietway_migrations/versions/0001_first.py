"""The first tables: envelopes, mailboxes, directory, lanes, enrolment codes.

Spec: server/quietway_server/store/metadata.lock, which says why each column is there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
_SIGNATURE = sa.LargeBinary(64)
_NUMBER = sa.BigInteger()


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:  # bytes or text
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def _make_envelopes(name: str, sealed_bytes: int) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("mailbox", _ID, nullable=False),
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("envelope_id", _ID, nullable=False),
        sa.Column("suite", sa.SmallInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("withdraw_hash", _HASH, nullable=False),
        sa.Column("expires_minute", _NUMBER, nullable=False),
        sa.Column("sealed", sa.LargeBinary(sealed_bytes), nullable=False),
    )
    op.create_index(f"{name}_by_mailbox", name, ["mailbox", "seq"], unique=True)
    op.create_index(f"{name}_by_expiry", name, ["expires_minute"])


def _make_mailboxes() -> None:
    op.create_table(
        "seen",
        _key("mailbox", _ID),
        _key("envelope_id", _ID),
        sa.Column("record_hash", _HASH, nullable=False),
        sa.Column("expires_minute", _NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("seen_by_expiry", "seen", ["expires_minute"])
    op.create_table(
        "mailboxes",
        _key("mailbox", _ID),
        sa.Column("agency", _ID, nullable=False),
        sa.Column("latest_seq", _NUMBER, nullable=False),
        sa.Column("acknowledged_seq", _NUMBER, nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("witness", _ID, nullable=True),
        sa.Column("witness_changed", sa.Boolean(), nullable=False),
    )
    op.create_index("mailboxes_by_agency", "mailboxes", ["agency"])


def _make_directory() -> None:
    op.create_table(
        "manifests",
        _key("agency", _ID),
        sa.Column("agency_code", sa.String(16), nullable=False),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("digest", _HASH, nullable=False),
        sa.Column("root_key", _HASH, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", _SIGNATURE, nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
    )
    op.create_index("manifests_by_code", "manifests", ["agency_code"], unique=True)
    op.create_index("manifests_by_change", "manifests", ["change"], unique=True)
    op.create_table(
        "devices",
        _key("device", _ID),
        sa.Column("agency", _ID, nullable=False),
        sa.Column("mailbox", _ID, nullable=False),
        sa.Column("identity_key", _HASH, nullable=False),
        sa.Column("listen_key", _HASH, nullable=False),
    )
    op.create_index("devices_by_agency", "devices", ["agency"])
    op.create_table(
        "epoch_batches",
        _key("device", _ID),
        sa.Column("agency", _ID, nullable=False),
        sa.Column("issued", _NUMBER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", _SIGNATURE, nullable=False),
        sa.Column("change", _NUMBER, nullable=False),
    )
    op.create_index("epoch_batches_by_change", "epoch_batches", ["change"], unique=True)


def _make_feed() -> None:
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("latest_change", _NUMBER, nullable=False),
    )
    op.bulk_insert(feed, [{"id": 1, "latest_change": 0}])


def _make_lanes() -> None:
    op.create_table(
        "weeks_of_lanes",
        _key("agency", _ID),
        _key("week", sa.String(8)),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("digest", _HASH, nullable=False),
    )
    op.create_table(
        "lanes",
        _key("agency", _ID),
        _key("week", sa.String(8)),
        _key("digest", _HASH),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
    )
    op.create_table(
        "enrolment_codes",
        _key("digest", _HASH),
        sa.Column("expires_minute", _NUMBER, nullable=False),
    )


def upgrade() -> None:
    """Make all tables in an empty file."""
    _make_envelopes("flash_envelopes", 2_560)
    _make_envelopes("case_envelopes", 8_000)
    _make_mailboxes()
    _make_directory()
    _make_feed()
    _make_lanes()


def downgrade() -> None:
    """Drop all tables, and with them everything that was accepted."""
    for name in (
        "flash_envelopes",
        "case_envelopes",
        "seen",
        "mailboxes",
        "manifests",
        "devices",
        "epoch_batches",
        "feed",
        "weeks_of_lanes",
        "lanes",
        "enrolment_codes",
    ):
        op.drop_table(name)
