"""What was said and heard, read back from the store.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quietway.engine.codec import Fields
from quietway.engine.conversations import misses_before
from quietway.errors import NotFound, StoreDamaged
from quietway.events import Received
from quietway.records import EVIDENCE, MESSAGE, NOTICE, StoredMessage, read_message
from quietway.reports import Conversation
from quietway.views.conversation import Gap, Known, fold_conversation
from quietway_crypto.errors import CryptoError
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quietway.agent import Agent
    from quietway.views.conversation import ConversationEntry
    from quietway_schemas.ids import ConversationId, MessageId

    _Grouped = Mapping[ConversationId, Sequence[StoredMessage]]


async def list_messages(agent: Agent) -> list[StoredMessage]:
    """List every message of the store, in the order of first writing.

    What came for another audience than one with this device in it is not among them, also where
    that showed only afterwards.
    """
    return [_show(agent, message) for message in await list_as_said(agent)]


async def list_as_said(agent: Agent) -> list[StoredMessage]:
    """List every message with the case references that travelled, as for another own device."""
    rows = await agent.store.scan(MESSAGE)
    try:
        messages = [read_message(row) for row in rows]
    except (SchemaError, CryptoError):
        raise StoreDamaged("store") from None
    return [_find_recipients(agent, held) for held in messages if _is_for_me(agent, held)]


async def list_received(agent: Agent, limit: int | None) -> list[Received]:
    """List the newest messages that other devices sent, oldest first."""
    received = [message for message in await list_messages(agent) if message.received]
    chosen = received if limit is None else received[max(0, len(received) - limit) :]
    return [
        Received(
            message_id=message.message_id,
            conversation=message.conversation,
            sender_agency=message.agency,
            sender_program=message.program,
            sent_at=message.said_at,
            content=message.content,
            gap=misses_before(agent.state, message.chain, message.seq, message.prev),
            audience_known=_knows_audience(agent, message),
            sender_standing=message.sender_standing,
            sent_to=message.to,
            by_colleague=message.agency == agent.keyring.agency,
        )
        for message in chosen
        if message.message_id is not None
    ]


async def show_conversation(
    agent: Agent, conversation: ConversationId
) -> tuple[ConversationEntry, ...]:
    """Show one conversation, in display order, with what is missing or disputed.

    Raises:
        NotFound: Nothing was said there, as far as is known here.
    """
    messages = _group(await list_messages(agent))
    evidence = _group(await _list_evidence(agent))
    entries = _fold(agent, conversation, messages, evidence)
    if not entries:
        raise NotFound(f"The conversation {conversation}", "quietway conversation list")
    return entries


async def list_conversations(agent: Agent) -> list[Conversation]:
    """List the conversations, the one that was last spoken in last."""
    messages = _group(await list_messages(agent))
    evidence = _group(await _list_evidence(agent))
    found = [_sum_up(agent, conversation, messages, evidence) for conversation in messages]
    return sorted(found, key=lambda held: held.last_at)


async def find_message(agent: Agent, message_id: MessageId) -> StoredMessage:
    """Find a message by its id.

    Raises:
        NotFound: It is not here.
    """
    for message in await list_messages(agent):
        if message.message_id == message_id:
            return message
    raise NotFound(f"The message {message_id}")


async def count_notices(agent: Agent) -> dict[str, int]:
    """Count the envelopes that were given up, by class."""
    counts: dict[str, int] = {}
    for row in await agent.store.scan(NOTICE):
        reason = row.key.decode("ascii").partition("/")[0]
        counts[reason] = counts.get(reason, 0) + count_row(row.value)
    return counts


def count_row(raw: bytes) -> int:
    """Read the count of one notice."""
    return Fields(raw).number("count")


def _show(agent: Agent, message: StoredMessage) -> StoredMessage:
    # What concerns a case is said to one agency at a time.
    other = min(message.to, default=message.agency)
    shown = replace(message, content=agent.cases.translate(message.content, other))
    if message.device is None:
        return shown
    standing = agent.directory.sender_standing(message.agency, message.device)
    return replace(shown, sender_standing=standing)


async def _list_evidence(agent: Agent) -> list[StoredMessage]:
    try:
        return [read_message(row) for row in await agent.store.scan(EVIDENCE)]
    except (SchemaError, CryptoError):
        raise StoreDamaged("store") from None


def _group(messages: Iterable[StoredMessage]) -> _Grouped:
    grouped: dict[ConversationId, list[StoredMessage]] = {}
    for message in messages:
        grouped.setdefault(message.conversation, []).append(message)
    return grouped


def _fold(
    agent: Agent, conversation: ConversationId, messages: _Grouped, evidence: _Grouped
) -> tuple[ConversationEntry, ...]:
    state = agent.state
    chains = [held for held in state.chains.values() if held.conversation == conversation]
    return fold_conversation(
        messages.get(conversation, ()),
        evidence=evidence.get(conversation, ()),
        known=Known(chains, state.audiences, state.awaited),
        now=agent.clock.now(),
    )


def _sum_up(
    agent: Agent, conversation: ConversationId, messages: _Grouped, evidence: _Grouped
) -> Conversation:
    entries = _fold(agent, conversation, messages, evidence)
    said = messages[conversation]
    named = {agency for message in said for agency in (message.agency, *message.to)}
    return Conversation(
        conversation=conversation,
        agencies=tuple(sorted(named - {agent.keyring.agency})),
        messages=len(said),
        gaps=sum(isinstance(entry, Gap) for entry in entries),
        last_at=max(message.said_at for message in said),
        receipts=conversation.value not in agent.state.silent,
    )


def _find_recipients(agent: Agent, message: StoredMessage) -> StoredMessage:
    if message.agency != agent.keyring.agency or message.to:
        return message
    # A colleague's, that came before the list of who reads along.
    return replace(message, to=agent.find_recipients(message.audience_digest))


def _knows_audience(agent: Agent, message: StoredMessage) -> bool:
    return message.from_snapshot or message.audience_digest in agent.state.audiences


def _is_for_me(agent: Agent, message: StoredMessage) -> bool:
    audience = agent.state.audiences.get(message.audience_digest)
    return audience is None or agent.keyring.device in audience
