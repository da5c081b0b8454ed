"""Stopping: a pause or a revocation, decided for each partner that it is about.

Rules: who was never told of the case gets no name for it, and is told nothing. A case that nobody
here has heard of is stopped all the same where a colleague may know of it, and never in silence.

Spec: docs/spec/consent.md, "Pausing and revoking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.cases import make_alias
from quietway.consent.deciding import (
    NONCE_BYTES,
    ConsentReport,
    Place,
    decide,
    find_told,
    name_stopped,
)
from quietway.errors import NotFound
from quietway.naming import find_alias
from quietway.own.naming_key import find_naming_key
from quietway.own.telling import list_colleagues
from quietway.policy.absolute import Stance
from quietway_schemas.content.consent import ConsentPause, ConsentRevoke

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.agent import Agent
    from quietway.consents import Consents
    from quietway_schemas.content.consent import Withdrawal
    from quietway_schemas.ids import AgencyId, CaseRef


async def stop_sharing(
    agent: Agent,
    kind: type[ConsentPause | ConsentRevoke],
    case: CaseRef,
    agencies: Collection[AgencyId] | None,
    *,
    consent_id: bytes | None,
    method: str,
    reason_code: str | None,
) -> list[ConsentReport]:
    """Stop sharing about a case; see `AsyncConsent.pause` and `AsyncConsent.revoke`.

    Args:
        agent: Of this device.
        kind: What is said.
        case: By one's own reference.
        agencies: With whom; everybody who was told of it where it is None.
        consent_id: Only this release; None for all of the case.
        method: A code of `withdrawal_method`.
        reason_code: A code of `consent_reason`, if there is one.

    Raises:
        NotFound: Nothing is known of such a case, and nobody else can know of it.
    """
    circle = await find_told(agent, case)
    named = _find_stopped(agent, circle) if agencies is None else agencies
    if not named and not _is_opened(agent, case):
        raise NotFound("A case by that reference", "quietway status board")
    stance = Stance.PAUSED if kind is ConsentPause else Stance.ENDED
    reports = []
    for agency in named:
        place = await find_place(agent, case, agency, told=agency in circle)

        def make(known: Consents, place: Place = place) -> Withdrawal:
            return kind(
                case_ref=place.alias,
                consent_id=consent_id,
                effective_at=agent.clock.now(),
                method=method,
                reason_code=reason_code,
                nonce=agent.entropy.draw(NONCE_BYTES),
                supersedes=name_stopped(known, consent_id, stance),
            )

        ends, told = stance is Stance.ENDED, agency in circle
        report = await decide(agent, place, make, rollback=ends, tell=told)
        # Where nobody is known to have been told, each that it counts for is reported.
        if told or agencies is not None or not circle:
            reports.append(report)
    return reports


async def find_place(agent: Agent, case: CaseRef, agency: AgencyId, *, told: bool) -> Place:
    """Say under which name a case is decided about with a partner.

    Who was never told gets no name for it either; so it counts as told of nothing later.
    """
    if told:
        return Place(case, agency, await find_alias(agent, case, agency))
    return Place(case, agency, make_alias(case, agency, await find_naming_key(agent)))


def _find_stopped(agent: Agent, circle: tuple[AgencyId, ...]) -> tuple[AgencyId, ...]:
    """Find whom a stop with everybody is about: a colleague may have told others meanwhile."""
    others = agent.lanes.partners if list_colleagues(agent) else ()
    return tuple(sorted({*circle, *others}))


def _is_opened(agent: Agent, case: CaseRef) -> bool:
    return agent.cases.find(case, agent.keyring.agency) is not None
