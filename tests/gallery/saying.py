"""Saying something past the rules: what a program does that is not the product's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.engine.inputs import Compose
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway import AsyncClient
    from quietway_schemas.content.base import ContentModel


async def say_as_it_is(sender: AsyncClient, content: ContentModel, *, to: AsyncClient) -> None:
    """Put a content into the outbox as it is, and send it."""
    agent = sender._agent
    await agent.say(
        Compose(
            now=agent.clock.now(),
            local_id=agent.entropy.draw(16),
            conversation=ConversationId(agent.entropy.draw(16)),
            to=(to.agency_id,),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
        )
    )
