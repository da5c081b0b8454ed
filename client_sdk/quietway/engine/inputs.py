"""All that can happen to a device: a closed union, each with the clock and randomness it needs.

An input that comes twice does nothing the second time. `engine.step` matches every one of them.

Spec: docs/spec/envelope.md, "Core" and "Opening".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from quietway_schemas.envelope import ZERO_DIGEST

if TYPE_CHECKING:
    from quietway.sealing import Opened
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import (
        AgencyId,
        ConversationId,
        DeviceId,
        EnvelopeId,
        MessageId,
    )
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Started:
    """The store was opened: `incarnation` is 8 fresh random bytes."""

    now: Instant
    incarnation: bytes


@dataclass(frozen=True, slots=True)
class Rung:
    """Who of one agency is called, and when, as long as nobody has claimed.

    Attributes:
        due: Seconds after the relay took the ladder.
        devices: Sorted; each stands on one rung of a ladder.
    """

    due: int
    devices: tuple[DeviceId, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown to the relay with a claim.

    Attributes:
        hold_id: Of the ladder that is claimed, 16 bytes.
        secret: Of the alert that was opened here, 32 bytes.
    """

    hold_id: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Compose:
    """Something is to be said. It has no time and no place yet: those come when it is first sent.

    Attributes:
        now: When it was written.
        local_id: 16 fresh random bytes.
        conversation: Where.
        to: The agencies it is for.
        kind: The content's type.
        class_: The class that the type travels in.
        content: Canonical JSON.
        devices: The only devices it is for; empty for all of these agencies that may receive it.
        is_read: Whether the guard read it; what holds a text is not taken in without.
        hold_id: What the relay keeps its ladder under, 16 bytes; empty where it has none.
        rungs: Of an alert, who is called one after the other; else empty.
        shown: Of a claim, the ladders that it stops; else empty.
    """

    now: Instant
    local_id: bytes
    conversation: ConversationId
    to: tuple[AgencyId, ...]
    kind: str
    class_: EnvelopeClass
    content: bytes = field(repr=False)
    devices: tuple[DeviceId, ...] = ()
    is_read: bool = False
    hold_id: bytes = b""
    rungs: tuple[Rung, ...] = ()
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class Flush:
    """The relay answers and the clock is right: send what waits."""

    now: Instant


@dataclass(frozen=True, slots=True)
class Addressee:
    """A device that is to get a copy."""

    agency: AgencyId
    device: DeviceId


@dataclass(frozen=True, slots=True)
class Addressed:
    """The answer to `Address`: who is behind the agencies, by the directory of this moment.

    Attributes:
        now: Becomes `created`.
        local_id: Of the entry.
        devices: The devices of the agencies, and of this device's own agency, that may receive it.
        absent: Agencies that have no such device now, or that nothing may be sealed to.
        manifest_version: Of this device's own manifest.
        entropy: 32 fresh random bytes.
        reason: Why they are absent.
        checkpoint: Size and root of the log as this device last verified it.
    """

    now: Instant
    local_id: bytes
    devices: tuple[Addressee, ...]
    absent: tuple[AgencyId, ...]
    manifest_version: int
    entropy: bytes = field(repr=False)
    reason: str = "unreachable"
    checkpoint: tuple[int, bytes] = (0, ZERO_DIGEST)


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """One device's sealed submission record, the preimage that takes it back, its cancel hash."""

    device: DeviceId
    epoch: int
    record: bytes = field(repr=False)
    withdraw_secret: bytes = field(default=b"", repr=False)
    cancel_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A device that nothing could be sealed to, and why.

    `unreachable`, `suite_refused`, `stale_directory`, `identity_changed` or `paused`.
    """

    device: DeviceId
    reason: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The answer to `Seal`."""

    now: Instant
    local_id: bytes
    copies: tuple[SealedCopy, ...]
    unsealed: tuple[Unsealed, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """One device's copy of one entry: what a submission is made of."""

    local_id: bytes
    device: DeviceId
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The relay has these on disk.

    Attributes:
        now: The clock.
        parcels: Which.
        in_part: Whether it is known of some only: the relay has an earlier form of this ladder.
    """

    now: Instant
    parcels: tuple[Parcel, ...]
    in_part: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The relay refused a batch.

    Attributes:
        now: The clock.
        parcels: The batch.
        code: The problem's code.
        blamed: Which of them was to blame, or None.
        retry_after: Milliseconds to wait; 0 when the relay did not say.
    """

    now: Instant
    parcels: tuple[Parcel, ...]
    code: str
    blamed: int | None = None
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class EnvelopeOpened:
    """An envelope from the mailbox (`seq`), or one that was kept (`seq` 0), opened and verified."""

    now: Instant
    seq: int
    opened: Opened


@dataclass(frozen=True, slots=True)
class EnvelopeQuarantined:
    """An envelope opened, but its signer had left its agency (`seq` as in `EnvelopeOpened`)."""

    now: Instant
    seq: int
    opened: Opened


@dataclass(frozen=True, slots=True)
class EnvelopeRefused:
    """An envelope did not open.

    Attributes:
        now: The clock.
        seq: Its number in the mailbox; 0 when it was kept here.
        envelope_id: Its id, or None where not even the header could be read.
        envelope: As it came.
        reason: A class of envelope.md, "Opening"; `pending` until the whole directory was read.
    """

    now: Instant
    seq: int
    envelope_id: EnvelopeId | None
    envelope: bytes = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True)
