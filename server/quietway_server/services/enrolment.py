"""Enrolment codes: what lets a new agency put its first manifest here.

Rules: a code is 26 characters of base32, good once and for 72 hours. It is shown once, when it is
made; the relay keeps its SHA-256 only.

Spec: docs/spec/directory.md, "Requests".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from quietway_crypto.encoding import encode_base32
from quietway_server.core.retention import enrolment_expiry

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant
    from quietway_server.ports import Store


def hash_code(code: str) -> bytes:
    """Give what is kept of a code, 32 bytes."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def add_code(store: Store, *, now: Instant, entropy: bytes) -> str:
    """Make a code and keep its hash.

    Args:
        store: Where its hash goes.
        now: Milliseconds.
        entropy: 16 random bytes.

    Returns:
        The code, 26 characters.

    Raises:
        StoreError: It was not kept.
    """
    code = encode_base32(entropy)
    with store.writing() as transaction:
        transaction.add_enrolment(hash_code(code), enrolment_expiry(now=now))
    return code
