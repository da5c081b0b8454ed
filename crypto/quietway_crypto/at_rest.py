"""Small records that the relay keeps for itself and must use: XChaCha20-Poly1305, of one size.

This is the one room of this package that the relay may seal and open with. What passes here is the
relay's own, such as where a device is woken: it came to the relay in the clear, and is sealed so
that a copy of the database alone tells nothing of it. Nothing that people say passes here, and no
key that opens what they say.

    text   = u16 length || record || zero bytes                                       2,560 bytes
    sealed = nonce (24) || XChaCha20-Poly1305(key, nonce, text, PAE(tag, owner))       2,600 bytes

Rules: the owner is bound and not stored, so that a row moved to another owner does not open. Every
failure is the same `OpenError`. This room imports nothing that opens an envelope.

Spec: docs/spec/wake-ups.md, "At rest".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.encoding import pae
from quietway_crypto.errors import EncodingError, KeyRefusedError, OpenError, PaddingError
from quietway_crypto.secret import reveal

if TYPE_CHECKING:
    from quietway_crypto.secret import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
TEXT_BYTES: Final = 2_560
SEALED_BYTES: Final = NONCE_BYTES + TEXT_BYTES + 16
_LENGTH_BYTES: Final = 2
MOST_RECORD_BYTES: Final = TEXT_BYTES - _LENGTH_BYTES


def seal_at_rest(
    key: bytes | Secret, record: bytes, *, tag: str, owner: bytes, nonce: bytes
) -> bytes:
    """Seal a record of the relay's own.

    Args:
        key: 32 uniformly random bytes.
        record: At most 2,558 bytes.
        tag: What the record is for.
        owner: Whose it is; needed again, byte for byte, to open it.
        nonce: 24 random bytes, new each time.

    Returns:
        2,600 bytes, whatever the record.

    Raises:
        KeyRefusedError: The key is not 32 bytes long.
        EncodingError: The nonce is not 24 bytes long.
        PaddingError: The record does not fit.
    """
    _check_key(key)
    if len(nonce) != NONCE_BYTES:
        raise EncodingError("A nonce is 24 bytes long.")
    if len(record) > MOST_RECORD_BYTES:
        raise PaddingError("The record does not fit into a row: shorten it.")
    text = (len(record).to_bytes(_LENGTH_BYTES, "big") + record).ljust(TEXT_BYTES, b"\0")
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        text, pae(tag, owner), nonce, reveal(key)
    )


def open_at_rest(key: bytes | Secret, sealed: bytes, *, tag: str, owner: bytes) -> bytes:
    """Open a record of the relay's own.

    Raises:
        OpenError: Altered, truncated, sealed under another key, or another owner's.
        KeyRefusedError: The key is not 32 bytes long.
    """
    _check_key(key)
    if len(sealed) != SEALED_BYTES:
        raise OpenError
    try:
        text = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_BYTES:], pae(tag, owner), sealed[:NONCE_BYTES], reveal(key)
        )
    except SodiumError:
        raise OpenError from None
    end = _LENGTH_BYTES + int.from_bytes(text[:_LENGTH_BYTES], "big")
    if end > TEXT_BYTES or any(text[end:]):
        raise OpenError
    return text[_LENGTH_BYTES:end]


def _check_key(key: bytes | Secret) -> None:
    if len(reveal(key)) != KEY_BYTES:
        raise KeyRefusedError("A key for records at rest is 32 bytes long.")
