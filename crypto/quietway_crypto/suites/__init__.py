"""The two ways to seal, behind one shape. The `suite` byte of a header says which.

Rules: a device's keys under the two suites come from one epoch seed by two independent derivations,
so neither says anything about the other. A new suite is one more module here, one more number, and
its vectors.

Spec: docs/spec/envelope.md, "Sealed" and "Keys of an epoch".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_SUITE_SEED
from quietway_crypto.epoch import EpochKeyPair
from quietway_crypto.errors import KeyRefusedError
from quietway_crypto.kdf import derive
from quietway_crypto.secret import Secret, reveal
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import sealedbox

if TYPE_CHECKING:
    from quietway_crypto.suites.construction import Construction

try:
    from quietway_crypto.suites import hpke_xwing
except ImportError:  # Intel Macs: the last `cryptography` built for them has no HPKE.
    _CONSTRUCTIONS: dict[Suite, Construction] = {Suite.SEALED_BOX: sealedbox}
else:
    _CONSTRUCTIONS = {Suite.SEALED_BOX: sealedbox, Suite.HYBRID: hpke_xwing}

EPOCH_SEED_BYTES: Final = 32

__all__ = [
    "EPOCH_SEED_BYTES",
    "EpochKeyPair",
    "Suite",
    "available_suites",
    "check_epoch_public_key",
    "construction_of",
    "derive_keypair",
]


def available_suites() -> frozenset[Suite]:
    """Say which suites this machine can seal and open: what a device's certificate may list."""
    return frozenset(_CONSTRUCTIONS)


def derive_keypair(suite: Suite, epoch_seed: bytes | Secret) -> EpochKeyPair:
    """Derive a device's keys of one epoch and suite.

    Args:
        suite: How the envelopes are sealed.
        epoch_seed: 32 random bytes, the same for both suites.

    Raises:
        KeyRefusedError: The seed is not 32 bytes long, or the suite is not available here.

    Spec: docs/spec/envelope.md, "Keys of an epoch".
    """
    raw = reveal(epoch_seed)
    if len(raw) != EPOCH_SEED_BYTES:
        raise KeyRefusedError("An epoch seed is 32 bytes long.")
    suite_seed = derive(raw, tag=TAG_SUITE_SEED, context=bytes([suite]))
    public = construction_of(suite).derive_public_key(suite_seed)
    return EpochKeyPair(suite=suite, public=public, private=Secret(suite_seed))


def check_epoch_public_key(suite: Suite, public: bytes) -> None:
    """Refuse an epoch public key that nobody should seal to.

    Raises:
        KeyRefusedError: Wrong length; X25519 half of small order or not canonical; ML-KEM half
            failing the modulus check; or the suite is not available here.
    """
    construction_of(suite).check_public_key(public)


def construction_of(suite: Suite) -> Construction:
    """Give the module that does a suite's work.

    Raises:
        KeyRefusedError: The suite is not available here.
    """
    try:
        return _CONSTRUCTIONS[suite]
    except KeyError:
        raise KeyRefusedError(
            "This machine cannot seal or open with that suite: use a device that can."
        ) from None
