"""All that a step can ask for: a closed union, in three groups.

*Records* are written to the store in the same commit as the state's changes. *Questions* are
answered inside the device, by another input, before that commit: they read the directory, seal, or
open. *Deeds* leave the device or tell the program something, and are done after the commit only.

Spec: docs/spec/envelope.md, "Core" and "Opening".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.engine.inputs import Parcel, Shown
    from quietway.sealing import Opened
    from quietway_schemas.envelope import Core, EnvelopeClass
    from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, MessageId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class RecordReceived:
    """Keep what was opened.

    Attributes:
        now: The clock.
        opened: What.
        evidence: It is the second story at one place.
        quarantined: Its signer had left: it is kept, and never shown as a message.
    """

    now: Instant
    opened: Opened
    evidence: bool = False
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class RecordSent:
    """Keep what this device says or said; `core` and the id are there once it was sent.

    Attributes:
        local_id: Of the entry.
        conversation: Where.
        to: The agencies.
        composed: When it was written.
        class_: The class.
        content: Canonical JSON.
        core: None until it is sent.
        message_id: None until it is sent.
        core_hash: Empty until it is sent.
    """

    local_id: bytes
    conversation: ConversationId
    to: tuple[AgencyId, ...]
    composed: Instant
    class_: EnvelopeClass
    content: bytes = field(repr=False)
    core: Core | None = field(default=None, repr=False)
    message_id: MessageId | None = None
    core_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class RecordSlip:
    """Keep what takes a sealed copy back.

    Attributes:
        agency: Whose device it is for.
        parcel: The copy.
        epoch: The epoch of the key it is sealed to.
        secret: 32 bytes, the preimage.
        expires: When the message does.
    """

    agency: AgencyId
    parcel: Parcel
    epoch: int
    secret: bytes = field(repr=False)
    expires: Instant = 0


@dataclass(frozen=True, slots=True)
class RecordNotice:
    """Count one refusal of this class."""

    now: Instant
    reason: str


@dataclass(frozen=True, slots=True)
class Address:
    """Say which devices of these agencies may receive this. Answered by `Addressed`.

    Attributes:
        local_id: Of the entry.
        to: The agencies.
        class_: The class it travels in.
        content: Canonical JSON; its type decides which roles may receive it.
        devices: The only devices it is for; empty for all of them.
    """

    local_id: bytes
    to: tuple[AgencyId, ...]
    class_: EnvelopeClass
    content: bytes = field(repr=False)
    devices: tuple[DeviceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal this core to each of these devices. Answered by `Sealed`."""

    local_id: bytes
    class_: EnvelopeClass
    core: bytes = field(repr=False)
    devices: tuple[tuple[AgencyId, DeviceId], ...]


@dataclass(frozen=True, slots=True)
class Reopen:
    """Open a kept envelope again. Answered by `EnvelopeOpened` or `EnvelopeRefused`."""

    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submit:
    """Hand these to the relay, all for one agency. Answered by `Accepted`, `Rejected`, or not.

    Attributes:
        agency: Which.
        parcels: What.
        urgent: Whether it is an alarm, which has a way of its own.
    """

    agency: AgencyId
    parcels: tuple[Parcel, ...]
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Hand this ladder to the relay. Answered by `Accepted`, `Rejected`, or not.

    Attributes:
        agency: Whose devices are on it.
        hold_id: What the relay keeps it under, 16 bytes.
        tiers: When each is due, in seconds, and whose copy with which cancel hash stands on it.
    """

    agency: AgencyId
    hold_id: bytes
    tiers: tuple[tuple[int, tuple[tuple[Parcel, bytes], ...]], ...]

    @property
    def parcels(self) -> tuple[Parcel, ...]:
        """All copies, in the order in which the relay counts them."""
        return tuple(parcel for _, places in self.tiers for parcel, _ in places)

    def without(self, left_out: Collection[Parcel]) -> PlaceHold:
        """Give the ladder without these copies; an empty tier gives its time to the next."""
        kept = [
            tuple(place for place in places if place[0] not in left_out) for _, places in self.tiers
        ]
        called = [places for places in kept if places]
        dues = [due for due, _ in self.tiers]
        return replace(self, tiers=tuple(zip(dues, called, strict=False)))


@dataclass(frozen=True, slots=True)
class ClaimHold:
    """Show these to the relay with the secret, before they are submitted. Nothing answers it.

    Attributes:
        shown: Which ladder, and by which secret.
        parcels: Copies of the claim for one's own agency, 1 to 200.
    """

    shown: Shown
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the relay that this number of the mailbox is recorded here."""

    seq: int


@dataclass(frozen=True, slots=True)
class TellReceived:
    """A message was shown its place: tell the program."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class TellStored:
    """Every copy of an entry is on the relay's disk."""

    now: Instant
    local_id: bytes


@dataclass(frozen=True, slots=True)
class TellGap:
    """Something is missing before this message."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class TellToldOtherwise:
    """What was quoted in this conversation is not what this device holds at that place."""

    opened: Opened
    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class TellExpiredUnread:
    """Nobody confirmed by its end that a message was stored."""

    now: Instant
    local_id: bytes
    message_id: MessageId
    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class TellQuarantined:
    """Something that was signed by a device that had left was kept aside."""

    now: Instant
    opened: Opened


@dataclass(frozen=True, slots=True)
class TellDropped:
    """An envelope was given up, for a reason of this class."""

    now: Instant
    reason: str


Record: TypeAlias = RecordReceived | RecordSent | RecordSlip | RecordNotice
Question: TypeAlias = Address | Seal | Reopen
Deed: TypeAlias = (
    Submit
    | PlaceHold
    | ClaimHold
    | Acknowledge
    | TellReceived
    | TellStored
    | TellGap
    | TellToldOtherwise
    | TellExpiredUnread
    | TellQuarantined
    | TellDropped
)
Effect: TypeAlias = Record | Question | Deed
