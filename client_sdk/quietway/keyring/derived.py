"""The keys that are made of a keyring's seeds while it is unlocked: one of each, so one to clear.

Deriving takes time, and each derivation leaves copies of its own in memory. So a key is made once,
handed out as often as it is asked for, and cleared when its seed goes or the device is locked.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import derive_keypair

if TYPE_CHECKING:
    from collections.abc import Container

    from quietway_crypto.epoch import EpochKeyPair
    from quietway_crypto.secret import Secret
    from quietway_schemas.envelope import EnvelopeClass


class Derived:
    """Signing keys by the name of their record, key pairs by class, epoch and suite."""

    __slots__ = ("_pairs", "_signing")

    def __init__(self) -> None:
        self._signing: dict[str, tuple[Secret, SigningKey]] = {}
        self._pairs: dict[tuple[EnvelopeClass, int, int], EpochKeyPair] = {}

    def signing(self, name: str, seed: Secret) -> SigningKey:
        """Give the signing key of a seed."""
        former = self._signing.get(name)
        if former is not None and former[0] is seed:
            return former[1]
        if former is not None:
            former[1].overwrite()
        made = SigningKey(seed)
        self._signing[name] = (seed, made)
        return made

    def pair(self, class_: EnvelopeClass, epoch: int, suite: int, seed: Secret) -> EpochKeyPair:
        """Give the key pair of an epoch's seed under a suite."""
        place = (class_, epoch, suite)
        if place not in self._pairs:
            self._pairs[place] = derive_keypair(Suite(suite), seed)
        return self._pairs[place]

    def keep(self, names: Container[str], epochs: Container[tuple[EnvelopeClass, int]]) -> None:
        """Clear what is made of seeds that are not among these."""
        for name in [name for name in self._signing if name not in names]:
            self._signing.pop(name)[1].overwrite()
        for place in [place for place in self._pairs if place[:2] not in epochs]:
            self._pairs.pop(place).private.overwrite()
