"""What the SDK asks of the world, as small `Protocol`s: a clock, randomness, a store, a relay.

The agent is written against these and nothing else. Adapters are wired in one place
(`AsyncClient`); the memory ones in `quietway.testing` are first-class and held to the same contract
suites as the real ones.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> Instant:
        """Return milliseconds since 1970-01-01T00:00:00Z."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed on this clock."""
        ...


class Entropy(Protocol):
    """Gives unpredictable bytes."""

    def draw(self, size: int) -> bytes:
        """Return `size` bytes, each draw independent of every other."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row.

    Attributes:
        position: Grows by the order of first writing within its kind; overwriting keeps it.
        key: What the row is found by.
        value: Its bytes, as given.
    """

    position: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row: new, or over the one of the same kind and key."""

    kind: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row; nothing happens where there is none."""

    kind: str
    key: bytes


class Store(Protocol):
    """The device's durable memory: kinds of rows, written in transactions."""

    async def read(self, kind: str, key: bytes) -> bytes | None:
        """Return the value, or None where there is no such row."""
        ...

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        """Return the rows of a kind with a position greater than `after`, in order of position."""
        ...

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        """Write all of it durably, or none.

        Raises:
            StorageFull: There is no room. Nothing was written, and the store is as it was.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the store; closing twice is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the relay says when a mailbox opens.

    Attributes:
        latest: The newest sequence number of the mailbox, 0 when nothing ever came.
        acknowledged: The highest one that this device ever acknowledged.
        now: The relay's clock.
        witness_kept: False when the relay last saw another copy of this store.
    """

    latest: int
    acknowledged: int
    now: Instant
    witness_kept: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """One envelope (header || sealed) with its sequence number in the mailbox."""

    seq: int
    envelope: bytes


class Mailbox(Protocol):
    """One open connection for reading this device's mailbox."""

    @property
    def welcome(self) -> Welcome:
        """What the relay said at the opening."""
        ...

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield envelopes in order; ends after the last one unless the mailbox was opened `live`.

        Raises:
            RelayUnreachable: The connection is gone. What was not acknowledged comes again.
        """
        ...

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        """Tell the relay that these are in the device's own durable store (1 to 256 numbers)."""
        ...

    async def aclose(self) -> None:
        """Close the connection; closing twice is fine."""
        ...


class Relay(Protocol):
    """Everything the SDK asks of a relay.

    Every method may raise RelayUnreachable (nothing is known of the outcome; asking again is
    harmless), RelayRefused (the relay's problem, with its code) or ClockError.
    """

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        """Hand over records for one agency's mailboxes; returns when they are durable there.

        Raises:
            RelayRefused: Nothing of the batch was stored; `index` names the record, where one is to
                blame.
        """
        ...

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        """Open this device's mailbox after a cursor; polls where websockets do not pass."""
        ...

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        """Publish a manifest; the first one needs the operator's one-time code."""
        ...

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        """Publish this device's epoch batch."""
        ...

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        """Publish the hashes of the agency's lanes for an ISO week."""
        ...

    async def directory(self, after: int) -> DirectoryPage:
        """Return the next page of the directory after a cursor."""
        ...

    async def read_clock(self) -> Instant:
        """Return the relay's clock, to the second."""
        ...

    async def aclose(self) -> None:
        """Close every connection; closing twice is fine."""
        ...
