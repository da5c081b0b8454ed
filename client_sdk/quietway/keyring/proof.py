"""Proves single objects of the directory: is it theirs, is it newer, are its keys sound?

Each function returns what was proved, or raises `Refused` with one of four
reasons: `malformed`, `forged`, `rolled_back`, `identity_changed`. Nothing is remembered here. What
makes a manifest hold is proved in `quietway_protocol.manifests`, for the relay and for us alike.

Spec: docs/spec/keys.md, "Manifest" and "Epoch batches and freshness".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING, Final, Self, TypeVar

from quietway_crypto.encoding import TAG_EPOCH_BATCH
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import available_suites, check_epoch_public_key
from quietway_protocol import errors, manifests
from quietway_protocol.errors import ManifestRefusedError
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, EpochBatch, Manifest
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import WireModel
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from quietway.keyring.published import Published
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import SignedObject

IDENTITY_CHANGED: Final = "identity_changed"
_ID_BYTES = 16
_REASONS: Final = {
    errors.FORGED: "forged",
    errors.WEAK_KEY: "malformed",
    errors.ROLLED_BACK: "rolled_back",
    errors.UNLINKED: "forged",
    errors.INCONSISTENT: "forged",
}
_Payload = TypeVar("_Payload", bound=WireModel)


class Refused(Exception):
    """An object did not hold. It never leaves the keyring's rooms."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@total_ordering
@dataclass(frozen=True, slots=True)
class Place:
    """Where an object belongs: an agency's manifest (these sort first), or a device's batch."""

    agency: AgencyId
    device: DeviceId | None

    @property
    def key(self) -> bytes:
        """The place as 16 or 32 bytes."""
        return self.agency.value + (self.device.value if self.device is not None else b"")

    @classmethod
    def from_key(cls, key: bytes) -> Self:
        """Read what `key` gave."""
        device = key[_ID_BYTES:]
        return cls(AgencyId(key[:_ID_BYTES]), DeviceId(device) if device else None)

    def __lt__(self, other: Place) -> bool:
        return self.key < other.key


def place_of_manifest(signed: SignedObject) -> Place:
    """Tell whose manifest this is, by what its signer wrote.

    Raises:
        Refused: It does not read.
    """
    return Place(_read(Manifest, signed).agency_id, None)


def read_batch(signed: SignedObject) -> EpochBatch:
    """Read a batch, of which nothing is proved by that.

    Raises:
        Refused: It does not read.
    """
    return _read(EpochBatch, signed)


def prove_manifest(
    signed: SignedObject, *, root_key: bytes, held: ProvedManifest | None
) -> ProvedManifest:
    """Prove a manifest against the pinned root key and the version held.

    Whether it has expired is for the reader to ask: as the newest version that was seen, it counts
    all the same.

    Raises:
        Refused: It does not hold under that key, or does not follow what we hold. Where it holds
            under another root key, the reason is `identity_changed`.
    """
    try:
        proved = manifests.prove_manifest(signed, root_key=root_key)
        if held is not None and signed.payload != held.signed.payload:
            manifests.check_follows(
                proved.manifest, held.manifest, held_hash=held.hash, must_be_next=False
            )
    except SchemaError:
        raise Refused("malformed") from None
    except ManifestRefusedError as refused:
        if refused.field == "root_key" and _holds_by_itself(signed):
            raise Refused(IDENTITY_CHANGED) from None
        raise Refused(_REASONS[refused.reason]) from None
    return proved


def prove_batch(
    signed: SignedObject,
    batch: EpochBatch,
    *,
    manifest: ProvedManifest | None,
    held: Published | None,
) -> bool:
    """Prove a batch against the agency's proved manifest and what the device published before.

    Args:
        signed: As it came.
        batch: What `read_batch` read of it.
        manifest: The agency's newest.
        held: What the device published, as far as it was proved.

    Returns:
        False where it names a manifest that we do not hold yet: it may hold later.

    Raises:
        Refused: Its device is not certified, it is not signed by it, older than what we hold, or a
            key in it must not be sealed to.
    """
    if manifest is None or batch.manifest_version > manifest.manifest.version:
        return False
    _verify(_identity_of(batch.device_id, manifest), TAG_EPOCH_BATCH, signed)
    _check_base(batch, manifest)
    if held is not None and batch.issued < held.issued:
        raise Refused("rolled_back")
    for epoch in batch.epochs:
        for suite, key in epoch.keys.items():
            _check_epoch_key(Suite(int(suite)), key)
    return True


def _holds_by_itself(signed: SignedObject) -> bool:
    try:
        manifests.prove_manifest(signed)
    except ManifestRefusedError:
        return False
    return True


def _check_base(batch: EpochBatch, manifest: ProvedManifest) -> None:
    same = batch.manifest_version == manifest.manifest.version
    if same and batch.manifest_hash != manifest.hash:
        raise Refused("forged")


def _identity_of(device: DeviceId, manifest: ProvedManifest) -> bytes:
    certificate = manifest.manifest.find(device)
    if certificate is None:
        raise Refused("forged")
    return certificate.identity_key


def _check_epoch_key(suite: Suite, key: bytes) -> None:
    # Where this machine lacks a suite it never seals under it, so there is nothing to check.
    if suite not in available_suites():
        return
    try:
        check_epoch_public_key(suite, key)
    except CryptoError:
        raise Refused("malformed") from None


def _verify(public: bytes, tag: str, signed: SignedObject) -> None:
    try:
        verify(public, tag, signed.payload, signed.signature)
    except CryptoError:
        raise Refused("forged") from None


def _read(model: type[_Payload], signed: SignedObject) -> _Payload:
    try:
        return model.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    except SchemaError:
        raise Refused("malformed") from None
