"""The bare primitives beside which a whole message stands: no signature, no padding, no device.

Keys are the library's own objects, read before the clock runs.

Spec: docs/explanation/performance.md, "Messages, and unlocking".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from argon2 import Type
from argon2.low_level import hash_secret_raw
from bench.processes import NotMeasuredError
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl import bindings

try:
    from cryptography.hazmat.primitives import hpke
except ImportError:  # Intel Macs: the last `cryptography` built for them has no HPKE.
    hpke = None  # type: ignore[assignment] # an older library has none

if TYPE_CHECKING:
    from quietway_crypto.passphrase import PassphraseParameters


def seal_hpke(inner: bytes, public: hpke.MLKEM768X25519PublicKey, info: bytes) -> bytes:
    """Seal once, with HPKE's one-shot form."""
    return _suite().encrypt(inner, public, info)


def open_hpke(sealed: bytes, private: hpke.MLKEM768X25519PrivateKey, info: bytes) -> bytes:
    """Open once, likewise."""
    return _suite().decrypt(sealed, private, info)


def make_hpke_keys(
    count: int,
) -> list[tuple[hpke.MLKEM768X25519PublicKey, hpke.MLKEM768X25519PrivateKey]]:
    """Make key pairs as the library has them."""
    _suite()
    pairs = []
    for _ in range(count):
        lattice, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        public = hpke.MLKEM768X25519PublicKey(lattice.public_key(), curve.public_key())
        pairs.append((public, hpke.MLKEM768X25519PrivateKey(lattice, curve)))
    return pairs


def make_box_keys() -> tuple[bytes, bytes]:
    """Make libsodium's pair for sealed boxes: public, secret."""
    return bindings.crypto_box_keypair()


def seal_box(inner: bytes, public: bytes) -> bytes:
    """Seal once, with libsodium's sealed box."""
    return bindings.crypto_box_seal(inner, public)


def open_box(sealed: bytes, public: bytes, secret: bytes) -> bytes:
    """Open once, likewise."""
    return bindings.crypto_box_seal_open(sealed, public, secret)


def derive_argon2(passphrase: str, parameters: PassphraseParameters) -> bytes:
    """Ask Argon2id for 32 bytes."""
    return hash_secret_raw(
        passphrase.encode(),
        os.urandom(16),
        time_cost=parameters.time_cost,
        memory_cost=parameters.memory_kib,
        parallelism=parameters.parallelism,
        hash_len=32,
        type=Type.ID,
    )


def _suite() -> hpke.Suite:
    if hpke is None:
        raise NotMeasuredError("the hybrid suite is not available here")
    return _HPKE


_HPKE = hpke and hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305
)
