"""Devices for tests: real keyrings in memory, which publish themselves and address envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.keyring.publish import (
    approve,
    build_certificate,
    build_epoch_batch,
    build_manifest,
    build_ops_list,
    build_week_of_lanes,
    certify,
    wanted_epochs,
)
from quietway_crypto.lanes import derive_capability, derive_lane
from quietway_crypto.secret import Secret
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.directory import OPS_LIFE_MS
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId
from quietway_schemas.instants import iso_week

if TYPE_CHECKING:
    from quietway.ports import Entropy, Relay
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import CertifiedDevice, Departed, SignedObject
    from quietway_schemas.ids import MailboxId
    from quietway_schemas.instants import Instant

RELAY_URL = "http://127.0.0.1:8740"


@dataclass
class Device:
    """One agency with one device."""

    keyring: Keyring
    entropy: Entropy
    manifest: SignedObject | None = None
    ops_list: SignedObject | None = None
    certified: CertifiedDevice | None = None
    partner: bytes = field(default=b"partner-of-tests")

    @property
    def root(self) -> SigningKey:
        assert self.keyring.root is not None
        return self.keyring.root

    @property
    def ops(self) -> SigningKey:
        assert self.keyring.ops is not None
        return self.keyring.ops

    def sign_ops_list(self, now: Instant, *, version: int = 1) -> SignedObject:
        return build_ops_list(
            self.root,
            agency_id=self.keyring.agency,
            agency_code=self.keyring.agency_code,
            ops={self.ops.public: now + OPS_LIFE_MS},
            approvals=1,
            version=version,
            now=now,
        )

    def certify(self, now: Instant, *keys: SigningKey) -> CertifiedDevice:
        """Certify this device, by its own ops key unless others are named."""
        certificate = build_certificate(self.keyring, agency_owned=True, now=now)
        return certify(certificate, [approve(certificate, key) for key in keys or (self.ops,)])

    def sign_manifest(
        self,
        now: Instant,
        version: int = 1,
        *,
        others: tuple[CertifiedDevice, ...] = (),
        departed: tuple[Departed, ...] = (),
    ) -> SignedObject:
        self.ops_list = self.ops_list or self.sign_ops_list(now)
        self.certified = self.certified or self.certify(now)
        return build_manifest(
            self.ops,
            ops_list=self.ops_list,
            devices=(self.certified, *others),
            departed=departed,
            version=version,
            prev_hash=bytes(32) if self.manifest is None else self.manifest_hash,
            now=now,
        )

    @property
    def manifest_hash(self) -> bytes:
        assert self.manifest is not None
        return hash_manifest(self.manifest.payload)

    def sign_epochs(self, now: Instant, version: int = 1) -> SignedObject:
        held = {
            (class_, epoch) for class_ in EnvelopeClass for epoch in self.keyring.epochs(class_)
        }
        missing = sorted(wanted_epochs(now) - held)
        self.keyring.add_epoch_seeds({place: self.entropy.draw(32) for place in missing})
        return build_epoch_batch(self.keyring, version, self.manifest_hash, now=now)

    def sign_lanes(self, week: str, version: int = 1) -> SignedObject:
        entropy = self.entropy.draw(32)
        secret = self.keyring.agency_secret
        lanes = [Secret(derive_lane(secret, name)) for name in (self.partner, b"own device bytes")]
        return build_week_of_lanes(self.keyring, week, lanes, version=version, entropy=entropy)

    async def enrol(self, relay: Relay, code: str, now: Instant) -> None:
        self.manifest = self.sign_manifest(now)
        await relay.put_manifest(self.keyring.agency, self.manifest, enrolment_code=code)

    async def publish(self, relay: Relay, code: str, now: Instant) -> None:
        await self.enrol(relay, code, now)
        await relay.put_epochs(self.keyring.agency, self.sign_epochs(now))
        await relay.put_lanes(iso_week(now), self.sign_lanes(iso_week(now)))

    def capability(self, now: Instant) -> bytes:
        """What this agency's partner shows to the relay."""
        lane = derive_lane(self.keyring.agency_secret, self.partner)
        return derive_capability(lane, iso_week(now), "normal")


def make_device(entropy: Entropy, agency_code: str = "HARBOR") -> Device:
    founding = Founding(RELAY_URL, agency_code, f"{agency_code}-DESK", ("shelter_staff",))
    return Device(Keyring.in_memory(entropy=entropy, founding=founding), entropy)


def make_record(
    mailbox: MailboxId,
    entropy: Entropy,
    *,
    now: Instant,
    class_: EnvelopeClass = EnvelopeClass.FLASH,
    envelope_id: EnvelopeId | None = None,
) -> SubmissionRecord:
    """Make an envelope of random bytes: a relay can't tell it from a sealed one."""
    header = Header(
        class_, 2, class_.epoch_of(now), mailbox, envelope_id or EnvelopeId(entropy.draw(16))
    )
    return SubmissionRecord(header, entropy.draw(32), entropy.draw(class_.sealed_bytes))


def envelope_of(record: SubmissionRecord) -> bytes:
    """What the recipient gets of a record."""
    return record.header.pack() + record.sealed
