"""On which ground an agency takes part, as the last statement says, or the own activation of it.

Spec: docs/spec/policy.md, "Huddles".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.consent.questions import Vouched
from quietway.history import list_tagged
from quietway.huddling.reading import find_crisis
from quietway.standing import of_event
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.crisis import CrisisActivate

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.views.crises import Crisis
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId

NON_IDENTIFYING: Final = "non_identifying"


async def find_vouched(agent: Agent, content: ContentModel, agency: AgencyId) -> Vouched | None:
    """Say on which ground an agency takes part in the huddle that a content is of."""
    event: bytes | None = getattr(content, "event_id", None)
    if event is None or not isinstance(content, CaseContent) or content.case_ref is not None:
        return None
    crisis = await find_crisis(agent, event)
    if crisis is None:
        return None
    stated = find_stated(crisis, agency, agent.keyring.agency)
    return stated or await _find_told(agent, event, agency)


def find_stated(crisis: Crisis, agency: AgencyId, mine: AgencyId) -> Vouched | None:
    """Say what the last statement says of an agency; None where it names it not."""
    last = crisis.membership.last
    parties = () if last is None else last.content.parties
    for party in parties:
        if party.agency == agency:
            basis = party.ground or NON_IDENTIFYING
            return Vouched(basis, by_us=(party.vouched_by or agency) == mine)
    return None


async def _find_told(agent: Agent, event: bytes, agency: AgencyId) -> Vouched | None:
    """Say on which ground this device told an agency of an event, before the huddle is open."""
    for held in await list_tagged(agent, of_event(event), held_back=True):
        if not held.received and isinstance(held.content, CrisisActivate) and agency in held.to:
            return Vouched(held.content.disclosure_basis or NON_IDENTIFYING, by_us=True)
    return None
