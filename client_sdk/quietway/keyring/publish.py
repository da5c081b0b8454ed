"""What is published: ops list, certificates and manifest of an agency, epoch keys, lanes.

Pure: signed objects come out, the time and the randomness come in. An epoch's seed is durable in
the keyring before its public key is built here, because mail sealed to a lost key is lost too.
Names of people never stand in any of it.

Spec: docs/spec/keys.md, "Root → ops list" to "Manifest"; docs/spec/directory.md, "Epoch batches are
increments"; docs/spec/lanes.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from quietway_crypto.encoding import (
    TAG_CAPABILITY_OPENING,
    TAG_CERTIFICATE,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_OPS_LIST,
    TAG_WEEK_OF_LANES,
)
from quietway_crypto.kdf import hmac_tagged
from quietway_crypto.lanes import derive_capability, hash_capability
from quietway_crypto.suites import available_suites
from quietway_schemas.directory import (
    MANIFEST_LIFE_MS,
    MAX_OPS_LIST_BYTES,
    Approval,
    Certificate,
    CertifiedDevice,
    EpochBatch,
    EpochKeys,
    Lane,
    Manifest,
    OpsKey,
    OpsList,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quietway.keyring.keyring import Keyring
    from quietway_crypto.secret import Secret
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import Departed
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

EPOCHS_AHEAD: Final = {EnvelopeClass.FLASH: 7, EnvelopeClass.CASE: 3}
GRACE_MS: Final = 2 * HOUR
LEAST_LANES: Final = 8
"""Fewer than this many lanes would tell how few partners an agency has."""
_KINDS: Final[tuple[Literal["normal", "crisis"], ...]] = ("normal", "crisis")


def wanted_epochs(now: Instant) -> frozenset[tuple[EnvelopeClass, int]]:
    """Name the epochs whose keys should be public now.

    Returns:
        The running day and 7 ahead, the running week and 3 ahead, and for 2 hours the one before,
        for senders whose clocks are behind.
    """
    wanted: set[tuple[EnvelopeClass, int]] = set()
    for class_, ahead in EPOCHS_AHEAD.items():
        first, running = class_.epoch_of(now - GRACE_MS), class_.epoch_of(now)
        wanted.update((class_, epoch) for epoch in range(first, running + ahead + 1))
    return frozenset(wanted)


def build_ops_list(
    root: SigningKey,
    *,
    agency_id: AgencyId,
    agency_code: str,
    ops: Mapping[bytes, Instant],
    approvals: int,
    version: int,
    now: Instant,
) -> SignedObject:
    """Sign whom the root lets vouch for the agency's devices.

    Args:
        root: The agency's root key.
        agency_id: Whose list it is.
        agency_code: Its code, as `HARBOR`; it stays the same for good.
        ops: When each ops key expires, by public key; 400 days from now at most.
        approvals: How many of them a certificate takes.
        version: From 1; higher than that of any list before.
        now: When it is issued.

    Raises:
        ContentError: These don't make a list that anybody would take.
    """
    made = OpsList(
        agency_id=agency_id,
        agency_code=agency_code,
        root_key=root.public,
        version=version,
        issued=now,
        approvals=approvals,
        ops=tuple(OpsKey(key=key, expires=ops[key]) for key in sorted(ops)),
    )
    return _sign(root, TAG_OPS_LIST, made.to_canonical())


def build_certificate(keyring: Keyring, *, agency_owned: bool, now: Instant) -> bytes:
    """Write down what is to be said of this device; nobody has approved it yet.

    Args:
        keyring: Of the device.
        agency_owned: Whether the machine is the agency's own.
        now: When it is issued.

    Returns:
        The payload that `approve` signs.
    """
    made = Certificate(
        agency_id=keyring.agency,
        device_id=keyring.device,
        identity_key=keyring.identity.public,
        listen_key=keyring.listen.public,
        mailbox=keyring.mailbox,
        relay=keyring.relay,
        program=keyring.program,
        roles=tuple(sorted(keyring.roles)),
        suites=tuple(sorted(int(suite) for suite in available_suites())),
        agency_owned=agency_owned,
        issued=now,
    )
    return made.to_canonical()


def approve(certificate: bytes, key: SigningKey) -> Approval:
    """Vouch for a certificate, with an ops key or the root."""
    return Approval(key=key.public, signature=key.sign(TAG_CERTIFICATE, certificate))


def certify(certificate: bytes, approvals: Iterable[Approval]) -> CertifiedDevice:
    """Put a certificate and its approvals together, as they stand in a manifest.

    Raises:
        ContentError: The certificate is not well-formed, or a key approved it twice.
    """
    ordered = sorted(approvals, key=lambda approval: approval.key)
    return CertifiedDevice(certificate=certificate, approvals=tuple(ordered))


def build_manifest(
    ops: SigningKey,
    *,
    ops_list: SignedObject,
    devices: Iterable[CertifiedDevice],
    departed: Iterable[Departed] = (),
    version: int,
    prev_hash: bytes,
    now: Instant,
) -> SignedObject:
    """Sign one version of an agency's manifest.

    Args:
        ops: An ops key of the list.
        ops_list: The list that the version relies on.
        devices: All that are certified, in any order.
        departed: Those that left, in any order.
        version: From 1.
        prev_hash: The hash of the version before, or 32 zero bytes.
        now: When it is issued; it is valid for 90 days.

    Raises:
        ContentError: These don't make a manifest that anybody would take.
    """
    manifest = Manifest(
        agency_id=OpsList.from_canonical(ops_list.payload, max_bytes=MAX_OPS_LIST_BYTES).agency_id,
        version=version,
        prev_hash=prev_hash,
        issued=now,
        expires=now + MANIFEST_LIFE_MS,
        ops_list=ops_list,
        signed_by=ops.public,
        devices=tuple(sorted(devices, key=lambda device: device.read.device_id)),
        departed=tuple(sorted(departed, key=lambda gone: gone.device_id)),
    )
    return _sign(ops, TAG_MANIFEST, manifest.to_canonical())


def build_epoch_batch(
    keyring: Keyring,
    manifest_version: int,
    manifest_hash: bytes,
    *,
    now: Instant,
    epochs: Iterable[tuple[EnvelopeClass, int]] | None = None,
    replaces: bool = True,
) -> SignedObject:
    """Sign the public keys of epochs whose seeds the keyring holds.

    Args:
        keyring: Holds the seeds; `add_epoch_seeds` comes first.
        manifest_version: Of the agency's newest manifest.
        manifest_hash: Its hash.
        now: Must be later than that of the device's last batch.
        epochs: Those that are published now; all that are wanted where it is None.
        replaces: Whether these are all there are, whatever was published before.

    Raises:
        ContentError: There are more than a batch may list.
    """
    wanted = sorted(wanted_epochs(now) if epochs is None else epochs)
    batch = EpochBatch(
        agency_id=keyring.agency,
        device_id=keyring.device,
        manifest_version=manifest_version,
        manifest_hash=manifest_hash,
        issued=now,
        epochs=tuple(
            _publish_epoch(keyring, class_, epoch)
            for class_, epoch in wanted
            if epoch in keyring.epochs(class_)
        ),
        replaces=True if replaces else None,
    )
    return _sign(keyring.identity, TAG_EPOCH_BATCH, batch.to_canonical())


def build_week_of_lanes(
    keyring: Keyring, week: str, lanes: Sequence[Secret], *, version: int, entropy: bytes
) -> SignedObject:
    """Sign the hashes of everyone's capabilities for one week.

    Args:
        keyring: Signs.
        week: As `2026-W47`.
        lanes: The lanes that are open; see `own.open_lanes`.
        version: Grows with each publication for this week.
        entropy: 32 random bytes, new each time: the padding is made of them.
    """
    hashes = [
        Lane(kind=kind, hash=hash_capability(derive_capability(lane, week, kind)))
        for lane in lanes
        for kind in _KINDS
    ]
    hashes += _pad(len(hashes), entropy)
    published = WeekOfLanes(
        agency_id=keyring.agency,
        device_id=keyring.device,
        week=week,
        version=version,
        lanes=tuple(sorted(hashes, key=lambda lane: lane.hash)),
    )
    return _sign(keyring.identity, TAG_WEEK_OF_LANES, published.to_canonical())


def _publish_epoch(keyring: Keyring, class_: EnvelopeClass, epoch: int) -> EpochKeys:
    keys: dict[Literal["1", "2"], bytes] = {}
    for suite in sorted(available_suites()):
        pair = keyring.epoch_pair(class_, epoch, suite)
        if pair is not None:
            keys["1" if suite == 1 else "2"] = pair.public
    name: Literal["flash", "case"] = "flash" if class_ is EnvelopeClass.FLASH else "case"
    return EpochKeys(class_=name, epoch=epoch, keys=keys)


def _pad(count: int, entropy: bytes) -> list[Lane]:
    padded = max(LEAST_LANES, 1 << (count - 1).bit_length())
    return [
        Lane(
            # Half of each kind, as the real ones are.
            kind=_KINDS[number % 2],
            hash=hmac_tagged(entropy, TAG_CAPABILITY_OPENING, number.to_bytes(4, "big")),
        )
        for number in range(padded - count)
    ]


def _sign(key: SigningKey, tag: str, payload: bytes) -> SignedObject:
    return SignedObject(payload=payload, signature=key.sign(tag, payload))
