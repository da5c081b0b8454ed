"""Evidence of a fork: two checkpoints of one log that can't both be of one tree, in one file.

Whoever holds the file needs nothing else to check it: no store, no network, no trust in whoever
handed it over. Both notes are signed by the log's key, so only its owner (or a thief of it) can
have made them. Either they have one size and two roots; or the consistency path, which computes the
larger one's root, computes another root for the smaller size than was signed.

Rules: pure. The file is read in its one form, and everything in it is proved or it proves nothing.
It names no agency and no device.

Spec: docs/spec/transparency-log.md, "Evidence".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_FORK, hash_tagged
from quietway_crypto.errors import CryptoError
from quietway_crypto.merkle import roots_from_consistency
from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import (
    FORGED,
    MALFORMED,
    NO_FORK,
    CheckpointRefusedError,
    EvidenceRefusedError,
)
from quietway_schemas.errors import SchemaError
from quietway_schemas.evidence import MAX_EVIDENCE_BYTES, ForkFile

if TYPE_CHECKING:
    from quietway_protocol.checkpoints import Checkpoint

_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ProvedFork:
    """Two signed checkpoints that prove a fork. Only `verify_evidence` and `make_evidence` make it.

    Attributes:
        log_key: Of the log that showed two faces, 32 bytes.
        first: The smaller checkpoint, or one of two of one size.
        second: The other.
        path: The consistency path between the two; empty where they have one size.
    """

    log_key: bytes
    first: Checkpoint
    second: Checkpoint
    path: tuple[bytes, ...] = ()

    @property
    def fork_id(self) -> bytes:
        """Its name, 16 bytes: the same two roots have one name, whatever proves them."""
        roots = sorted(
            held.size.to_bytes(8, "big") + held.root for held in (self.first, self.second)
        )
        return hash_tagged(TAG_FORK, self.log_key + b"".join(roots))[:_ID_BYTES]

    def to_bytes(self) -> bytes:
        """Write the file."""
        return ForkFile(
            first=self.first.note,
            log_key=self.log_key,
            path=self.path or None,
            second=self.second.note,
        ).to_canonical()


def make_evidence(
    log_key: bytes, one: Checkpoint, other: Checkpoint, path: tuple[bytes, ...] = ()
) -> ProvedFork:
    """Put two checkpoints together that were proved under one log key.

    Args:
        log_key: Of the log.
        one: One of the two.
        other: The other; the order does not matter.
        path: The consistency path between their sizes, where these differ.

    Raises:
        EvidenceRefusedError: `no_fork`: they may both be of one tree.
    """
    first, second = sorted((one, other), key=lambda held: (held.size, held.root))
    path = () if first.size == second.size else path
    check_fork(first, second, path)
    return ProvedFork(log_key, first, second, path)


def verify_evidence(raw: bytes) -> ProvedFork:
    """Check an evidence file. Returning at all means that it proves a fork.

    Args:
        raw: The file.

    Raises:
        EvidenceRefusedError: `malformed`, `forged` or `no_fork`. It proves nothing.
    """
    try:
        held = ForkFile.from_canonical(raw, max_bytes=MAX_EVIDENCE_BYTES)
    except SchemaError:
        raise EvidenceRefusedError(MALFORMED) from None
    try:
        first = read_checkpoint(held.first, held.log_key)
        second = read_checkpoint(held.second, held.log_key)
    except CheckpointRefusedError as refused:
        reason = MALFORMED if refused.reason == MALFORMED else FORGED
        raise EvidenceRefusedError(reason) from None
    check_fork(first, second, held.path or ())
    return ProvedFork(held.log_key, first, second, held.path or ())


def check_fork(first: Checkpoint, second: Checkpoint, path: tuple[bytes, ...]) -> None:
    """Demand that two checkpoints can't both be of one tree.

    Raises:
        EvidenceRefusedError: `no_fork`.
    """
    if first.size == second.size:
        if path or first.root == second.root:
            raise EvidenceRefusedError(NO_FORK)
        return
    try:
        old_root, new_root = roots_from_consistency(first.size, second.size, path)
    except CryptoError:
        raise EvidenceRefusedError(NO_FORK) from None
    if new_root != second.root or old_root == first.root:
        raise EvidenceRefusedError(NO_FORK)
