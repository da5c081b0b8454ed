"""The directory: take what agencies signed, check that it follows what was there, serve it.

Rules: the relay is no authority. It checks signatures to keep rubbish out; clients check them
again, by the same proof. A version is accepted only on top of the one that is held (compare and
swap), in one transaction with its leaf in the transparency log. The same bytes again are answered
as before. A device's batches add up, and no key that was shown is exchanged for another. Readers
get everything in the order of change and can't ask for one agency. Who was removed stays removed.

Spec: docs/spec/directory.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import (
    TAG_EPOCH_BATCH,
    TAG_WEEK_OF_LANES,
    encode_base64,
    hash_tagged,
)
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_protocol.errors import ManifestRefusedError
from quietway_protocol.manifests import check_follows, prove_manifest, read_manifest
from quietway_schemas.directory import (
    MAX_PAYLOAD_BYTES,
    MOST_BATCHES,
    DirectoryEntry,
    DirectoryPage,
    EpochBatch,
    Manifest,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import HOUR, Instant
from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.core.decoys import DECOY_KEY
from quietway_server.core.quota import PAGE_ENTRIES, PAGE_SOFT_BYTES
from quietway_server.core.retention import publishable_weeks
from quietway_server.errors import RefusedError
from quietway_server.rows import DeviceRow, EpochBatchRow, ManifestRow, WeekRow
from quietway_server.services.enrolment import hash_code
from quietway_server.services.ladders import close_mailboxes
from quietway_server.services.log import find_head, prove_consistency, prove_manifests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.log import LogProof
    from quietway_server.ports import Clock, Delivery, Transaction
    from quietway_server.rows import FeedRow
    from quietway_server.services.log import Log
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer

SKEW_MS: Final = 2 * HOUR
_NO_ENTRIES: Final = b'"entries":[]'
_BATCH_ENTRY: Final = (
    b'{"agency_id":"%b","kind":"epochs","object":{"payload":"%b","signature":"%b"},"seq":%d}'
)


@dataclass(frozen=True, slots=True)
class Directory:
    """Keeps and serves the directory."""

    writer: Writer
    reader: Reader
    delivery: Delivery
    clock: Clock
    log: Log

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None
    ) -> None:
        """Take the next version of an agency's manifest; version 1 takes an enrolment code.

        Raises:
            RefusedError: Why not.
        """
        now = self.clock.now()
        pinned = await self._find_root_key(agency)
        if pinned is None and enrolment_code is None:
            raise RefusedError("not_authenticated")
        proved = _prove(signed, agency=agency, root_key=pinned, now=now)
        manifest = proved.manifest
        row = manifest_row(proved)
        devices = device_rows(manifest)

        def work(transaction: Transaction) -> list[bytes]:
            held = transaction.find_manifest(row.agency)
            if held is not None and held.payload == row.payload:
                return []
            if held is None:
                # Before anything else: who has no code learns nothing of who is here.
                _check_invited(transaction, enrolment_code, now=now)
            if transaction.is_agency_removed(row.agency):
                raise RefusedError("invalid_field", field="agency_id")
            _check_follows(manifest, row, held)
            _check_unclaimed(transaction, row, devices)
            if held is None and enrolment_code is not None:
                transaction.spend_enrolment(hash_code(enrolment_code), now=now)
            closing = transaction.find_closing(row.agency, devices)
            left = transaction.replace_manifest(row, devices)
            arrived = close_mailboxes(transaction, closing, now=now)
            self.log.append(transaction, MANIFEST_LEAF, row.agency, row.digest)
            return left + [arrival.record.header.mailbox.value for arrival in arrived]

        for mailbox in await self.writer.write(work, body_bytes=len(signed.payload)):
            # Whoever still listens there looks once more, and is sent away or finds an alert.
            self.delivery.wake(mailbox, 0)

    async def _find_root_key(self, agency: AgencyId) -> bytes | None:
        held = await self.reader.read(lambda transaction: transaction.find_manifest(agency.value))
        return None if held is None else held.root_key

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        """Take a further epoch batch of a device.

        Raises:
            RefusedError: Why not.
        """
        batch = EpochBatch.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
        now = self.clock.now()
        if batch.agency_id != agency:
            raise RefusedError("invalid_field", field="agency_id")
        if batch.issued > now + SKEW_MS:
            raise RefusedError("clock_skew")
        row = EpochBatchRow(
            batch.device_id.value,
            agency.value,
            batch.issued,
            batch.over_at,
            signed.payload,
            signed.signature,
        )

        def work(transaction: Transaction) -> None:
            _check_by_device(transaction, row.device, agency, TAG_EPOCH_BATCH, signed)
            held = transaction.find_epoch_batches(row.device)
            if any(each.payload == row.payload for each in held):
                return
            manifest = transaction.find_manifest(agency.value)
            named = (batch.manifest_version, batch.manifest_hash)
            if manifest is None or (manifest.version, manifest.digest) != named:
                raise RefusedError("stale_version", field="manifest_version")
            if held and row.issued <= held[-1].issued:
                raise RefusedError("stale_version", field="issued")
            kept = [] if batch.replaces else [each for each in held if each.over_at > now]
            _check_adds(batch, kept)
            dropped = {each.issued for each in held} - {each.issued for each in kept}
            transaction.add_epoch_batch(row, dropping=dropped)

        await self.writer.write(work, body_bytes=len(signed.payload))

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        """Take the next version of an agency's lanes for a week.

        Raises:
            RefusedError: Why not.
        """
        lanes = WeekOfLanes.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
        if lanes.week != week or week not in publishable_weeks(now=self.clock.now()):
            raise RefusedError("invalid_field", field="week")
        row = WeekRow(lanes.version, hash_tagged(TAG_WEEK_OF_LANES, signed.payload))
        agency, device = lanes.agency_id, lanes.device_id.value
        published = [(lane.hash, lane.kind) for lane in lanes.lanes]

        def work(transaction: Transaction) -> None:
            _check_by_device(transaction, device, agency, TAG_WEEK_OF_LANES, signed)
            held = transaction.find_week(agency.value, week)
            if held == row:
                return
            if held is not None and row.version <= held.version:
                raise RefusedError("stale_version", field="version")
            transaction.replace_week(agency.value, week, row, published)

        await self.writer.write(work, body_bytes=len(signed.payload))

    async def page(self, *, after: int, log_size: int = 0) -> bytes:
        """Give the next changes, and what the log says of them in the same moment.

        Args:
            after: The cursor.
            log_size: From which size the log's head is proved to follow.

        Returns:
            A page, as canonical JSON.
        """
        log_key = self.log.key.public
        return await self.reader.read(
            lambda transaction: write_page(transaction, after, log_size=log_size, log_key=log_key)
        )


def _prove(
    signed: SignedObject, *, agency: AgencyId, root_key: bytes | None, now: Instant
) -> ProvedManifest:
    """Prove a manifest under the pinned root key; a first one pins the key that it names."""
    manifest = read_manifest(signed)
    if manifest.agency_id != agency:
        raise RefusedError("invalid_field", field="agency_id")
    if manifest.issued > now + SKEW_MS:
        raise RefusedError("clock_skew")
    if manifest.expires <= now:
        raise RefusedError("invalid_field", field="expires")
    try:
        return prove_manifest(signed, root_key=root_key)
    except ManifestRefusedError as refused:
        raise RefusedError(refused.problem, field=refused.field) from None


def _check_follows(manifest: Manifest, row: ManifestRow, held: ManifestRow | None) -> None:
    """Refuse a version that is not the next one, or that goes back on the one held."""
    if held is None:
        if row.version != 1:
            raise RefusedError("stale_version", field="version")
        return
    if row.root_key != held.root_key:
        # Two first manifests raced: this one was proved while there was no root to prove it by.
        raise RefusedError("refused_signature", field="root_key")
    if row.version != held.version + 1 or manifest.prev_hash != held.digest:
        raise RefusedError("stale_version", field="version")
    if row.agency_code != held.agency_code:
        raise RefusedError("invalid_field", field="agency_code")
    former = _read_held(held)
    if former is None:
        return
    try:
        check_follows(manifest, former, held_hash=held.digest, must_be_next=True)
    except ManifestRefusedError as refused:
        raise RefusedError(refused.problem, field=refused.field) from None


def _read_held(held: ManifestRow) -> Manifest | None:
    """Read what was taken before; None where it is of a form that came before ops lists."""
    try:
        return Manifest.from_canonical(held.payload, max_bytes=MAX_PAYLOAD_BYTES)
    except SchemaError:
        return None


def _check_unclaimed(transaction: Transaction, row: ManifestRow, devices: list[DeviceRow]) -> None:
    """Refuse a code, a device or a mailbox that belongs to another agency, or did."""
    if transaction.find_removed_devices([device.device for device in devices]):
        raise RefusedError("invalid_field", field="devices")
    if transaction.is_code_taken(row.agency_code, by_other_than=row.agency):
        raise RefusedError("invalid_field", field="agency_code")
    known = transaction.find_devices([device.device for device in devices])
    opened = transaction.find_mailboxes([device.mailbox for device in devices])
    owners = {held.agency for held in known.values()} | {held.agency for held in opened.values()}
    if owners - {row.agency}:
        raise RefusedError("invalid_field", field="devices")


def _check_invited(transaction: Transaction, enrolment_code: str | None, *, now: Instant) -> None:
    digest = None if enrolment_code is None else hash_code(enrolment_code)
    if digest is None or not transaction.is_enrolment_open(digest, now=now):
        raise RefusedError("not_authenticated")


def _check_by_device(
    transaction: Transaction, device: bytes, agency: AgencyId, tag: str, signed: SignedObject
) -> None:
    """Refuse what is not signed by the identity key of a device that this agency certifies now."""
    row = transaction.find_devices([device]).get(device)
    is_theirs = row is not None and row.agency == agency.value
    try:
        # A device that nobody knows is refused after as much work as one with the wrong key.
        verify(row.identity_key if row else DECOY_KEY, tag, signed.payload, signed.signature)
    except CryptoError:
        raise RefusedError("refused_signature") from None
    if not is_theirs:
        raise RefusedError("refused_signature")


def manifest_row(proved: ProvedManifest) -> ManifestRow:
    """Give a proved manifest as the store keeps it."""
    manifest = proved.manifest
    return ManifestRow(
        manifest.agency_id.value,
        manifest.agency_code,
        manifest.version,
        proved.hash,
        manifest.root_key,
        proved.signed.payload,
        proved.signed.signature,
    )


def device_rows(manifest: Manifest) -> list[DeviceRow]:
    """Give the devices that a manifest certifies."""
    return [
        DeviceRow(
            device.device_id.value,
            manifest.agency_id.value,
            device.mailbox.value,
            device.identity_key,
            device.listen_key,
        )
        for device in manifest.certificates
    ]


def _check_adds(batch: EpochBatch, kept: list[EpochBatchRow]) -> None:
    """Refuse a batch that exchanges a key, or is one too many."""
    if len(kept) >= MOST_BATCHES:
        raise RefusedError("invalid_field", field="epochs")
    listed = {(each.class_, each.epoch): each.keys for each in batch.epochs}
    for row in kept if listed else ():
        held = EpochBatch.from_canonical(row.payload, max_bytes=MAX_PAYLOAD_BYTES)
        if any(listed.get((e.class_, e.epoch), e.keys) != e.keys for e in held.epochs):
            raise RefusedError("invalid_field", field="epochs")


def write_page(transaction: Transaction, after: int, *, log_size: int, log_key: bytes) -> bytes:
    """Write a page of the feed, all of one moment, as canonical JSON."""
    rows = transaction.feed_after(after, PAGE_ENTRIES, soft_bytes=PAGE_SOFT_BYTES)
    end = rows[-1].change if rows else after
    head = find_head(transaction)
    manifests = {row.agency for row in rows if row.kind == "manifest"}
    proofs = prove_manifests(transaction, head, manifests)
    page = DirectoryPage(
        entries=(),
        next=end,
        more=bool(rows and transaction.feed_after(end, 1, soft_bytes=1)),
        checkpoint=head.checkpoint,
        consistency=prove_consistency(transaction, log_size, head.size),
        log_key=log_key,
    ).to_canonical()
    # Batches come by the thousand and are canonical JSON already, signed by who was checked: only
    # what is around them is written here.
    entries = b",".join(_write_entry(row, proofs) for row in rows)
    return page.replace(_NO_ENTRIES, b'"entries":[%b]' % entries, 1)


def _write_entry(row: FeedRow, proofs: Mapping[bytes, LogProof]) -> bytes:
    if row.kind != "epochs":
        return _entry(row, proofs).to_canonical()
    return _BATCH_ENTRY % (
        str(AgencyId(row.agency)).encode("ascii"),
        encode_base64(row.payload).encode("ascii"),
        encode_base64(row.signature).encode("ascii"),
        row.change,
    )


def _entry(row: FeedRow, proofs: Mapping[bytes, LogProof]) -> DirectoryEntry:
    signed = SignedObject(payload=row.payload, signature=row.signature) if row.payload else None
    return DirectoryEntry.model_validate(
        {
            "seq": row.change,
            "kind": row.kind,
            "agency_id": AgencyId(row.agency),
            "object": signed,
            "log": proofs.get(row.agency) if row.kind == "manifest" else None,
        }
    )
