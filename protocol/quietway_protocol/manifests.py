"""The one proof of a manifest: the relay asks it at admission, and every reader at import.

Two questions. *Does it hold?* The root key, pinned from an invitation, signed the ops list; an ops
key of that list signed the manifest; and each certificate has the root's approval, or as many
distinct ops keys' as the list asks for. *Does it follow* the one that is held? Nothing goes back:
neither a version, nor its date, nor the ops list, nor a certificate, nor a device that left.

Rules: a signature that is missing counts like one that is wrong. Nothing is remembered here, no
clock is asked: whether a manifest has expired, and who left long ago, is for the caller to know.

Spec: docs/spec/keys.md, "Certificates" and "Manifest".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_crypto.encoding import (
    TAG_CERTIFICATE,
    TAG_MANIFEST,
    TAG_MANIFEST_HASH,
    TAG_OPS_LIST,
    hash_tagged,
)
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import check_public_key, verify
from quietway_protocol.errors import (
    FORGED,
    INCONSISTENT,
    ROLLED_BACK,
    UNLINKED,
    WEAK_KEY,
    ManifestRefusedError,
)
from quietway_schemas.directory import DEPARTED_KEPT_MS, MAX_PAYLOAD_BYTES, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_schemas.directory import CertifiedDevice, Departed, OpsList, SignedObject


@dataclass(frozen=True, slots=True)
class ProvedManifest:
    """A manifest that holds under a root key. `prove_manifest` makes it."""

    signed: SignedObject
    manifest: Manifest

    @property
    def hash(self) -> bytes:
        """What the next version and the batches name, 32 bytes."""
        return hash_manifest(self.signed.payload)


def hash_manifest(payload: bytes) -> bytes:
    """Hash a manifest's payload, as the next version and the batches name it (32 bytes)."""
    return hash_tagged(TAG_MANIFEST_HASH, payload)


def read_manifest(signed: SignedObject) -> Manifest:
    """Read a manifest that nobody has proved yet.

    Raises:
        SchemaError: It, or an object inside it, is not well-formed.
    """
    return Manifest.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)


def prove_manifest(signed: SignedObject, *, root_key: bytes | None = None) -> ProvedManifest:
    """Prove that a manifest holds.

    Args:
        signed: As it came.
        root_key: The pinned root key. None takes the one that the ops list names: for who pins it
            in this moment, or compares it with the one held.

    Raises:
        SchemaError: It, or an object inside it, is not well-formed.
        ManifestRefusedError: `forged` or `weak_key`.
    """
    manifest = read_manifest(signed)
    ops = manifest.ops
    if root_key is not None and ops.root_key != root_key:
        raise ManifestRefusedError(FORGED, "root_key")
    _verify(ops.root_key, TAG_OPS_LIST, manifest.ops_list, "ops_list")
    signer = ops.find(manifest.signed_by)
    if signer is None or signer.expires <= manifest.issued:
        raise ManifestRefusedError(FORGED, "signed_by")
    _verify(signer.key, TAG_MANIFEST, signed, "signed_by")
    for device in manifest.devices:
        if not counts(device, ops):
            raise ManifestRefusedError(FORGED, "approvals")
    _check_keys("ops", (held.key for held in ops.ops))
    _check_keys("identity_key", (held.identity_key for held in manifest.certificates))
    _check_keys("listen_key", (held.listen_key for held in manifest.certificates))
    _check_keys("departed", (gone.identity_key for gone in manifest.departed))
    return ProvedManifest(signed, manifest)


def counts(device: CertifiedDevice, ops: OpsList) -> bool:
    """Say whether a certificate has the approvals that an ops list asks for.

    Keys that are not in the list, or had expired when the certificate was issued, do not count. An
    approval in the name of a key that would count must be that key's.
    """
    able = {
        ops.root_key,
        *(held.key for held in ops.ops if held.expires > device.read.issued),
    }
    approving = [held for held in device.approvals if held.key in able]
    for approval in approving:
        try:
            verify(approval.key, TAG_CERTIFICATE, device.certificate, approval.signature)
        except CryptoError:
            return False
    # The model holds each key once, so these are different keys.
    by_root = any(held.key == ops.root_key for held in approving)
    return by_root or len(approving) >= ops.approvals


