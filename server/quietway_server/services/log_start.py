"""Begin the transparency log, or make sure that the one which is held can be gone on with.

Rules: a relay goes on only with the key that signed its log, and only from the tree that was
signed. Whatever else it signed would be a second log to its readers. What the log's book holds and
the database does not is taken in first (`log_recovery`).

Spec: docs/spec/transparency-log.md, "What the relay does" and "The book".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_crypto.merkle import EMPTY_ROOT, root_at
from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.checkpoints import read_note
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.core.quota import PAGE_SOFT_BYTES
from quietway_server.errors import StartError
from quietway_server.services.log import (
    NONCE_BYTES,
    append_leaf,
    open_leaf,
    sign_head,
    with_nodes,
)
from quietway_server.services.log_recovery import STRANGE, catch_up, complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_crypto.signing import SigningKey
    from quietway_server.ports import Store, Transaction
    from quietway_server.rows import LogHead

_BACKFILL_ROWS: Final = 64
_DAMAGED: Final = (
    "The log in the database is damaged: restore the newest copy of the database, or start a new"
    " relay, with a new database and a new key."
)


def start_log(store: Store, key: SigningKey, draw: Callable[[int], bytes]) -> int:
    """Make the log fit to be appended to: begin it where there is none, else check what is held.

    A log that begins has a leaf for each manifest that the relay holds by then.

    Returns:
        How many leaves were taken in from the log's book.

    Raises:
        StartError: The key is not the one that signed the log, or the log is damaged.
    """
    with store.writing() as transaction:
        head = transaction.find_log_head()
        size = 0 if head is None else head.size
        length, entries = store.read_book(size)
        if head is None or head.size == 0:
            _check_empty(transaction)
            transaction.replace_log_head(sign_head(0, EMPTY_ROOT, key))
            if not length:
                _log_what_is_held(transaction, key, draw)
        else:
            _check_key(head, key)
            _check_tree(transaction, head)
        _check_shared(transaction, store, min(size, length))
        recovered = catch_up(transaction, entries, key)
        completed = complete(transaction, length)
        if completed is not None:
            store.replace_book(completed)
    return recovered


def _check_empty(transaction: Transaction) -> None:
    """Refuse to begin anew where something is held: readers would see a second log."""
    if transaction.leaves_from(0, 1):
        raise StartError(_DAMAGED)


def _log_what_is_held(
    transaction: Transaction, key: SigningKey, draw: Callable[[int], bytes]
) -> None:
    after = 0
    while rows := transaction.feed_after(after, _BACKFILL_ROWS, soft_bytes=PAGE_SOFT_BYTES):
        for row in rows:
            if row.kind == "manifest":
                digest = hash_manifest(row.payload)
                leaf = open_leaf(MANIFEST_LEAF, row.agency, digest, draw(NONCE_BYTES))
                append_leaf(transaction, key, leaf)
        after = rows[-1].change


def _check_key(head: LogHead, key: SigningKey) -> None:
    """Refuse a key that did not sign this log: its readers would take it for another one."""
    try:
        read_checkpoint(head.checkpoint, key.public)
    except CheckpointRefusedError:
        raise StartError(
            "The log key is not the one that signed this relay's log: put the right file back, or"
            " name it with --log-key."
        ) from None


def _check_shared(transaction: Transaction, store: Store, shared: int) -> None:
    """Refuse a book of another log: where both have a last leaf in common, it is the same one."""
    if not shared:
        return
    _, entries = store.read_book(shared - 1)
    if entries and transaction.leaves_from(shared - 1, 1) != [entries[0].leaf]:
        raise StartError(STRANGE)


def _check_tree(transaction: Transaction, head: LogHead) -> None:
    """Refuse a tree that is not the one that the head says, or that was signed."""
    signed = read_note(head.checkpoint)
    try:
        root = with_nodes(transaction, lambda node: root_at(head.size, node))
    except KeyError:
        root = b""
    is_signed = (signed.size, signed.root) == (head.size, root)
    if not is_signed or root != head.root or transaction.leaves_from(head.size, 1):
        raise StartError(_DAMAGED)
