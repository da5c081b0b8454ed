"""Files that survive a power cut and that nobody else on the machine may read.

Folders are 0700, files 0600. A file is replaced as a whole: written beside, forced to the disk,
renamed, and the folder forced too, so that a reader finds the former or the new one and never half
of one. A full disk is told apart from every other failure, because the user can do something
about it. Nothing here knows what it writes.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from quietway.errors import StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter; one that is there is narrowed to that."""
    with telling_full_disk():
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        # The mode of mkdir passes through the umask, and the folder may be older than we are.
        folder.chmod(PRIVATE_FOLDER)


def write_durably(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace a file as a whole, and return when a power cut cannot undo it.

    Args:
        path: The file.
        content: What stands in it, as a whole or piece by piece.

    Raises:
        StorageFull: There is no room. The file is as it was.
    """
    beside = path.with_name(path.name + ".new")
    try:
        with telling_full_disk():
            _write_new(beside, content)
            beside.replace(path)
            _force_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


@contextmanager
def overwrite_former(path: Path) -> Iterator[None]:
    """Write zeros over what a file held before it is replaced inside, once it has been.

    A rename only lets go of the former bytes. Disks that move their blocks may keep them all the
    same, so nothing may rest on this: it makes a find less likely, and costs next to nothing.
    """
    if os.name != "posix" or not path.exists():  # Windows lets no open file be replaced.
        yield
        return
    with path.open("r+b") as former:
        length = os.fstat(former.fileno()).st_size
        yield
        former.write(bytes(length))
        former.flush()
        os.fsync(former.fileno())


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file, as `write_durably` writes it."""
    write_durably(target, source.read_bytes())


@contextmanager
def telling_full_disk() -> Iterator[None]:
    """Turn the system's word for a full disk into ours.

    It stands around an open file too: what is left in its buffer is written when it is closed.
    """
    try:
        yield
    except OSError as failed:
        if failed.errno in _FULL:
            raise StorageFull from None
        raise


def _write_new(path: Path, content: bytes | Iterable[bytes]) -> None:
    # What an interrupted writing left behind is worth nothing: the rename never happened.
    with suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, PRIVATE_FILE), "wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)
        file.flush()
        os.fsync(file.fileno())


def _force_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows has no way to force a folder, and needs none after a rename.
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
