"""Short texts, the conversations that they stand in, and the receipts for what was said there.

Spec: docs/reference/sdk.md; docs/spec/conversations.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.engine.conversations import name_place
from quietway.engine.inputs import Seen, Silenced
from quietway.errors import ContentRefused
from quietway.events import Received
from quietway.faces.saying import saying_refusals
from quietway.history import find_message, list_conversations, show_conversation
from quietway.speaking import find_agencies, speak
from quietway.views.conversation import Said
from quietway_schemas.content.message import MessageText
from quietway_schemas.errors import IdError
from quietway_schemas.ids import ConversationId, DeviceId, MessageId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import Conversation, Sent
    from quietway.speaking import Addressee
    from quietway.views.conversation import ConversationEntry

_DEVICE = slice(0, 16)
_INCARNATION = slice(16, 24)


class AsyncMessages:
    """Short texts between people, and the conversations that they stand in."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def send(
        self,
        text: str,
        *,
        to: Addressee | Iterable[Addressee],
        conversation: ConversationId | None = None,
        answers: MessageId | str | None = None,
    ) -> Sent:
        """Send a text.

        Args:
            text: At most 700 bytes as written.
            to: The partners.
            conversation: Where; that of the message that is answered, or a new one.
            answers: The message that this answers, which is quoted by its hash.

        Raises:
            ContentRefused: The text is empty or too long, or it answers a message of another
                conversation. Nothing was sealed.
            NotFound: The message that it answers is not here, or was not sent yet.
        """
        agencies = find_agencies(self._agent, to)
        quoted = None
        if answers is not None:
            quoted = await find_message(self._agent, _read_message_id(answers))
            conversation = conversation or quoted.conversation
            if conversation != quoted.conversation:
                raise ContentRefused("answers", "is of another conversation.")
        with saying_refusals():
            content = MessageText(
                text=text,
                in_reply_to=None if quoted is None else quoted.core_hash or None,
                in_reply_place=None if quoted is None else _name_place(quoted),
            )
        return await speak(self._agent, content, to=agencies, conversation=conversation)

    async def conversations(self, limit: int | None = None) -> list[Conversation]:
        """List the conversations, the one that was last spoken in last.

        Args:
            limit: Only so many, those of which this store came to know something last.
        """
        return await list_conversations(self._agent, limit)

    async def conversation(
        self, conversation: ConversationId | str
    ) -> tuple[ConversationEntry, ...]:
        """Show a conversation in display order: messages, gaps, contradictions.

        Raises:
            NotFound: Nothing was said there, as far as is known here.
            ContentRefused: The text is no conversation's id.
        """
        return await show_conversation(self._agent, _read_conversation(conversation))

    async def mark_opened(self, *messages: Received | Said | MessageId | str) -> None:
        """Note that a person saw these messages; their senders are told at a later tick, once.

        What is not of a partner, has expired, or stands where receipts are off, is left out.

        Raises:
            ContentRefused: A text is no message's id.
        """
        named = (_read_message(held) for held in messages)
        ids = tuple(held for held in named if held is not None)
        if ids:
            await self._agent.settle(Seen(self._agent.clock.now(), ids))

    async def receipts(self, conversation: ConversationId | str, *, on: bool) -> None:
        """Give receipts for what is said in a conversation, or none from now on.

        Raises:
            ContentRefused: The text is no conversation's id.
        """
        held = _read_conversation(conversation)
        await self._agent.settle(Silenced(self._agent.clock.now(), held, on))


def _name_place(quoted: StoredMessage) -> bytes | None:
    # What came with a snapshot stands at no place that is known here.
    if not quoted.chain:
        return None
    device, incarnation = DeviceId(quoted.chain[_DEVICE]), quoted.chain[_INCARNATION]
    return name_place(device, incarnation, quoted.audience_digest, quoted.seq)


def _read_message(named: Received | Said | MessageId | str) -> MessageId | None:
    return named.message_id if isinstance(named, Received | Said) else _read_message_id(named)


def _read_message_id(named: MessageId | str) -> MessageId:
    try:
        return MessageId.from_text(named) if isinstance(named, str) else named
    except IdError:
        raise ContentRefused(
            "message", "is no message's id: msg_ and 26 more, as in a conversation."
        ) from None


def _read_conversation(named: ConversationId | str) -> ConversationId:
    try:
        return ConversationId.from_text(named) if isinstance(named, str) else named
    except IdError:
        raise ContentRefused(
            "conversation", "is no conversation's id: `quietway conversation list` lists them."
        ) from None
