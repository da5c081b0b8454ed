"""Suite 0x02, the default: HPKE with the hybrid KEM MLKEM768-X25519.

KEM 0x647a, KDF HKDF-SHA256 (0x0001), AEAD ChaCha20-Poly1305 (0x0003).

Whoever breaks only one half of the KEM, lattice or curve, opens nothing. Used only through HPKE's
one-shot form: the raw KEM never leaves the library, because its shared secret alone binds neither
key nor header; `info` binds both.

A public key is read and judged when it is first used. What came of it is remembered for the keys
used last, since a device writes to the same few for a day or a week; it follows from the key's
bytes alone, and they are public. A refusal is not remembered, and nothing of a private key ever is.

Spec: docs/spec/envelope.md, "Sealed" and "Keys of an epoch".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from quietway_crypto.errors import KeyRefusedError, OpenError
from quietway_crypto.suites.x25519 import check_x25519_public_key

ENCAPSULATION_KEY_BYTES: Final = 1184
PUBLIC_KEY_BYTES: Final = ENCAPSULATION_KEY_BYTES + 32
_MLKEM_SEED_BYTES: Final = 64
_EXPANDED_BYTES: Final = _MLKEM_SEED_BYTES + 32
# About 8 KB each: the audience of a message in both classes, twice over.
_REMEMBERED_KEYS: Final = 256
_HPKE: Final = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305
)


def derive_public_key(suite_seed: bytes) -> bytes:
    """Give the ML-KEM-768 encapsulation key (1,184 bytes) || X25519 public key (32).

    Source: draft-irtf-cfrg-concrete-hybrid-kems, MLKEM768-X25519, "expandDecapsulationKeyG".
    """
    lattice, curve = _expand(suite_seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def check_public_key(public: bytes) -> None:
    """Refuse a wrong length, an ML-KEM half failing the modulus check, a bad X25519 half.

    Raises:
        KeyRefusedError: The key is one of those.

    Source: FIPS 203, section 7.2.
    """
    _parse_public_key(public)


def seal(public: bytes, inner: bytes, info: bytes) -> bytes:
    """Seal an inner to a device, bound to `info`.

    Returns:
        enc (1,120 bytes) || ciphertext (inner + 16 bytes).

    Raises:
        KeyRefusedError: The public key is not one to seal to.

    Source: RFC 9180, section 6.1, with an empty aad.
    """
    return _HPKE.encrypt(inner, _parse_public_key(public), info)


def open_(suite_seed: bytes, _public: bytes, sealed: bytes, info: bytes) -> bytes:
    """Open what was sealed to this seed's public key and bound to the same `info`.

    Raises:
        OpenError: Altered, truncated, bound to something else, or sealed to another key.
    """
    try:
        return _HPKE.decrypt(sealed, hpke.MLKEM768X25519PrivateKey(*_expand(suite_seed)), info)
    except (InvalidTag, ValueError):
        raise OpenError from None


def _expand(suite_seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(suite_seed).digest(_EXPANDED_BYTES)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
    )


@lru_cache(maxsize=_REMEMBERED_KEYS)
def _parse_public_key(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(public) != PUBLIC_KEY_BYTES:
        raise KeyRefusedError("A hybrid public key is 1,216 bytes long.")
    lattice, curve = public[:ENCAPSULATION_KEY_BYTES], public[ENCAPSULATION_KEY_BYTES:]
    check_x25519_public_key(curve)
    try:
        encapsulation_key = MLKEM768PublicKey.from_public_bytes(lattice)
    except ValueError:
        raise KeyRefusedError("The ML-KEM public key fails the modulus check.") from None
    return hpke.MLKEM768X25519PublicKey(encapsulation_key, X25519PublicKey.from_public_bytes(curve))
