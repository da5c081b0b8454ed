"""Files of the two ways of an attachment: sealed ones in the device's folder, and the opened one.

What waits in the device's folder is sealed, so whoever finds it has nothing. What was opened is
written beside its final place, under a name that says that it is not whole, and gets its own name
only when it is: never over another file, and nothing is opened by us.

Spec: docs/spec/blobs.md, "Pointer".
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway.attaching.names import make_harmless, name_again
from quietway.errors import AttachmentUnfit
from quietway.files import PRIVATE_FILE, make_private_folder, telling_full_disk
from quietway_crypto.encoding import encode_base32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

OUTGOING: Final = "outgoing"
INCOMING: Final = "incoming"
PIECE_BYTES: Final = 1024 * 1024
PART_BYTES: Final = 256 * 1024
"""What is uploaded at once: at 64 kbit/s it arrives within the minute that a body has."""
_UNFINISHED: Final = ".quietway-{}.part"
_MOST_NAMES: Final = 1_000


def staged(home: Path, way: str, blob_id: bytes) -> Path:
    """Give the place of a sealed file in the device's folder; the folder is made."""
    folder = home / way
    make_private_folder(folder)
    return folder / encode_base32(blob_id)


def open_new(path: Path) -> BinaryIO:
    """Open a new file that only its owner may read; one that was begun before is begun anew.

    Raises:
        AttachmentUnfit: Nothing can be written there.
    """
    with telling_full_disk():
        try:
            with suppress(FileNotFoundError):
                path.unlink()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            return os.fdopen(os.open(path, flags, PRIVATE_FILE), "w+b")
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            raise AttachmentUnfit("folder_refused") from None


def open_to_go_on(path: Path) -> BinaryIO:
    """Open a sealed file that may be there in part, for reading and for writing at its end."""
    with telling_full_disk():
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags, PRIVATE_FILE), "r+b")


def write_all(file: BinaryIO, pieces: Sequence[bytes]) -> None:
    """Write pieces at the place where a file stands.

    Raises:
        StorageFull: There is no room.
    """
    with telling_full_disk():
        file.writelines(pieces)


def force(file: BinaryIO) -> None:
    """Return when a power cut can't undo what was written."""
    with telling_full_disk():
        file.flush()
        os.fsync(file.fileno())


def read_pieces(file: BinaryIO, size: int = PIECE_BYTES) -> Iterator[bytes]:
    """Give a file's content in pieces."""
    while piece := file.read(size):
        yield piece


def read_slice(path: Path, first: int, size: int) -> bytes:
    """Read some bytes of a file; fewer where it ends before."""
    with path.open("rb") as file:
        file.seek(first)
        return file.read(size)


def name_unfinished(folder: Path, mark: bytes) -> Path:
    """Name a file that is not whole yet, in the folder where it will be."""
    return folder / _UNFINISHED.format(encode_base32(mark))


def put_in_place(unfinished: Path, folder: Path, name: str) -> Path:
    """Give a whole file its own name, or the next that is free; nothing is written over.

    Raises:
        AttachmentUnfit: A thousand files of that name are here.
    """
    harmless = make_harmless(name)
    for number in range(1, _MOST_NAMES):
        path = folder / (harmless if number == 1 else name_again(harmless, number))
        if _take(unfinished, path):
            return path
    raise AttachmentUnfit("name_taken")


def forget(path: Path) -> None:
    """Remove a file of ours, and its folder where that is empty now."""
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):
        path.parent.rmdir()


def list_staged(home: Path, way: str) -> list[Path]:
    """List the sealed files that lie in the device's folder."""
    with suppress(FileNotFoundError):
        return sorted((home / way).iterdir())
    return []


def _take(unfinished: Path, path: Path) -> bool:
    """Move a file to a name, unless there is one of that name."""
    try:
        # Unlike a rename, a link is refused where there is a file already.
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError:
        # A disk that knows no links: between looking and moving there is a moment.
        if path.exists():
            return False
        unfinished.rename(path)
        return True
    unfinished.unlink()
    return True
