"""What was said and heard, read back from the store.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.crisis.naming import name_huddle
from quietway.engine.codec import Fields
from quietway.engine.conversations import chains_in, misses_before
from quietway.errors import NotFound, StoreDamaged
from quietway.events import Received
from quietway.records import EVIDENCE, MESSAGE, NOTICE, StoredMessage, read_message
from quietway.reports import Conversation
from quietway.roles import keep_readable
from quietway.standing import own_message
from quietway.store.shelves import own, own_conversation, own_referral
from quietway.views.conversation import Gap, Known, fold_conversation
from quietway_crypto.errors import CryptoError
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.crisis import CrisisActivate
from quietway_schemas.content.quiet import is_introduced
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from quietway.agent import Agent
    from quietway.ports import Row
    from quietway.views.conversation import ConversationEntry
    from quietway_schemas.ids import CaseRef, ConversationId, MessageId, ReferralRef

_LEAST_PAGE: Final = 50
_PAGE: Final = 1_000


async def list_messages(
    agent: Agent,
    *,
    case: CaseRef | None = None,
    conversation: ConversationId | None = None,
    referral: ReferralRef | None = None,
    held_back: bool = False,
) -> list[StoredMessage]:
    """List messages of the store, in the order of first writing; of one thing, without the rest.

    What came for another audience than one with this device in it is not among them, also where
    that showed only afterwards.

    Args:
        agent: Of this device.
        case: Only what names this case, by one's own reference, and what was said in the
            conversations that speak of it; None for all.
        conversation: Only what was said there; None for all.
        referral: Only what names this referral: its packet, answers, and how it went on; None for
            all.
        held_back: What a partner stopped sharing too, which is shown to nobody.
    """
    if referral is not None:
        messages = await list_tagged(agent, own_referral(referral), held_back=True)
    elif case is not None:
        messages = await _list_of_case(agent, case)
    elif conversation is not None:
        messages = await list_tagged(agent, own_conversation(conversation), held_back=True)
    else:
        messages = [show_message(agent, message) for message in await list_as_said(agent)]
    if case is not None and referral is not None:
        spoken_of = {held.conversation for held in await _list_of_case(agent, case)}
        messages = [held for held in messages if held.conversation in spoken_of]
    if conversation is not None:
        messages = [held for held in messages if held.conversation == conversation]
    if not held_back:
        messages = [held for held in messages if not is_held_back(agent, held)]
    return messages


async def list_tagged(agent: Agent, tag: bytes, *, held_back: bool = False) -> list[StoredMessage]:
    """List the messages that bear a tag, in the order of first writing, and read no others.

    Args:
        agent: Of this device.
        tag: Of `standing` or `store.shelves`.
        held_back: What a partner stopped sharing too, which is shown to nobody.
    """
    rows = await agent.store.scan_tagged(MESSAGE, tag)
    messages = [show_message(agent, message) for message in _read(agent, rows)]
    return [held for held in messages if held_back or not is_held_back(agent, held)]


def is_held_back(agent: Agent, message: StoredMessage) -> bool:
    """Say whether a message is of a case that whoever said it stopped sharing."""
    found = agent.held_back.find(message.content, message.agency, message.conversation)
    return message.received and found is not None


async def list_around(agent: Agent, kind: str) -> list[StoredMessage]:
    """List what was said in the conversations in which something of a type stands.

    Args:
        agent: Of this device.
        kind: A type that stands.
    """
    standing = await agent.ledger.standing()
    conversations = {held.conversation for held in standing if held.content.type == kind}
    return [
        held
        for conversation in sorted(conversations, key=str)
        for held in await list_messages(agent, conversation=conversation)
    ]


async def list_as_said(agent: Agent) -> list[StoredMessage]:
    """List every message with the case references that travelled, as for another own device."""
    return _read(agent, await agent.store.scan(MESSAGE))


async def walk_back(
    agent: Agent, *, before: int | None = None, page: int | None = None
) -> AsyncGenerator[list[StoredMessage], None]:
    """Walk from the newest readable message to the oldest; one page of rows is read at a time.

    Args:
        agent: Of this device.
        before: Only what this store came to know before this position; None for all.
        page: How many rows are read at once, where that is to be fewer than usual.
    """
    while rows := await agent.store.scan_back(MESSAGE, before=before, limit=page or _PAGE):
        before = rows[-1].position
        shown = [show_message(agent, held) for held in _read(agent, rows)]
        yield [held for held in keep_readable(agent, shown) if not is_held_back(agent, held)]


async def list_received(
    agent: Agent, limit: int | None, *, before: MessageId | None = None
) -> list[Received]:
    """List the newest messages that other devices sent, oldest first.

    Raises:
        NotFound: The message that they are to be older than is not here.
    """
    position = None if before is None else (await find_message(agent, before)).position
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
        for message in await _list_newest_received(agent, limit, position)
        if message.message_id is not None
    ]


async def _list_newest_received(
    agent: Agent, limit: int | None, before: int | None
) -> list[StoredMessage]:
    if limit is not None and limit < 1:
        return []
    found: list[StoredMessage] = []
    page = _PAGE if limit is None else min(max(limit, _LEAST_PAGE), _PAGE)
    async with aclosing(walk_back(agent, before=before, page=page)) as pages:
        async for shown in pages:
            found += [held for held in shown if held.received]
            if limit is not None and len(found) >= limit:
                break
    return found[:limit][::-1]


async def show_conversation(
    agent: Agent, conversation: ConversationId
) -> tuple[ConversationEntry, ...]:
    """Show one conversation, in display order, with what is missing or disputed.

    Raises:
        NotFound: Nothing was said there, as far as is known here.
    """
    entries = _fold(agent, conversation, *await _read_conversation(agent, conversation))
    if not entries:
        raise NotFound(f"The conversation {conversation}", "quietway conversation list")
    return entries


async def list_conversations(agent: Agent, limit: int | None = None) -> list[Conversation]:
    """List the conversations, the one that was last spoken in last; one at a time is in memory.

    Args:
        agent: Of this device.
        limit: Only so many, those of which this store came to know something last; None for all.
    """
    named: dict[ConversationId, None] = {}
    async with aclosing(walk_back(agent)) as pages:
        async for shown in pages:
            named |= dict.fromkeys(held.conversation for held in shown)
            if limit is not None and len(named) >= limit:
                break
    found = [await _sum_up(agent, conversation) for conversation in list(named)[:limit]]
    return sorted((held for held in found if held is not None), key=lambda held: held.last_at)


async def find_message(agent: Agent, message_id: MessageId) -> StoredMessage:
    """Find a message by its id.

    Raises:
        NotFound: It is not here.
    """
    for message in await list_tagged(agent, own_message(message_id)):
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


def show_message(agent: Agent, message: StoredMessage) -> StoredMessage:
    """Show a message with one's own case references, and how its signer's device stands now."""
    # What concerns a case is said to one agency at a time.
    other = min(message.to, default=message.agency)
    content, standing = agent.cases.translate(message.content, other), message.sender_standing
    if message.device is not None:
        standing = agent.directory.sender_standing(message.agency, message.device)
    if content is message.content and standing == message.sender_standing:
        # One object for both: what stands is held as it was said, and as it is shown.
        return message
    return replace(message, content=content, sender_standing=standing)


async def _list_of_case(agent: Agent, case: CaseRef) -> list[StoredMessage]:
    # A colleague's alias may have come after what was said under it.
    names = agent.cases.names(case)
    named = [held for name in names for held in await list_tagged(agent, own(name), held_back=True)]
    naming = [held for held in named if _names_case(held, case)]
    spoken_of = {held.conversation for held in naming}
    spoken_of |= {
        name_huddle(held.content.event_id)
        for held in naming
        if isinstance(held.content, CrisisActivate)
    }
    found = [
        held
        for conversation in spoken_of
        for held in await list_tagged(agent, own_conversation(conversation), held_back=True)
    ]
    return sorted(found, key=lambda held: held.position)


async def _list_evidence(agent: Agent, conversation: ConversationId) -> list[StoredMessage]:
    """List the second stories of a conversation."""
    evidence = parse_rows(await agent.store.scan_tagged(EVIDENCE, own_conversation(conversation)))
    return [held for held in evidence if held.conversation == conversation]


def _read(agent: Agent, rows: Iterable[Row]) -> list[StoredMessage]:
    messages = parse_rows(rows)
    return [_find_recipients(agent, held) for held in messages if _is_for_me(agent, held)]


def show_said(agent: Agent, message: StoredMessage) -> StoredMessage | None:
    """Show a message as its row was read; None where it is not for this device."""
    if not _is_for_me(agent, message):
        return None
    return show_message(agent, _find_recipients(agent, message))


def parse_rows(rows: Iterable[Row]) -> list[StoredMessage]:
    """Read the rows of messages, whoever they are for, with the references that travelled."""
    try:
        return [read_message(row) for row in rows]
    except (SchemaError, CryptoError):
        raise StoreDamaged("store") from None


def _names_case(message: StoredMessage, case: CaseRef) -> bool:
    return isinstance(message.content, CaseContent) and message.content.case_ref == case


async def _read_conversation(
    agent: Agent, conversation: ConversationId
) -> tuple[list[StoredMessage], list[StoredMessage]]:
    messages = keep_readable(agent, await list_messages(agent, conversation=conversation))
    return messages, await _list_evidence(agent, conversation)


def _fold(
    agent: Agent,
    conversation: ConversationId,
    messages: Sequence[StoredMessage],
    evidence: Sequence[StoredMessage],
) -> tuple[ConversationEntry, ...]:
    state = agent.state
    chains = chains_in(state, conversation)
    return fold_conversation(
        messages,
        evidence=evidence,
        known=Known(chains, state.audiences, state.awaited),
        now=agent.clock.now(),
    )


async def _sum_up(agent: Agent, conversation: ConversationId) -> Conversation | None:
    said, evidence = await _read_conversation(agent, conversation)
    if not said:
        # It was erased since it was named.
        return None
    entries = _fold(agent, conversation, said, evidence)
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
    is_told = message.from_snapshot or message.audience_digest in agent.state.audiences
    return is_told or not is_introduced(message.content.type)


def _is_for_me(agent: Agent, message: StoredMessage) -> bool:
    audience = agent.state.audiences.get(message.audience_digest)
    return audience is None or agent.keyring.device in audience
