"""An agency that vouches for devices, for the gallery: root, ops keys, and what they sign.

Everything comes from names, so an attack program can say which key signed what. What is signed here
is signed with the product's own functions, unless a test takes it apart and puts it together anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.gallery.parties import FLASH, NOW, Party, draw
from tests.logged_pages import make_page

from quietway.keyring.batches import DIRECTORY, name_kind
from quietway.keyring.publish import (
    approve,
    build_manifest,
    build_ops_list,
    certify,
)
from quietway.keyring.trust import Directory
from quietway.ports import Put, Row
from quietway_crypto.encoding import TAG_EPOCH_BATCH
from quietway_crypto.signing import SigningKey
from quietway_protocol.manifests import hash_manifest, read_manifest
from quietway_schemas.directory import (
    OPS_LIFE_MS,
    Certificate,
    DirectoryEntry,
    EpochBatch,
    EpochKeys,
    SignedObject,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.errors import TrustError
    from quietway_schemas.directory import CertifiedDevice, Departed
    from quietway_schemas.ids import AgencyId


@dataclass(frozen=True, slots=True)
class House:
    """An agency with a root, three ops keys, and as many devices as a test wants.

    Attributes:
        name: Its agency id and keys come from it.
        approvals: How many ops keys a certificate takes.
    """

    name: str
    approvals: int = 2

    @property
    def agency(self) -> AgencyId:
        return Party(self.name).agency

    @property
    def code(self) -> str:
        return self.name.upper()

    @property
    def root(self) -> SigningKey:
        return SigningKey(draw(f"{self.name} root", 32))

    @property
    def ops(self) -> tuple[SigningKey, SigningKey, SigningKey]:
        one, two, three = (SigningKey(draw(f"{self.name} ops {n}", 32)) for n in range(3))
        return one, two, three

    def ops_list(
        self, *, version: int = 1, keys: Iterable[SigningKey] | None = None, now: int = NOW
    ) -> SignedObject:
        named = self.ops if keys is None else tuple(keys)
        return build_ops_list(
            self.root,
            agency_id=self.agency,
            agency_code=self.code,
            ops={key.public: now + OPS_LIFE_MS for key in named},
            approvals=min(self.approvals, len(named)),
            version=version,
            now=now,
        )

    def device(self, name: str) -> Party:
        """Give a device of this agency."""
        return Party(f"{self.name} {name}", house=self.name)

    def certificate(self, device: Party, **changes: object) -> Certificate:
        fields: dict[str, object] = {
            "agency_id": self.agency,
            "device_id": device.device,
            "identity_key": device.identity.public,
            "listen_key": SigningKey(draw(f"{device.name} listen", 32)).public,
            "mailbox": device.mailbox,
            "relay": "https://relay.example",
            "program": f"{self.code}-DESK",
            "roles": ("shelter_staff",),
            "suites": device.suites,
            "agency_owned": True,
            "issued": NOW,
        }
        return Certificate.model_validate(fields | changes)

    def certify(self, device: Party, *keys: SigningKey, **changes: object) -> CertifiedDevice:
        """Certify a device, with as many ops keys as it takes unless others are named."""
        payload = self.certificate(device, **changes).to_canonical()
        named = keys or self.ops[: self.approvals]
        return certify(payload, [approve(payload, key) for key in named])

    def manifest(
        self,
        *devices: Party | CertifiedDevice,
        after: SignedObject | None = None,
        departed: Iterable[Departed] = (),
        ops_list: SignedObject | None = None,
        ops: SigningKey | None = None,
        now: int = NOW,
    ) -> SignedObject:
        """Sign the first manifest, or the one after another."""
        before = None if after is None else read_manifest(after)
        return build_manifest(
            ops or self.ops[0],
            ops_list=ops_list or self.ops_list(),
            devices=[self.certify(held) if isinstance(held, Party) else held for held in devices],
            departed=departed,
            version=1 if before is None else before.version + 1,
            prev_hash=bytes(32) if after is None else hash_manifest(after.payload),
            now=now,
        )


def batch(
    device: Party,
    manifest: SignedObject,
    *,
    now: int = NOW,
    epochs: Iterable[int] | None = None,
    suites: tuple[int, ...] = (1, 2),
    keys_of: Party | None = None,
    replaces: bool = False,
) -> SignedObject:
    """Sign a device's batch of flash keys, its own or another's, under a manifest."""
    owner = keys_of or device
    wanted = (FLASH.epoch_of(now),) if epochs is None else tuple(epochs)
    payload = EpochBatch(
        agency_id=device.agency,
        device_id=device.device,
        manifest_version=read_manifest(manifest).version,
        manifest_hash=hash_manifest(manifest.payload),
        issued=now,
        epochs=tuple(
            EpochKeys.model_validate(
                {
                    "class": "flash",
                    "epoch": epoch,
                    "keys": {str(n): owner.pair(FLASH, epoch, n).public for n in suites},
                }
            )
            for epoch in wanted
        ),
        replaces=True if replaces else None,
    ).to_canonical()
    return SignedObject(payload=payload, signature=device.identity.sign(TAG_EPOCH_BATCH, payload))


def rows_of(directory: Directory) -> dict[bytes, bytes]:
    """Give what a store would hold of a directory that was never written down before."""
    writes = directory.take_writes()
    directory.give_back(writes)
    return {
        write.key: write.value
        for write in writes
        if isinstance(write, Put) and write.kind == DIRECTORY
    }


def restored(directory: Directory) -> Directory:
    """Give a directory as it comes back from the store, with today's keys of everyone loaded."""
    made = Directory.restore(rows_of(directory))
    load_keys(made, directory)
    return made


def load_keys(made: Directory, former: Directory) -> None:
    """Load today's keys of everyone, out of a store that holds what a former directory wrote."""
    writes = former.take_writes()
    former.give_back(writes)
    for agency in made.pinned():
        held = [
            Row(0, write.key, write.value)
            for write in writes
            if isinstance(write, Put) and write.kind == name_kind(agency)
        ]
        made.load_keys(agency, held, now=NOW)


def pinned(*houses: House) -> Directory:
    """Give a reader's directory in which these agencies were accepted."""
    directory = Directory()
    for house in houses:
        directory.pin(house.agency, house.root.public)
    return directory


def serve(
    directory: Directory,
    agency: AgencyId,
    *objects: SignedObject,
    now: int = NOW,
) -> tuple[TrustError, ...]:
    """Serve a manifest, and batches after it, as a relay would; returns what was refused."""
    entries = tuple(
        DirectoryEntry(
            seq=place + 1,
            kind="manifest" if b'"ops_list"' in signed.payload else "epochs",
            agency_id=agency,
            object=signed,
        )
        for place, signed in enumerate(objects)
    )
    return directory.apply(make_page(*entries), now=now)
