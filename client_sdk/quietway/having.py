"""Tells whether a device's store is here, or a request for one, without opening or locking it.

So a program can say what is missing before it asks a person for a passphrase.

Spec: docs/reference/sdk.md, "Founding and opening".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.ambient import default_home
from quietway.folder import KEYRING_FILE
from quietway.pending import is_pending

if TYPE_CHECKING:
    from pathlib import Path


def has_store(home: Path | None = None) -> bool:
    """Tell whether a folder holds a device's store.

    Args:
        home: The folder; None for QUIETWAY_HOME, or the system's place for such.
    """
    return ((default_home() if home is None else home) / KEYRING_FILE).exists()


def has_request(home: Path | None = None) -> bool:
    """Tell whether a folder holds a request to be let in, and no device yet.

    Args:
        home: As for `has_store`.
    """
    return not has_store(home) and is_pending(default_home() if home is None else home)
