"""Fetches a file from where it stopped, and opens it onto the disk when all of it is here.

Rules: that the pointer agrees with itself is judged before anything is fetched, that the sealed
file is the one before anything is opened. The person's folder gets the whole file under its own
name, or nothing.

Spec: docs/spec/blobs.md, "Sealed form".
"""

from __future__ import annotations

import asyncio
import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Final

from quietway.attaching.sealed_file import terms_of
from quietway.attaching.staging import (
    INCOMING,
    PIECE_BYTES,
    force,
    forget,
    name_unfinished,
    open_new,
    open_to_go_on,
    put_in_place,
    read_pieces,
    staged,
    write_all,
)
from quietway.attaching.transfer import Fetched, Tell, TransferProgress
from quietway.errors import AttachmentGone, AttachmentRefused, AttachmentUnfit, RelayRefused
from quietway.files import telling_full_disk
from quietway.unbroken import end_what_began
from quietway_crypto.blob import check_blob_commitment, open_blob
from quietway_crypto.blob_sizes import (
    BLOB_COMMITMENT_BYTES,
    CHUNK_BYTES,
    CHUNK_OVERHEAD,
    measure_blob,
)
from quietway_crypto.encoding import constant_time_equal
from quietway_crypto.errors import BlobRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent
    from quietway_crypto.blob import BlobTerms
    from quietway_schemas.content.attachment import AttachmentFile

_CHUNKS_AT_ONCE: Final = 16
_MARK_BYTES: Final = 10


async def fetch_file(
    agent: Agent, home: Path, pointer: AttachmentFile, folder: Path, tell: Tell | None
) -> Fetched:
    """Fetch, verify and write a file; see `AsyncAttachments.fetch`."""
    terms = check_pointer(pointer)
    if not await asyncio.to_thread(folder.is_dir):
        raise AttachmentUnfit("folder_refused")
    sealed = staged(home, INCOMING, pointer.blob_id)
    if pointer.expires <= agent.clock.now():
        forget(sealed)
        raise AttachmentGone
    await _fetch_rest(agent, pointer, sealed, tell)
    if not await end_what_began(asyncio.to_thread(is_as_pointed, sealed, pointer)):
        forget(sealed)
        raise AttachmentRefused
    unfinished = name_unfinished(folder, agent.entropy.draw(_MARK_BYTES))
    try:
        await _open_into(unfinished, sealed, terms, tell)
        path = await asyncio.to_thread(put_in_place, unfinished, folder, pointer.name)
    except BlobRefusedError:
        forget(sealed)
        raise AttachmentRefused from None
    finally:
        _remove(unfinished)
    forget(sealed)
    return Fetched(path, pointer.length, pointer.media_type)


def check_pointer(pointer: AttachmentFile) -> BlobTerms:
    """Demand that a pointer agrees with itself: its sizes, and its commitment to its key.

    Raises:
        AttachmentRefused: It does not.
    """
    terms = terms_of(pointer)
    try:
        check_blob_commitment(terms, pointer.commitment)
    except BlobRefusedError:
        raise AttachmentRefused from None
    if terms.padded != pointer.padded_length:
        raise AttachmentRefused
    return terms


def is_as_pointed(sealed: Path, pointer: AttachmentFile) -> bool:
    """Say whether a sealed file is, byte for byte, the one that its pointer names."""
    digest = hashlib.sha256()
    with sealed.open("rb") as file:
        for piece in read_pieces(file):
            digest.update(piece)
    return constant_time_equal(digest.digest(), pointer.sha256)


async def _fetch_rest(
    agent: Agent, pointer: AttachmentFile, sealed: Path, tell: Tell | None
) -> None:
    total = measure_blob(pointer.padded_length)
    with open_to_go_on(sealed) as file:
        done = file.seek(0, 2)
        if done > total:
            done = file.truncate(0)
            file.seek(0)
        while done < total:
            if tell is not None:
                tell(TransferProgress("fetch", done, total))
            last = min(done + PIECE_BYTES, total) - 1
            try:
                piece = await agent.relay.get_blob(
                    pointer.blob_id, pointer.opening, first=done, last=last
                )
            except RelayRefused as refused:
                if refused.code not in {"not_found", "range_not_satisfiable"}:
                    raise
                forget(sealed)
                raise AttachmentGone from None
            await end_what_began(asyncio.to_thread(write_all, file, [piece]))
            done += len(piece)
        await end_what_began(asyncio.to_thread(force, file))
    if tell is not None:
        tell(TransferProgress("fetch", total, total))


async def _open_into(path: Path, sealed: Path, terms: BlobTerms, tell: Tell | None) -> None:
    done = 0
    with telling_full_disk(), sealed.open("rb") as file, open_new(path) as plain:
        commitment = file.read(BLOB_COMMITMENT_BYTES)
        pieces = open_blob(terms, commitment, read_pieces(file, CHUNK_BYTES + CHUNK_OVERHEAD))

        def open_some() -> tuple[bool, int]:
            opened = list(islice(pieces, _CHUNKS_AT_ONCE))
            write_all(plain, opened)
            return bool(opened), sum(map(len, opened))

        while True:
            goes_on, more = await end_what_began(asyncio.to_thread(open_some))
            if not goes_on:
                break
            done += more
            if tell is not None:
                tell(TransferProgress("open", done, terms.length))
        await end_what_began(asyncio.to_thread(force, plain))


def _remove(unfinished: Path) -> None:
    unfinished.unlink(missing_ok=True)
