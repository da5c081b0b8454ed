"""The directory of the in-memory relay, which judges as a real relay judges.

The newest object of each kind stays, per agency and device, with a number that grows by each
change. What does not verify, does not follow, or names another's mailbox is refused and changes
nothing. Nobody's content passes here.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import ClockError
from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.encoding import TAG_EPOCH_BATCH, TAG_WEEK_OF_LANES
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_protocol.errors import ManifestRefusedError
from quietway_protocol.manifests import check_follows, prove_manifest
from quietway_schemas.directory import (
    MAX_PAYLOAD_BYTES,
    DirectoryEntry,
    DirectoryPage,
    EpochBatch,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import WireModel
from quietway_schemas.instants import HOUR, WEEK, Instant, iso_week

if TYPE_CHECKING:
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import Certificate, Manifest
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId

PAGE_ENTRIES: Final = 64
WEEK_GRACE_MS: Final = 2 * HOUR
SKEW_MS: Final = 2 * HOUR
_Payload = TypeVar("_Payload", bound=WireModel)


class RelayDirectory:
    """What a relay holds of who takes part."""

    __slots__ = ("_codes", "_entries", "_lanes", "_last_seq", "_manifests")

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._manifests: dict[AgencyId, ProvedManifest] = {}
        self._entries: dict[tuple[str, AgencyId, DeviceId | None], DirectoryEntry] = {}
        self._lanes: dict[tuple[AgencyId, str], WeekOfLanes] = {}
        self._last_seq = 0

    def add_code(self, code: str) -> None:
        """Let one agency enrol with this code, once."""
        self._codes.add(code)

    def put_manifest(
        self, agency: AgencyId, signed: SignedObject, code: str | None, *, now: Instant
    ) -> None:
        """Take a manifest that follows the one held, or a first one with a code."""
        proved = _prove(signed)
        manifest = proved.manifest
        if manifest.agency_id != agency or manifest.expires <= now:
            raise make_refusal("invalid_field")
        _check_clock(manifest.issued, now=now)
        held = self._manifests.get(agency)
        if held is not None and held.signed.payload == signed.payload:
            return
        _check_place(manifest, held)
        self._check_unclaimed(manifest)
        if held is None:
            self._spend(code)
        self._manifests[agency] = proved
        self._drop_batches(agency, {device.device_id for device in manifest.certificates})
        self._enter("manifest", agency, None, signed)

    def put_epochs(self, agency: AgencyId, signed: SignedObject, *, now: Instant) -> None:
        """Take a batch that names the manifest held and is newer than the device's last."""
        batch = _read(EpochBatch, signed)
        if batch.agency_id != agency:
            raise make_refusal("invalid_field")
        _check_clock(batch.issued, now=now)
        _verify(self._certificate(agency, batch.device_id).identity_key, TAG_EPOCH_BATCH, signed)
        former = self._entries.get(("epochs", agency, batch.device_id))
        if former is not None and former.object.payload == signed.payload:
            return
        self._check_batch(batch, former)
        self._enter("epochs", agency, batch.device_id, signed)

    def put_lanes(self, week: str, signed: SignedObject, *, now: Instant) -> None:
        """Take a week of lanes with a greater version than the one held."""
        lanes = _read(WeekOfLanes, signed)
        certificate = self._certificate(lanes.agency_id, lanes.device_id)
        _verify(certificate.identity_key, TAG_WEEK_OF_LANES, signed)
        if lanes.week != week or week not in {iso_week(now + n * WEEK) for n in range(-1, 4)}:
            raise make_refusal("invalid_field")
        held = self._lanes.get((lanes.agency_id, week))
        if held is not None and lanes.version <= held.version and lanes != held:
            raise make_refusal("stale_version")
        self._lanes[lanes.agency_id, week] = lanes

    def page(self, after: int) -> DirectoryPage:
        """Give the changes after a number, in order."""
        newer = sorted(
            (entry for entry in self._entries.values() if entry.seq > after),
            key=lambda entry: entry.seq,
        )
        page = tuple(newer[:PAGE_ENTRIES])
        last = page[-1].seq if page else after
        return DirectoryPage(entries=page, next=last, more=len(newer) > len(page))

    def agency_of(self, mailbox: MailboxId) -> AgencyId | None:
        """Return whose device reads a mailbox, or None."""
        for agency, held in self._manifests.items():
            if any(device.mailbox == mailbox for device in held.manifest.certificates):
                return agency
        return None

    def root_key_of(self, agency: AgencyId) -> bytes | None:
        """Return the root key of an agency that has enrolled, or None."""
        held = self._manifests.get(agency)
        return None if held is None else held.manifest.root_key

    def find_device(self, device: DeviceId, identity_key: bytes) -> Certificate | None:
        """Return the certificate of a device that shows this identity key, or None."""
        for held in self._manifests.values():
            for certificate in held.manifest.certificates:
                if certificate.device_id == device and certificate.identity_key == identity_key:
                    return certificate
        return None

    def find_listener(self, device: DeviceId | AgencyId, listen_key: bytes) -> Certificate | None:
        """Return the certificate of a device that shows this listen key, or None."""
        for held in self._manifests.values():
            for certificate in held.manifest.certificates:
                if certificate.device_id == device and certificate.listen_key == listen_key:
                    return certificate
        return None

    def opens_lane(self, agency: AgencyId, opening: bytes, *, now: Instant) -> bool:
        """Tell whether the hash of a capability stands in a week of the agency that counts now."""
        weeks = {iso_week(now + shift) for shift in (-WEEK_GRACE_MS, 0, WEEK_GRACE_MS)}
        held = (self._lanes.get((agency, week)) for week in weeks)
        return any(
            lane.hash == opening for lanes in held if lanes is not None for lane in lanes.lanes
        )

    def _check_unclaimed(self, manifest: Manifest) -> None:
        # Otherwise an agency could have another's mailbox opened to its own lanes and device keys.
        owners = {self.agency_of(device.mailbox) for device in manifest.certificates}
        for agency, held in self._manifests.items():
            certified = {device.device_id for device in held.manifest.certificates}
            shares_device = certified & {device.device_id for device in manifest.certificates}
            if shares_device or held.manifest.agency_code == manifest.agency_code:
                owners.add(agency)
        if owners - {None, manifest.agency_id}:
            raise make_refusal("invalid_field")

    def _spend(self, code: str | None) -> None:
        if code not in self._codes:
            raise make_refusal("not_authenticated")
        self._codes.remove(code)

    def _check_batch(self, batch: EpochBatch, former: DirectoryEntry | None) -> None:
        held = self._manifests[batch.agency_id]
        if (batch.manifest_version, batch.manifest_hash) != (held.manifest.version, held.hash):
            raise make_refusal("stale_version")
        if former is not None and batch.issued <= _read(EpochBatch, former.object).issued:
            raise make_refusal("stale_version")

    def _certificate(self, agency: AgencyId, device: DeviceId) -> Certificate:
        held = self._manifests.get(agency)
        for certificate in held.manifest.certificates if held is not None else ():
            if certificate.device_id == device:
                return certificate
        raise make_refusal("refused_signature")

    def _drop_batches(self, agency: AgencyId, certified: set[DeviceId]) -> None:
        for kind, owner, device in list(self._entries):
            if kind == "epochs" and owner == agency and device not in certified:
                del self._entries[kind, owner, device]

    def _enter(
        self, kind: str, agency: AgencyId, device: DeviceId | None, signed: SignedObject
    ) -> None:
        self._last_seq += 1
        self._entries[kind, agency, device] = DirectoryEntry(
            seq=self._last_seq,
            kind="manifest" if kind == "manifest" else "epochs",
            agency_id=agency,
            object=signed,
        )


def _prove(signed: SignedObject) -> ProvedManifest:
    try:
        return prove_manifest(signed)
    except SchemaError:
        raise make_refusal("invalid_field") from None
    except ManifestRefusedError as refused:
        raise make_refusal(refused.problem) from None


def _check_place(manifest: Manifest, held: ProvedManifest | None) -> None:
    if held is None:
        if manifest.version != 1:
            raise make_refusal("stale_version")
        return
    try:
        check_follows(manifest, held.manifest, held_hash=held.hash, must_be_next=True)
    except ManifestRefusedError as refused:
        raise make_refusal(refused.problem) from None


def _check_clock(issued: Instant, *, now: Instant) -> None:
    if issued > now + SKEW_MS:
        raise ClockError(issued - now)


def _read(model: type[_Payload], signed: SignedObject) -> _Payload:
    try:
        return model.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    except SchemaError:
        raise make_refusal("invalid_field") from None


def _verify(public: bytes, tag: str, signed: SignedObject) -> None:
    try:
        verify(public, tag, signed.payload, signed.signature)
    except CryptoError:
        raise make_refusal("refused_signature") from None
