"""Saying how consent stands: straight into the outbox; the word of a pause is not asked about.

One conversation for each case with each partner, known to nobody else, holds all of that talk.

Spec: docs/spec/consent.md, "Asking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Compose
from quietway.own.proposals import find_certificate
from quietway.own.telling import BOARD
from quietway.ports import Put
from quietway_schemas.content.consent import RollbackOrder
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef

_ID_BYTES: Final = 16
_TALK: Final = b"consent"


def compose_word(
    agent: Agent, content: ContentModel, agency: AgencyId, conversation: ConversationId
) -> Compose:
    """Give what belongs into the commit after which something is said to a partner."""
    return Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        conversation=conversation,
        to=(agency,),
        kind=content.type,
        class_=find_class(content),
        content=encode_content(content),
    )


def is_casework(agent: Agent) -> bool:
    """Say whether this device is one that partners' words of consent are said to."""
    certified = find_certificate(agent, agent.keyring.device)
    receivers = find_receivers(RollbackOrder.model_construct())
    return certified is not None and is_among(certified.roles, receivers)


async def find_talk(agent: Agent, case: CaseRef, agency: AgencyId) -> ConversationId:
    """Give the conversation about consent of a case with a partner, and keep it."""
    key = _TALK + case.value + agency.value
    held = await agent.store.read(BOARD, key)
    if held is not None:
        return ConversationId(held)
    drawn = agent.entropy.draw(_ID_BYTES)
    await agent.settle(also=[Put(BOARD, key, drawn)])
    return ConversationId(drawn)
