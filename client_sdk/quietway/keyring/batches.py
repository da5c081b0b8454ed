"""The epoch batches of everyone: proved once, noted in memory, kept on the disk, read for sealing.

Theory of operation. A batch of a pinned agency's device is proved as it comes. Its signed bytes go
to the store, in rows of a kind of their agency's own; in memory stays what `published` says. Before
a step that may seal, the agent loads the keys of the agencies it may seal to (`lacks`, `load`);
they stay in memory for a few agencies, for a day, and until one of their devices publishes.

A batch that names a manifest which is not here yet waits for it. What is asked for without having
been loaded is a mistake of the program and never an answer: `None` says that there is no such key.

Spec: docs/spec/directory.md, "Reading".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.keyring.proof import Refused, prove_batch, read_batch
from quietway.keyring.published import Published, follow
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, MOST_BATCHES, EpochBatch
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.keyring.unwritten import Unwritten
    from quietway.ports import Row
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

DIRECTORY: Final = "directory"
PUBLISHED: Final = b"published/"
WAITING: Final = b"unproved/"
MOST_LOADED: Final = 16
"""So many agencies' keys stay in memory for the next message."""
_MOST_WAITING: Final = 50 * MOST_BATCHES
_KIND: Final = "epochs/"
_ISSUED_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64

EpochKeys: TypeAlias = "dict[tuple[DeviceId, EnvelopeClass, int], dict[int, bytes]]"


class KeysNotLoadedError(RuntimeError):
    """A key was asked for that stands on the disk: `load` comes first. Never a user's concern."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    day: int
    keys: EpochKeys = field(repr=False)


class Batches:
    """What everyone's devices have published.

    Args:
        unwritten: Where it is noted for the next commit.
    """

    def __init__(self, unwritten: Unwritten) -> None:
        self._unwritten = unwritten
        self._known: dict[AgencyId, dict[DeviceId, Published]] = {}
        self._waiting: dict[AgencyId, dict[tuple[Instant, DeviceId], SignedObject]] = {}
        self._loaded: dict[AgencyId, _Loaded] = {}

    def take(
        self,
        signed: SignedObject,
        batch: EpochBatch,
        *,
        manifest: ProvedManifest | None,
        now: Instant,
    ) -> None:
        """Take in a batch of a pinned agency's device, or let it wait for its manifest.

        Raises:
            Refused: It does not hold, or goes back.
        """
        agency, device = batch.agency_id, batch.device_id
        held = self.of(agency).get(device)
        if held is not None and _is_passed_over(batch, held, now):
            return
        if not prove_batch(signed, batch, manifest=manifest, held=held):
            self._wait(signed, batch)
            return
        published = follow(held, batch, now=now)
        self._note(agency, device, held, published)
        if batch.epochs:
            row = signed.signature + signed.payload
            self._unwritten.put(name_kind(agency), _name(device, batch.issued), row)
        self._loaded.pop(agency, None)

    def take_waiting(self, manifest: ProvedManifest, *, now: Instant) -> list[Refused]:
        """Try again what waited for a manifest; returns what was refused of it."""
        agency = manifest.manifest.agency_id
        waiting = self._waiting.pop(agency, {})
        refused: list[Refused] = []
        for (issued, device), signed in sorted(waiting.items(), key=lambda item: item[0]):
            self._unwritten.delete(DIRECTORY, _name_waiting(agency, device, issued))
            try:
                self.take(signed, read_batch(signed), manifest=manifest, now=now)
            except Refused as refusal:
                refused.append(refusal)
        return refused

    def keep(self, agency: AgencyId, devices: Collection[DeviceId]) -> None:
        """Let go of what others than these devices of an agency have published."""
        for device in self.of(agency).keys() - set(devices):
            held = self._known[agency].pop(device)
            self._unwritten.delete(DIRECTORY, PUBLISHED + agency.value + device.value)
            self._drop(agency, device, held, None)
        self._loaded.pop(agency, None)

    def forget(self, agency: AgencyId) -> None:
        """Let go of everything of an agency."""
        self.keep(agency, ())
        for issued, device in self._waiting.pop(agency, {}):
            self._unwritten.delete(DIRECTORY, _name_waiting(agency, device, issued))

    def of(self, agency: AgencyId) -> Mapping[DeviceId, Published]:
        """Return what an agency's devices have published."""
        return self._known.get(agency, {})

    def claimed_by(self, device: DeviceId) -> list[AgencyId]:
        """Return the agencies of which a device of this id has published."""
        return [agency for agency, devices in self._known.items() if device in devices]

    def lacks(self, agencies: Iterable[AgencyId], *, now: Instant) -> tuple[AgencyId, ...]:
        """Say which agencies' keys must be loaded before anything is sealed to them now."""
        day = EnvelopeClass.FLASH.epoch_of(now)
        wanted = [agency for agency in dict.fromkeys(agencies) if self.of(agency)]
        for agency in list(self._loaded):
            if self._loaded[agency].day != day:
                del self._loaded[agency]
        spare = [agency for agency in self._loaded if agency not in wanted]
        for agency in spare[: max(0, len(spare) + len(wanted) - MOST_LOADED)]:
            del self._loaded[agency]
        return tuple(agency for agency in wanted if agency not in self._loaded)

    def load(self, agency: AgencyId, rows: Iterable[Row], *, now: Instant) -> None:
        """Take the keys of the running epochs out of an agency's rows, for sealing.

        What is over, or not yet, is left on the disk.

        Args:
            agency: Whose.
            rows: Of the kind `name_kind(agency)`.
            now: Milliseconds.

        Raises:
            SchemaError: A row is not there, or not what was written.
        """
        held = {row.key: row.value for row in rows}
        keys: EpochKeys = {}
        for device, published in self.of(agency).items():
            for class_ in EnvelopeClass:
                epoch = class_.epoch_of(now)
                issued = published.find(class_, epoch)
                if issued is None:
                    continue
                name = _name(device, issued)
                row = held.get(name) or self._unwritten.find(name_kind(agency), name)
                if row is None:
                    raise ContentError("epochs", "is not there")
                keys[device, class_, epoch] = _read_keys(row, class_, epoch)
        self._loaded[agency] = _Loaded(EnvelopeClass.FLASH.epoch_of(now), keys)

    def key(
        self, agency: AgencyId, device: DeviceId, class_: EnvelopeClass, epoch: int, suite: int
    ) -> bytes | None:
        """Return a public key; None where the device published none.

        Raises:
            KeysNotLoadedError: It stands on the disk.
        """
        held = self.of(agency).get(device)
        issued = None if held is None else held.find(class_, epoch)
        if issued is None:
            return None
        loaded = self._loaded.get(agency)
        found = None if loaded is None else loaded.keys.get((device, class_, epoch))
        if found is None:
            row = self._unwritten.find(name_kind(agency), _name(device, issued))
            if row is None:
                raise KeysNotLoadedError
            found = _read_keys(row, class_, epoch)
        return found.get(suite)

    def restore_published(self, agency: AgencyId, device: DeviceId, row: bytes) -> None:
        """Bring back what `Published.to_row` wrote.

        It is not proved again: whoever can write a row of this store, which is encrypted and
        authenticated, can write any other row too.

        Raises:
            SchemaError: It is not what was written.
        """
        self._known.setdefault(agency, {})[device] = Published.from_row(row)

    def _note(
        self, agency: AgencyId, device: DeviceId, former: Published | None, held: Published
    ) -> None:
        self._known.setdefault(agency, {})[device] = held
        key = PUBLISHED + agency.value + device.value
        self._unwritten.put(DIRECTORY, key, held.to_row())
        if former is not None:
            self._drop(agency, device, former, held)

    def _drop(
        self, agency: AgencyId, device: DeviceId, former: Published, held: Published | None
    ) -> None:
        kept = set() if held is None else {each.issued for each in held.listings}
        for each in former.listings:
            if each.issued not in kept:
                self._unwritten.delete(name_kind(agency), _name(device, each.issued))

    def _wait(self, signed: SignedObject, batch: EpochBatch) -> None:
        waiting = self._waiting.setdefault(batch.agency_id, {})
        if len(waiting) >= _MOST_WAITING:
            # Nobody vouches for it yet, so it must not fill the memory.
            raise Refused("malformed")
        waiting[batch.issued, batch.device_id] = signed
        key = _name_waiting(batch.agency_id, batch.device_id, batch.issued)
        self._unwritten.put(DIRECTORY, key, signed.to_canonical())


