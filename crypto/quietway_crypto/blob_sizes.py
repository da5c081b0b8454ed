"""How large a sealed file is: a function of the length of its content, and of nothing else.

Padmé (Nikitin and others, PURBs, PoPETs 2019, algorithm 1) leaves the highest bits of a length and
rounds the others up, so that a size tells little and costs at most 12 %. Below 64 KiB all files
have one size. Nothing is ever compressed: a size then depends on no content.

Rules: integers only; arithmetic on lengths, no bytes. The relay uses this room too.

Spec: docs/spec/blobs.md, "Padded length" and "Sealed form".
"""

from __future__ import annotations

from typing import Final

from quietway_crypto.errors import EncodingError

CHUNK_BYTES: Final = 65_536
SMALLEST_PADDED: Final = CHUNK_BYTES
LENGTH_PREFIX_BYTES: Final = 8
BLOB_COMMITMENT_BYTES: Final = 32
CHUNK_OVERHEAD: Final = 17
LARGEST_LENGTH: Final = 2**32 - 1


def padme(length: int) -> int:
    """Give the padded length of a length of at least 2.

    Source: Algorithm 1 of "Reducing Metadata Leakage from Encrypted Files and Communication with
    PURBs", PoPETs 2019 (4).
    """
    exponent = length.bit_length() - 1
    cleared = exponent - exponent.bit_length()
    mask = (1 << max(cleared, 0)) - 1
    return (length + mask) & ~mask


def pad_length(length: int) -> int:
    """Give the size of the plaintext of a content: its length, itself, and zeros, in bytes.

    Raises:
        EncodingError: There is no such length.
    """
    if not 0 <= length <= LARGEST_LENGTH:
        raise EncodingError("A file has 0 to 4,294,967,295 bytes.")
    return padme(max(LENGTH_PREFIX_BYTES + length, SMALLEST_PADDED))


def count_chunks(padded: int) -> int:
    """Count the chunks of a plaintext; only the last may be shorter than 64 KiB."""
    return -(-padded // CHUNK_BYTES)


def measure_blob(padded: int) -> int:
    """Give the size of a blob: commitment, and each chunk with its overhead, in bytes."""
    return BLOB_COMMITMENT_BYTES + padded + CHUNK_OVERHEAD * count_chunks(padded)
