"""The two secrets that a blob at the relay answers to: one fetches it, one goes on writing it.

Rules: the relay keeps hashes, each with a tag of its own, so neither secret can be shown for the
other, and who reads the relay's rows can use neither.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

from quietway_crypto.encoding import TAG_BLOB_OPENING, TAG_BLOB_WRITING, hash_tagged


def hash_opening(opening: bytes) -> bytes:
    """Give the hash of the secret that fetches, 32 bytes."""
    return hash_tagged(TAG_BLOB_OPENING, opening)


def hash_writer(writer: bytes) -> bytes:
    """Give the hash of the secret that writes and deletes, 32 bytes."""
    return hash_tagged(TAG_BLOB_WRITING, writer)
