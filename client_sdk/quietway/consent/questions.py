"""Questions to policy: what is asked of one content for one agency, and on which ground.

Here what is known is gathered: the row of the case with the agency, the agreements, the roles
there. Nothing is decided; `policy.rulings` does that, and `asking` says what comes of it.

Spec: docs/spec/policy.md, "The question" and "The ground".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.consent.disclosures import find_ground
from quietway.policy.absolute import Stance
from quietway.policy.categories import BY_LAW, categories_of, identifies, purpose_of, scope_of
from quietway.policy.question import Ground, Question
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.roles import find_receivers, is_among

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.consents import Consents
    from quietway.policy.rulings import Ruling
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Vouched:
    """On which ground an agency takes part in a huddle.

    Attributes:
        basis: A code of `disclosure_basis`.
        by_us: Whether this agency says so: then its own releases and grounds decide.
    """

    basis: str
    by_us: bool


async def make_question(
    agent: Agent,
    content: ContentModel,
    agency: AgencyId,
    case: CaseRef | None,
    *,
    to_source: bool,
    automatic: bool,
    vouched: Vouched | None = None,
) -> Question:
    """Put the question whether a content about a case may go to an agency now."""
    basis: str | None = getattr(content, "disclosure_basis", None)
    if vouched is not None and vouched.by_us:
        # What several read in the same words says nothing of the ground of one.
        basis = vouched.basis
    by_law = basis in BY_LAW and case is not None
    return Question(
        recipient=agency,
        kind=content.type,
        now=agent.clock.now(),
        categories=categories_of(content),
        purpose=purpose_of(content),
        case=isinstance(content, CaseContent),
        scope=scope_of(content),
        circumstance=getattr(content, "circumstance", None),
        identifying=identifies(content),
        basis=basis,
        basis_reference=await find_ground(agent, case, agency, basis or "")
        if by_law and case is not None
        else None,
        compartment=getattr(content, "compartment", None),
        roles_there=tuple(
            frozenset(held.roles)
            for held in agent.directory.devices_of(agency)
            if is_among(held.roles, find_receivers(content))
        ),
        to_source=to_source,
        automatic=automatic,
        exercise=content.exercise,
    )


def gather_ground(
    agent: Agent,
    case: CaseRef | None,
    agency: AgencyId,
    known: Consents,
    vouched: Vouched | None = None,
) -> Ground:
    """Gather what is known about a case and an agency, for what is known of consent."""
    held_back = case is not None and not is_own(agent, case) and agent.held_back.stops(case)
    return Ground(
        stance=max(known.given.stance, Stance.PAUSED if held_back else Stance.GRANTED),
        releases=known.given.releases,
        identified=known.given.identified,
        told=case is not None and agent.cases.find(case, agency) is not None,
        agreements=agent.find_agreements(agency),
        vouched=None if vouched is None or vouched.by_us else vouched.basis,
    )


def is_own(agent: Agent, case: CaseRef) -> bool:
    """Say whether this agency opened a case: then no partner's stop reaches what others are told.

    It asks the survivor itself what it may tell each of them; who was told by it decides no more
    than what goes between the two.
    """
    return agent.cases.find(case, agent.keyring.agency) is not None


def find_standing_end(
    content: ContentModel, question: Question, ground: Ground, ruling: Ruling
) -> Instant | None:
    """Say until when what was allowed before can stand; 0 where it stands no more, None for ever.

    It stands as long as it is allowed, by the very release and agreement that it names.

    Args:
        content: As it was said, with what it stands on.
        question: As it is put now.
        ground: What is known now.
        ruling: What policy answers now.
    """
    consent_id: bytes | None = getattr(content, "consent_id", None)
    agreement_id: bytes | None = getattr(content, "agreement_id", None)
    releases = [
        held for held in ground.releases if held.consent_id == consent_id and held.covers(question)
    ]
    agreements = [
        held
        for held in ground.agreements
        if held.agreement_id == agreement_id and held.is_active(question.now)
    ]
    fell = (consent_id and not releases) or (agreement_id and not agreements)
    if fell or not ruling.allowed:
        return 0
    ends = [held.find_end(question) for held in releases], [held.expires for held in agreements]
    return min((end for found in ends for end in found if end is not None), default=None)
