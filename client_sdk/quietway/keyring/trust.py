"""Who is who: the directory as far as this device has verified it.

Theory of operation: the relay hands out signed objects and is believed in nothing. An agency counts
once its root key was pinned, out of an invitation. Each object is first *unproved*; it becomes
*proved* when its signature holds under the pinned root (manifests) or under a device of the proved
manifest (epoch batches), when it does not go back in version or time, and when its keys are sound.
Objects of agencies that were not pinned yet stay unproved, so that pinning needs no second fetch.
A refusal is collected, never raised, so that one bad agency does not stop the others.

Pure: bytes in, refusals out, the time as an argument. `rows` and `restore` carry it through the
store; what comes back from there is proved again.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway.errors import DirectoryRefused, IdentityChanged
from quietway.keyring.proof import (
    Place,
    ProvedBatch,
    ProvedManifest,
    Refused,
    place_of,
    prove_batch,
    prove_manifest,
)
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, SignedObject
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_schemas.directory import DeviceCertificate, DirectoryPage
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import MailboxId
    from quietway_schemas.instants import Instant

_MAX_ROW_BYTES: Final = 2 * MAX_PAYLOAD_BYTES
_CURSOR: Final = b"cursor"
_PIN: Final = b"pin/"
_PROVED: Final = b"proved/"
_UNPROVED: Final = b"unproved/"
_FLOOR: Final = b"floor/"


@dataclass(frozen=True, slots=True)
class VerifiedDevice:
    """A device that its pinned agency vouches for, in the newest manifest that we hold."""

    agency: AgencyId
    device: DeviceId
    identity_key: bytes
    listen_key: bytes
    mailbox: MailboxId
    relay: str
    program: str
    roles: tuple[str, ...]
    suites: tuple[int, ...]
    manifest_version: int


class Directory:
    """The verified view of everyone. Empty when made; `restore` brings a former one back."""

    def __init__(self) -> None:
        self.cursor = 0
        self._now: Instant = 0
        self._pins: dict[AgencyId, bytes] = {}
        self._unproved: dict[Place, SignedObject] = {}
        self._manifests: dict[AgencyId, ProvedManifest] = {}
        self._batches: dict[Place, ProvedBatch] = {}
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

    def pinned(self) -> Mapping[AgencyId, bytes]:
        """Return the root keys that were accepted."""
        return MappingProxyType(self._pins)

    def apply(self, page: DirectoryPage, *, now: Instant) -> tuple[DirectoryRefused, ...]:
        """Take in a page of the relay's directory.

        Args:
            page: As it came.
            now: Milliseconds; what has expired by then is neither taken nor shown any more.

        Returns:
            What was refused, by agency and reason. Nothing of it is used.
        """
        self.note_time(now)
        refused: list[DirectoryRefused] = []
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
        return tuple(_show(held, certificate) for certificate in held.manifest.devices)

    def device(self, agency: AgencyId, device: DeviceId) -> VerifiedDevice | None:
        """Return one device of an agency, or None."""
        found = (held for held in self.devices_of(agency) if held.device == device)
        return next(found, None)

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
        proved = {held.place: held.signed for held in self._manifests.values()}
        proved |= {place: held.signed for place, held in self._batches.items()}
        return {
            _CURSOR: self.cursor.to_bytes(8, "big"),
            **{_PIN + agency.value: root_key for agency, root_key in self._pins.items()},
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
        made._floors = {DeviceId(key): floor[0] for key, floor in _under(_FLOOR, rows)}
        # The proved ones first: what is newer and still waits for its manifest comes on top.
        for prefix in (_PROVED, _UNPROVED):
            for key, raw in _under(prefix, rows):
                signed = SignedObject.from_canonical(raw, max_bytes=_MAX_ROW_BYTES)
                made._unproved[Place.from_key(key)] = signed
            made._prove(made._pins)
        return made

    def _prove(self, agencies: Iterable[AgencyId]) -> tuple[DirectoryRefused, ...]:
        refused: list[DirectoryRefused] = []
        for agency in agencies:
            if agency in self._pins:
                places = sorted(place for place in self._unproved if place.agency == agency)
                refused += self._prove_all(places)
        return tuple(refused)

    def _prove_all(self, places: Iterable[Place]) -> list[DirectoryRefused]:
        # Sorted, an agency's manifest comes before the batches that lean on it.
        refused: list[DirectoryRefused] = []
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
            proved = prove_manifest(
                signed, root_key=self._pins[place.agency], held=manifest, now=self._now
            )
            self._check_code(proved)
            self._take_manifest(proved)
            return True
        batch = prove_batch(signed, manifest=manifest, held=self._batches.get(place))
        if batch is None:
            return False
        self._batches[place] = batch
        return True

    def _check_code(self, proved: ProvedManifest) -> None:
        # Two agencies under one code would let a message go to the wrong one of them.
        for agency, held in self._manifests.items():
            same_code = held.manifest.agency_code == proved.manifest.agency_code
            if same_code and agency != proved.manifest.agency_id:
                raise Refused("forged")

    def _take_manifest(self, proved: ProvedManifest) -> None:
        agency = proved.manifest.agency_id
        self._manifests[agency] = proved
        certified = {device.device_id for device in proved.manifest.devices}
        for place in list(self._batches):
            if place.agency == agency and place.device not in certified:
                del self._batches[place]

    def _live(self, agency: AgencyId) -> ProvedManifest | None:
        held = self._manifests.get(agency)
        return held if held is not None and held.manifest.expires > self._now else None

    def _name(self, agency: AgencyId, refusal: Refused) -> DirectoryRefused:
        return DirectoryRefused(self.agency_code(agency) or str(agency), refusal.reason)


def _show(held: ProvedManifest, certificate: DeviceCertificate) -> VerifiedDevice:
    return VerifiedDevice(
        agency=held.manifest.agency_id,
        device=certificate.device_id,
        identity_key=certificate.identity_key,
        listen_key=certificate.listen_key,
        mailbox=certificate.mailbox,
        relay=certificate.relay,
        program=certificate.program,
        roles=certificate.roles,
        suites=certificate.suites,
        manifest_version=held.manifest.version,
    )


def _under(prefix: bytes, rows: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(key.removeprefix(prefix), rows[key]) for key in rows if key.startswith(prefix)]
