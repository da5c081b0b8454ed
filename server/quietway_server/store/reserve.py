"""Space set aside, to be given up when the disk is full: alarms and acknowledging still work.

Rules: the reserve holds zeros only. Alarms may have its first half; the second is kept for what
makes room, so that no number of alarms keeps a device from acknowledging. That it can't be had is
no reason to stop: the relay then refuses envelopes sooner.

Spec: docs/spec/relay-protocol.md, "A disk that is full, or fails";
docs/decisions/full-and-damaged-disks.md.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES: Final = 16 * 1024 * 1024
"""Twice what the log grows to before it is written back."""
KEPT_FROM_ALARMS: Final = RESERVE_BYTES // 2
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
        held = self._measure()
        if held == RESERVE_BYTES:
            return True
        try:
            self._fill(held)
        except OSError:
            # What it had before, it keeps: that half is not for everybody.
            self.release(keep=held)
            return False
        return True

    def release(self, *, keep: int = 0) -> bool:
        """Give space back until `keep` bytes are left; tell whether there was more."""
        if self._measure() <= keep:
            return False
        with contextlib.suppress(OSError):
            os.truncate(self._path, keep)
            return True
        return False

    def _measure(self) -> int:
        with contextlib.suppress(OSError):
            return self._path.stat().st_size
        return 0

    def _fill(self, held: int) -> None:
        with self._path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
                return
            while held < RESERVE_BYTES:
                held += file.write(_CHUNK[: RESERVE_BYTES - held])
