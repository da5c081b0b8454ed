"""Checkpoints: what a log signs, and what a reader may conclude from it.

The relay signs one for each size of its log, and each reader proves it under the log key that it
has pinned. A `Checkpoint` exists only after its signature was verified (or made). What is said of a
manifest is proved against a checkpoint: that its leaf lies in the tree.

Rules: whatever comes from a relay is read strictly and proved before it counts. No clock, nothing
remembered: which checkpoint was seen before is for the caller to know.

Spec: docs/spec/transparency-log.md, "Checkpoints" and "What a reader checks".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_LOG_NAME, encode_base32, hash_tagged
from quietway_crypto.errors import CryptoError
from quietway_crypto.merkle import EMPTY_ROOT, hash_leaf, verify_inclusion
from quietway_crypto.signing import verify_log_text
from quietway_protocol.errors import (
    ANOTHER_LOG,
    FORGED,
    MALFORMED,
    CheckpointRefusedError,
)
from quietway_schemas.checkpoints import KEY_ID_BYTES, format_note, format_text, read_note
from quietway_schemas.errors import CheckpointError
from quietway_schemas.log import MANIFEST_LEAF, LogLeaf

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.log import LogProof

_NAME_BYTES: Final = 16
_ED25519: Final = b"\x01"
_PACKED: Final = Struct(">32sQ32s64s")
PACKED_BYTES: Final = _PACKED.size


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the log that its key has signed.

    Attributes:
        size: How many leaves the tree has.
        root: Of the tree, 32 bytes.
        note: The text, as it is shown to others.
    """

    size: int
    root: bytes
    note: str


def name_log(log_key: bytes) -> str:
    """Give the name of the log that a public key signs, which is also the key's name."""
    digest = hash_tagged(TAG_LOG_NAME, log_key)
    return f"quietway.log/{encode_base32(digest[:_NAME_BYTES])}"


def name_key(log_key: bytes) -> bytes:
    """Give the key id of a log key, as a C2SP signed-note has it (4 bytes)."""
    return _key_id(name_log(log_key), log_key)


def sign_checkpoint(size: int, root: bytes, key: SigningKey) -> Checkpoint:
    """Sign a head of the log.

    Args:
        size: How many leaves the tree has.
        root: Of the tree, 32 bytes.
        key: The log key, which signs nothing else.
    """
    name = name_log(key.public)
    text = format_text(name, size, root)
    signature = key.sign_log_text(text)
    note = format_note(name, text, key_id=name_key(key.public), signature=signature)
    return Checkpoint(size, root, note)


def pack_checkpoint(log_key: bytes, note: str) -> bytes:
    """Write a log key and a note of that log in the fewest bytes: 136.

    Raises:
        CheckpointError: The note is not in its one form.
    """
    said = read_note(note)
    return _PACKED.pack(log_key, said.size, said.root, said.signature)


def unpack_checkpoint(packed: bytes) -> tuple[bytes, str]:
    """Read the log key and the note back. Nothing is proved: `read_checkpoint` does that.

    Args:
        packed: 136 bytes.
    """
    log_key, size, root, signature = _PACKED.unpack(packed)
    name = name_log(log_key)
    text = format_text(name, size, root)
    return log_key, format_note(name, text, key_id=name_key(log_key), signature=signature)


def read_checkpoint(note: str, log_key: bytes) -> Checkpoint:
    """Read a note and prove it under a log key.

    Args:
        note: As it came.
        log_key: The public key that is pinned, 32 bytes.

    Raises:
        CheckpointRefusedError: `malformed`; `another_log` where it names another log, or another
            key; `forged` where the signature is not by this key.
    """
    try:
        said = read_note(note)
    except CheckpointError:
        raise CheckpointRefusedError(MALFORMED) from None
    if (said.name, said.key_id) != (name_log(log_key), name_key(log_key)):
        raise CheckpointRefusedError(ANOTHER_LOG)
    try:
        verify_log_text(log_key, said.text, said.signature)
    except CryptoError:
        raise CheckpointRefusedError(FORGED) from None
    if said.size == 0 and said.root != EMPTY_ROOT:
        raise CheckpointRefusedError(MALFORMED)
    return Checkpoint(said.size, said.root, note)


def prove_logged(
    checkpoint: Checkpoint, agency: AgencyId, manifest_hash: bytes, proof: LogProof
) -> None:
    """Prove that a version of an agency's manifest lies in the log. Returning means that it does.

    Args:
        checkpoint: The head under which the proof was made.
        agency: Whose manifest it is.
        manifest_hash: Of the version, 32 bytes.
        proof: What the relay said.

    Raises:
        ProofRefusedError: The path does not lead from this manifest's leaf to that head.
    """
    leaf = LogLeaf(
        kind=MANIFEST_LEAF, nonce=proof.nonce, agency_id=agency, manifest_hash=manifest_hash
    )
    verify_inclusion(
        hash_leaf(leaf.to_bytes()), proof.index, checkpoint.size, proof.path, checkpoint.root
    )


def _key_id(name: str, key: bytes) -> bytes:
    named = name.encode("ascii") + b"\n" + _ED25519 + key
    return hashlib.sha256(named).digest()[:KEY_ID_BYTES]
