"""Keys from keys: HKDF-SHA256 and HMAC-SHA256, each under a tag.

Rules: the input is a uniformly random key, never a passphrase (that is `passphrase.py`). The salt
is empty; what sets two keys apart is the tag and the context, both inside the encoding that
signatures use as well.

Spec: docs/spec/envelope.md, "Keys of an epoch".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietway_crypto.encoding import pae
from quietway_crypto.errors import EncodingError
from quietway_crypto.secret import reveal

if TYPE_CHECKING:
    from quietway_crypto.secret import Secret

MAX_DERIVED_BYTES: Final = 255 * 32


def derive(ikm: bytes | Secret, *, tag: str, context: bytes = b"", length: int = 32) -> bytes:
    """Derive a key for one purpose.

    Args:
        ikm: Input key material, uniformly random.
        tag: The purpose.
        context: What else sets this key apart from its siblings.
        length: Bytes wanted, 1 to 8,160.

    Returns:
        HKDF-SHA256(ikm, empty salt, info = PAE(tag, context)), `length` bytes.

    Raises:
        EncodingError: The tag is not ASCII, or the length is out of range.

    Source: RFC 5869. Spec: docs/spec/envelope.md, "Keys of an epoch".
    """
    return _expand(reveal(ikm), salt=b"", info=pae(tag, context), length=length)


def hmac_tagged(key: bytes | Secret, tag: str, body: bytes) -> bytes:
    """Authenticate a body for one purpose.

    Returns:
        HMAC-SHA256(key, PAE(tag, body)), 32 bytes.

    Raises:
        EncodingError: The tag is empty or not ASCII.

    Source: RFC 2104. Spec: docs/spec/envelope.md, "Tags".
    """
    return hmac.digest(reveal(key), pae(tag, body), hashlib.sha256)


def _expand(ikm: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    if not 0 < length <= MAX_DERIVED_BYTES:
        raise EncodingError("A derived key is 1 to 8,160 bytes long.")
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(ikm)
