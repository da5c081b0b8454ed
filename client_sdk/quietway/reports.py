"""What the client's methods return: plain frozen values, for programs and for people.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from quietway.removed import explain_removed
from quietway_schemas.locale import ENGLISH

if TYPE_CHECKING:
    from quietway.errors import QuietwayError
    from quietway.guard.deciding import TextFinding
    from quietway_schemas.ids import (
        AgencyId,
        CaseRef,
        ConversationId,
        DeviceId,
        MessageId,
        ReferralRef,
    )
    from quietway_schemas.instants import Instant

OutboxState: TypeAlias = Literal[
    "not_yet_sent",
    "sealed",
    "stored_at_relay",
    "expired_unsent",
    "expired_unread",
    "unreachable",
    "paused",
    "not_taken",
    "withdrawing",
    "withdrawn",
    "partly_withdrawn",
]
"""How far a message has come.

`not_yet_sent`: written down here, and nowhere else. `sealed`: on its way, and handed over again
until the relay says that it has it. `stored_at_relay`: every copy is on the relay's disk.
`unreachable`: a device or an agency that it is for has no live key; the others have theirs.
`expired_unsent`: it is too late, and not every copy went out. `expired_unread`: every copy got to
the relay, and no device confirmed by the message's end that it has it.
`paused`: it waits for a partner that this agency has paused; the others have theirs.
`not_taken`: an agency that it is for takes in nothing from this one; it is tried again.
`withdrawing`: a person took it back, and the relay has not answered yet. `withdrawn`: it reaches
nobody. `partly_withdrawn`: some copies had been fetched, or may have been.
"""

CopyOutcome: TypeAlias = Literal["taken_back", "never_sent", "fetched", "uncertain", "asked"]
"""What became of one device's copy of a message that was taken back.

`taken_back`: the relay had it, and has it no more. `never_sent`: it had not left this machine.
`fetched`: the relay had it no more; its device most likely has it. `uncertain`: an answer of the
relay got lost, so nobody knows. `asked`: the relay could not be asked yet, and will be.
"""


@dataclass(frozen=True, slots=True)
class DuplicateReferral:
    """The same program was asked for the same service for this case not long ago.

    Attributes:
        ref: The earlier referral.
        at: When it was made, milliseconds since 1970-01-01T00:00:00Z.
        state: The state that it is in now.
    """

    ref: ReferralRef
    at: Instant
    state: str


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The program says of itself that it has no room, or a waiting list.

    Attributes:
        program: Which.
        capacity: A code of the list `capacity`.
    """

    program: str
    capacity: str


SentWarning: TypeAlias = DuplicateReferral | NoRoom
"""What a person should know about something that was sent all the same."""


