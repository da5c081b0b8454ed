"""Who is who: the directory as far as this device has verified it.

Theory of operation: the relay hands out signed objects and is believed in nothing. An agency counts
once its root key was pinned, out of an invitation. Each object is first *unproved*; it becomes
*proved* when it holds under the pinned root (manifests) or under a device of the proved manifest
(epoch batches, which `batches` holds), when it does not go back in version or time, and when its
keys are sound. Manifests of agencies that were not pinned yet stay unproved; their batches are not
kept, and pinning has the directory read from its start. A refusal is collected, never raised, so
that one bad agency does not stop the others.

What left an agency is remembered for good. An agency that shows another root key is held to be
nobody's until a person has compared fingerprints anew: nothing is sealed to it meanwhile.

Pure: bytes in, refusals out, the time as an argument. `take_writes` and `restore` carry it through
the store; manifests that come back from there are proved again.

Spec: docs/spec/keys.md, "Manifest" to "Devices that leave"; docs/spec/directory.md, "Reading".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from quietway.engine.codec import rows_under
from quietway.errors import AgencyRemoved, DirectoryRefused, IdentityChanged, UnknownPartner
from quietway.keyring.batches import DIRECTORY, PUBLISHED, Batches
from quietway.keyring.proof import (
    IDENTITY_CHANGED,
    Place,
    Refused,
    place_of_manifest,
    prove_manifest,
    read_batch,
)
from quietway.keyring.standing import (
    Departure,
    DevicesChanged,
    Signer,
    Standing,
    VerifiedDevice,
    compare_devices,
    is_fresh,
    list_departures,
    show_device,
)
from quietway.keyring.unwritten import Unwritten
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, SignedObject
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.errors import TrustError
    from quietway.events import SenderStanding
    from quietway.ports import Delete, Put, Row
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import Certificate, Departed, DirectoryEntry, DirectoryPage
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant

STALE: Final = "stale_directory"
REMOVED: Final = "agency_removed"
_MANIFEST_KEY_BYTES: Final = 16
_MAX_ROW_BYTES: Final = 2 * MAX_PAYLOAD_BYTES
_CURSOR: Final = b"cursor"
_PIN: Final = b"pin/"
_CHANGED: Final = b"changed/"
_DEPARTED: Final = b"departed/"
_PROVED: Final = b"proved/"
_UNPROVED: Final = b"unproved/"
_FLOOR: Final = b"floor/"
_SKIPPED: Final = b"skipped/"
_REMOVED: Final = b"removed/"
_YES: Final = b"\x01"


class Directory:
    """The verified view of everyone. Empty when made; `restore` brings a former one back.

    Attributes:
        changes: How agencies' devices changed since this was last emptied.
        removals: The agencies that were removed since this was last emptied.
    """

    def __init__(self) -> None:
        self.changes: list[DevicesChanged] = []
        self.removals: list[AgencyId] = []
        self._cursor = 0
        self._unwritten = Unwritten()
        self._batches = Batches(self._unwritten)
        self._now: Instant = 0
        self._pins: dict[AgencyId, bytes] = {}
        self._unproved: dict[Place, SignedObject] = {}
        self._manifests: dict[AgencyId, ProvedManifest] = {}
        self._departures: dict[Place, Departure] = {}
        self._changed: set[AgencyId] = set()
        self._skipped: set[AgencyId] = set()
        self._removed: set[AgencyId] = set()
        self._floors: dict[DeviceId, int] = {}

    @property
    def cursor(self) -> int:
        """How far the relay's directory was read. Set to 0, it is read from its start."""
        return self._cursor

    @cursor.setter
    def cursor(self, cursor: int) -> None:
        if cursor != self._cursor:
            self._cursor = cursor
            self._put(_CURSOR, cursor.to_bytes(8, "big"))

    def pin(self, agency: AgencyId, root_key: bytes) -> None:
        """Accept an agency's root key, as it stood in its invitation.

        Raises:
            IdentityChanged: Another key was pinned for it before. That one stays.
        """
        if self._pins.get(agency, root_key) != root_key:
            raise IdentityChanged(str(agency))
        self._keep_pin(agency, root_key)
        self._prove({agency})

    def trust_anew(self, agency: AgencyId, root_key: bytes) -> None:
        """Take the root key that a person has compared with the agency anew, and no other.

        Where it is the one that was pinned, the relay lied, and all stays. Where it is another,
        nothing of the former identity counts any more, except that who left stays away.
        """
        self._unmark(self._changed, _CHANGED, agency)
        if agency in self._removed:
            self._unmark(self._removed, _REMOVED, agency)
            self.cursor = 0
        if self._pins.get(agency) != root_key:
            if self._manifests.pop(agency, None) is not None:
                self._delete(_PROVED + agency.value)
            self._batches.forget(agency)
            # What it shows now was refused under the former key: it is read from the start.
            self.cursor = 0
        self._keep_pin(agency, root_key)
        self._prove({agency})

    def root_key(self, agency: AgencyId) -> bytes:
        """Return an agency's pinned root key.

        Raises:
            UnknownPartner: None was pinned.
        """
        if agency not in self._pins:
            raise UnknownPartner(str(agency))
        return self._pins[agency]

    def pinned(self) -> Mapping[AgencyId, bytes]:
        """Return the root keys that were accepted."""
        return MappingProxyType(self._pins)

    def apply(self, page: DirectoryPage, *, now: Instant) -> tuple[TrustError, ...]:
        """Take in a page of the relay's directory.

        Args:
            page: As it came.
            now: Milliseconds; what has expired by then is not shown any more.

        Returns:
            What was refused, by agency and reason. Nothing of it is used.
        """
        self.note_time(now)
        refused: list[TrustError] = []
        touched: set[AgencyId] = set()
        # Manifests come first, whatever the order: batches lean on the newest.
        for entry in page.entries:
            refused += self._take_entry(entry)
            if entry.kind != "epochs":
                touched.add(entry.agency_id)
        refused += self._prove(touched)
        for entry in page.entries:
            if entry.kind == "epochs" and entry.object is not None:
                refused += self._take_batch(entry.agency_id, entry.object)
        self.cursor = max(self.cursor, page.next)
        return tuple(refused)

    def adopt(self, signed: SignedObject, kind: Literal["manifest", "epochs"]) -> None:
        """Take in what this device published itself, without waiting to read it again.

        Raises:
            DirectoryRefused: It does not hold.
        """
        try:
            if kind == "epochs":
                batch = read_batch(signed)
                manifest = self._manifests.get(batch.agency_id)
                self._batches.take(signed, batch, manifest=manifest, now=self._now)
                return
            place = place_of_manifest(signed)
            self._prove_one(place, signed)
        except Refused as refusal:
            raise DirectoryRefused("this agency", refusal.reason) from None
        # What waited for this manifest may hold now; what does not is reported when it is read.
        self._prove({place.agency})

    def note_time(self, now: Instant) -> None:
        """Let what has expired by this instant not be shown any more. Time never goes back here.

        Args:
            now: Milliseconds, by a clock that was compared with the relay's.
        """
        self._now = max(self._now, now)

    def devices_of(self, agency: AgencyId) -> tuple[VerifiedDevice, ...]:
        """Return an agency's devices; none where it is unknown or its manifest has expired."""
        held = self._live(agency)
        if held is None:
            return ()
        return tuple(self._show(held, certificate) for certificate in held.manifest.certificates)

    def device(self, agency: AgencyId, device: DeviceId) -> VerifiedDevice | None:
        """Return one device of an agency, or None."""
        held = self._live(agency)
        certificate = None if held is None else held.manifest.find(device)
        return None if held is None or certificate is None else self._show(held, certificate)

    def signer(self, agency: AgencyId, device: DeviceId) -> Signer | None:
        """Return what is needed to judge what a device signed, also of one that has left."""
        held = self.device(agency, device)
        if held is not None:
            return Signer(held.identity_key, held.suites, held.program, held.roles)
        gone = self._departures.get(Place(agency, device))
        return None if gone is None else gone.to_signer()

    def standing(self, agency: AgencyId, device: DeviceId) -> Standing:
        """Say how a device stands with its agency."""
        gone = self._departures.get(Place(agency, device))
        if gone is not None:
            return Standing(gone.departed.how, gone.departed.at)
        held = self._manifests.get(agency)
        certified = held is not None and held.manifest.find(device) is not None
        return Standing("current" if certified else "unknown")

    def departed(self, agency: AgencyId) -> tuple[Departed, ...]:
        """Return who ever left an agency, as far as it is remembered here."""
        return tuple(
            held.departed for place, held in self._departures.items() if place.agency == agency
        )

    def sender_standing(self, agency: AgencyId, device: DeviceId) -> SenderStanding:
        """Say how whoever signed a message stands now: who is not known to have left is current."""
        name = self.standing(agency, device).name
        return "current" if name == "unknown" else name

    def is_fresh(self, agency: AgencyId, now: Instant) -> bool:
        """Say whether an agency's manifest was vouched for within the last week."""
        held = self._live(agency)
        if held is None:
            return False
        return is_fresh(held, self._batches.of(agency).values(), now=now)

    def hindrance(self, agency: AgencyId, now: Instant) -> str:
        """Say why nothing may be sealed to an agency that is known, or nothing where it may be.

        Returns:
            `agency_removed`, `identity_changed`, `stale_directory`, or an empty text.
        """
        if agency in self._removed:
            return REMOVED
        if agency in self._changed:
            return IDENTITY_CHANGED
        return STALE if agency in self._manifests and not self.is_fresh(agency, now) else ""

    def epoch_key(
        self,
        device: DeviceId,
        class_: EnvelopeClass,
        epoch: int,
        suite: int,
        *,
        agency: AgencyId | None = None,
    ) -> bytes | None:
        """Return a device's public key for one epoch and suite; None where it published none.

        Args:
            device: Whose key.
            class_: Of the envelope.
            epoch: Its number.
            suite: 1 or 2.
            agency: Whose device it is. Without it, a device id that two agencies claim has no key.

        Raises:
            KeysNotLoadedError: It stands on the disk: `load_keys` comes first.
        """
        claimed = self._claimants(device, agency)
        return self._batches.key(claimed[0], device, class_, epoch, suite) if claimed else None

    def has_published(
        self, device: DeviceId, class_: EnvelopeClass, epoch: int, *, agency: AgencyId
    ) -> bool:
        """Say whether a device published keys for an epoch, without reading them."""
        held = self._batches.of(agency).get(device)
        return held is not None and held.find(class_, epoch) is not None

    def lacks_keys(self, agencies: Iterable[AgencyId], *, now: Instant) -> tuple[AgencyId, ...]:
        """Say which agencies' keys must be loaded before anything is sealed to them now."""
        return self._batches.lacks(agencies, now=now)

    def load_keys(self, agency: AgencyId, rows: Iterable[Row], *, now: Instant) -> None:
        """Take the keys of the running epochs out of an agency's rows in the store.

        Raises:
            SchemaError: A row is not there, or not what was written.
        """
        self._batches.load(agency, rows, now=now)

    def is_removed(self, agency: AgencyId) -> bool:
        """Say whether the relay told that its operator removed an agency."""
        return agency in self._removed

    def manifest(self, agency: AgencyId) -> ProvedManifest | None:
        """Return the newest proved manifest, also where it has expired since; None without one."""
        return self._manifests.get(agency)

    def manifest_version(self, agency: AgencyId) -> int:
        """Return the version of the newest proved manifest, 0 where there is none."""
        held = self._manifests.get(agency)
        return 0 if held is None else held.manifest.version

    def manifest_hash(self, agency: AgencyId) -> bytes:
        """Return the hash of the newest proved manifest, 32 zero bytes where there is none."""
        held = self._manifests.get(agency)
        return bytes(32) if held is None else held.hash

    def manifest_expires(self, agency: AgencyId) -> Instant:
        """Return when the newest proved manifest expires, 0 where there is none."""
        held = self._manifests.get(agency)
        return 0 if held is None else held.manifest.expires

    def agency_code(self, agency: AgencyId) -> str | None:
        """Return an agency's code as its manifest has it, or None."""
        held = self._manifests.get(agency)
        return None if held is None else held.manifest.agency_code

    def suite_floor(self, device: DeviceId) -> int:
        """Return the highest suite that was ever used for a device, 0 where none was."""
        return self._floors.get(device, 0)

    def raise_suite_floor(self, device: DeviceId, suite: int) -> None:
        """Remember that a suite was used for a device; the floor never goes down."""
        self._floors[device] = max(self.suite_floor(device), suite)
        self._put(_FLOOR + device.value, bytes([self._floors[device]]))

    def take_writes(self) -> tuple[Put | Delete, ...]:
        """Take out what changed since this was last asked, for one commit of the store."""
        return self._unwritten.take()

    def give_back(self, writes: Iterable[Put | Delete]) -> None:
        """Let what was not committed be part of the next."""
        self._unwritten.give_back(writes)

    @classmethod
    def restore(cls, rows: Mapping[bytes, bytes]) -> Directory:
        """Bring back what was written of the kind `directory`. Manifests are proved again.

        Raises:
            SchemaError: A row is not what was written.
        """
        made = cls()
        made._cursor = int.from_bytes(rows.get(_CURSOR, b""), "big")
        made._pins = {AgencyId(key): root for key, root in rows_under(_PIN, rows)}
        made._changed = {AgencyId(key) for key, _ in rows_under(_CHANGED, rows)}
        made._skipped = {AgencyId(key) for key, _ in rows_under(_SKIPPED, rows)}
        made._removed = {AgencyId(key) for key, _ in rows_under(_REMOVED, rows)}
        made._departures = {
            Place.from_key(key): Departure.from_canonical(raw, max_bytes=_MAX_ROW_BYTES)
            for key, raw in rows_under(_DEPARTED, rows)
        }
        made._floors = {DeviceId(key): floor[0] for key, floor in rows_under(_FLOOR, rows)}
        # The proved ones first: what is newer and still waits for its manifest comes on top.
        made._restore_manifests(_PROVED, rows)
        # All of that is written already.
        made._unwritten.take()
        for key, raw in rows_under(PUBLISHED, rows):
            place = Place.from_key(key)
            if place.device is not None:
                made._batches.restore_published(place.agency, place.device, raw)
        made._restore_manifests(_UNPROVED, rows)
        for prefix in (_PROVED, _UNPROVED):
            made._restore_batches(prefix, rows)
        made.changes.clear()
        return made

    def _restore_manifests(self, prefix: bytes, rows: Mapping[bytes, bytes]) -> None:
        for key, raw in rows_under(prefix, rows):
            if len(key) == _MANIFEST_KEY_BYTES:
                signed = SignedObject.from_canonical(raw, max_bytes=_MAX_ROW_BYTES)
                self._unproved[Place(AgencyId(key), None)] = signed
        self._prove(set(self._pins))

    def _restore_batches(self, prefix: bytes, rows: Mapping[bytes, bytes]) -> None:
        # Those that wait for a manifest; or those of a former version, which all lay here: they are
        # proved once more, and lie where they belong from then on.
        for key, raw in rows_under(prefix, rows):
            if len(key) != _MANIFEST_KEY_BYTES:
                self._delete(prefix + key)
                self._take_batch(None, SignedObject.from_canonical(raw, max_bytes=_MAX_ROW_BYTES))

    def _put(self, key: bytes, value: bytes) -> None:
        self._unwritten.put(DIRECTORY, key, value)

    def _delete(self, key: bytes) -> None:
        self._unwritten.delete(DIRECTORY, key)

    def _mark(self, marked: set[AgencyId], prefix: bytes, agency: AgencyId) -> None:
        if agency not in marked:
            marked.add(agency)
            self._put(prefix + agency.value, _YES)

    def _unmark(self, marked: set[AgencyId], prefix: bytes, agency: AgencyId) -> None:
        if agency in marked:
            marked.remove(agency)
            self._delete(prefix + agency.value)

    def _keep_pin(self, agency: AgencyId, root_key: bytes) -> None:
        if self._pins.get(agency) != root_key:
            self._pins[agency] = root_key
            self._put(_PIN + agency.value, root_key)
        if agency in self._skipped:
            # Its batches were passed by; which agency it is about, no request says.
            self._unmark(self._skipped, _SKIPPED, agency)
            self.cursor = 0

    def _keep_unproved(self, place: Place, signed: SignedObject) -> None:
        self._unproved[place] = signed
        self._put(_UNPROVED + place.key, signed.to_canonical())

    def _drop_unproved(self, place: Place) -> None:
        del self._unproved[place]
        self._delete(_UNPROVED + place.key)

    def _claimants(self, device: DeviceId, agency: AgencyId | None) -> list[AgencyId]:
        named = self._batches.claimed_by(device) if agency is None else [agency]
        live = [held for held in named if self._live(held) is not None]
        return live if len(live) == 1 else []

    def _take_entry(self, entry: DirectoryEntry) -> list[TrustError]:
        """Take in a manifest, unproved as yet, or that an agency was removed."""
        if entry.object is None:
            return self._take_removal(entry.agency_id)
        if entry.kind == "manifest":
            try:
                place = place_of_manifest(entry.object)
                _check_filing(entry.agency_id, place.agency)
            except Refused as refusal:
                return [self._name(entry.agency_id, refusal)]
            self._keep_unproved(place, entry.object)
        return []

    def _take_removal(self, agency: AgencyId) -> list[TrustError]:
        if agency in self._removed:
            return []
        self._mark(self._removed, _REMOVED, agency)
        if agency not in self._pins:
            return []
        self.removals.append(agency)
        return [AgencyRemoved(self.agency_code(agency) or str(agency))]

    def _take_batch(self, filed_under: AgencyId | None, signed: SignedObject) -> list[TrustError]:
        if filed_under is not None and filed_under not in self._pins:
            self._mark(self._skipped, _SKIPPED, filed_under)
            return []
        try:
            batch = read_batch(signed)
            _check_filing(filed_under or batch.agency_id, batch.agency_id)
            if batch.agency_id in self._pins:
                manifest = self._manifests.get(batch.agency_id)
                self._batches.take(signed, batch, manifest=manifest, now=self._now)
        except Refused as refusal:
            return [] if filed_under is None else [self._name(filed_under, refusal)]
        return []

    def _prove(self, agencies: Iterable[AgencyId]) -> tuple[TrustError, ...]:
        refused: list[TrustError] = []
        for agency in agencies:
            place = Place(agency, None)
            signed = self._unproved.get(place) if agency in self._pins else None
            if signed is not None:
                try:
                    self._prove_one(place, signed)
                except Refused as refusal:
                    refused.append(self._name(agency, refusal))
                self._drop_unproved(place)
            held = self._manifests.get(agency)
            if held is not None:
                waited = self._batches.take_waiting(held, now=self._now)
                refused += [self._name(agency, refusal) for refusal in waited]
        return tuple(refused)

    def _prove_one(self, place: Place, signed: SignedObject) -> None:
        self._prove_manifest(place.agency, signed)

    def _prove_manifest(self, agency: AgencyId, signed: SignedObject) -> None:
        held = self._manifests.get(agency)
        try:
            proved = prove_manifest(signed, root_key=self._pins[agency], held=held)
        except Refused as refusal:
            if refusal.reason == IDENTITY_CHANGED:
                self._mark(self._changed, _CHANGED, agency)
            raise
        self._check_code(proved)
        self._check_nobody_is_back(proved)
        self._take_manifest(proved, held)
        if proved.manifest.expires <= self._now:
            # It stays as the newest that was seen, and is shown to nobody.
            raise Refused("expired")

    def _check_code(self, proved: ProvedManifest) -> None:
        # Two agencies under one code would let a message go to the wrong one of them.
        for agency, held in self._manifests.items():
            same_code = held.manifest.agency_code == proved.manifest.agency_code
            if same_code and agency != proved.manifest.agency_id:
                raise Refused("forged")

    def _check_nobody_is_back(self, proved: ProvedManifest) -> None:
        # Also long after the manifests have ceased to name them, and whoever signed for it.
        agency = proved.manifest.agency_id
        gone = [held for place, held in self._departures.items() if place.agency == agency]
        devices = {held.departed.device_id for held in gone}
        keys = {held.departed.identity_key for held in gone}
        for device in proved.manifest.certificates:
            if device.device_id in devices or device.identity_key in keys:
                raise Refused("rolled_back")

    def _take_manifest(self, proved: ProvedManifest, before: ProvedManifest | None) -> None:
        agency = proved.manifest.agency_id
        self._manifests[agency] = proved
        self._put(_PROVED + agency.value, proved.signed.to_canonical())
        for gone in list_departures(proved, before):
            place = Place(agency, gone.departed.device_id)
            known = self._departures.get(place)
            if known is None:
                self._remember(place, gone)
            elif known.departed.how == "retired" and gone.departed.how == "revoked":
                # Nothing else changes: another time would let it speak on.
                self._remember(place, known.model_copy(update={"departed": gone.departed}))
        changed = None if before is None else compare_devices(proved, before)
        if changed is not None:
            self.changes.append(changed)
        devices = self._batches.of(agency)
        self._batches.keep(agency, [d for d in devices if _keeps_its_key(d, proved, before)])

    def _remember(self, place: Place, gone: Departure) -> None:
        self._departures[place] = gone
        self._put(_DEPARTED + place.key, gone.to_canonical())

    def _show(self, held: ProvedManifest, certificate: Certificate) -> VerifiedDevice:
        published = self._batches.of(certificate.agency_id).get(certificate.device_id)
        return show_device(held, certificate, published)

    def _live(self, agency: AgencyId) -> ProvedManifest | None:
        held = self._manifests.get(agency)
        return held if held is not None and held.manifest.expires > self._now else None

    def _name(self, agency: AgencyId, refusal: Refused) -> TrustError:
        name = self.agency_code(agency) or str(agency)
        if refusal.reason == IDENTITY_CHANGED:
            return IdentityChanged(name)
        return DirectoryRefused(name, refusal.reason)


def _keeps_its_key(device: DeviceId, held: ProvedManifest, before: ProvedManifest | None) -> bool:
    now = held.manifest.find(device)
    then = None if before is None else before.manifest.find(device)
    return now is not None and then is not None and now.identity_key == then.identity_key


def _check_filing(filed_under: AgencyId, signed_for: AgencyId) -> None:
    # Where an object belongs is what its signer wrote, and not what the relay says.
    if filed_under != signed_for:
        raise Refused("forged")
