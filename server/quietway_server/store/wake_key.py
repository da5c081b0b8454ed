"""The file that holds the key under which endpoints of wake-ups are kept, and nothing else.

Spec: docs/spec/wake-ups.md, "At rest".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_crypto.secret import Secret
from quietway_server.store.key_file import KeyFile

if TYPE_CHECKING:
    from pathlib import Path


def open_wake_key(path: Path, *, may_make: bool) -> Secret:
    """Read the key, or make one where there is no file yet.

    Args:
        path: The file.
        may_make: Whether no endpoints are kept, so that none would be lost.

    Raises:
        StartError: The file is missing though endpoints are kept, or can't be used.
    """
    file = KeyFile(
        path,
        "wake key",
        "--wake-key",
        "and it opens where devices are woken: put the file back from your backup, copy it from the"
        " relay that shares this database, name it with --wake-key, or, if it is lost, forget them"
        " with quietway-relay forget-wake-ups.",
    )
    return Secret(file.open(may_make=may_make))
