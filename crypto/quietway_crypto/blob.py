"""A file, sealed chunk by chunk, so that one of any size needs little memory on either side.

    plaintext  = u64 length || content || zero bytes, Padmé's length from 64 KiB
    commitment = H(quietway/v1/blob-commitment, key || blob id || header)
    blob       = commitment || push(chunk 0) || push(chunk 1) || ...

Each chunk is bound to the blob's id, its media type, the whole header, its own place and the whole
length; the last one is marked. So none can be moved, dropped, sent twice or taken into another
file, and no name of a type can be exchanged. XChaCha20-Poly1305 commits to no key: with some
algebra one ciphertext opens under two. The commitment at the head of the blob closes that, and is
checked before anything is opened.

Rules: bytes in, bytes out; randomness is an argument. What was opened counts only when the last
chunk was. Every failure is the same `BlobRefusedError`. Nothing is compressed.

Source: libsodium, crypto_secretstream_xchacha20poly1305. Spec: docs/spec/blobs.md, "Sealed form".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.blob_sizes import (
    CHUNK_BYTES,
    CHUNK_OVERHEAD,
    LENGTH_PREFIX_BYTES,
    count_chunks,
    pad_length,
)
from quietway_crypto.encoding import (
    TAG_BLOB_CHUNK,
    TAG_BLOB_COMMITMENT,
    constant_time_equal,
    hash_tagged,
    pae,
)
from quietway_crypto.errors import BlobRefusedError, EncodingError, KeyRefusedError
from quietway_crypto.secret import reveal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway_crypto.secret import Secret

BLOB_KEY_BYTES: Final = 32
BLOB_ID_BYTES: Final = 16
BLOB_HEADER_BYTES: Final = 24
MOST_MEDIA_TYPE: Final = 127
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_pull: Final = bindings.crypto_secretstream_xchacha20poly1305_pull
_push: Final = bindings.crypto_secretstream_xchacha20poly1305_push


@dataclass(frozen=True, slots=True)
class BlobTerms:
    """What a blob is sealed with and bound to.

    Attributes:
        key: 32 random bytes, new for each blob.
        blob_id: 16 random bytes.
        header: 24 random bytes, the stream's.
        media_type: ASCII, as it stands in the pointer.
        length: Of the content, in bytes.

    Raises:
        KeyRefusedError: The key is not 32 bytes long.
        EncodingError: Another part has a length that it can't have.
    """

    key: bytes | Secret
    blob_id: bytes
    header: bytes
    media_type: bytes
    length: int

    def __post_init__(self) -> None:
        if len(reveal(self.key)) != BLOB_KEY_BYTES:
            raise KeyRefusedError("The key of a blob is 32 bytes long.")
        if (len(self.blob_id), len(self.header)) != (BLOB_ID_BYTES, BLOB_HEADER_BYTES):
            raise EncodingError("A blob's id is 16 bytes long, and its header 24.")
        if not 1 <= len(self.media_type) <= MOST_MEDIA_TYPE:
            raise EncodingError("A media type is 1 to 127 bytes long.")
        pad_length(self.length)

    def __repr__(self) -> str:
        return "<BlobTerms>"

    @property
    def padded(self) -> int:
        """The size of the plaintext, in bytes."""
        return pad_length(self.length)


def commit_to_blob(terms: BlobTerms) -> bytes:
    """Give what commits a blob to its one key, 32 bytes."""
    body = bytes(reveal(terms.key)) + terms.blob_id + terms.header
    return hash_tagged(TAG_BLOB_COMMITMENT, body)


def check_blob_commitment(terms: BlobTerms, commitment: bytes) -> None:
    """Refuse a blob that was not made for this key, before any of it is opened.

    Raises:
        BlobRefusedError: It was made for another one.
    """
    if not constant_time_equal(commit_to_blob(terms), commitment):
        raise BlobRefusedError


def seal_blob(terms: BlobTerms, content: Iterable[bytes]) -> Iterator[bytes]:
    """Seal a content.

    Args:
        terms: What it is sealed with and bound to.
        content: Its bytes, in pieces of any size.

    Yields:
        The commitment, then each sealed chunk, as they are joined in the blob.

    Raises:
        EncodingError: The content is not as long as was said.
    """
    yield commit_to_blob(terms)
    state = _begin(terms)
    last = count_chunks(terms.padded) - 1
    for index, chunk in enumerate(_cut(_lay_out(terms, content))):
        tag = _FINAL if index == last else _MESSAGE
        yield _push(state, chunk, bind_chunk(terms, index), tag)


def open_blob(terms: BlobTerms, commitment: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Open a blob. What it yields counts only when it has ended.

    Args:
        terms: As sealed.
        commitment: The first 32 bytes of the blob.
        chunks: The sealed chunks, each by itself.

    Yields:
        The content, in pieces.

    Raises:
        BlobRefusedError: It is not, from its first to its last byte, what was sealed.
    """
    check_blob_commitment(terms, commitment)
    state = _begin(terms)
    last = count_chunks(terms.padded) - 1
    index = -1
    ends = LENGTH_PREFIX_BYTES + terms.length
    for index, sealed in enumerate(chunks):
        if index > last:
            raise BlobRefusedError
        plain, tag = _open_chunk(state, sealed, bind_chunk(terms, index))
        check_place(terms, index, len(plain), tag)
        start = index * CHUNK_BYTES
        if index == 0 and int.from_bytes(plain[:LENGTH_PREFIX_BYTES], "big") != terms.length:
            raise BlobRefusedError
        if any(plain[max(ends - start, 0) :]):
            raise BlobRefusedError
        yield plain[LENGTH_PREFIX_BYTES if index == 0 else 0 : max(ends - start, 0)]
    check_end(terms, index)


