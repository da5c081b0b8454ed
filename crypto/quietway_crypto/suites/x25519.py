"""Which X25519 public keys nobody should seal to. Both suites have an X25519 half.

Theory of operation: five u-coordinates, on the curve and its twist together, belong to points whose
order divides 8, and any private key makes zero of them: whoever publishes one knows every secret
that is agreed with it. They stand here, in the one encoding that is left once a second one is
refused. Public keys are public, so looking one up may take what time it takes. The libraries refuse
the same points once more, when they see that a shared secret came out as zero.

Source: RFC 7748, section 6.1; RFC 9180, section 7.1.4. Spec: docs/spec/envelope.md, "Keys of an
epoch".
"""

from __future__ import annotations

from typing import Final

from quietway_crypto.errors import KeyRefusedError

KEY_BYTES: Final = 32
_FIELD_PRIME: Final = 2**255 - 19
_ORDER_EIGHT: Final = (
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
)
SMALL_ORDER: Final = frozenset(
    (
        *(u.to_bytes(KEY_BYTES, "little") for u in (0, 1, _FIELD_PRIME - 1)),
        *_ORDER_EIGHT,
    )
)
"""The u-coordinates of every point whose order divides 8."""


def check_x25519_public_key(public: bytes) -> None:
    """Refuse a key whose shared secret anybody could know, and a second encoding of a good one.

    Raises:
        KeyRefusedError: Not 32 bytes, not below the field prime, or of small order.
    """
    if len(public) != KEY_BYTES:
        raise KeyRefusedError("An X25519 public key is 32 bytes long.")
    if int.from_bytes(public, "little") >= _FIELD_PRIME:
        raise KeyRefusedError("The X25519 public key is not in its canonical encoding.")
    if public in SMALL_ORDER:
        raise KeyRefusedError("The X25519 public key is of small order.")