def check_follows(
    manifest: Manifest, held: Manifest, *, held_hash: bytes, must_be_next: bool
) -> None:
    """Demand that a manifest that holds comes after the one that is held.

    Args:
        manifest: Not the one that is held.
        held: What it comes after.
        held_hash: Of the one held.
        must_be_next: Whether no version may lie between: so the relay asks. A reader may have
            missed some.

    Raises:
        ManifestRefusedError: `rolled_back`, `unlinked`, `inconsistent`, or `forged` where the root
            key is another one.
    """
    if manifest.root_key != held.root_key:
        raise ManifestRefusedError(FORGED, "root_key")
    if manifest.version < held.version:
        raise ManifestRefusedError(ROLLED_BACK, "version")
    is_next = manifest.version == held.version + 1
    if manifest.version == held.version or (must_be_next and not is_next):
        raise ManifestRefusedError(UNLINKED, "version")
    if is_next and manifest.prev_hash != held_hash:
        raise ManifestRefusedError(UNLINKED, "prev_hash")
    if manifest.agency_code != held.agency_code:
        raise ManifestRefusedError(INCONSISTENT, "agency_code")
    _check_time(manifest, held)
    _check_ops(manifest, held)
    _check_certificates(manifest, held)
    _check_departed(manifest, held, is_next=is_next)


def _check_time(manifest: Manifest, held: Manifest) -> None:
    """Demand that no version is dated before the one held.

    Whose ops key has expired could date its manifests to when it had not.
    """
    if manifest.issued < held.issued:
        raise ManifestRefusedError(ROLLED_BACK, "issued")


def _check_certificates(manifest: Manifest, held: Manifest) -> None:
    """Demand that no former certificate comes back: the approvals of each still hold.

    So one ops key alone would give a device the roles that it had, or bring one back that left: by
    the time that it is not named as departed any more, its certificate is too old to be new.
    """
    former = {device.read.device_id: device for device in held.devices}
    for device in manifest.devices:
        before, since = former.get(device.read.device_id), held.issued - DEPARTED_KEPT_MS
        if before is not None:
            if device.certificate == before.certificate:
                continue
            since = max(since, before.read.issued)
        if device.read.issued <= since:
            raise ManifestRefusedError(ROLLED_BACK, "certificate")


def _check_ops(manifest: Manifest, held: Manifest) -> None:
    if manifest.ops.version < held.ops.version:
        raise ManifestRefusedError(ROLLED_BACK, "ops_list")
    same_version = manifest.ops.version == held.ops.version
    if same_version and manifest.ops_list.payload != held.ops_list.payload:
        raise ManifestRefusedError(INCONSISTENT, "ops_list")


def _check_departed(manifest: Manifest, held: Manifest, *, is_next: bool) -> None:
    """Demand that who left is named as such for as long as that may matter, and is not back."""
    still = {device.device_id for device in manifest.certificates}
    if is_next:
        _check_were_there(manifest, held)
    for gone in held.departed:
        if gone.device_id in still:
            raise ManifestRefusedError(ROLLED_BACK, "departed")
        named = manifest.find_departed(gone.device_id)
        kept = manifest.issued < gone.at + DEPARTED_KEPT_MS
        if (kept and named is None) or (named is not None and not _continues(named, gone)):
            raise ManifestRefusedError(INCONSISTENT, "departed")
    for device in held.certificates:
        if device.device_id in still:
            continue
        named = manifest.find_departed(device.device_id)
        # Who missed versions may also have missed the entry of a device that left long ago.
        may_be_over = not is_next and manifest.issued >= held.issued + DEPARTED_KEPT_MS
        if named is None and may_be_over:
            continue
        if named is None or named.identity_key != device.identity_key:
            raise ManifestRefusedError(INCONSISTENT, "departed")


def _check_were_there(manifest: Manifest, held: Manifest) -> None:
    """Demand that who newly left was certified: one signature names those who left.

    What a retired device signed still counts, so a name out of nowhere would be a speaker whom
    nobody approved.
    """
    certified = {(device.device_id, device.identity_key) for device in held.certificates}
    for gone in manifest.departed:
        left_before = held.find_departed(gone.device_id) is not None
        if not left_before and (gone.device_id, gone.identity_key) not in certified:
            raise ManifestRefusedError(INCONSISTENT, "departed")


def _continues(named: Departed, before: Departed) -> bool:
    """A retired device may turn out to be lost, and is revoked; nothing else changes."""
    became_revoked = before.how == "retired" and named.how == "revoked"
    return named.identity_key == before.identity_key and (named == before or became_revoked)


def _check_keys(field: str, keys: Iterable[bytes]) -> None:
    try:
        for key in keys:
            check_public_key(key)
    except CryptoError:
        raise ManifestRefusedError(WEAK_KEY, field) from None


def _verify(public: bytes, tag: str, signed: SignedObject, field: str) -> None:
    try:
        verify(public, tag, signed.payload, signed.signature)
    except CryptoError:
        raise ManifestRefusedError(FORGED, field) from None
