"""Who belongs to an agency: the next version of its manifest, as a person has decided it.

Pure: a proved manifest and a decision go in, the next version comes out, signed by an ops key.
`Publisher.publish_manifest` shows it to the relay, which takes the first of two who race. Every
version names who left for as long as their mail may be under way.

Spec: docs/spec/keys.md, "Manifest" and "Devices that leave".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from quietway.errors import ContentRefused
from quietway.keyring.publish import build_manifest
from quietway_schemas.directory import DEPARTED_KEPT_MS, Departed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_crypto.signing import SigningKey
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import CertifiedDevice, SignedObject
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


def renewed(held: ProvedManifest, *, ops: SigningKey, now: Instant) -> SignedObject:
    """Sign the same manifest again, for another 90 days."""
    return _sign(held, ops=ops, now=now)


def with_device(
    held: ProvedManifest, device: CertifiedDevice, *, ops: SigningKey, now: Instant
) -> SignedObject:
    """Certify one device more, or give one of them another certificate."""
    name = device.read.device_id
    others = [known for known in held.manifest.devices if known.read.device_id != name]
    return _sign(held, ops=ops, now=now, devices=[*others, device])


def without_device(
    held: ProvedManifest,
    device: DeviceId,
    how: Literal["retired", "revoked"],
    *,
    ops: SigningKey,
    now: Instant,
) -> SignedObject:
    """Take a device away for good; one that was retired may be revoked afterwards.

    Raises:
        ContentRefused: It is not a device of this agency, or its last one.
    """
    certificate, left = held.manifest.find(device), held.manifest.find_departed(device)
    if certificate is None and (left is None or left.how == how):
        raise ContentRefused("device", "is not one that this agency certifies: look at the list.")
    key = left.identity_key if certificate is None and left is not None else b""
    gone = Departed(
        device_id=device,
        identity_key=key if certificate is None else certificate.identity_key,
        at=now,
        how=how,
    )
    devices = [known for known in held.manifest.devices if known.read.device_id != device]
    if not devices:
        raise ContentRefused("device", "is the agency's last one: certify another one first.")
    others = [known for known in held.manifest.departed if known.device_id != device]
    return _sign(held, ops=ops, now=now, devices=devices, departed=[*others, gone])


def with_ops_list(
    held: ProvedManifest,
    ops_list: SignedObject,
    devices: Iterable[CertifiedDevice],
    *,
    ops: SigningKey,
    now: Instant,
) -> SignedObject:
    """Rely on another ops list; each device must have the approvals that it asks for."""
    return _sign(held, ops=ops, now=now, ops_list=ops_list, devices=devices)


def taken_over(
    held: ProvedManifest,
    ops_list: SignedObject,
    devices: Iterable[CertifiedDevice],
    *,
    ops: SigningKey,
    now: Instant,
) -> SignedObject:
    """Go on with these devices under another ops list, and revoke all others.

    Args:
        held: What it goes on top of.
        ops_list: The list, which the root signed a moment ago.
        devices: Those that stay, and whoever takes over.
        ops: An ops key of the list.
        now: When it is issued.
    """
    staying = list(devices)
    names = {device.read.device_id for device in staying}
    # Nothing that left may lie ahead of the issue, also where a clock was ahead.
    issued = max([now, *(gone.at for gone in held.manifest.departed)])
    gone = [
        Departed(
            device_id=certificate.device_id,
            identity_key=certificate.identity_key,
            at=issued,
            how="revoked",
        )
        for certificate in held.manifest.certificates
        if certificate.device_id not in names
    ]
    left = [*held.manifest.departed, *gone]
    return _sign(held, ops=ops, now=now, ops_list=ops_list, devices=staying, departed=left)


def _sign(
    held: ProvedManifest,
    *,
    ops: SigningKey,
    now: Instant,
    ops_list: SignedObject | None = None,
    devices: Iterable[CertifiedDevice] | None = None,
    departed: Iterable[Departed] | None = None,
) -> SignedObject:
    former = held.manifest
    # Another device's clock may have been ahead: no version is dated before the one it follows, and
    # nothing that left may lie ahead of the issue.
    issued = max([now, former.issued, *(gone.at for gone in former.departed)])
    left = former.departed if departed is None else departed
    return build_manifest(
        ops,
        ops_list=former.ops_list if ops_list is None else ops_list,
        devices=former.devices if devices is None else devices,
        departed=[gone for gone in left if issued < gone.at + DEPARTED_KEPT_MS],
        version=former.version + 1,
        prev_hash=held.hash,
        now=issued,
    )
