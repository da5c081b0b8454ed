"""What `events()` tells a program, as it happens. Nothing here is needed to keep up: the store is.

A program that missed an event finds the message in `inbox()` all the same.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, ConversationId, MessageId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Received:
    """A message that another device said, opened and verified.

    Attributes:
        message_id: The same for every recipient.
        conversation: Where it belongs.
        sender_agency: Whose device signed it.
        sender_program: The program that the sender's certificate names, as `MERCY-SOCIALWORK`.
        sent_at: When its sender sent it, milliseconds since 1970-01-01T00:00:00Z.
        content: What it says.
        gap: True while something that was said before it in its conversation has not arrived.
        audience_known: False until the list of who else reads along has arrived.
    """

    message_id: MessageId
    conversation: ConversationId
    sender_agency: AgencyId
    sender_program: str
    sent_at: Instant
    content: ContentModel = field(repr=False)
    gap: bool = False
    audience_known: bool = True


@dataclass(frozen=True, slots=True)
class SentStored:
    """Every copy of a message of this device is on the relay's disk."""

    local_id: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class GapSeen:
    """Something that was said before this message has not arrived; it may still come."""

    message_id: MessageId
    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """An envelope was given up and acknowledged.

    Attributes:
        reason: A class of docs/spec/envelope.md, "Opening". Its sender learns nothing of it.
        at: When.
    """

    reason: str
    at: Instant


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The relay does not answer, or this machine's clock is wrong; it is tried again by itself.

    Attributes:
        problem: The error's sentence, which says what to do next.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class ConnectionBack:
    """The relay answers again."""


Event: TypeAlias = Received | SentStored | GapSeen | DeadLettered | ConnectionLost | ConnectionBack
