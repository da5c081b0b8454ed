"""The two verbs: `seal` an inner to a device's epoch key, `open_` what was sealed to mine.

Rules: what opens is untrusted bytes until its signature is verified; a sealed box authenticates
nobody. Every failure to open is the same `OpenError`, whatever the reason. Under suite 0x02 the
header and the recipient's public key are bound by `info`; under 0x01 the signature inside binds the
header.

Spec: docs/spec/envelope.md, "Sealed".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from quietway_crypto.encoding import TAG_SEAL, pae
from quietway_crypto.errors import OpenError
from quietway_crypto.suites import construction_of

if TYPE_CHECKING:
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_crypto.suite_codes import Suite


def seal(suite: Suite, public_key: bytes, inner: bytes, *, header: bytes) -> bytes:
    """Seal an inner to one device.

    Args:
        suite: How.
        public_key: The recipient's epoch public key under that suite.
        inner: Signed and padded, exactly as long as the class asks.
        header: The 37 bytes the relay will see.

    Returns:
        The sealed bytes, `suite.seal_overhead` longer than the inner.

    Raises:
        KeyRefusedError: The public key is not one to seal to, or the suite is not available here.

    Source: RFC 9180, section 6.1; libsodium, crypto_box_seal. Spec: docs/spec/envelope.md,
    "Sealed".
    """
    # Each construction checks the key it seals to, once.
    return construction_of(suite).seal(public_key, inner, bind(header, public_key))


def open_(key_pair: EpochKeyPair, sealed: bytes, *, header: bytes) -> bytes:
    """Open what was sealed to one epoch key pair.

    Args:
        key_pair: The pair of the (class, epoch, suite) that the header names. No other is tried.
        sealed: As it came from the relay.
        header: As it came with it.

    Returns:
        The inner. Nobody has vouched for it yet: its signature must be verified next.

    Raises:
        OpenError: Altered, truncated, sealed to another key, or under another header (suite 0x02).
    """
    if len(sealed) < key_pair.suite.seal_overhead:
        raise OpenError
    return construction_of(key_pair.suite).open_(
        key_pair.private.reveal(), key_pair.public, sealed, bind(header, key_pair.public)
    )


def bind(header: bytes, public_key: bytes) -> bytes:
    """Name what a sealed box belongs to: its header and the one key it was sealed to.

    Returns:
        The `info` of HPKE: PAE(quietway/v1/seal, header || SHA-256(epoch public key)).
    """
    return pae(TAG_SEAL, header + hashlib.sha256(public_key).digest())