class RetryKept:
    """The whole directory was read since: try again what was kept."""

    now: Instant


@dataclass(frozen=True, slots=True)
class Connecting:
    """The mailbox is about to be opened; `witness` is 16 fresh random bytes."""

    now: Instant
    witness: bytes


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The relay answered the hello."""

    now: Instant
    acknowledged: int
    witness_kept: bool
    latest: int = 0


@dataclass(frozen=True, slots=True)
class OlderCopyAccepted:
    """A person decided to go on from this copy of the store."""

    now: Instant


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The keys that these entries of the outbox lay under are erased: nothing of them is left."""

    now: Instant
    local_ids: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Some of those that a message is for get it no more; the others do.

    Attributes:
        now: The clock.
        local_id: Of the entry.
        devices: Who gets it no more.
        agencies: The agencies none of whose devices gets it.
        asked: The devices whose copies the relay is asked for, in the same commit.
    """

    now: Instant
    local_id: bytes
    devices: frozenset[DeviceId]
    agencies: frozenset[AgencyId]
    asked: frozenset[DeviceId]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A person takes a message back.

    Attributes:
        now: The clock.
        local_id: Of the entry.
        asked: The devices whose copies the relay is asked for, in the same commit.
    """

    now: Instant
    local_id: bytes
    asked: frozenset[DeviceId]


@dataclass(frozen=True, slots=True)
class ShutOut:
    """Nothing goes to this agency any more: what is sealed for it is sealed anew, if ever."""

    now: Instant
    agency: AgencyId


@dataclass(frozen=True, slots=True)
class Returned:
    """What the relay said of one device's copy.

    Attributes:
        local_id: Of the entry.
        device: Whose copy.
        outcome: `taken_back`, `fetched`, or `uncertain`: nobody knows.
        waits: Whether it waits to be sent another time, and is not withdrawn for good.
    """

    local_id: bytes
    device: DeviceId
    outcome: str
    waits: bool


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The relay answered a withdrawal."""

    now: Instant
    copies: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Ticked:
    """The relay answers, and the receipts for these partners have something to decide.

    Attributes:
        now: The clock.
        partners: Agencies that can be written to.
        entropy: 40 fresh random bytes for each of them.
    """

    now: Instant
    partners: tuple[AgencyId, ...]
    entropy: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A person saw these messages on this device."""

    now: Instant
    messages: tuple[MessageId, ...]


@dataclass(frozen=True, slots=True)
class Silenced:
    """A person switched receipts for a conversation off, or `on` again."""

    now: Instant
    conversation: ConversationId
    on: bool = False


Input: TypeAlias = (
    Started
    | Compose
    | Flush
    | Addressed
    | Sealed
    | Accepted
    | Rejected
    | EnvelopeOpened
    | EnvelopeQuarantined
    | EnvelopeRefused
    | RetryKept
    | Connecting
    | Welcomed
    | OlderCopyAccepted
    | Forgotten
    | LeaveOut
    | Withdraw
    | ShutOut
    | TakenBack
    | Ticked
    | Seen
    | Silenced
)
