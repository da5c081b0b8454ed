"""A log with many leaves, written fast: for the bench, and for tests of a relay that starts on one.

The tree is made here in one go and stored with the relay's own statements; the head is signed once.

Spec: docs/spec/transparency-log.md, "The tree".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from quietway_crypto.merkle import hash_children, hash_leaf, root_at
from quietway_protocol.checkpoints import sign_checkpoint
from quietway_schemas.ids import AgencyId
from quietway_schemas.log import MANIFEST_LEAF, LogLeaf
from quietway_server.rows import BookEntry, LeafRow, LogHead
from quietway_server.store.tables import log_leaves, log_nodes

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey
    from quietway_server.store.sqlite import SqliteStore

AGENCIES: Final = 500


def make_leaf(index: int) -> LogLeaf:
    """Make the opening of a leaf, always the same for one index."""
    nonce, agency, manifest_hash = _draw(index)
    return LogLeaf(
        kind=MANIFEST_LEAF, nonce=nonce, agency_id=AgencyId(agency), manifest_hash=manifest_hash
    )


def fill(store: SqliteStore, key: SigningKey, leaves: int) -> LogHead:
    """Fill the empty log of a store.

    Args:
        store: An open store.
        key: Signs the head.
        leaves: How many.
    """
    rows = [_make_row(index) for index in range(leaves)]
    nodes = _complete([row[-1] for row in rows])
    root = root_at(leaves, lambda level, index: nodes[level][index])
    head = LogHead(leaves, root, sign_checkpoint(leaves, root, key).note)
    inner = [
        (level, index, node)
        for level, held in enumerate(nodes[1:], start=1)
        for index, node in enumerate(held)
    ]
    with store.writing() as transaction:
        # The relay itself has no use for writing thousands at once.
        transaction._driver.insert(log_leaves, rows)  # noqa: SLF001 - rows are filled below the relay
        transaction._driver.insert(log_nodes, inner)  # noqa: SLF001 - rows are filled below the relay
        transaction.replace_log_head(head)
    store.replace_book(
        BookEntry(LeafRow(*row), head.checkpoint if row is rows[-1] else "") for row in rows
    )
    return head


def _draw(index: int) -> tuple[bytes, bytes, bytes]:
    drawn = hashlib.sha512(b"leaf %d" % index).digest()
    agency = hashlib.sha256(b"agency %d" % (index % AGENCIES)).digest()
    return drawn[:32], agency[:16], drawn[32:]


def _make_row(index: int) -> tuple[int, int, bytes, bytes, bytes, bytes]:
    nonce, agency, manifest_hash = _draw(index)
    leaf = bytes([MANIFEST_LEAF]) + nonce + agency + manifest_hash
    return index, MANIFEST_LEAF, nonce, agency, manifest_hash, hash_leaf(leaf)


def _complete(leaves: list[bytes]) -> list[list[bytes]]:
    """Give the complete subtrees of each level, from the leaves upwards."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([hash_children(left, right) for left, right in pairs])
    return levels
