"""The file that holds the seed of the log's key, and nothing else.

Spec: docs/spec/transparency-log.md, "What the relay does".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_crypto.signing import SigningKey
from quietway_server.store.key_file import KeyFile

if TYPE_CHECKING:
    from pathlib import Path


def open_log_key(path: Path, *, may_make: bool) -> SigningKey:
    """Read the key, or make one where there is no file yet.

    Args:
        path: The file.
        may_make: Whether the log is empty, so that no reader knows another key.

    Raises:
        StartError: The file is missing though the log has leaves, or can't be used.
    """
    file = KeyFile(
        path,
        "log key",
        "--log-key",
        "and the log in the database is signed with it: put the file back from your backup, or"
        " name it with --log-key.",
    )
    return SigningKey(file.open(may_make=may_make))
