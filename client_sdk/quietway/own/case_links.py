"""What another agency calls a case: taken in where a third one tells it, and used from then on.

Whoever is told uses the other's name for the case when it speaks to that agency, and understands
its own name from there.

Rules: an alias that was given out before stays, for what was given can't be taken back. A link is
about what its sender calls the case, so it can't touch a case that the sender was never told of;
and it counts only from who told of the case here, for whoever was told of it here would choose the
name under which a third agency is told.

Spec: docs/spec/cases.md, "Linkage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.cases import write_alias
from quietway.own.taken import Taken
from quietway_schemas.content.case import CaseLink

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.own.taken import Told


async def take_case_link(agent: Agent, told: Told) -> Taken:
    """Take in what another agency calls a case."""
    content = told.content
    if not isinstance(content, CaseLink) or told.agency == agent.keyring.agency:
        return Taken()
    if content.other in {told.agency, agent.keyring.agency}:
        return Taken()
    case = agent.cases.own_case(content.case_ref, told.agency)
    if agent.cases.find(case, told.agency) not in {None, case}:
        # It was told of the case here.
        return Taken()
    given = agent.cases.find(case, content.other)
    alias = content.other_ref if given is None else given
    # What was stopped under the other name stays stopped under this one: before it is used.
    await agent.follow_link(alias, case, content.other)
    heard = None if content.case_ref == case else content.case_ref

    async def remember() -> None:
        agent.cases.add(case, content.other, alias, heard)

    return Taken(writes=(write_alias(case, content.other, alias, heard),), after=(remember,))
