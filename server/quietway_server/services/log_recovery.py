"""Take in what the log's book holds and the database does not.

Theory of operation: the book is written before the database, so it is ahead where a crash came
between the two, or where the database was put back from an older copy. Its leaves are appended as
they were, with their nonces, and make the tree that was signed; the newest manifest of each agency
takes its place in the directory again, and removals are done again. So nobody who was revoked comes
back with an old copy, and no reader sees a second log.

Rules: what does not make the tree that the book's last note signs is refused, and nothing is
changed. Where the book is behind, the database is right, and the book is completed from it.

Spec: docs/spec/transparency-log.md, "The book"; docs/decisions/a-book-of-the-log.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError, ManifestRefusedError
from quietway_protocol.manifests import prove_manifest
from quietway_schemas.directory import SignedObject
from quietway_schemas.errors import SchemaError
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.errors import StartError
from quietway_server.rows import BookEntry
from quietway_server.services.directory import device_rows, manifest_row
from quietway_server.services.log import append_leaf, find_head, open_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway_crypto.signing import SigningKey
    from quietway_server.ports import Transaction
    from quietway_server.rows import LeafRow

_PIECE: Final = 500
STRANGE: Final = (
    "The log's book, beside the log key, is of another log than the database: put back the"
    " database, the key and the book that belong together."
)


def catch_up(transaction: Transaction, missing: Sequence[BookEntry], key: SigningKey) -> int:
    """Take in what is missing, in order; tell how many leaves that were.

    Raises:
        StartError: The book is of another log, or damaged.
    """
    for entry in missing:
        leaf = entry.leaf
        _take_in(transaction, entry)
        append_leaf(
            transaction, key, open_leaf(leaf.kind, leaf.agency, leaf.manifest_hash, leaf.nonce)
        )
    if missing:
        _check_signed(transaction, missing[-1], key)
    return len(missing)


def complete(transaction: Transaction, length: int) -> list[BookEntry] | None:
    """Give the book as it must be where it is behind the database; None where it is not."""
    head = find_head(transaction)
    if length >= head.size:
        return None
    leaves = list(_read_leaves(transaction))
    newest = {leaf.agency: leaf for leaf in leaves}
    return [
        _entry(transaction, leaf, head.checkpoint if leaf is leaves[-1] else "", newest)
        for leaf in leaves
    ]


def _take_in(transaction: Transaction, entry: BookEntry) -> None:
    """Do to the directory what a leaf says, as far as the book still knows it."""
    if entry.leaf.kind != MANIFEST_LEAF:
        transaction.remove_agency(entry.leaf.agency)
        return
    if not entry.payload:
        return  # a newer one follows
    held = transaction.find_manifest(entry.leaf.agency)
    signed = SignedObject(payload=entry.payload, signature=entry.signature)
    try:
        proved = prove_manifest(signed, root_key=None if held is None else held.root_key)
    except (SchemaError, ManifestRefusedError):
        raise StartError(STRANGE) from None
    if (proved.hash, proved.manifest.agency_id.value) != (
        entry.leaf.manifest_hash,
        entry.leaf.agency,
    ):
        raise StartError(STRANGE)
    transaction.replace_manifest(manifest_row(proved), device_rows(proved.manifest))


def _check_signed(transaction: Transaction, last: BookEntry, key: SigningKey) -> None:
    head = find_head(transaction)
    try:
        signed = read_checkpoint(last.checkpoint, key.public)
    except CheckpointRefusedError:
        raise StartError(STRANGE) from None
    if (signed.size, signed.root) != (head.size, head.root):
        raise StartError(STRANGE)


def _read_leaves(transaction: Transaction) -> Iterable[LeafRow]:
    at = 0
    while rows := transaction.leaves_from(at, _PIECE):
        yield from rows
        at += len(rows)


def _entry(
    transaction: Transaction, leaf: LeafRow, checkpoint: str, newest: dict[bytes, LeafRow]
) -> BookEntry:
    held = transaction.find_manifest(leaf.agency) if newest[leaf.agency] is leaf else None
    if held is None or held.digest != leaf.manifest_hash:
        return BookEntry(leaf, checkpoint)
    return BookEntry(leaf, checkpoint, held.payload, held.signature)
