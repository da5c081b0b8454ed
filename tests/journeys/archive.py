"""An archivist: copies everything there is to copy, each day, and tries it all later.

It sees what passes on the network, what the relay holds, and every file of a device's folder. It
knows the passphrases. What it never has is the memory of a running device.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from quietway.client import AsyncClient
from quietway.errors import PepperMissing
from quietway.keyring.keyring import Keyring
from quietway.store.lock import FolderLock
from quietway.store.sqlcipher import SqlCipherStore
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_crypto.errors import OpenError
from quietway_crypto.padding import unpad
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.seal import open_
from quietway_crypto.wrap import unwrap
from quietway_schemas.envelope import Core, Header, unpack_records
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant

PASSPHRASE: Final = "a passphrase that the archivist knows"
CHEAP: Final = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)
KINDS: Final = ("message", "evidence", "quarantine", "outbox")
HEADER_BYTES: Final = 37
SIGNATURE_BYTES: Final = 64
A_DAY: Final = DAY / SECOND


@dataclass(frozen=True, slots=True)
class Envelope:
    """One envelope as it was submitted."""

    at: Instant
    header: Header
    raw: bytes = field(repr=False)

    @property
    def dies(self) -> Instant:
        """When its epoch's seed has to be gone: end + TTL + 2 h."""
        class_: EnvelopeClass = self.header.class_
        return class_.epoch_end(self.header.epoch) + class_.life_ms + 2 * HOUR


class TappedRelay(InMemoryRelay):
    """A relay whose network somebody reads along."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.tapped: dict[bytes, Envelope] = {}

    def store(self, capability: bytes, records: Sequence[bytes], *, now: Instant) -> None:
        for record in unpack_records(b"".join(records)):
            raw = record.header.pack() + record.sealed
            self.tapped.setdefault(raw, Envelope(now, record.header, raw))
        super().store(capability, records, now=now)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of content as it lies in a store, with the words that a test looks for in it."""

    kind: str
    key: bytes
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Copy:
    """A device's folder as it was."""

    at: Instant
    files: dict[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, folder: Path, at: Instant) -> Self:
        return cls(at, {path.name: path.read_bytes() for path in folder.iterdir()})

    def lay(self, folder: Path, names: Iterable[str] | None = None) -> Path:
        """Put files back: those of these names, or all."""
        folder.mkdir(exist_ok=True)
        for name in names or self.files:
            if name in self.files:
                (folder / name).write_bytes(self.files[name])
        return folder


class Loot:
    """A copied keyring, unlocked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keyring = Keyring.unlock(
            folder / "keyring", passphrase=PASSPHRASE, entropy=SeededEntropy(99)
        )

    def opens(self, envelope: Envelope) -> bytes | None:
        """Return the core that comes out of an envelope, or None."""
        header = envelope.header
        if header.mailbox != self.keyring.mailbox:
            return None
        pair = self.keyring.epoch_pair(header.class_, header.epoch, header.suite)
        if pair is None:
            return None
        raw = envelope.raw
        try:
            inner = open_(pair, raw[HEADER_BYTES:], header=raw[:HEADER_BYTES])
        except OpenError:
            return None
        core = unpad(inner)[SIGNATURE_BYTES:]
        Core.unpack(core)
        return core

    def reads(self, row: Row) -> bytes | None:
        """Return what a row says, or None."""
        assert row.value[0] == 2
        key = self.keyring.record_key(row.value[1:17])
        if key is None:
            return None
        return unwrap(key, row.value[17:], context=row.kind.encode() + b"\0" + row.key)

    async def rows(self) -> list[Row]:
        """Return every row of content in the copied store."""
        store = SqlCipherStore.open(
            self.folder,
            key=self.keyring.store_key,
            store_id=self.keyring.store_id,
            lock=FolderLock.acquire(self.folder),
        )
        rows = [Row(kind, row.key, row.value) for kind in KINDS for row in await store.scan(kind)]
        await store.aclose()
        return rows


class Town:
    """Two agencies with folders of their own, over a relay that is tapped.

    Attributes:
        copies: The folders of the second one, by day.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.relay = TappedRelay(self.clock)
        self.copies: list[Copy] = []
        self._seed = 0

    async def found(self, program: str) -> AsyncClient:
        self._seed += 1
        return await AsyncClient.found(
            self.folder / program,
            passphrase=PASSPHRASE,
            relay="https://relay.example",
            enrolment_code=self.relay.enrolment_code(),
            agency_code=program.partition("-")[0],
            program=program,
            parameters=CHEAP,
            relay_port=self.relay.connect,
            clock=self.clock,
            entropy=SeededEntropy(self._seed),
        )

    async def open(self, program: str) -> AsyncClient:
        self._seed += 1
        return await AsyncClient.open(
            self.folder / program,
            passphrase=PASSPHRASE,
            relay_port=self.relay.connect,
            clock=self.clock,
            entropy=SeededEntropy(self._seed),
        )

    def copy(self, client: AsyncClient) -> None:
        self.copies.append(Copy.of(client.home, self.clock.now()))

    def loot(self, copy: Copy, *, pepper_of: Copy | None = None) -> Loot:
        """Unlock a copy; with another copy's pepper where one is named."""
        self._seed += 1
        folder = copy.lay(self.folder / f"loot-{self._seed}")
        if pepper_of is not None:
            pepper_of.lay(folder, ["pepper"])
        return Loot(folder)

    def tries(self, copy: Copy, *, pepper_of: Copy, envelopes: Iterable[Envelope]) -> int:
        """Count what an older keyring opens with a later pepper."""
        try:
            loot = self.loot(copy, pepper_of=pepper_of)
        except PepperMissing:
            return 0
        return sum(loot.opens(envelope) is not None for envelope in envelopes)
