"""What the faces share: refusals in the SDK's own words, and what others call a case.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from quietway.cases import make_alias, write_alias
from quietway.errors import ContentRefused
from quietway.history import list_messages
from quietway.own.sharing import write_shared
from quietway_schemas.content.base import CaseContent
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway_schemas.ids import AgencyId, CaseRef


async def find_alias(agent: Agent, case: CaseRef, agency: AgencyId) -> CaseRef:
    """Give what an agency shall know a case by, and keep it.

    A case that nobody else has spoken of was opened here, and that is kept too.
    """
    async with agent.cases.turn:
        held = agent.cases.find(case, agency)
        if held is not None:
            return held
        made = make_alias(case, agency, agent.keyring.agency_secret)
        others = await _find_others(agent, case)
        given = {agency: case if agency in others else made}
        if not others:
            given[agent.keyring.agency] = case
        await write_shared(agent, *(write_alias(case, to, name) for to, name in given.items()))
        for to, name in given.items():
            agent.cases.add(case, to, name)
        return given[agency]


async def _find_others(agent: Agent, case: CaseRef) -> set[AgencyId]:
    """Find the other agencies that spoke of a case: it is what they call it themselves."""
    return {
        held.agency
        for held in await list_messages(agent, case=case, held_back=True)
        if held.agency != agent.keyring.agency
        and isinstance(held.content, CaseContent)
        and held.content.case_ref == case
    }


@contextmanager
def saying_refusals() -> Iterator[None]:
    """Say the dictionary's refusal as the SDK's own."""
    try:
        yield
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None
