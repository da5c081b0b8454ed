"""Who would be told: policy is asked about each partner, and nothing is said.

Spec: docs/spec/consent.md, "Asking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quietway.consent.asking import weigh
from quietway.errors import ContentRefused
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.content.roles import find_receivers, is_among

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.policy.rulings import Ruling
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef


@dataclass(frozen=True, slots=True)
class Told:
    """Whether a partner would be told.

    Attributes:
        agency: The partner.
        agency_code: Its code.
        allowed: Whether it could be told now.
        why: The reason in words, and what to do next where it could not.
        roles: Codes of the roles there that would read it, sorted; none where nobody would.
        ruling: What policy answered.
    """

    agency: AgencyId
    agency_code: str
    allowed: bool
    why: str
    roles: tuple[str, ...]
    ruling: Ruling


async def list_told(
    agent: Agent, case: CaseRef, what: ContentModel | str, *, language: str = "en"
) -> list[Told]:
    """Ask of each partner; see `AsyncConsent.who_would_be_told`."""
    content = _name_case(what, case)
    found = []
    async with agent.consent_turn:
        for agency in sorted(agent.lanes.partners):
            ruling = (await weigh(agent, content, agency)).ruling
            stopped = bool(agent.standings.hindrance(agency))
            found.append(
                Told(
                    agency=agency,
                    agency_code=agent.directory.agency_code(agency) or str(agency),
                    allowed=ruling.allowed and not stopped,
                    why=ruling.explain(language),
                    roles=_list_roles(agent, content, agency) if ruling.allowed else (),
                    ruling=ruling,
                )
            )
    return found


def _name_case(what: ContentModel | str, case: CaseRef) -> ContentModel:
    if not isinstance(what, str):
        return what.model_copy(update={"case_ref": case}) if isinstance(what, CaseContent) else what
    row = CONTENT_TYPES.get(what)
    if row is None:
        raise ContentRefused("what", "is no content type: see docs/reference/dictionary.md.")
    # Which fields a type has decides what it says; nothing of it is ever written or sent.
    fields: dict[str, Any] = {"case_ref": case} if issubclass(row.model, CaseContent) else {}
    empty = {name: None for name, held in row.model.model_fields.items() if held.is_required()}
    return row.model.model_construct(**{**empty, **fields})


def _list_roles(agent: Agent, content: ContentModel, agency: AgencyId) -> tuple[str, ...]:
    receivers = find_receivers(content)
    there = [held.roles for held in agent.directory.devices_of(agency)]
    return tuple(sorted({role for roles in there if is_among(roles, receivers) for role in roles}))