def name_kind(agency: AgencyId) -> str:
    """Name the kind of an agency's rows: they are read together."""
    return f"{_KIND}{agency}"


def holds_batches(kind: str) -> bool:
    """Say whether the rows of a kind are epoch batches."""
    return kind.startswith(_KIND)


def notes_batches(kind: str, key: bytes) -> bool:
    """Say whether a row tells which epoch batches there are."""
    return kind == DIRECTORY and key.startswith((PUBLISHED, WAITING))


def _is_passed_over(batch: EpochBatch, held: Published, now: Instant) -> bool:
    """Say whether nothing is to be learnt from a batch, so that it is not even proved."""
    if held.holds(batch.issued):
        return True
    return batch.issued < held.issued and batch.over_at <= now


def _name(device: DeviceId, issued: Instant) -> bytes:
    return device.value + issued.to_bytes(_ISSUED_BYTES, "big")


def _name_waiting(agency: AgencyId, device: DeviceId, issued: Instant) -> bytes:
    return WAITING + agency.value + _name(device, issued)


def _read_keys(row: bytes, class_: EnvelopeClass, epoch: int) -> dict[int, bytes]:
    batch = EpochBatch.from_canonical(row[_SIGNATURE_BYTES:], max_bytes=MAX_PAYLOAD_BYTES)
    for listed in batch.epochs:
        if (listed.envelope_class, listed.epoch) == (class_, epoch):
            return {int(suite): key for suite, key in listed.keys.items()}
    return {}
