"""One relay serves a database at a time.

A second one on the same file would lose nothing, but the devices connected to it would not be told
of what the first one takes in. So `serve` holds the operating system's lock on a file beside the
database; it goes with the process, however that ends. Commands that only read or add a row
(`enroll`, `sweep`) work beside a relay that serves, and take no lock.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from quietway_server.errors import StartError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def own(database: Path) -> Iterator[None]:
    """Hold the right to serve a database.

    Raises:
        StartError: Another relay holds it, or the file beside the database can't be made.
    """
    descriptor = _open(database.with_name(database.name + "-lock"))
    try:
        _lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise StartError(
            f"Another relay serves {database}: stop that one, or choose another file with"
            " --database."
        ) from None
    try:
        yield
    finally:
        # Closing releases the lock on every system.
        os.close(descriptor)


def is_owned(database: Path) -> bool:
    """Tell whether a relay serves a database now; make nothing."""
    path = database.with_name(database.name + "-lock")
    if not path.exists():
        return False
    descriptor = _open(path)
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        raise StartError(
            f"The file {path} can't be made: give this user the right to write in its folder, or"
            " choose another with --database."
        ) from None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
