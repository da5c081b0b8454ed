"""The directory of the in-memory relay, which judges as a real relay judges.

The newest manifest of an agency stays, and of each device the batches that are not over, each with
a number that grows by each change. What does not verify, does not follow, or names another's
mailbox is refused and changes nothing. Nobody's content passes here.

Spec: docs/spec/directory.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from quietway.errors import ClockError
from quietway.testing.relay_log import LOG_SEED, RelayLog
from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.encoding import TAG_EPOCH_BATCH, TAG_WEEK_OF_LANES
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_protocol.errors import ManifestRefusedError
from quietway_protocol.manifests import check_follows, prove_manifest
from quietway_schemas.directory import (
    MAX_PAYLOAD_BYTES,
    MOST_BATCHES,
    MOST_ENTRIES,
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
    from collections.abc import Sequence

    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import Certificate, Manifest
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId

WEEK_GRACE_MS: Final = 2 * HOUR
SKEW_MS: Final = 2 * HOUR
_Payload = TypeVar("_Payload", bound=WireModel)
_Kind: TypeAlias = Literal["manifest", "epochs", "removed"]


@dataclass(frozen=True, slots=True)
class _Filed:
    """What was put, whose it is, and when it is over."""

    seq: int
    kind: _Kind
    of: tuple[AgencyId, DeviceId | None]
    signed: SignedObject | None
    over_at: Instant

    def to_entry(self) -> DirectoryEntry:
        return DirectoryEntry(
            seq=self.seq, kind=self.kind, agency_id=self.of[0], object=self.signed
        )


class RelayDirectory:
    """What a relay holds of who takes part.

    Args:
        log_seed: 32 bytes, of its transparency log.
    """

    __slots__ = ("_codes", "_entries", "_gone", "_lanes", "_last_seq", "_manifests", "log")

    def __init__(self, log_seed: bytes = LOG_SEED) -> None:
        self.log = RelayLog(log_seed)
        self._codes: set[str] = set()
        self._manifests: dict[AgencyId, ProvedManifest] = {}
        self._gone: dict[AgencyId, ProvedManifest] = {}
        self._entries: list[_Filed] = []
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
        if agency in self._gone:
            raise make_refusal("invalid_field")
        _check_place(manifest, held)
        self._check_unclaimed(manifest)
        if held is None:
            self._spend(code)
        self._manifests[agency] = proved
        self._drop_batches(manifest, held)
        self._enter("manifest", agency, None, signed)
        self.log.append_manifest(agency, proved.hash)

    def put_epochs(self, agency: AgencyId, signed: SignedObject, *, now: Instant) -> None:
        """Take a batch that adds to the device's, or replaces them."""
        batch = _read(EpochBatch, signed)
        if batch.agency_id != agency:
            raise make_refusal("invalid_field")
        _check_clock(batch.issued, now=now)
        _verify(self._certificate(agency, batch.device_id).identity_key, TAG_EPOCH_BATCH, signed)
        former = [filed for filed in self._entries if filed.of == (agency, batch.device_id)]
        if any(filed.signed == signed for filed in former):
            return
        held = [] if batch.replaces else [filed for filed in former if filed.over_at > now]
        self._check_batch(batch, former, held)
        self._entries = [filed for filed in self._entries if filed not in former or filed in held]
        self._file("epochs", (agency, batch.device_id), signed, over_at=batch.over_at)

    def remove(self, agency: AgencyId) -> None:
        """Do as the operator does who ends an agency's place, for good."""
        self._gone[agency] = self._manifests.pop(agency)
        self._lanes = {place: held for place, held in self._lanes.items() if place[0] != agency}
        self._entries = [filed for filed in self._entries if filed.of[0] != agency]
        self._file("removed", (agency, None), None)
        self.log.append_removal(agency)

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

    def page(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        """Give the changes after a number, in order, and the log's word for them."""
        newer = [filed.to_entry() for filed in self._entries if filed.seq > after]
        page = tuple(newer[:MOST_ENTRIES])
        return DirectoryPage(
            entries=tuple(self._with_proof(entry) for entry in page),
            next=page[-1].seq if page else after,
            more=len(newer) > len(page),
            checkpoint=self.log.checkpoint().note,
            consistency=self.log.consistency_to_head(log_size),
            log_key=self.log.log_key,
        )

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

    def is_of_removed(self, device: DeviceId, identity_key: bytes) -> bool:
        """Tell whether this was a device of an agency that the operator removed."""
        found = (held.manifest.find(device) for held in self._gone.values())
        return any(each is not None and each.identity_key == identity_key for each in found)

    def find_listener(self, device: DeviceId | AgencyId, listen_key: bytes) -> Certificate | None:
        """Return the certificate of a device that shows this listen key, or None."""
        for held in self._manifests.values():
            for certificate in held.manifest.certificates:
                if certificate.device_id == device and certificate.listen_key == listen_key:
                    return certificate
        return None

    def opens_lane(self, agency: AgencyId, opening: bytes, *, now: Instant) -> str | None:
        """Tell the kind of the lane, where the hash stands in a week that counts now; else None."""
        weeks = {iso_week(now + shift) for shift in (-WEEK_GRACE_MS, 0, WEEK_GRACE_MS)}
        held = (self._lanes.get((agency, week)) for week in weeks)
        found = (lane for lanes in held if lanes is not None for lane in lanes.lanes)
        return next((lane.kind for lane in found if lane.hash == opening), None)

    def _with_proof(self, entry: DirectoryEntry) -> DirectoryEntry:
        if entry.kind != "manifest":
            return entry
        return entry.model_copy(update={"log": self.log.prove(entry.agency_id)})

    def is_open_lane(self, opening: bytes, *, now: Instant) -> bool:
        """Tell whether the hash of a capability stands in a week of any agency that counts now."""
        return any(self.opens_lane(agency, opening, now=now) for agency, _ in self._lanes)

    def _check_unclaimed(self, manifest: Manifest) -> None:
        # Otherwise an agency could have another's mailbox opened to its own lanes and device keys.
        owners = {self.agency_of(device.mailbox) for device in manifest.certificates}
        for agency, held in (*self._manifests.items(), *self._gone.items()):
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

    def _check_batch(
        self, batch: EpochBatch, former: Sequence[_Filed], held: Sequence[_Filed]
    ) -> None:
        own = self._manifests[batch.agency_id]
        if (batch.manifest_version, batch.manifest_hash) != (own.manifest.version, own.hash):
            raise make_refusal("stale_version")
        if any(batch.issued <= _read_batch(filed).issued for filed in former):
            raise make_refusal("stale_version")
        for filed in held:
            known = {(each.class_, each.epoch): each.keys for each in _read_batch(filed).epochs}
            if any(known.get((e.class_, e.epoch), e.keys) != e.keys for e in batch.epochs):
                raise make_refusal("invalid_field")
        if len(held) >= MOST_BATCHES:
            raise make_refusal("invalid_field")

    def _certificate(self, agency: AgencyId, device: DeviceId) -> Certificate:
        held = self._manifests.get(agency)
        for certificate in held.manifest.certificates if held is not None else ():
            if certificate.device_id == device:
                return certificate
        raise make_refusal("refused_signature")

    def _drop_batches(self, manifest: Manifest, former: ProvedManifest | None) -> None:
        kept = {None} | {
            certificate.device_id
            for certificate in manifest.certificates
            if former is None or _has_same_key(certificate, former.manifest)
        }
        of = manifest.agency_id
        self._entries = [each for each in self._entries if each.of[0] != of or each.of[1] in kept]

    def _enter(
        self, kind: _Kind, agency: AgencyId, device: DeviceId | None, signed: SignedObject
    ) -> None:
        """File an object in the place of all that is there of its agency's manifest or device."""
        of = (agency, device)
        self._entries = [filed for filed in self._entries if filed.of != of]
        over_at = 0 if kind == "manifest" else _read(EpochBatch, signed).over_at
        self._file(kind, of, signed, over_at=over_at)

    def _file(
        self,
        kind: _Kind,
        of: tuple[AgencyId, DeviceId | None],
        signed: SignedObject | None,
        *,
        over_at: Instant = 0,
    ) -> None:
        self._last_seq += 1
        self._entries.append(_Filed(self._last_seq, kind, of, signed, over_at))


def _read_batch(filed: _Filed) -> EpochBatch:
    assert filed.signed is not None  # noqa: S101 - only a removal has none
    return _read(EpochBatch, filed.signed)


def _has_same_key(certificate: Certificate, former: Manifest) -> bool:
    held = former.find(certificate.device_id)
    return held is None or held.identity_key == certificate.identity_key


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
