"""The transparency log of the in-memory relay: a true tree under a true key.

It appends, signs and proves as a real relay's log does. Its key and the nonces of its leaves come
from a seed, so that a test that runs again sees the same bytes. `fork` gives what no honest relay
has: a second log that the same key signs.

Spec: docs/spec/transparency-log.md.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.merkle import consistency_path, grow, hash_leaf, inclusion_path, root_at
from quietway_crypto.signing import SigningKey
from quietway_protocol.checkpoints import sign_checkpoint
from quietway_schemas.log import (
    MANIFEST_LEAF,
    MOST_LEAVES,
    NO_HASH,
    REMOVAL_LEAF,
    LogLeaf,
    LogLeaves,
    LogProof,
)

if TYPE_CHECKING:
    from quietway_protocol.checkpoints import Checkpoint
    from quietway_schemas.ids import AgencyId

LOG_SEED: Final = hashlib.sha256(b"quietway: the log of a relay in memory").digest()


class RelayLog:
    """A log in memory.

    Args:
        seed: 32 bytes: of its key, and of its leaves' nonces.
    """

    __slots__ = ("_key", "_leaves", "_newest", "_nodes", "_seed")

    def __init__(self, seed: bytes = LOG_SEED) -> None:
        self._seed = seed
        self._key = SigningKey(seed)
        self._leaves: list[LogLeaf] = []
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._newest: dict[AgencyId, int] = {}

    @property
    def log_key(self) -> bytes:
        """The public key that readers pin, 32 bytes."""
        return self._key.public

    @property
    def size(self) -> int:
        """How many leaves the log has."""
        return len(self._leaves)

    def append_manifest(self, agency: AgencyId, manifest_hash: bytes) -> None:
        """Log that a version of an agency's manifest was accepted."""
        self._newest[agency] = self.size
        self._append(MANIFEST_LEAF, agency, manifest_hash)

    def append_removal(self, agency: AgencyId) -> None:
        """Log that the operator removed an agency."""
        self._newest.pop(agency, None)
        self._append(REMOVAL_LEAF, agency, NO_HASH)

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Sign the head, or the tree as it was at a smaller size."""
        signed = self.size if size is None else size
        return sign_checkpoint(signed, root_at(signed, self._node), self._key)

    def prove(self, agency: AgencyId) -> LogProof | None:
        """Prove in the head that an agency's newest manifest is logged; None where none is."""
        index = self._newest.get(agency)
        if index is None:
            return None
        path = inclusion_path(index, self.size, self._node)
        return LogProof(index=index, nonce=self._leaves[index].nonce, path=path)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Give the path from one size to another.

        Raises:
            RelayRefused: `invalid_field`: there are no such sizes.
        """
        if not 0 <= old <= new <= self.size:
            raise make_refusal("invalid_field")
        return consistency_path(old, new, self._node)

    def consistency_to_head(self, old: int) -> tuple[bytes, ...]:
        """Give the path from a size to the head; empty where the head is not larger."""
        return consistency_path(old, self.size, self._node) if old < self.size else ()

    def leaves_after(self, after: int) -> LogLeaves:
        """Give the openings from an index on."""
        page = tuple(self._leaves[after : after + MOST_LEAVES])
        return LogLeaves(leaves=page, more=after + len(page) < self.size)

    def fork(self) -> RelayLog:
        """Return a second log that goes on from here by itself, signed by the same key."""
        face = RelayLog(self._seed)
        face._leaves = list(self._leaves)  # its own kind
        face._nodes = dict(self._nodes)
        face._newest = dict(self._newest)
        return face

    def _append(self, kind: int, agency: AgencyId, manifest_hash: bytes) -> None:
        nonce = hashlib.sha256(self._seed + b"%d" % self.size + manifest_hash).digest()
        leaf = LogLeaf(kind=kind, nonce=nonce, agency_id=agency, manifest_hash=manifest_hash)
        self._nodes.update(grow(self.size, hash_leaf(leaf.to_bytes()), self._node))
        self._leaves.append(leaf)

    def _node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]
