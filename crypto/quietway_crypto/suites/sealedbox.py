"""Suite 0x01: libsodium's sealed box (X25519, XSalsa20-Poly1305).

For the few devices that lack the hybrid. It takes no `info`, so the header is bound by the
signature alone, and it does not withstand a quantum computer. It authenticates nobody: whoever has
the public key can seal.

Spec: docs/spec/envelope.md, "Sealed".
"""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.errors import OpenError
from quietway_crypto.suites.x25519 import check_x25519_public_key


def derive_public_key(suite_seed: bytes) -> bytes:
    """Take the suite seed as the X25519 private key, and give its public half (32 bytes)."""
    return bindings.crypto_scalarmult_base(suite_seed)


def check_public_key(public: bytes) -> None:
    """Refuse keys of a wrong length, small order or non-canonical encoding.

    Raises:
        KeyRefusedError: The key is one of those.
    """
    check_x25519_public_key(public)


def seal(public: bytes, inner: bytes, _info: bytes) -> bytes:
    """Seal an inner anonymously.

    Returns:
        Ephemeral public key (32) || tag (16) || ciphertext, 48 bytes longer than the inner.

    Raises:
        KeyRefusedError: The public key is not one to seal to.
    """
    check_x25519_public_key(public)
    return bindings.crypto_box_seal(inner, public)


def open_(suite_seed: bytes, public: bytes, sealed: bytes, _info: bytes) -> bytes:
    """Open a sealed box.

    Raises:
        OpenError: Altered, too short, or sealed to another key.
    """
    try:
        return bindings.crypto_box_seal_open(sealed, public, suite_seed)
    except SodiumError:
        raise OpenError from None
