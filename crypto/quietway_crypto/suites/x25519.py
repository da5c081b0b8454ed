"""Which X25519 public keys nobody should seal to. Both suites have an X25519 half.

Spec: docs/spec/envelope.md, "Keys of an epoch".
"""

from __future__ import annotations

from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.errors import KeyRefusedError

KEY_BYTES: Final = 32
_FIELD_PRIME: Final = 2**255 - 19
# Any clamped scalar is a multiple of the cofactor, so any one of them sends a point of small
# order to zero.
_PROBE: Final = bytes([1] * 32)


def check_x25519_public_key(public: bytes) -> None:
    """Refuse a key whose shared secret anybody could know, and a second encoding of a good one.

    Raises:
        KeyRefusedError: Not 32 bytes, not below the field prime, or of small order.
    """
    if len(public) != KEY_BYTES:
        raise KeyRefusedError("An X25519 public key is 32 bytes long.")
    if int.from_bytes(public, "little") >= _FIELD_PRIME:
        raise KeyRefusedError("The X25519 public key is not in its canonical encoding.")
    try:
        bindings.crypto_scalarmult(_PROBE, public)
    except SodiumError:
        raise KeyRefusedError("The X25519 public key is of small order.") from None
