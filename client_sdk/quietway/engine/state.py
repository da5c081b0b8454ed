"""What a device remembers: its outbox, its places, what it keeps sealed, its receipts. Frozen.

Opened content is not here: it is recorded in the store and read from there. So the state stays
    small, and every entry of it is one row of the store (`codec` writes them). Mappings are never
    changed in place; a step copies what it changes.

Spec: docs/spec/envelope.md, "Core" and "Opening"; docs/spec/conversations.md, "Receipts".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from quietway_schemas.content.quiet import is_quiet
from quietway_schemas.envelope import ZERO_DIGEST, EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.engine.inputs import Rung, Shown
    from quietway_schemas.ids import AgencyId, ConversationId, DeviceId
    from quietway_schemas.instants import Instant

_Value = TypeVar("_Value")


class Progress(StrEnum):
    """How far one device's copy of a message has come."""

    WAITING = (
        "waiting"  # Nothing is sealed for it: it has no live key, or it was asked for too early.
    )
    SEALED = "sealed"
    STORED = "stored"  # The relay has it on disk.
    EXPIRED = "expired"
    WITHDRAWING = "withdrawing"  # The relay is to give it back, and has not answered.
    WITHDRAWN = "withdrawn"  # It is not sent any more; the reason says whether it ever was.


_DONE: Final = frozenset({Progress.STORED, Progress.WITHDRAWING, Progress.WITHDRAWN})
"""Of these copies nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One device's copy of a message.

    Attributes:
        agency: The agency of the device.
        device: Whom it is for.
        progress: How far it has come.
        record: The sealed submission record while it is `SEALED`, else empty.
        epoch: The epoch of the key it is sealed to.
        not_before: It is not tried again before this instant.
        reason: Why it waits: `unreachable`, `suite_refused`, `stale_directory`, `identity_changed`,
            `paused`, `lane_awaited`, a relay's problem code, or empty. Of what was withdrawn:
            empty where the relay gave it back, `never_sent`, or `uncertain`.
        refusals: How often the relay refused it.
        cancel_hash: By which the relay knows a claim of it, 32 bytes, while it is `SEALED`.
    """

    agency: AgencyId
    device: DeviceId
    progress: Progress = Progress.WAITING
    record: bytes = field(default=b"", repr=False)
    epoch: int = 0
    not_before: Instant = 0
    reason: str = ""
    refusals: int = 0
    cancel_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the outbox, from the moment it was composed until well after it went out.

    Attributes:
        local_id: 16 random bytes, this store's own name for it.
        order: Entries go out in this order.
        kind: The content's type.
        class_: The envelope's class.
        conversation: Where it belongs.
        to: The agencies it is for, sorted.
        content: Canonical JSON.
        composed: When it was written.
        devices: The only devices it is for; empty for all that may receive it.
        core: The exact bytes that are signed; empty until it is first sent.
        expires: When the core expires; 0 until there is one.
        deliveries: One for each addressed device, sorted; empty until there is a core.
        reason: Why it has no core yet: empty, `unreachable`, `stale_directory`, `identity_changed`
            or `paused`.
        expired: True once it is too late; what was stored by then stays stored.
        withdrawn: True once a person took it back; nothing of it is sent any more.
        hold_id: Of an alert, what the relay keeps its ladder under.
        rungs: Of an alert, who is called one after the other.
        placed: Whether the relay has that ladder; what is sealed later goes by itself.
        shown: Of a claim, the ladders that it stops.
    """

    local_id: bytes
    order: int
    kind: str
    class_: EnvelopeClass
    conversation: ConversationId
    to: tuple[AgencyId, ...]
    content: bytes = field(repr=False)
    composed: Instant
    devices: tuple[DeviceId, ...] = ()
    core: bytes = field(default=b"", repr=False)
    expires: Instant = 0
    deliveries: tuple[Delivery, ...] = ()
    reason: str = ""
    expired: bool = False
    withdrawn: bool = False
    hold_id: bytes = b""
    rungs: tuple[Rung, ...] = ()
    placed: bool = False
    shown: tuple[Shown, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether it is never shown to people as a message."""
        return is_quiet(self.kind)

    @property
    def deadline(self) -> Instant:
        """When it is too late to send this: the core's own end, or as long after it was written."""
        return self.expires if self.core else self.composed + self.class_.life_ms

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        done = all(copy.progress in _DONE for copy in self.deliveries)
        return self.expired or self.withdrawn or (bool(self.core) and done)


