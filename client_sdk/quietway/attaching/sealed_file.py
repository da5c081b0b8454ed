"""From a file on the disk to a sealed one beside it, a mebibyte at a time, and its pointer.

Rules: only sealed bytes are written. What was begun and not ended is removed. A file that changes
while it is sealed is refused.

Spec: docs/spec/blobs.md, "Sealed form".
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway.attaching.staging import force, forget, open_new, read_pieces, write_all
from quietway.attaching.transfer import Tell, TransferProgress
from quietway.errors import AttachmentUnfit
from quietway.files import telling_full_disk
from quietway.unbroken import end_what_began
from quietway_crypto.blob import BlobTerms, commit_to_blob, seal_blob
from quietway_crypto.blob_sizes import measure_blob
from quietway_crypto.errors import EncodingError
from quietway_crypto.secret import Secret
from quietway_schemas.content.attachment import LARGEST_FILE, AttachmentFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from quietway.ports import Entropy

_CHUNKS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be sent.

    Attributes:
        held: Its path, or its bytes.
        length: How many bytes it has.
    """

    held: Path | bytes
    length: int

    @classmethod
    def of(cls, given: Path | str | bytes) -> Source:
        """Look at what a program gave.

        Raises:
            AttachmentUnfit: There is no such file, it can't be read, or it is too large.
        """
        held = Path(given) if isinstance(given, str) else given
        length = len(held) if isinstance(held, bytes) else _measure(held)
        if length > LARGEST_FILE:
            raise AttachmentUnfit("too_large")
        return cls(held, length)

    @property
    def name(self) -> str:
        """The file's own name, or empty."""
        return "" if isinstance(self.held, bytes) else self.held.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open it for reading.

        Raises:
            AttachmentUnfit: It can't be read any more.
        """
        if isinstance(self.held, bytes):
            yield BytesIO(self.held)
            return
        try:
            file = os.fdopen(_open_at_once(self.held), "rb")
        except OSError:
            raise AttachmentUnfit("unreadable") from None
        with file:
            yield file


def draw_pointer(source: Source, entropy: Entropy, *, name: str, media_type: str) -> AttachmentFile:
    """Draw the secrets of a file, and write its pointer as far as it is known now.

    Raises:
        ContentError: The name or the media type has not the form that is asked.
    """
    pointer = AttachmentFile(
        blob_id=entropy.draw(16),
        padded_length=1 << 32,
        length=source.length,
        sha256=bytes(32),
        commitment=bytes(32),
        header=entropy.draw(24),
        key=entropy.draw(32),
        opening=entropy.draw(32),
        media_type=media_type,
        name=name,
        expires=0,
    )
    terms = terms_of(pointer)
    told = {"padded_length": terms.padded, "commitment": commit_to_blob(terms)}
    return pointer.model_copy(update=told)


def terms_of(pointer: AttachmentFile) -> BlobTerms:
    """Give what a file is sealed with and bound to."""
    return BlobTerms(
        Secret(pointer.key),
        pointer.blob_id,
        pointer.header,
        pointer.media_type.encode("ascii"),
        pointer.length,
    )


async def seal_file(
    source: Source, pointer: AttachmentFile, path: Path, tell: Tell | None
) -> AttachmentFile:
    """Seal a file into a new one.

    Args:
        source: What.
        pointer: As drawn.
        path: Where the sealed one goes.
        tell: Is told how far it is.

    Returns:
        The pointer with the hash of what was written.

    Raises:
        AttachmentUnfit: The file can't be read, or changed meanwhile. Nothing is left.
        StorageFull: There is no room. Nothing is left.
    """
    total = measure_blob(pointer.padded_length)
    digest, done = hashlib.sha256(), 0
    try:
        with telling_full_disk(), source.opened() as plain, open_new(path) as file:
            chunks = seal_blob(terms_of(pointer), read_pieces(plain))

            def seal_some() -> int:
                pieces = list(islice(chunks, _CHUNKS_AT_ONCE))
                for piece in pieces:
                    digest.update(piece)
                write_all(file, pieces)
                return sum(map(len, pieces))

            while more := await end_what_began(asyncio.to_thread(seal_some)):
                done += more
                if tell is not None:
                    tell(TransferProgress("seal", done, total))
            await end_what_began(asyncio.to_thread(force, file))
    except BaseException as failed:
        forget(path)
        if isinstance(failed, EncodingError):
            raise AttachmentUnfit("changed") from None
        raise
    return pointer.model_copy(update={"sha256": digest.digest()})


def _open_at_once(path: Path) -> int:
    # A pipe that was put in the file's place since would be waited for, and all else with it.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no file")
    return descriptor


def _measure(path: Path) -> int:
    try:
        if not path.is_file():
            raise AttachmentUnfit("unreadable")
        return path.stat().st_size
    except OSError:
        raise AttachmentUnfit("unreadable") from None
