"""An agency as the relay sees one: it signs a directory, shows capabilities, and reads one mailbox.

It speaks HTTP and websockets by itself, with keys from seeds, so that tests can also say what no
client of ours would say. Sealed bytes are random: the relay can't tell, which is the point.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx
from websockets.sync.client import connect

from quietway_crypto.encoding import (
    TAG_CERTIFICATE,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_OPS_LIST,
    TAG_WEEK_OF_LANES,
    encode_base64,
)
from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability
from quietway_crypto.signing import SigningKey
from quietway_protocol.manifests import hash_manifest
from quietway_protocol.request_signature import sign_request
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.directory import (
    OPS_LIFE_MS,
    Approval,
    Certificate,
    CertifiedDevice,
    Departed,
    EpochBatch,
    EpochKeys,
    Lane,
    Manifest,
    OpsKey,
    OpsList,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import AgencyId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, iso_week

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.sync.client import ClientConnection

ENVELOPES: Final = "application/vnd.quietway.envelopes"
JSON: Final = "application/json"
# One client for all: making one loads certificates, which takes longer than a request.
CLIENT: Final = httpx.Client(trust_env=False)


def now_ms() -> int:
    """Read the clock."""
    return time.time_ns() // 1_000_000


@dataclass
class Agency:
    """One agency with one device.

    Args:
        url: Where its relay is.
        seed: Everything random about it follows from this.
    """

    url: str
    seed: int
    version: int = 0
    digest: bytes = field(default=bytes(32))

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.agency_id = AgencyId(self.draw(16))
        self.device_id = DeviceId(self.draw(16))
        self.mailbox = MailboxId(self.draw(16))
        self.root = SigningKey(self.draw(32))
        self.ops = SigningKey(self.draw(32))
        self.identity = SigningKey(self.draw(32))
        self.listen = SigningKey(self.draw(32))
        self.lane_secret = self.draw(32)
        self.code = "A" + "".join(self._random.choices("BCDEFGHJKLMNPQRSTUVWXYZ", k=12))
        self.issued = now_ms() - 1000
        self.certified: dict[DeviceId, Certificate] = {}
        self.departed: dict[DeviceId, Departed] = {}

    def draw(self, count: int) -> bytes:
        """Draw seeded random bytes."""
        return self._random.randbytes(count)

    def ops_list(self, **changes: object) -> SignedObject:
        """Sign the list of the one ops key."""
        root = changes.pop("root", self.root)
        assert isinstance(root, SigningKey)
        fields: dict[str, object] = {
            "agency_id": self.agency_id,
            "agency_code": self.code,
            "root_key": root.public,
            "version": 1,
            "issued": self.issued,
            "approvals": 1,
            "ops": (OpsKey(key=self.ops.public, expires=self.issued + OPS_LIFE_MS),),
        }
        payload = OpsList(**(fields | changes)).to_canonical()
        return SignedObject(payload=payload, signature=root.sign(TAG_OPS_LIST, payload))

    def certificate(self, **changes: object) -> Certificate:
        """Say what the one device is."""
        fields: dict[str, object] = {
            "agency_id": self.agency_id,
            "device_id": self.device_id,
            "identity_key": self.identity.public,
            "listen_key": self.listen.public,
            "mailbox": self.mailbox,
            "relay": self.url,
            "program": f"{self.code}-SHELTER",
            "roles": ("frontline_advocate",),
            "suites": (1, 2),
            "agency_owned": True,
            "issued": self.issued,
        }
        return Certificate(**(fields | changes))

    def approve(self, certificate: Certificate) -> CertifiedDevice:
        """Approve a certificate with the ops key."""
        payload = certificate.to_canonical()
        signature = self.ops.sign(TAG_CERTIFICATE, payload)
        approval = Approval(key=self.ops.public, signature=signature)
        return CertifiedDevice(certificate=payload, approvals=(approval,))

    def manifest(
        self, *, devices: tuple[Certificate, ...] | None = None, **changes: object
    ) -> Manifest:
        """Write the next version of the manifest; who is left out has been retired."""
        held = sorted(devices or (self.certificate(),), key=lambda device: device.device_id)
        names = {device.device_id for device in held}
        gone = {
            device.device_id: Departed(
                device_id=device.device_id,
                identity_key=device.identity_key,
                at=self.issued,
                how="retired",
            )
            for device in self.certified.values()
            if device.device_id not in names
        }
        fields: dict[str, object] = {
            "agency_id": self.agency_id,
            "version": self.version + 1,
            "prev_hash": self.digest,
            "issued": self.issued,
            "expires": self.issued + 30 * DAY,
            "ops_list": self.ops_list(),
            "signed_by": self.ops.public,
            "devices": tuple(self.approve(device) for device in held),
            "departed": tuple(
                one
                for _, one in sorted({**self.departed, **gone}.items(), key=lambda item: item[0])
            ),
        }
        return Manifest(**(fields | changes))

    def sign_manifest(self, manifest: Manifest, *, key: SigningKey | None = None) -> SignedObject:
        """Sign a manifest, by the ops key unless another key is given."""
        payload = manifest.to_canonical()
        return SignedObject(
            payload=payload, signature=(key or self.ops).sign(TAG_MANIFEST, payload)
        )

    def put(
        self, path: str, signed: SignedObject, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Put a signed object."""
        return CLIENT.put(
            self.url + path,
            content=signed.to_canonical(),
            headers={"Content-Type": JSON, **(headers or {})},
        )

    @property
    def manifest_path(self) -> str:
        """Where the manifest goes."""
        return f"/v1/agencies/{self.agency_id}/manifest"

    def publish_manifest(
        self,
        *,
        code: str | None = None,
        devices: tuple[Certificate, ...] | None = None,
        **changes: object,
    ) -> httpx.Response:
        """Publish the next version; on success it is the current one."""
        manifest = self.manifest(devices=devices, **changes)
        signed = self.sign_manifest(manifest)
        headers = {"Quietway-Enrolment": code} if code is not None else {}
        answer = self.put(self.manifest_path, signed, headers)
        if answer.status_code == 204:
            self.version += 1
            self.digest = hash_manifest(signed.payload)
            self.certified = {device.device_id: device for device in manifest.certificates}
            self.departed = {gone.device_id: gone for gone in manifest.departed}
        return answer

    def epochs(self, **changes: object) -> SignedObject:
        """Sign an epoch batch for today."""
        epoch = EnvelopeClass.FLASH.epoch_of(now_ms())
        # The same whenever it is asked for: a key that was shown is not exchanged for another.
        key = hashlib.sha256(b"%d/%d" % (self.seed, epoch)).digest()
        keys = EpochKeys(class_="flash", epoch=epoch, keys={"1": key})
        fields: dict[str, object] = {
            "agency_id": self.agency_id,
            "device_id": self.device_id,
            "manifest_version": self.version,
            "manifest_hash": self.digest,
            "issued": now_ms(),
            "epochs": (keys,),
        }
        payload = EpochBatch(**(fields | changes)).to_canonical()
        return SignedObject(payload=payload, signature=self.identity.sign(TAG_EPOCH_BATCH, payload))

    def publish_epochs(self, **changes: object) -> httpx.Response:
        """Publish an epoch batch."""
        return self.put(f"/v1/agencies/{self.agency_id}/epochs", self.epochs(**changes))

    def week_of_lanes(
        self, partners: list[bytes], *, week: str | None = None, version: int = 1
    ) -> SignedObject:
        """Sign the lanes of a week for these partners, padded to a power of two."""
        week = week or iso_week(now_ms())
        lanes = [
            Lane(kind=kind, hash=hash_capability(self.capability_for(partner, week, kind)))
            for partner in partners
            for kind in ("normal", "crisis")
        ]
        while len(lanes).bit_count() != 1:
            lanes.append(Lane(kind="normal", hash=self.draw(32)))
        payload = WeekOfLanes(
            agency_id=self.agency_id,
            device_id=self.device_id,
            week=week,
            version=version,
            lanes=tuple(sorted(lanes, key=lambda lane: lane.hash)),
        ).to_canonical()
        return SignedObject(
            payload=payload, signature=self.identity.sign(TAG_WEEK_OF_LANES, payload)
        )

    def publish_lanes(
        self, partners: list[bytes], *, week: str | None = None, version: int = 1
    ) -> httpx.Response:
        """Publish the lanes of a week."""
        week = week or iso_week(now_ms())
        signed = self.week_of_lanes(partners, week=week, version=version)
        return self.put(f"/v1/lanes/{week}", signed)

    def capability_for(
        self, partner: bytes, week: str | None = None, kind: str = "normal"
    ) -> bytes:
        """Give what a partner shows."""
        lane = derive_lane(self.lane_secret, partner)
        return derive_capability(lane, week or iso_week(now_ms()), kind)

    def record(
        self,
        envelope_class: EnvelopeClass = EnvelopeClass.FLASH,
        *,
        to: MailboxId | None = None,
        envelope_id: bytes | None = None,
    ) -> SubmissionRecord:
        """Make a record for this agency's mailbox, or another."""
        header = Header(
            envelope_class,
            2,
            envelope_class.epoch_of(now_ms()),
            to or self.mailbox,
            EnvelopeId(envelope_id or self.draw(16)),
        )
        return SubmissionRecord(header, self.draw(32), self.draw(envelope_class.sealed_bytes))

    def submit(self, capability: bytes, *records: SubmissionRecord) -> httpx.Response:
        """Submit records."""
        return CLIENT.post(
            self.url + "/v1/envelopes",
            content=b"".join(record.pack() for record in records),
            headers={"Content-Type": ENVELOPES, "Quietway-Lane": encode_base64(capability)},
        )

    def signature(
        self, method: str, path: str, body: bytes | None = None, **changes: object
    ) -> dict[str, str]:
        """Sign a request as this device."""
        fields: dict[str, object] = {
            "method": method,
            "url": self.url + path,
            "body": body,
            "key": self.identity,
            "key_id": str(self.device_id),
            "created": now_ms() // 1000,
            "nonce": encode_base64(self.draw(16)),
        }
        return sign_request(**(fields | changes))  # type: ignore[arg-type]  # fields of a call

    def get(self, path: str) -> httpx.Response:
        """Ask, signed."""
        return CLIENT.get(self.url + path, headers=self.signature("GET", path))

    def post(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        """Post JSON, signed."""
        raw = encode_canonical(body)
        headers = {"Content-Type": JSON, **self.signature("POST", path, raw)}
        return CLIENT.post(self.url + path, content=raw, headers=headers)

    def hello(self, *, after: int = 0, was: bytes | None = None, now: bytes) -> dict[str, object]:
        """Write a hello."""
        frame: dict[str, object] = {
            "frame": "hello",
            "after": after,
            "witness_now": encode_base64(now),
        }
        return frame | ({} if was is None else {"witness_was": encode_base64(was)})

    def open_socket(self, *, listens_only: bool = False, **more: object) -> ClientConnection:
        """Open the mailbox socket, signed."""
        changes: dict[str, object] = (
            {"key": self.listen, "key_id": f"listen:{self.device_id}"} if listens_only else {}
        )
        headers = self.signature("GET", "/v1/mailbox", **changes)
        address = "ws" + self.url.removeprefix("http") + "/v1/mailbox"
        return connect(
            address,
            additional_headers=headers | dict(more),  # type: ignore[arg-type]  # headers by name
            compression=None,
            open_timeout=10,
            proxy=None,
        )

    def greet(self, socket: ClientConnection, *, after: int = 0) -> dict[str, object]:
        """Say hello on a socket; give the welcome."""
        socket.send(json.dumps(self.hello(after=after, now=self.draw(16))))
        welcome: dict[str, object] = json.loads(socket.recv(timeout=10))
        return welcome


def join(url: str, code: str, seed: int, *, partners: list[bytes] | None = None) -> Agency:
    """Enrol an agency, with epochs and lanes for its partners."""
    agency = Agency(url, seed)
    for answer in (
        agency.publish_manifest(code=code),
        agency.publish_epochs(),
        agency.publish_lanes(partners if partners is not None else [PARTNER]),
    ):
        assert answer.status_code == 204, answer.text
    return agency


PARTNER: Final = bytes(range(16))


def problem_code(answer: httpx.Response) -> str:
    """Name the problem of an answer, and check that it is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert set(body) <= {"type", "title", "status", "detail", "index", "field"}
    return str(body["type"]).removeprefix("urn:quietway:problem:")
