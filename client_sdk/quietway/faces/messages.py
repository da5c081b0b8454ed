"""Short texts.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.faces.saying import saying_refusals
from quietway.speaking import find_agencies, speak
from quietway_schemas.content.message import MessageText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.ids import ConversationId


class AsyncMessages:
    """Short texts between people."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def send(
        self,
        text: str,
        *,
        to: Addressee | Iterable[Addressee],
        conversation: ConversationId | None = None,
    ) -> Sent:
        """Send a text.

        Args:
            text: At most 700 bytes as written.
            to: The partners.
            conversation: Where; a new one where it is None.

        Raises:
            ContentRefused: The text is empty or too long. Nothing was sealed.
        """
        agencies = find_agencies(self._agent, to)
        with saying_refusals():
            content = MessageText(text=text)
        return await speak(self._agent, content, to=agencies, conversation=conversation)
