"""What a page of the directory must prove before anything of it is looked at.

Three checks, each a function of its own: the note is by the pinned log key, its tree continues the
one that was verified, and each manifest's leaf lies in it. What does not hold is raised, with what
the two notes prove by themselves.

Spec: docs/spec/transparency-log.md, "What a reader checks".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import AnotherLog, LogRolledBack
from quietway_crypto.errors import CryptoError
from quietway_crypto.merkle import verify_consistency
from quietway_protocol.checkpoints import prove_logged, read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_protocol.manifests import hash_manifest

if TYPE_CHECKING:
    from quietway_protocol.checkpoints import Checkpoint
    from quietway_schemas.directory import DirectoryEntry

NOT_LOGGED: Final = "not_logged"


def check_note(note: str, log_key: bytes, *, shown_by: str) -> Checkpoint:
    """Demand that a note is a checkpoint by the pinned log key.

    Raises:
        AnotherLog: It is not.
    """
    try:
        return read_checkpoint(note, log_key)
    except CheckpointRefusedError:
        raise AnotherLog(shown_by) from None


def check_continues(held: Checkpoint | None, shown: Checkpoint, path: tuple[bytes, ...]) -> None:
    """Demand that a checkpoint's tree begins with the one that was verified.

    Args:
        held: What was verified; None before the first time.
        shown: What is shown now.
        path: The consistency path between the two.

    Raises:
        LogRolledBack: It is smaller, or of another history.
    """
    if held is None or held.size == 0:
        return
    try:
        verify_consistency(held.size, shown.size, path, held.root, shown.root)
    except CryptoError:
        raise LogRolledBack(held.size, shown.size) from None


def is_logged(entry: DirectoryEntry, checkpoint: Checkpoint) -> bool:
    """Say whether a manifest of a page is proved to lie in the log."""
    if entry.log is None or entry.object is None:
        return False
    try:
        prove_logged(checkpoint, entry.agency_id, hash_manifest(entry.object.payload), entry.log)
    except CryptoError:
        return False
    return True
