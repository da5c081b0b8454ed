"""On which ground each agency that was called may be told, as the opener's device states it.

Spec: docs/spec/policy.md, "Huddles".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.consent.asking import weigh
from quietway.huddling.calling import make_told
from quietway.huddling.plans import read_plan
from quietway.huddling.vouching import NON_IDENTIFYING
from quietway.policy.categories import BY_LAW

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.views.crises import Crisis
    from quietway_schemas.ids import AgencyId


async def find_grounds(agent: Agent, crisis: Crisis) -> dict[AgencyId, str]:
    """Find the grounds of the agencies that this device called and may tell now."""
    plan = await read_plan(agent.store, crisis.event_id)
    grounds: dict[AgencyId, str] = {}
    for step in () if plan is None else plan.steps:
        found = await find_ground_of(agent, crisis, step.agency, basis=plan.basis if plan else "")
        if found is not None:
            grounds[step.agency] = found
    return grounds


async def find_ground_of(
    agent: Agent, crisis: Crisis, agency: AgencyId, *, basis: str
) -> str | None:
    """Find the ground of one agency; None where it may not be told."""
    said = await make_told(agent, crisis.activation, crisis.case, agency, basis=basis)
    ruling = (await weigh(agent, said, agency)).ruling
    if not ruling.allowed:
        return None
    stated = said.disclosure_basis
    return stated if stated in BY_LAW else ruling.basis or NON_IDENTIFYING
