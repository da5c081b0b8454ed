"""One process owns a device's folder at a time.

The operating system holds the lock on the file `lock`, so it goes with the process, however that
ends: there is nothing to clean up after a crash, and no number of a dead process to believe. The
file stays, empty. Reading the folder needs no lock; changing anything in it does.

Spec: docs/decisions/fresh-incarnation.md.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from quietway.errors import StoreInUse
from quietway.files import PRIVATE_FILE, telling_full_disk

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE: Final = "lock"


class FolderLock:
    """The lock of a folder, held until `release` or the end of the process."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> FolderLock:
        """Take the lock of a folder, at once or not at all.

        Raises:
            StoreInUse: Somebody holds it, maybe in this very process.
        """
        with telling_full_disk():
            descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise StoreInUse from None
        return cls(descriptor)

    def release(self) -> None:
        """Let go of the folder; releasing twice is fine."""
        if self._descriptor is not None:
            # Closing releases the lock on every system.
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
