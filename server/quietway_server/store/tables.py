"""Every table and column that the relay keeps, and nothing else.

Rules: each column says why the relay needs it (`comment`) and how long it is kept (`info`). There
is no column for an address, a sender, a name, a case or a kind of content; times are whole minutes,
rounded up. One table per class of envelope, so that all rows of a table have one size. Tables are
keyed by mailbox first, so that they can be divided by mailbox later. A test holds metadata.lock to
this file, and the migrations too.

Spec: docs/spec/relay-protocol.md, "Ground rules".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.types import TypeEngine

metadata = MetaData()

UNTIL_FETCHED: Final = "until acknowledged, or its class's life is over"
UNTIL_EXPIRED: Final = "until its class's life is over"
WHILE_CERTIFIED: Final = "while a current manifest certifies the device"
WHILE_NEWEST: Final = "until the next version replaces it"
WHILE_LIVE: Final = "until its epochs are over and it is not the device's newest"
FOR_WEEKS: Final = "until one week after its week"
FOR_A_BLOB: Final = "30 d from its last part, 24 h where it is not whole, or until deleted"
FOR_A_SIGNATURE: Final = "until no signature of its time is taken any more, at most 5 h"
FOR_A_LADDER: Final = "96 h from its acceptance, longer while a tier is held"
FOR_A_PLACE: Final = "as its ladder, or until the device is removed"
WHILE_HELD: Final = "until its release, or the device is removed"
WHILE_WOKEN: Final = "until the device replaces them, or is no longer certified"
UNTIL_WOKEN: Final = "until it was sent, or nothing waits"
ALWAYS: Final = "as long as the relay"


def _column(
    name: str,
    kind: TypeEngine[Any],  # each column has its own Python type
    reason: str,
    kept: str,
    *,
    key: bool = False,
    null: bool = False,
) -> Column[Any]:
    return Column(
        name,
        kind,
        primary_key=key,
        nullable=null,
        autoincrement=False,
        comment=reason,
        info={"kept": kept},
    )


def _envelope_table(name: str, sealed_bytes: int) -> Table:
    kept = UNTIL_FETCHED
    return Table(
        name,
        metadata,
        Column(
            "id",
            # SQLite makes only an INTEGER its row id; any database counts it up by itself.
            BigInteger().with_variant(Integer, "sqlite"),
            primary_key=True,
            comment="Row number; rows of one minute are mixed when it is over.",
            info={"kept": kept},
        ),
        _column("mailbox", LargeBinary(16), "Where the envelope goes.", kept),
        _column("seq", BigInteger(), "Its place in the mailbox: the reader's cursor.", kept),
        _column("envelope_id", LargeBinary(16), "Random id, part of the header.", kept),
        _column("suite", SmallInteger(), "Part of the header.", kept),
        _column(
            "epoch", Integer(), "Part of the header: which of the reader's keys it needs.", kept
        ),
        _column(
            "withdraw_hash", LargeBinary(32), "Whoever shows its preimage may take it back.", kept
        ),
        _column("expires_minute", BigInteger(), "When to drop it unread.", kept),
        _column("sealed", LargeBinary(sealed_bytes), "The sealed bytes, unreadable here.", kept),
        Index(f"{name}_by_mailbox", "mailbox", "seq", unique=True),
        Index(f"{name}_by_expiry", "expires_minute"),
    )


flash_envelopes = _envelope_table("flash_envelopes", EnvelopeClass.FLASH.sealed_bytes)
case_envelopes = _envelope_table("case_envelopes", EnvelopeClass.CASE.sealed_bytes)
ENVELOPE_TABLES: Final[Mapping[EnvelopeClass, Table]] = {
    EnvelopeClass.FLASH: flash_envelopes,
    EnvelopeClass.CASE: case_envelopes,
}

seen = Table(
    "seen",
    metadata,
    _column("mailbox", LargeBinary(16), "Where the envelope went.", UNTIL_EXPIRED, key=True),
    _column(
        "envelope_id", LargeBinary(16), "Recognises a resent envelope.", UNTIL_EXPIRED, key=True
    ),
    _column("record_hash", LargeBinary(32), "Tells the same bytes from others.", UNTIL_EXPIRED),
    _column("expires_minute", BigInteger(), "When to forget it.", UNTIL_EXPIRED),
    Index("seen_by_expiry", "expires_minute"),
    # Without a row id no order of arrival can be read from the file.
    sqlite_with_rowid=False,
)

mailboxes = Table(
    "mailboxes",
    metadata,
    _column("mailbox", LargeBinary(16), "The mailbox.", WHILE_CERTIFIED, key=True),
    _column("agency", LargeBinary(16), "Whose lanes let envelopes in.", WHILE_CERTIFIED),
    _column("latest_seq", BigInteger(), "The last number given.", WHILE_CERTIFIED),
    _column(
        "acknowledged_seq",
        BigInteger(),
        "The highest number acknowledged: shows a copied-back store.",
        WHILE_CERTIFIED,
    ),
    _column(
        "waiting", Integer(), "How many envelopes wait: the limit of a mailbox.", WHILE_CERTIFIED
    ),
    _column(
        "witness", LargeBinary(16), "Opaque: shows a copied-back store.", WHILE_CERTIFIED, null=True
    ),
    _column(
        "witness_changed",
        Boolean(),
        "Whether that witness was strange: the same hello gets the same answer.",
        WHILE_CERTIFIED,
    ),
    Index("mailboxes_by_agency", "agency"),
)

manifests = Table(
    "manifests",
    metadata,
    _column("agency", LargeBinary(16), "The agency.", WHILE_NEWEST, key=True),
    _column("agency_code", String(16), "Its public code, unique.", WHILE_NEWEST),
    _column("version", BigInteger(), "Must grow by one.", WHILE_NEWEST),
    _column("digest", LargeBinary(32), "What the next version must name.", WHILE_NEWEST),
    _column("root_key", LargeBinary(32), "What must sign the next version.", WHILE_NEWEST),
    _column(
        "payload", LargeBinary(), "What the agency signed, to be served as it is.", WHILE_NEWEST
    ),
    _column("signature", LargeBinary(64), "The agency's signature.", WHILE_NEWEST),
    _column("change", BigInteger(), "Its place in the order of changes.", WHILE_NEWEST),
    Index("manifests_by_code", "agency_code", unique=True),
    Index("manifests_by_change", "change", unique=True),
)

devices = Table(
    "devices",
    metadata,
    _column("device", LargeBinary(16), "Pseudonymous id.", WHILE_CERTIFIED, key=True),
    _column("agency", LargeBinary(16), "Whose manifest certifies it.", WHILE_CERTIFIED),
    _column("mailbox", LargeBinary(16), "The one mailbox it reads.", WHILE_CERTIFIED),
    _column("identity_key", LargeBinary(32), "Verifies its requests.", WHILE_CERTIFIED),
    _column("listen_key", LargeBinary(32), "Verifies its listening.", WHILE_CERTIFIED),
    Index("devices_by_agency", "agency"),
)

epoch_batches = Table(
    "epoch_batches",
    metadata,
    _column("device", LargeBinary(16), "Whose public keys these are.", WHILE_LIVE, key=True),
    _column("issued", BigInteger(), "As signed inside: must grow.", WHILE_LIVE, key=True),
    _column("agency", LargeBinary(16), "The device's agency.", WHILE_LIVE),
    _column("over_minute", BigInteger(), "When its last epoch is over.", WHILE_LIVE),
    _column("payload", LargeBinary(), "What the device signed, to be served as it is.", WHILE_LIVE),
    _column("signature", LargeBinary(64), "The device's signature.", WHILE_LIVE),
    _column("change", BigInteger(), "Its place in the order of changes.", WHILE_LIVE),
    Index("epoch_batches_by_change", "change", unique=True),
    Index("epoch_batches_by_end", "over_minute"),
)

removed_agencies = Table(
    "removed_agencies",
    metadata,
    _column("agency", LargeBinary(16), "An agency that the operator removed.", ALWAYS, key=True),
    _column("agency_code", String(16), "Its code, which nobody may take.", ALWAYS),
    _column("change", BigInteger(), "Its place in the order of changes.", ALWAYS),
    Index("removed_agencies_by_code", "agency_code", unique=True),
    Index("removed_agencies_by_change", "change", unique=True),
)

removed_devices = Table(
    "removed_devices",
    metadata,
    _column(
        "device", LargeBinary(16), "A device of one: nobody may take its id.", ALWAYS, key=True
    ),
    _column("identity_key", LargeBinary(32), "Lets it read what became of its agency.", ALWAYS),
)

feed = Table(
    "feed",
    metadata,
    _column("id", SmallInteger(), "Always 1: there is one row.", ALWAYS, key=True),
    _column("latest_change", BigInteger(), "How many changes the directory has seen.", ALWAYS),
)

log_leaves = Table(
    "log_leaves",
    metadata,
    _column(
        "position",
        # SQLite keeps rows in the order of an INTEGER key, and needs no index for it.
        BigInteger().with_variant(Integer, "sqlite"),
        "Its place in the log, from 0.",
        ALWAYS,
        key=True,
    ),
    _column("kind", SmallInteger(), "1 a manifest, 2 a removal by the operator.", ALWAYS),
    _column("nonce", LargeBinary(32), "Keeps the leaf's hash from being guessed.", ALWAYS),
    _column("agency", LargeBinary(16), "In whose name the leaf stands.", ALWAYS),
    _column("manifest_hash", LargeBinary(32), "Which version was published.", ALWAYS),
    _column("leaf_hash", LargeBinary(32), "The leaf's node in the tree.", ALWAYS),
    Index("log_leaves_by_agency", "agency", "position"),
)

log_nodes = Table(
    "log_nodes",
    metadata,
    _column(
        "level", SmallInteger(), "How high the node stands above the leaves.", ALWAYS, key=True
    ),
    _column("position", BigInteger(), "Its place within its level.", ALWAYS, key=True),
    _column("hash", LargeBinary(32), "Of a complete subtree, for proofs.", ALWAYS),
    sqlite_with_rowid=False,
)

log_head = Table(
    "log_head",
    metadata,
    _column("id", SmallInteger(), "Always 1: there is one row.", ALWAYS, key=True),
    _column("size", BigInteger(), "How many leaves the log has.", ALWAYS),
    _column("root", LargeBinary(32), "Of the tree of that size.", ALWAYS),
    _column("checkpoint", String(400), "Both, signed, as they are served.", ALWAYS),
)

weeks_of_lanes = Table(
    "weeks_of_lanes",
    metadata,
    _column("agency", LargeBinary(16), "The agency.", FOR_WEEKS, key=True),
    _column("week", String(8), "The ISO week.", FOR_WEEKS, key=True),
    _column("version", BigInteger(), "Must grow.", FOR_WEEKS),
    _column("digest", LargeBinary(32), "Tells the same bytes from others.", FOR_WEEKS),
)

lanes = Table(
    "lanes",
    metadata,
    _column("agency", LargeBinary(16), "Whose mailboxes it opens.", FOR_WEEKS, key=True),
    _column("week", String(8), "The ISO week.", FOR_WEEKS, key=True),
    _column(
        "digest",
        LargeBinary(32),
        "The hash of a capability; whose it is nobody here knows.",
        FOR_WEEKS,
        key=True,
    ),
    _column("kind", String(8), "normal or crisis.", FOR_WEEKS),
    _column("used", Integer(), "How many envelopes came through: the limit of a lane.", FOR_WEEKS),
    Index("lanes_by_digest", "digest"),
)

lane_blobs = Table(
    "lane_blobs",
    metadata,
    _column("week", String(8), "The ISO week.", FOR_WEEKS, key=True),
    _column("digest", LargeBinary(32), "The hash of a capability.", FOR_WEEKS, key=True),
    _column("charged_bytes", BigInteger(), "What blobs took: a limit of a lane.", FOR_WEEKS),
)

blobs = Table(
    "blobs",
    metadata,
    _column("blob", LargeBinary(16), "Random id.", FOR_A_BLOB, key=True),
    _column("opening_hash", LargeBinary(32), "Whoever shows its preimage fetches.", FOR_A_BLOB),
    _column(
        "writer_hash", LargeBinary(32), "Whoever shows its preimage writes, deletes.", FOR_A_BLOB
    ),
    _column("total_bytes", BigInteger(), "Its padded, sealed size.", FOR_A_BLOB),
    _column("stored_bytes", BigInteger(), "Where its writer goes on.", FOR_A_BLOB),
    _column("expires_minute", BigInteger(), "When to drop it.", FOR_A_BLOB),
    Index("blobs_by_expiry", "expires_minute", "total_bytes"),
)

blob_chunks = Table(
    "blob_chunks",
    metadata,
    _column("blob", LargeBinary(16), "The blob.", FOR_A_BLOB, key=True),
    _column("number", Integer(), "Which 64 KiB of it.", FOR_A_BLOB, key=True),
    _column("chunk", LargeBinary(65_536), "Sealed bytes, unreadable here.", FOR_A_BLOB),
)

nonces = Table(
    "nonces",
    metadata,
    _column(
        "digest",
        LargeBinary(32),
        "SHA-256 of a nonce that a relay took: the others that share the database refuse it.",
        FOR_A_SIGNATURE,
        key=True,
    ),
    _column("expires_minute", BigInteger(), "When to forget it: a whole hour.", FOR_A_SIGNATURE),
)

ladders = Table(
    "ladders",
    metadata,
    _column("ladder", LargeBinary(16), "Random id.", FOR_A_LADDER, key=True),
    _column("body_hash", LargeBinary(32), "Tells the same bytes from others.", FOR_A_LADDER),
    _column(
        "accepted_ms",
        BigInteger(),
        "When its tiers' times begin; not rounded, because a tier goes at its second.",
        FOR_A_LADDER,
    ),
    _column(
        "age_ms",
        BigInteger(),
        "The time since, as steady clocks count it: a wall clock put back delays nothing.",
        FOR_A_LADDER,
    ),
    _column(
        "due_ms",
        BigInteger(),
        "When its next tier is due, or it is over; not rounded, for the same reason.",
        FOR_A_LADDER,
    ),
    Index("ladders_by_due", "due_ms"),
)

ladder_tiers = Table(
    "ladder_tiers",
    metadata,
    _column("ladder", LargeBinary(16), "The ladder.", FOR_A_LADDER, key=True),
    _column("tier", SmallInteger(), "Its place in the order, from 0.", FOR_A_LADDER, key=True),
    _column("after_ms", BigInteger(), "When it is due, counted from acceptance.", FOR_A_LADDER),
    _column("released", Boolean(), "Whether it went: so it goes once.", FOR_A_LADDER),
)

ladder_places = Table(
    "ladder_places",
    metadata,
    _column("ladder", LargeBinary(16), "The ladder.", FOR_A_PLACE, key=True),
    _column("tier", SmallInteger(), "The tier.", FOR_A_PLACE, key=True),
    _column(
        "mailbox", LargeBinary(16), "Who is called, and told of a claim.", FOR_A_PLACE, key=True
    ),
    _column("cancel_hash", LargeBinary(32), "Whoever shows its preimage claims.", FOR_A_PLACE),
    Index("ladder_places_by_mailbox", "mailbox"),
)

held_alerts = Table(
    "held_alerts",
    metadata,
    _column("ladder", LargeBinary(16), "The ladder.", WHILE_HELD, key=True),
    _column("tier", SmallInteger(), "The tier with which it goes.", WHILE_HELD, key=True),
    _column("mailbox", LargeBinary(16), "Where it goes.", WHILE_HELD, key=True),
    _column("envelope_id", LargeBinary(16), "Random id, part of the header.", WHILE_HELD),
    _column("suite", SmallInteger(), "Part of the header.", WHILE_HELD),
    _column(
        "epoch", Integer(), "Part of the header: which of the reader's keys it needs.", WHILE_HELD
    ),
    _column(
        "withdraw_hash",
        LargeBinary(32),
        "Whoever shows its preimage may take it back, once it was released.",
        WHILE_HELD,
    ),
    _column(
        "sealed",
        LargeBinary(EnvelopeClass.FLASH.sealed_bytes),
        "The sealed bytes, unreadable here.",
        WHILE_HELD,
    ),
    Index("held_alerts_by_mailbox", "mailbox"),
)

ladder_claims = Table(
    "ladder_claims",
    metadata,
    _column("ladder", LargeBinary(16), "The ladder.", FOR_A_LADDER, key=True),
    _column("number", Integer(), "The order in which claims came, from 0.", FOR_A_LADDER, key=True),
    _column("cancel_hash", LargeBinary(32), "Counts the claims of one secret.", FOR_A_LADDER),
    _column("body_hash", LargeBinary(32), "Recognises a repeated claim.", FOR_A_LADDER),
)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    _column(
        "digest", LargeBinary(32), "SHA-256 of a one-time code.", "until used, or 72 h", key=True
    ),
    _column("expires_minute", BigInteger(), "When it dies.", "until used, or 72 h"),
)


wake_endpoints = Table(
    "wake_endpoints",
    metadata,
    _column("mailbox", LargeBinary(16), "Whose reader is woken there.", WHILE_WOKEN, key=True),
    _column(
        "sealed",
        LargeBinary(2_600),
        "Up to four endpoints, under a key outside the database; of one size.",
        WHILE_WOKEN,
    ),
)

pending_wakes = Table(
    "pending_wakes",
    metadata,
    _column("mailbox", LargeBinary(16), "Whose reader is to be woken.", UNTIL_WOKEN, key=True),
    _column("wake_id", LargeBinary(16), "Random: what a provider knows one by.", UNTIL_WOKEN),
    _column(
        "due_second",
        BigInteger(),
        "When, to the second: a minute would let an alarm wait. Others have a random time in it.",
        UNTIL_WOKEN,
    ),
    _column("attempt", Integer(), "Which endpoint comes next, and how long after.", UNTIL_WOKEN),
    _column(
        "taken", Boolean(), "Whether a provider took it, so that no round follows.", UNTIL_WOKEN
    ),
    Index("pending_wakes_by_due", "due_second"),
    # Without a row id no order of arrival can be read from the file.
    sqlite_with_rowid=False,
)


def render_lock() -> str:
    """Write down every column: its name, type, how long it is kept, and why."""
    lines = [
        f"{table.name}.{column.name} | {column.type!r} | {column.info['kept']} | {column.comment}"
        for table in metadata.sorted_tables
        for column in table.columns
    ]
    return "\n".join(sorted(lines)) + "\n"
