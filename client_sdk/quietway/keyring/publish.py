"""What this device publishes: its agency's manifest, its epoch keys, and a week of lanes.

Pure: signed objects come out, the time and the randomness come in. An epoch's seed is durable in
the keyring before its public key is built here, because mail sealed to a lost key is lost too.
Names of people never stand in any of it.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from quietway_crypto.encoding import (
    TAG_CAPABILITY_OPENING,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_WEEK_OF_LANES,
)
from quietway_crypto.kdf import hmac_tagged
from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability
from quietway_crypto.suites import available_suites
from quietway_schemas.directory import (
    MANIFEST_LIFE_MS,
    DeviceCertificate,
    EpochBatch,
    EpochKeys,
    Lane,
    Manifest,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import HOUR, Instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.keyring.keyring import Keyring
    from quietway_crypto.signing import SigningKey

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


def build_manifest(
    keyring: Keyring, relay_url: str, *, version: int, prev_hash: bytes, now: Instant
) -> SignedObject:
    """Sign the manifest of an agency with this one device.

    Args:
        keyring: Holds the root key.
        relay_url: Where the device's mailbox is.
        version: From 1.
        prev_hash: The hash of the version before, or 32 zero bytes.
        now: When it is issued; it is valid for 90 days.
    """
    manifest = Manifest(
        agency_id=keyring.agency,
        version=version,
        prev_hash=prev_hash,
        issued=now,
        expires=now + MANIFEST_LIFE_MS,
        agency_code=keyring.agency_code,
        root_key=keyring.root.public,
        devices=(_certify(keyring, relay_url),),
        retired=(),
    )
    return _sign(keyring.root, TAG_MANIFEST, manifest.to_canonical())


def build_epoch_batch(
    keyring: Keyring, manifest_version: int, manifest_hash: bytes, *, now: Instant
) -> SignedObject:
    """Sign the public keys of all wanted epochs whose seeds the keyring holds.

    Args:
        keyring: Holds the seeds; `add_epoch_seeds` comes first.
        manifest_version: Of the agency's newest manifest.
        manifest_hash: Its hash.
        now: Must be later than that of the device's last batch.

    Raises:
        ContentError: The keyring holds no wanted epoch at all.
    """
    wanted = sorted(wanted_epochs(now))
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
    )
    return _sign(keyring.identity, TAG_EPOCH_BATCH, batch.to_canonical())


def build_week_of_lanes(
    keyring: Keyring, week: str, partners: Sequence[bytes], *, version: int, entropy: bytes
) -> SignedObject:
    """Sign the hashes of everyone's capabilities for one week.

    Args:
        keyring: Holds the agency's secret.
        week: As `2026-W47`.
        partners: The 16 bytes of each invitation that counts; the agency itself is added.
        version: Grows with each publication for this week.
        entropy: 32 random bytes, new each time: the padding is made of them.
    """
    lanes = [
        Lane(kind=kind, hash=hash_capability(_derive(keyring, partner, week, kind)))
        for partner in {keyring.agency.value, *partners}
        for kind in _KINDS
    ]
    lanes += _pad(len(lanes), entropy)
    published = WeekOfLanes(
        agency_id=keyring.agency,
        device_id=keyring.device,
        week=week,
        version=version,
        lanes=tuple(sorted(lanes, key=lambda lane: lane.hash)),
    )
    return _sign(keyring.identity, TAG_WEEK_OF_LANES, published.to_canonical())


def _certify(keyring: Keyring, relay_url: str) -> DeviceCertificate:
    return DeviceCertificate(
        device_id=keyring.device,
        identity_key=keyring.identity.public,
        listen_key=keyring.listen.public,
        mailbox=keyring.mailbox,
        relay=relay_url,
        program=keyring.program,
        roles=tuple(sorted(keyring.roles)),
        suites=tuple(sorted(int(suite) for suite in available_suites())),
    )


def _publish_epoch(keyring: Keyring, class_: EnvelopeClass, epoch: int) -> EpochKeys:
    keys: dict[Literal["1", "2"], bytes] = {}
    for suite in sorted(available_suites()):
        pair = keyring.epoch_pair(class_, epoch, suite)
        if pair is not None:
            keys["1" if suite == 1 else "2"] = pair.public
    name: Literal["flash", "case"] = "flash" if class_ is EnvelopeClass.FLASH else "case"
    return EpochKeys(class_=name, epoch=epoch, keys=keys)


def _derive(keyring: Keyring, partner: bytes, week: str, kind: str) -> bytes:
    return derive_capability(derive_lane(keyring.agency_secret, partner), week, kind)


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
