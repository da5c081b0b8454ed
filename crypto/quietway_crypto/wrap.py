"""Keys kept under a key: XChaCha20-Poly1305, committed to its one key. For the keyring file.

Plain XChaCha20-Poly1305 lets someone craft a file that opens under many passphrases at once, and so
test many guesses with one question (a partitioning oracle). The commitment in front closes that: it
is checked first, in constant time, and fits one key only.

    wrapped    = nonce (24) || commitment (32) || ciphertext (plaintext + 16)
    commitment = HKDF-SHA256(key, info = PAE(quietway/v1/wrap-commitment, nonce), 32)
    cipher key = HKDF-SHA256(key, info = PAE(quietway/v1/wrap-key, nonce), 32)

Rules: the context (what the record is, and whose) is bound and not stored. Every failure is the
same `OpenError`.

Spec: docs/spec/envelope.md, "Tags".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.encoding import TAG_WRAP_COMMITMENT, TAG_WRAP_KEY, constant_time_equal
from quietway_crypto.errors import EncodingError, KeyRefusedError, OpenError
from quietway_crypto.kdf import derive
from quietway_crypto.secret import reveal

if TYPE_CHECKING:
    from quietway_crypto.secret import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
COMMITMENT_BYTES: Final = 32
WRAP_OVERHEAD: Final = NONCE_BYTES + COMMITMENT_BYTES + 16


def wrap(key: bytes | Secret, plaintext: bytes, *, context: bytes, nonce: bytes) -> bytes:
    """Wrap a record under a key.

    Args:
        key: 32 uniformly random bytes.
        plaintext: Any length.
        context: What this record is; needed again, byte for byte, to unwrap.
        nonce: 24 random bytes, new for each record.

    Returns:
        nonce || commitment || ciphertext, 72 bytes longer than the plaintext.

    Raises:
        KeyRefusedError: The key is not 32 bytes long.
        EncodingError: The nonce is not 24 bytes long.
    """
    _check_key(key)
    if len(nonce) != NONCE_BYTES:
        raise EncodingError("A nonce is 24 bytes long.")
    cipher_key = derive(key, tag=TAG_WRAP_KEY, context=nonce)
    ciphertext = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plaintext, context, nonce, cipher_key
    )
    return nonce + _commit(key, nonce) + ciphertext


def unwrap(key: bytes | Secret, wrapped: bytes, *, context: bytes) -> bytes:
    """Unwrap a record.

    Raises:
        OpenError: Altered, truncated, wrapped under another key, or under another context.
        KeyRefusedError: The key is not 32 bytes long.
    """
    _check_key(key)
    if len(wrapped) < WRAP_OVERHEAD:
        raise OpenError
    nonce, rest = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    check_commitment(key, nonce, rest[:COMMITMENT_BYTES])
    cipher_key = derive(key, tag=TAG_WRAP_KEY, context=nonce)
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            rest[COMMITMENT_BYTES:], context, nonce, cipher_key
        )
    except SodiumError:
        raise OpenError from None


def check_commitment(key: bytes | Secret, nonce: bytes, commitment: bytes) -> None:
    """Refuse a record that was not made for this key, before any of it is opened.

    Raises:
        OpenError: It was made for another one.
    """
    if not constant_time_equal(_commit(key, nonce), commitment):
        raise OpenError


def _commit(key: bytes | Secret, nonce: bytes) -> bytes:
    return derive(key, tag=TAG_WRAP_COMMITMENT, context=nonce)


def _check_key(key: bytes | Secret) -> None:
    if len(reveal(key)) != KEY_BYTES:
        raise KeyRefusedError("A wrapping key is 32 bytes long.")
