"""What another agency shall know a case by: made once, kept, and shared with the own devices.

Spec: docs/spec/cases.md, "References".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.cases import make_alias, write_alias
from quietway.exercises import OF_DRILL
from quietway.history import list_messages
from quietway.own.naming_key import find_naming_key
from quietway.own.sharing import write_shared
from quietway.ports import Put
from quietway_schemas.content.base import CaseContent
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway_schemas.ids import AgencyId, CaseRef

BOARD: Final = "board"
_ID_BYTES: Final = 16


async def find_alias(agent: Agent, case: CaseRef, agency: AgencyId) -> CaseRef:
    """Give what an agency shall know a case by, and keep it.

    A case that nobody else has spoken of was opened here, and that is kept too.
    """
    async with agent.cases.turn:
        held = agent.cases.find(case, agency)
        if held is not None:
            return held
        made = make_alias(case, agency, await find_naming_key(agent))
        others = await _find_others(agent, case)
        given = {agency: case if agency in others else made}
        if not others and agent.cases.find(case, agent.keyring.agency) is None:
            given[agent.keyring.agency] = case
        await write_shared(agent, *(write_alias(case, to, name) for to, name in given.items()))
        for to, name in given.items():
            agent.cases.add(case, to, name)
        return given[agency]


async def find_case_conversation(
    agent: Agent, case: CaseRef, agency: AgencyId, *, drill: bool = False
) -> ConversationId:
    """Find the conversation in which a case is spoken of with an agency; drawn where it is new."""
    key = case.value + agency.value + (OF_DRILL if drill else b"")
    held = await agent.store.read(BOARD, key)
    if held is not None:
        return ConversationId(held)
    drawn = agent.entropy.draw(_ID_BYTES)
    await agent.settle(also=[Put(BOARD, key, drawn)])
    return ConversationId(drawn)


async def _find_others(agent: Agent, case: CaseRef) -> set[AgencyId]:
    """Find the other agencies that spoke of a case: it is what they call it themselves."""
    return {
        held.agency
        for held in await list_messages(agent, case=case, held_back=True)
        if held.agency != agent.keyring.agency
        and isinstance(held.content, CaseContent)
        and held.content.case_ref == case
    }
