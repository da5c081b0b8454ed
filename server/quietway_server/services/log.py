"""The transparency log: append what was accepted, sign the head, prove what stands in it.

Theory of operation: nothing of the tree is in memory. Who appends works inside the transaction that
accepts a manifest: it reads the few nodes at the right edge, adds the leaf and what it completes,
and signs the new head; so all of it becomes durable together. Proofs are made on one view of the
store, in two steps: which nodes does it take, then all of them with one question.

Rules: a head is shown only from the store, so only after its commit. The key signs heads and
nothing else.

Spec: docs/spec/transparency-log.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from quietway_crypto.merkle import (
    EMPTY_ROOT,
    consistency_path,
    grow,
    hash_leaf,
    inclusion_path,
    root_at,
)
from quietway_protocol.checkpoints import name_log, sign_checkpoint
from quietway_schemas.ids import AgencyId
from quietway_schemas.log import (
    MOST_LEAVES,
    LogConsistency,
    LogLeaf,
    LogLeaves,
    LogProof,
)
from quietway_server.errors import RefusedError, StatementFailedError
from quietway_server.rows import LeafRow, LogHead

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from quietway_crypto.merkle import NodeReader
    from quietway_crypto.signing import SigningKey
    from quietway_server.ports import Transaction
    from quietway_server.services.reader import Reader

T = TypeVar("T")

NONCE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Log:
    """Keeps and serves the log.

    Attributes:
        reader: Reads the store.
        key: Signs the heads.
        draw: Gives that many random bytes, for the nonces.
    """

    reader: Reader
    key: SigningKey
    draw: Callable[[int], bytes]

    def append(
        self, transaction: Transaction, kind: int, agency: bytes, manifest_hash: bytes
    ) -> None:
        """Append a leaf within a transaction, and sign the head that it makes.

        Args:
            transaction: The one in which the relay does what the leaf says.
            kind: What happened.
            agency: To whose entry.
            manifest_hash: Of the version, 32 bytes.
        """
        append_leaf(
            transaction, self.key, open_leaf(kind, agency, manifest_hash, self.draw(NONCE_BYTES))
        )

    async def checkpoint(self) -> str:
        """Give the note of the head."""
        return await self.reader.read(lambda transaction: find_head(transaction).checkpoint)

    async def consistency(self, old: int, new: int) -> LogConsistency:
        """Give the path from one size to another.

        Raises:
            RefusedError: `invalid_field`: the log has no such sizes.
        """

        def work(transaction: Transaction) -> LogConsistency:
            if new > find_head(transaction).size:
                raise RefusedError("invalid_field", field="to")
            if old > new:
                raise RefusedError("invalid_field", field="from")
            return LogConsistency(path=prove_consistency(transaction, old, new))

        return await self.reader.read(work)

    async def leaves(self, after: int) -> LogLeaves:
        """Give the openings from a place on, at most 512."""
        rows = await self.reader.read(
            lambda transaction: transaction.leaves_from(after, MOST_LEAVES + 1)
        )
        opened = tuple(
            open_leaf(row.kind, row.agency, row.manifest_hash, row.nonce)
            for row in rows[:MOST_LEAVES]
        )
        return LogLeaves(leaves=opened, more=len(rows) > MOST_LEAVES)


def append_leaf(transaction: Transaction, key: SigningKey, leaf: LogLeaf) -> None:
    """Add a leaf and what it completes, and sign the head, all within one transaction."""
    head = find_head(transaction)
    check_own(head, key)
    size, leaf_hash = head.size, hash_leaf(leaf.to_bytes())

    def extend(node: NodeReader) -> tuple[dict[tuple[int, int], bytes], bytes]:
        made = grow(size, leaf_hash, node)
        return made, root_at(size + 1, lambda *at: made[at] if at in made else node(*at))

    made, root = with_nodes(transaction, extend)
    row = LeafRow(
        size, leaf.kind, leaf.nonce, leaf.agency_id.value, leaf.manifest_hash, made.pop((0, size))
    )
    transaction.append_leaf(row, made)
    transaction.replace_log_head(sign_head(size + 1, root, key))


def check_own(head: LogHead, key: SigningKey) -> None:
    """Refuse to go on with a log that another relay on the database began with another key.

    Raises:
        StatementFailedError: It is another log: what was written in this transaction is undone.
    """
    if not head.checkpoint.startswith(f"{name_log(key.public)}\n"):
        raise StatementFailedError


def find_head(transaction: Transaction) -> LogHead:
    """Give the head of a log that was started."""
    head = transaction.find_log_head()
    if head is None:
        # No refusal: what was written in this transaction until now must be undone.
        raise StatementFailedError
    return head


def prove_manifests(
    transaction: Transaction, head: LogHead, agencies: Collection[bytes]
) -> dict[bytes, LogProof]:
    """Prove in the head that the newest manifests of these agencies are logged, by agency."""
    leaves = transaction.find_manifest_leaves(agencies)
    paths = with_nodes(
        transaction,
        lambda node: {
            agency: inclusion_path(leaf.position, head.size, node)
            for agency, leaf in leaves.items()
        },
    )
    return {
        agency: LogProof(index=leaf.position, nonce=leaf.nonce, path=paths[agency])
        for agency, leaf in leaves.items()
    }


def prove_consistency(transaction: Transaction, old: int, new: int) -> tuple[bytes, ...]:
    """Give the path from a size to a larger one; empty where the old one is 0, or not smaller."""
    if old >= new:
        return ()
    return with_nodes(transaction, lambda node: consistency_path(old, new, node))


def with_nodes(transaction: Transaction, make: Callable[[NodeReader], T]) -> T:
    """Make something out of nodes: see which it asks for, then read them all at once."""
    wanted: dict[tuple[int, int], bytes] = {}

    def note(level: int, position: int) -> bytes:
        return wanted.setdefault((level, position), EMPTY_ROOT)

    make(note)
    found = transaction.find_nodes(wanted)
    return make(lambda *at: found[at])


def sign_head(size: int, root: bytes, key: SigningKey) -> LogHead:
    """Sign a head of the log."""
    return LogHead(size, root, sign_checkpoint(size, root, key).note)


def open_leaf(kind: int, agency: bytes, manifest_hash: bytes, nonce: bytes) -> LogLeaf:
    """Put the opening of a leaf together."""
    return LogLeaf(kind=kind, nonce=nonce, agency_id=AgencyId(agency), manifest_hash=manifest_hash)
