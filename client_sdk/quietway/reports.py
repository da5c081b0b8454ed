"""What the client's methods return: plain frozen values, for programs and for people.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from quietway.errors import QuietwayError
    from quietway_schemas.ids import (
        AgencyId,
        CaseRef,
        ConversationId,
        MessageId,
        ReferralRef,
    )
    from quietway_schemas.instants import Instant

OutboxState: TypeAlias = Literal[
    "not_yet_sent", "sealed", "stored_at_relay", "expired_unsent", "unreachable"
]
"""How far a message has come.

`not_yet_sent`: written down here, and nowhere else. `sealed`: on its way, and handed over again
until the relay says that it has it. `stored_at_relay`: every copy is on the relay's disk.
`unreachable`: a device or an agency that it is for has no live key; the others have theirs.
`expired_unsent`: it is too late, and not every copy went out.
"""


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
    """

    local_id: bytes
    message_id: MessageId | None
    conversation: ConversationId
    referral_ref: ReferralRef | None
    state: OutboxState
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
    """

    local_id: bytes
    kind: str
    to: tuple[AgencyId, ...]
    state: OutboxState
    at: Instant
    waiting_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a `sync` has come.

    Attributes:
        stage: `clock`, `directory`, `publish`, `mailbox` or `outbox`.
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
