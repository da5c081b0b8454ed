"""Space set aside, to be given up when the disk is full, so that acknowledging still works.

Rules: the reserve holds zeros only. That it can't be had is no reason to stop: the relay then
refuses envelopes sooner.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES: Final = 16 * 1024 * 1024
"""Twice what the log grows to before it is written back."""
_CHUNK: Final = bytes(1024 * 1024)


class Reserve:
    """A file of zeros.

    Args:
        path: Where it lies, on the disk of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def restore(self) -> bool:
        """Fill the file again; tell whether all of it could be had."""
        try:
            if self._path.exists() and self._path.stat().st_size == RESERVE_BYTES:
                return True
            self._fill()
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the space back; tell whether there was any."""
        with contextlib.suppress(OSError):
            held = self._path.stat().st_size > 0
            os.truncate(self._path, 0)
            return held
        return False

    def _fill(self) -> None:
        with self._path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
                return
            for _ in range(RESERVE_BYTES // len(_CHUNK)):
                file.write(_CHUNK)