def bind_chunk(terms: BlobTerms, index: int) -> bytes:
    """Give what the chunk at a place is bound to."""
    body = terms.blob_id + terms.media_type + terms.header
    body += index.to_bytes(4, "big") + terms.padded.to_bytes(8, "big")
    return pae(TAG_BLOB_CHUNK, body)


def check_place(terms: BlobTerms, index: int, size: int, tag: int) -> None:
    """Refuse a chunk that is marked or sized as one of another place.

    Raises:
        BlobRefusedError: It does not belong here.
    """
    is_last = index == count_chunks(terms.padded) - 1
    wanted = terms.padded - index * CHUNK_BYTES if is_last else CHUNK_BYTES
    if size != wanted or tag != (_FINAL if is_last else _MESSAGE):
        raise BlobRefusedError


def check_end(terms: BlobTerms, index: int) -> None:
    """Refuse a blob that ends before its last chunk.

    Raises:
        BlobRefusedError: The chunk at `index` is not the last.
    """
    if index != count_chunks(terms.padded) - 1:
        raise BlobRefusedError


def _begin(terms: BlobTerms) -> bindings.crypto_secretstream_xchacha20poly1305_state:
    # Both directions begin with the same state; beginning to pull lets the header be an argument.
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    key = bytes(reveal(terms.key))
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, terms.header, key)
    state.rawbuf = None
    return state


def _open_chunk(
    state: bindings.crypto_secretstream_xchacha20poly1305_state, sealed: bytes, bound: bytes
) -> tuple[bytes, int]:
    if not CHUNK_OVERHEAD < len(sealed) <= CHUNK_BYTES + CHUNK_OVERHEAD:
        raise BlobRefusedError
    try:
        return _pull(state, sealed, bound)
    except SodiumError:
        raise BlobRefusedError from None


def _lay_out(terms: BlobTerms, content: Iterable[bytes]) -> Iterator[bytes]:
    """Give the plaintext: length, content, zeros."""
    yield terms.length.to_bytes(LENGTH_PREFIX_BYTES, "big")
    found = 0
    for piece in content:
        found += len(piece)
        if found > terms.length:
            break
        yield piece
    if found != terms.length:
        raise EncodingError("The file is not as long as it was: do not change it while it is sent.")
    filler = terms.padded - LENGTH_PREFIX_BYTES - terms.length
    while filler:
        yield bytes(min(filler, CHUNK_BYTES))
        filler -= min(filler, CHUNK_BYTES)


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut what comes in pieces into chunks of 64 KiB and the rest."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)
