"""Linkage: two agencies are told what each of them calls one case, where the survivor released it.

Both are asked about before either is told.

Spec: docs/spec/cases.md, "Linkage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.faces.casework import ID_BYTES, say_of_case
from quietway.naming import find_alias
from quietway.speaking import check_allowed
from quietway_schemas.content.case import CaseLink

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway_schemas.ids import AgencyId, CaseRef


async def link_case(
    agent: Agent, case: CaseRef, one: AgencyId, other: AgencyId
) -> tuple[Sent, Sent]:
    """Tell two agencies what each of them calls a case.

    Raises:
        NotPermitted: A release with the scope `linkage` is missing for one of them. Neither was
            told anything.
    """
    # No alias is drawn before both may be told: until then the names stand for themselves.
    for agency, third in ((one, other), (other, one)):
        await check_allowed(agent, _make_link(case, third, case), (agency,))
    names = {agency: await find_alias(agent, case, agency) for agency in (one, other)}
    first = await say_of_case(agent, case, _make_link(case, other, names[other]), to=[one])
    second = await say_of_case(agent, case, _make_link(case, one, names[one]), to=[other])
    return first, second


def _make_link(case: CaseRef, other: AgencyId, other_ref: CaseRef) -> CaseLink:
    # Which release it stands on is written in by who asks for it: without one nothing is said.
    return CaseLink(case_ref=case, consent_id=bytes(ID_BYTES), other=other, other_ref=other_ref)