@dataclass(frozen=True, slots=True)
class SentLogistics:
    """What became of a matter of logistics, and the words for the call.

    Attributes:
        sent: As of every message.
        words: Four words: whoever calls says the first two, whoever is called the last two.
    """

    sent: Sent
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message by the time `send` returned.

    Attributes:
        local_id: This store's own name for it.
        message_id: What everyone calls it, once it was sealed; else None.
        conversation: Where it belongs.
        referral_ref: The referral that it is about, if it is about one.
        state: How far it came; `not_yet_sent` also where the relay's answer got lost.
        problem: Why it came no further, with what to do next; None when it is on its way.
        warnings: What a person should know about a referral; nothing was refused for it.
        found: What the guard found in it and let pass: its writer is told.
        removed: Of a file, codes of what was removed from it before it was sealed, as `gps`.
    """

    local_id: bytes
    message_id: MessageId | None
    conversation: ConversationId
    referral_ref: ReferralRef | None
    state: OutboxState
    problem: QuietwayError | None = None
    warnings: tuple[SentWarning, ...] = ()
    found: tuple[TextFinding, ...] = ()
    removed: tuple[str, ...] = ()

    def explain_removed(self, language: str = ENGLISH) -> str:
        """Say what was removed from the file, in a language."""
        return explain_removed(self.removed, language)


@dataclass(frozen=True, slots=True)
class WithdrawnCopy:
    """One device's copy of a message that was taken back."""

    agency: AgencyId
    device: DeviceId
    outcome: CopyOutcome


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What became of a message that was taken back.

    Attributes:
        local_id: As in `Sent`.
        copies: Each device's; empty where none was ever made.
        problem: Why the relay could not be asked yet, or None.
    """

    local_id: bytes
    copies: tuple[WithdrawnCopy, ...]
    problem: QuietwayError | None = None

    def count(self, outcome: CopyOutcome) -> int:
        """Count the copies that this became of."""
        return sum(copy.outcome == outcome for copy in self.copies)


@dataclass(frozen=True, slots=True)
class StandingReport:
    """What came of deciding about a partner.

    Attributes:
        partner: Which.
        stance: What counts now.
        taken_back: Copies that waited at the relay for it, and do not any more.
        fetched: Copies that it had fetched by then.
        waiting: Messages that wait here for it.
        problem: Why the relay could not be asked yet, or None. The decision counts all the same.
    """

    partner: AgencyId
    stance: Literal["granted", "paused", "ended"]
    taken_back: int
    fetched: int
    waiting: int
    problem: QuietwayError | None = None


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message of the outbox.

    Attributes:
        local_id: As in `Sent`.
        kind: The content's type, as `referral.packet`.
        to: The agencies it is for.
        state: How far it has come.
        at: When it was written, milliseconds since 1970-01-01T00:00:00Z.
        waiting_for: Devices, or agencies without one, that it could not be sealed to, as text.
        message_id: What everyone calls it, once it was sealed.
        stored_by: How many devices of its recipients have said that they have it.
        opened_by: On how many of them a person has seen it.
        reason: Why it waits, as a code: `unreachable`, `lane_awaited`, `over_quota`, `not_found`
            and others; empty where nothing is known to be in its way.
    """

    local_id: bytes
    kind: str
    to: tuple[AgencyId, ...]
    state: OutboxState
    at: Instant
    waiting_for: tuple[str, ...] = ()
    message_id: MessageId | None = None
    stored_by: int = 0
    opened_by: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line of the list of conversations.

    Attributes:
        conversation: Its id.
        agencies: The other agencies in it.
        messages: How many messages of it are here.
        gaps: How often something is missing in it.
        last_at: When something was said in it last, milliseconds since 1970-01-01T00:00:00Z.
        receipts: False where a person switched receipts off for it.
    """

    conversation: ConversationId
    agencies: tuple[AgencyId, ...]
    messages: int
    gaps: int
    last_at: Instant
    receipts: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OpeningProgress:
    """How far an `open` has come.

    Attributes:
        stage: `keyring`, `upgrade` (once, after a new version or a backup), `store` or `erase`.
        done: How many steps of this stage; of an upgrade, how many rows.
        total: Out of how many; 0 where it is not known.
    """

    stage: str
    done: int
    total: int


TellOpening = Callable[[OpeningProgress], None]
"""Is told how far an opening has come."""


def say_nothing(progress: OpeningProgress) -> None:
    """Tell nobody how far an opening has come."""
    del progress


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a `sync` has come.

    Attributes:
        stage: `clock`, `directory`, `publish`, `mailbox`, `outbox` or `board`.
        done: How many of this stage.
        total: Out of how many, as far as it is known.
    """

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one `sync` did.

    Attributes:
        received: New messages.
        sent: Messages that are now on the relay's disk.
        waiting: Messages in the outbox that are not.
        refused: Envelopes that were given up.
        problems: What went wrong, each with what to do next. Nothing is lost by any of them.
    """

    received: int
    sent: int
    waiting: int
    refused: int
    problems: tuple[QuietwayError, ...] = ()


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A case or a conversation that nothing is erased of.

    Attributes:
        of: Which, by one's own reference.
        since: When it was laid.
    """

    of: CaseRef | ConversationId
    since: Instant


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep erased. Nothing of it can be opened any more, by anyone.

    Attributes:
        epochs: Keys that envelopes were sealed to.
        records: Keys that opened content lay under.
        messages: Messages and other rows of content that went with them.
        problem: Why nothing was erased, or None.
    """

    epochs: int
    records: int
    messages: int
    problem: QuietwayError | None = None


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two checkpoints that a log signed and that can't both be of one tree.

    Attributes:
        fork_id: Its name, 16 bytes: the same two roots have the same.
        log_key: The public key that signed both, 32 bytes.
        fingerprint: Of that key, in eight groups.
        words: The same in eight words.
        first_size: How many entries the one has; not more than the other.
        first_root: Its root, 32 bytes.
        second_size: How many entries the other has.
        second_root: Its root, 32 bytes.
    """

    fork_id: bytes
    log_key: bytes
    fingerprint: str
    words: str
    first_size: int
    first_root: bytes
    second_size: int
    second_root: bytes


@dataclass(frozen=True, slots=True)
class LogStanding:
    """How the relay's transparency log stands with this device.

    Attributes:
        log_key: The public key that is pinned, 32 bytes; empty before the first synchronisation.
        fingerprint: Of that key, in eight groups: every agency of the relay has the same.
        words: The same in eight words.
        size: How many entries were verified.
        root: Of these entries, 32 bytes; empty before the first.
        synced_at: When the relay last showed its log; None before the first time.
        stopped: Whether nothing is taken in, because a fork was proved and not acknowledged.
    """

    log_key: bytes
    fingerprint: str
    words: str
    size: int
    root: bytes
    synced_at: Instant | None
    stopped: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`.

    Attributes:
        name: What was looked at.
        ok: Whether it is in order.
        detail: What was found.
        what_next: What to do, or empty.
    """

    name: str
    ok: bool
    detail: str
    what_next: str = ""
