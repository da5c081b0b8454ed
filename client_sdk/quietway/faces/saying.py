"""What the faces share: refusals in the SDK's own words, and what others call a case.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from quietway.cases import draw_alias, write_alias
from quietway.errors import ContentRefused
from quietway.history import list_messages
from quietway.own.sharing import write_shared
from quietway_schemas.content.base import CaseContent
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway_schemas.ids import AgencyId, CaseRef

_ID_BYTES: Final = 16


async def find_alias(agent: Agent, case: CaseRef, agency: AgencyId) -> CaseRef:
    """Give what an agency shall know a case by, and keep it."""
    async with agent.cases.turn:
        held = agent.cases.find(case, agency)
        if held is not None:
            return held
        drawn = draw_alias(case, agent.entropy.draw(_ID_BYTES))
        alias = case if await _comes_from(agent, case, agency) else drawn
        await write_shared(agent, write_alias(case, agency, alias))
        agent.cases.add(case, agency, alias)
        return alias


async def _comes_from(agent: Agent, case: CaseRef, agency: AgencyId) -> bool:
    """Say whether this is what the agency itself calls the case."""
    said = (held for held in await list_messages(agent) if held.received)
    return any(
        held.agency == agency
        and isinstance(held.content, CaseContent)
        and held.content.case_ref == case
        for held in said
    )


@contextmanager
def saying_refusals() -> Iterator[None]:
    """Say the dictionary's refusal as the SDK's own."""
    try:
        yield
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None
