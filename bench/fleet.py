"""A fleet: many agencies with many devices each, with real keys, as a relay holds them.

Each device has published what one that ran for a week has: a batch a day, each with the keys that
were new that day. It is written into the relay's database beside the relay, as enrolling 200
agencies by requests would take longer than everything that is measured.

Spec: docs/spec/directory.md; docs/explanation/performance.md, "The directory".
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.keyring.publish import (
    approve,
    build_manifest,
    build_ops_list,
    certify,
    wanted_epochs,
)
from quietway_crypto.encoding import TAG_EPOCH_BATCH
from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import available_suites, derive_keypair
from quietway_protocol.manifests import hash_manifest, read_manifest
from quietway_schemas.directory import OPS_LIFE_MS, Certificate, EpochBatch, EpochKeys, SignedObject
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
from quietway_schemas.instants import DAY, HOUR
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.rows import DeviceRow, EpochBatchRow, ManifestRow
from quietway_server.services.log import append_leaf, open_leaf

if TYPE_CHECKING:
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_server.ports import Store, Transaction

RELAY: Final = "https://relay.example"
DAYS: Final = 7
"""For how long the fleet has run: a batch a day, and the first one with everything."""


def _draw(text: str, count: int = 32) -> bytes:
    return hashlib.shake_256(text.encode()).digest(count)


@dataclass
class Fleet:
    """The agencies.

    Args:
        agencies: How many.
        devices: How many each has.
        now: When it is, milliseconds.
    """

    agencies: int
    devices: int
    now: int

    def __post_init__(self) -> None:
        self.began = self.now - DAYS * DAY
        self._manifests: dict[int, SignedObject] = {}

    def agency(self, number: int) -> AgencyId:
        """Give an agency's id."""
        return AgencyId(_draw(f"agency {number}", 16))

    def code(self, number: int) -> str:
        """Give its code."""
        return f"FLEET{number:04}"

    def root(self, number: int) -> SigningKey:
        """Give its root key."""
        return SigningKey(_draw(f"root {number}"))

    def root_seed(self, number: int) -> str:
        """Give the seed of its root key, in hexadecimal."""
        return _draw(f"root {number}").hex()

    def manifest_hash(self, number: int) -> bytes:
        """Give the hash of an agency's manifest, once it was written."""
        return hash_manifest(self._manifests[number].payload)

    def write_all(self, store: Store, log_key: SigningKey | None = None) -> None:
        """Write the manifests, and what the devices published in a week.

        Args:
            store: Where.
            log_key: Signs the log's heads; nothing is logged where it is None.
        """
        for number in range(self.agencies):
            with store.writing() as transaction:
                self._write_manifest(transaction, number)
                if log_key is not None:
                    agency, digest = self.agency(number).value, self.manifest_hash(number)
                    nonce = _draw(f"nonce {number}")
                    leaf = open_leaf(MANIFEST_LEAF, agency, digest, nonce)
                    append_leaf(transaction, log_key, leaf)
        published: frozenset[tuple[EnvelopeClass, int]] = frozenset()
        for day in range(DAYS + 1):
            published = self._write_day(store, day, published)

    def write_next_day(self, store: Store) -> int:
        """Write what all devices publish on the day after; give how many batches that was."""
        before = wanted_epochs(self.began + DAYS * DAY)
        self._write_day(store, DAYS + 1, before)
        return self.agencies * self.devices

    def _write_day(
        self, store: Store, day: int, published: frozenset[tuple[EnvelopeClass, int]]
    ) -> frozenset[tuple[EnvelopeClass, int]]:
        # Each time at the same hour; the day that was not reached yet is dated as far as one may.
        issued = min(self.began + day * DAY, self.now + HOUR)
        wanted = wanted_epochs(self.began + day * DAY)
        new = sorted(wanted - published)
        for number in range(self.agencies):
            with store.writing() as transaction:
                for place in range(self.devices):
                    row = self._sign_batch(number, place, new, issued, first=day == 0)
                    transaction.add_epoch_batch(row, dropping=())
        return wanted

    def _sign_batch(
        self,
        number: int,
        place: int,
        epochs: list[tuple[EnvelopeClass, int]],
        issued: int,
        *,
        first: bool,
    ) -> EpochBatchRow:
        name = f"{number} {place}"
        manifest = self._manifests[number]
        batch = EpochBatch(
            agency_id=self.agency(number),
            device_id=DeviceId(_draw(f"device {name}", 16)),
            manifest_version=1,
            manifest_hash=hash_manifest(manifest.payload),
            issued=issued,
            epochs=tuple(_publish(name, class_, epoch) for class_, epoch in epochs),
            replaces=True if first else None,
        )
        payload = batch.to_canonical()
        signature = SigningKey(_draw(f"identity {name}")).sign(TAG_EPOCH_BATCH, payload)
        return EpochBatchRow(
            batch.device_id.value,
            batch.agency_id.value,
            issued,
            batch.over_at,
            payload,
            signature,
        )

    def _write_manifest(self, transaction: Transaction, number: int) -> None:
        ops = SigningKey(_draw(f"ops {number}")), SigningKey(_draw(f"second ops {number}"))
        certificates = [self._certificate(number, place) for place in range(self.devices)]
        signed = build_manifest(
            ops[0],
            ops_list=build_ops_list(
                self.root(number),
                agency_id=self.agency(number),
                agency_code=self.code(number),
                ops={key.public: self.began + OPS_LIFE_MS for key in ops},
                approvals=2,
                version=1,
                now=self.began,
            ),
            devices=[certify(each, [approve(each, key) for key in ops]) for each in certificates],
            version=1,
            prev_hash=bytes(32),
            now=self.began,
        )
        self._manifests[number] = signed
        manifest = read_manifest(signed)
        transaction.replace_manifest(
            ManifestRow(
                manifest.agency_id.value,
                manifest.agency_code,
                1,
                hash_manifest(signed.payload),
                manifest.root_key,
                signed.payload,
                signed.signature,
            ),
            [
                DeviceRow(
                    held.device_id.value,
                    held.agency_id.value,
                    held.mailbox.value,
                    held.identity_key,
                    held.listen_key,
                )
                for held in manifest.certificates
            ],
        )

    def _certificate(self, number: int, place: int) -> bytes:
        name = f"{number} {place}"
        return Certificate(
            agency_id=self.agency(number),
            device_id=DeviceId(_draw(f"device {name}", 16)),
            identity_key=SigningKey(_draw(f"identity {name}")).public,
            listen_key=SigningKey(_draw(f"listen {name}")).public,
            mailbox=MailboxId(_draw(f"mailbox {name}", 16)),
            relay=RELAY,
            program=f"{self.code(number)}-SHELTER",
            roles=("frontline_advocate",),
            suites=tuple(sorted(int(suite) for suite in available_suites())),
            agency_owned=True,
            issued=self.began,
        ).to_canonical()


def read_now() -> int:
    """Read the clock, milliseconds."""
    return time.time_ns() // 1_000_000


def _publish(name: str, class_: EnvelopeClass, epoch: int) -> EpochKeys:
    seed = _draw(f"epoch {name} {class_:d} {epoch}")
    keys = {str(int(s)): derive_keypair(Suite(s), seed).public for s in available_suites()}
    return EpochKeys.model_validate({"class": class_.name.lower(), "epoch": epoch, "keys": keys})
