"""Who is who: the directory as far as this device has verified it.

Theory of operation: the relay hands out signed objects and is believed in nothing. An agency counts
once its root key was pinned, out of an invitation. Each object is first *unproved*; it becomes
*proved* when it holds under the pinned root (manifests) or under a device of the proved manifest
(epoch batches), when it does not go back in version or time, and when its keys are sound. Objects
of agencies that were not pinned yet stay unproved, so that pinning needs no second fetch. A refusal
is collected, never raised, so that one bad agency does not stop the others.

What left an agency is remembered for good. An agency that shows another root key is held to be
nobody's until a person has compared fingerprints anew: nothing is sealed to it meanwhile.

Pure: bytes in, refusals out, the time as an argument. `rows` and `restore` carry it through the
store; what comes back from there is proved again.

Spec: docs/spec/keys.md, "Manifest" to "Devices that leave".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from quietway.errors import DirectoryRefused, IdentityChanged, UnknownPartner
from quietway.keyring.proof import (
    IDENTITY_CHANGED,
    Place,
    ProvedBatch,
    Refused,
    place_of,
    place_of_signed,
    prove_batch,
    prove_manifest,
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
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, SignedObject
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.errors import TrustError
    from quietway.events import SenderStanding
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import Certificate, DirectoryPage
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant

STALE: Final = "stale_directory"
_MAX_ROW_BYTES: Final = 2 * MAX_PAYLOAD_BYTES
_CURSOR: Final = b"cursor"
_PIN: Final = b"pin/"
_CHANGED: Final = b"changed/"
_DEPARTED: Final = b"departed/"
_PROVED: Final = b"proved/"
_UNPROVED: Final = b"unproved/"
_FLOOR: Final = b"floor/"
_YES: Final = b"\x01"


class Directory:
    """The verified view of everyone. Empty when made; `restore` brings a former one back.

    Attributes:
        cursor: How far the relay's directory was read.
        changes: How agencies' devices changed since this was last emptied.
    """

    def __init__(self) -> None:
        self.cursor = 0
        self.changes: list[DevicesChanged] = []
        self._now: Instant = 0
        self._pins: dict[AgencyId, bytes] = {}
        self._unproved: dict[Place, SignedObject] = {}
        self._manifests: dict[AgencyId, ProvedManifest] = {}
        self._batches: dict[Place, ProvedBatch] = {}
        self._departures: dict[Place, Departure] = {}
        self._changed: set[AgencyId] = set()
        self._floors: dict[DeviceId, int] = {}

    def pin(self, agency: AgencyId, root_key: bytes) -> None:
        """Accept an agency's root key, as it stood in its invitation.

        Raises:
            IdentityChanged: Another key was pinned for it before. That one stays.
        """
        if self._pins.get(agency, root_key) != root_key:
            raise IdentityChanged(str(agency))
        self._pins[agency] = root_key
        self._prove({agency})

    def trust_anew(self, agency: AgencyId, root_key: bytes) -> None:
        """Take the root key that a person has compared with the agency anew, and no other.

        Where it is the one that was pinned, the relay lied, and all stays. Where it is another,
        nothing of the former identity counts any more, except that who left stays away.
        """
        self._changed.discard(agency)
        if self._pins.get(agency) != root_key:
            self._manifests.pop(agency, None)
            for place in [held for held in self._batches if held.agency == agency]:
                del self._batches[place]
            # What it shows now was refused under the former key: it is read from the start.
            self.cursor = 0
        self._pins[agency] = root_key
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
        for entry in page.entries:
            try:
                place = place_of(entry)
            except Refused as refusal:
                refused.append(self._name(entry.agency_id, refusal))
                continue
            self._unproved[place] = entry.object
            touched.add(entry.agency_id)
        self.cursor = max(self.cursor, page.next)
        return (*refused, *self._prove(touched))

    def adopt(self, signed: SignedObject, kind: Literal["manifest", "epochs"]) -> None:
        """Take in what this device published itself, without waiting to read it again.

        Raises:
            DirectoryRefused: It does not hold.
        """
        try:
            place = place_of_signed(kind, signed)
            if not self._prove_one(place, signed):
                self._unproved[place] = signed
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

    def sender_standing(self, agency: AgencyId, device: DeviceId) -> SenderStanding:
        """Say how whoever signed a message stands now: who is not known to have left is current."""
        name = self.standing(agency, device).name
        return "current" if name == "unknown" else name

    def is_fresh(self, agency: AgencyId, now: Instant) -> bool:
        """Say whether an agency's manifest was vouched for within the last week."""
        held = self._live(agency)
        if held is None:
            return False
        batches = (found for place, found in self._batches.items() if place.agency == agency)
        return is_fresh(held, batches, now=now)

    def hindrance(self, agency: AgencyId, now: Instant) -> str:
        """Say why nothing may be sealed to an agency that is known, or nothing where it may be.

        Returns:
            `identity_changed`, `stale_directory`, or an empty text.
        """
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
        """
        claimed = [
            held
            for place, held in self._batches.items()
            if place.device == device
            and (agency is None or place.agency == agency)
            and self._live(place.agency) is not None
        ]
        return claimed[0].keys.get((class_, epoch, suite)) if len(claimed) == 1 else None

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

    def rows(self) -> Mapping[bytes, bytes]:
        """Return all of it as rows for the store."""
        proved = {Place(agency, None): held.signed for agency, held in self._manifests.items()}
        proved |= {place: held.signed for place, held in self._batches.items()}
        return {
            _CURSOR: self.cursor.to_bytes(8, "big"),
            **{_PIN + agency.value: root_key for agency, root_key in self._pins.items()},
            **{_CHANGED + agency.value: _YES for agency in self._changed},
            **{_DEPARTED + at.key: gone.to_canonical() for at, gone in self._departures.items()},
            **{_PROVED + at.key: signed.to_canonical() for at, signed in proved.items()},
            **{_UNPROVED + at.key: signed.to_canonical() for at, signed in self._unproved.items()},
            **{_FLOOR + device.value: bytes([suite]) for device, suite in self._floors.items()},
        }

    @classmethod
    def restore(cls, rows: Mapping[bytes, bytes]) -> Directory:
        """Bring back what `rows` gave; each object is proved again."""
        made = cls()
        made.cursor = int.from_bytes(rows.get(_CURSOR, b""), "big")
        made._pins = {AgencyId(key): root for key, root in _under(_PIN, rows)}
        made._changed = {AgencyId(key) for key, _ in _under(_CHANGED, rows)}
        made._departures = {
            Place.from_key(key): Departure.from_canonical(raw, max_bytes=_MAX_ROW_BYTES)
            for key, raw in _under(_DEPARTED, rows)
        }
        made._floors = {DeviceId(key): floor[0] for key, floor in _under(_FLOOR, rows)}
        # The proved ones first: what is newer and still waits for its manifest comes on top.
        for prefix in (_PROVED, _UNPROVED):
            for key, raw in _under(prefix, rows):
                signed = SignedObject.from_canonical(raw, max_bytes=_MAX_ROW_BYTES)
                made._unproved[Place.from_key(key)] = signed
            made._prove(made._pins)
        made.changes.clear()
        return made

    def _prove(self, agencies: Iterable[AgencyId]) -> tuple[TrustError, ...]:
        refused: list[TrustError] = []
        for agency in agencies:
            if agency in self._pins:
                places = sorted(place for place in self._unproved if place.agency == agency)
                refused += self._prove_all(places)
        return tuple(refused)

    def _prove_all(self, places: Iterable[Place]) -> list[TrustError]:
        # Sorted, an agency's manifest comes before the batches that lean on it.
        refused: list[TrustError] = []
        for place in places:
            try:
                settled = self._prove_one(place, self._unproved[place])
            except Refused as refusal:
                refused.append(self._name(place.agency, refusal))
                settled = True
            if settled:
                del self._unproved[place]
        return refused

    def _prove_one(self, place: Place, signed: SignedObject) -> bool:
        manifest = self._manifests.get(place.agency)
        if place.device is None:
            self._prove_manifest(place.agency, signed)
            return True
        batch = prove_batch(signed, manifest=manifest, held=self._batches.get(place))
        if batch is None:
            return False
        self._batches[place] = batch
        return True

    def _prove_manifest(self, agency: AgencyId, signed: SignedObject) -> None:
        held = self._manifests.get(agency)
        try:
            proved = prove_manifest(signed, root_key=self._pins[agency], held=held)
        except Refused as refusal:
            if refusal.reason == IDENTITY_CHANGED:
                self._changed.add(agency)
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
        for gone in list_departures(proved, before):
            place = Place(agency, gone.departed.device_id)
            known = self._departures.get(place)
            if known is None:
                self._departures[place] = gone
            elif known.departed.how == "retired" and gone.departed.how == "revoked":
                # Nothing else changes: another time would let it speak on.
                self._departures[place] = known.model_copy(update={"departed": gone.departed})
        changed = None if before is None else compare_devices(proved, before)
        if changed is not None:
            self.changes.append(changed)
        for place in [held for held in self._batches if held.agency == agency]:
            if place.device is None or not _keeps_its_key(place.device, proved, before):
                del self._batches[place]

    def _show(self, held: ProvedManifest, certificate: Certificate) -> VerifiedDevice:
        place = Place(certificate.agency_id, certificate.device_id)
        return show_device(held, certificate, self._batches.get(place))

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


def _under(prefix: bytes, rows: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(key.removeprefix(prefix), rows[key]) for key in rows if key.startswith(prefix)]