@dataclass(frozen=True, slots=True)
class Thread:
    """This device's own chain in one conversation with one audience.

    Attributes:
        incarnation: The one its places were counted in.
        next_seq: The next free place.
        last_core: Hash of the last core, zeros when there is none.
        introduced: Whether the audience was told who it is.
    """

    incarnation: bytes
    next_seq: int = 0
    last_core: bytes = ZERO_DIGEST
    introduced: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one place of another device's chain.

    Attributes:
        message_id: 16 bytes.
        core_hash: 32 bytes.
        prev: 32 bytes, the hash of the core before.
        expires: After this, opening itself refuses a second copy, so the place need not be kept.
    """

    message_id: bytes
    core_hash: bytes
    prev: bytes
    expires: Instant


@dataclass(frozen=True, slots=True)
class Chain:
    """Another device's chain, as far as it was received.

    Attributes:
        device: Whose it is.
        conversation: Where.
        audience_digest: To whom.
        incarnation: The sender's.
        seen: Half-open ranges of the places that were received, sorted and apart. Never forgotten.
        places: What stands there, by seq, until it expires.
        last_core: Hash of the core at the highest place that was seen.
    """

    device: DeviceId
    conversation: ConversationId
    audience_digest: bytes
    incarnation: bytes
    seen: tuple[tuple[int, int], ...] = ()
    places: Mapping[int, Place] = field(default_factory=dict)
    last_core: bytes = ZERO_DIGEST

    @property
    def key(self) -> bytes:
        """Its name in the store, 72 bytes."""
        owner = self.device.value + self.incarnation
        return owner + self.conversation.value + self.audience_digest


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope that could not be opened yet, kept as it came.

    Attributes:
        envelope: header || sealed.
        reason: `pending` or `stranger` (the signer is not known yet) or `undecryptable`.
        attempts: How often it was tried.
    """

    envelope: bytes = field(repr=False)
    reason: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """Where this device stands with its mailbox.

    Attributes:
        cursor: The highest sequence number that is recorded here.
        witness_now: What this store shows the relay, 16 bytes; empty before the first time.
        witness_was: What it showed before, or empty.
        confirmed: Whether the relay answered to `witness_now`.
        copied: True when another copy of this store has spoken to the relay.
        forgiven: True from the moment a person accepted this older copy until the next hello.
        era: Of the numbers that the relay gives: it grows when the relay's store was put back.
    """

    cursor: int = 0
    witness_now: bytes = b""
    witness_was: bytes = b""
    confirmed: bool = False
    copied: bool = False
    forgiven: bool = False
    era: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """A message of a partner that this device may give receipts for, until it expires.

    Attributes:
        agency: Who sent it, and gets the receipts.
        conversation: Where it was said.
        audience_digest: To whom.
        core_hash: What the receipts quote.
        expires: When the message does.
        owes: What the next tick may say of it: `stored`, `opened`, or nothing.
        opened: Whether a person saw it; that is said once.
    """

    agency: AgencyId
    conversation: ConversationId
    audience_digest: bytes
    core_hash: bytes
    expires: Instant
    owes: str = ""
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The receipts for one partner agency: where they travel, and when the next one goes.

    Attributes:
        conversation: Its own, so that no receipt takes a place where people read.
        due: The next tick; 0 before the first was drawn.
        late: Whether it makes up for ticks that were missed.
    """

    conversation: ConversationId
    due: Instant = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that this device sent, and who has given receipts for it.

    Attributes:
        local_id: Of its entry, which may be gone from the outbox.
        kind: The content's type.
        conversation: Where.
        to: The agencies whose receipts count.
        audience_digest: The devices whose receipts count.
        core_hash: What a receipt has to quote.
        incarnation: With the audience and `seq`, its place in this device's chain.
        seq: The same.
        at: When it was sent.
        expires: When it does.
        forget: When all this is forgotten.
        relayed: Whether every copy got to the relay.
        unread: Whether its sender was told that nobody confirmed it by its end.
        stored_by: Devices that have it.
        opened_by: Devices on which a person saw it.
    """

    local_id: bytes
    kind: str
    conversation: ConversationId
    to: tuple[AgencyId, ...]
    audience_digest: bytes
    core_hash: bytes
    incarnation: bytes
    seq: int
    at: Instant
    expires: Instant
    forget: Instant
    relayed: bool = False
    unread: bool = False
    stored_by: tuple[DeviceId, ...] = ()
    opened_by: tuple[DeviceId, ...] = ()

    @property
    def expired_unread(self) -> bool:
        """Whether nobody has confirmed it; a receipt that comes later takes that back."""
        return self.unread and not self.stored_by


@dataclass(frozen=True, slots=True)
class State:
    """All of it.

    Attributes:
        agency: This device's agency.
        device: This device.
        incarnation: 8 random bytes, drawn anew each time the store is opened.
        reading: Its mailbox.
        outbox: By local id.
        threads: This device's chains, by conversation and audience digest.
        chains: The others' chains, by `Chain.key`.
        spoken_in: The keys of these chains by conversation. Made of them, and never written down:
            of tens of thousands of chains a message concerns the few of its conversation.
        audiences: The devices behind a digest, by digest.
        kept: Sealed envelopes, by envelope id.
        owed: Messages that receipts may be given for, by message id.
        lines: The receipts for each partner, by agency id.
        awaited: Messages whose receipts are awaited, by message id.
        silent: Conversations in which no receipts are given, by conversation id.
    """

    agency: AgencyId
    device: DeviceId
    incarnation: bytes = bytes(8)
    reading: Reading = Reading()
    outbox: Mapping[bytes, Entry] = field(default_factory=dict)
    threads: Mapping[bytes, Thread] = field(default_factory=dict)
    chains: Mapping[bytes, Chain] = field(default_factory=dict)
    spoken_in: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict, compare=False)
    audiences: Mapping[bytes, tuple[DeviceId, ...]] = field(default_factory=dict)
    kept: Mapping[bytes, Kept] = field(default_factory=dict)
    owed: Mapping[bytes, Owed] = field(default_factory=dict)
    lines: Mapping[bytes, Line] = field(default_factory=dict)
    awaited: Mapping[bytes, Awaited] = field(default_factory=dict)
    silent: Mapping[bytes, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.chains and not self.spoken_in:
            found: dict[bytes, tuple[bytes, ...]] = {}
            for key, chain in self.chains.items():
                found[chain.conversation.value] = (*found.get(chain.conversation.value, ()), key)
            object.__setattr__(self, "spoken_in", found)


def with_item(mapping: Mapping[bytes, _Value], key: bytes, value: _Value) -> Mapping[bytes, _Value]:
    """Return a copy that has one item more, or another."""
    return {**mapping, key: value}


def without_item(mapping: Mapping[bytes, _Value], key: bytes) -> Mapping[bytes, _Value]:
    """Return a copy that lacks one item; the same mapping where it was not there."""
    if key not in mapping:
        return mapping
    return {held: value for held, value in mapping.items() if held != key}
