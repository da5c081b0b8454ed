"""What others say of consent, taken in: from a partner, or from a colleague who said it to one.

Each version counts for the case and the partner that it was said between. What a partner grants is
about what that partner discloses; a release for somebody else is none of this agency's. What goes
beyond any use is kept out.

Spec: docs/spec/consent.md, "What counts".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.consent.bounding import is_beyond, note_ahead
from quietway.consent.catching_up import note_said
from quietway.consent.changing import merge_in
from quietway.consent.keeping_out import keep_out
from quietway.consent.rollback import find_recipient, take_attestation, take_order
from quietway.consents import ConsentContent, Consents, find_consents, learn, name_version
from quietway.own.taken import Taken
from quietway_schemas.content.consent import Release

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.own.taken import Taker, Told
    from quietway_schemas.ids import AgencyId, CaseRef


async def take_consent(agent: Agent, told: Told) -> Taken:
    """Take in a version of a release, a stop, a window, or how a survivor may be reached."""
    content, mine = told.content, agent.keyring.agency
    assert isinstance(content, ConsentContent)  # noqa: S101 - the table says so
    by_us = told.agency == mine
    partner = find_recipient(agent, told) if by_us else told.agency
    if partner is None:
        return Taken()
    if isinstance(content, Release) and content.recipient != (partner if by_us else mine):
        return Taken()
    case = agent.cases.own_case(content.case_ref, partner)
    learned = learn(Consents(), content, by_us=by_us)
    if not by_us:
        return await _take_partners(agent, case, partner, content, learned)
    taken = await merge_in(agent, case, partner, learned)
    # A colleague told the partner: nobody else has to.
    return replace(taken, writes=(note_said(case, partner, name_version(content)),))


async def _take_partners(
    agent: Agent, case: CaseRef, partner: AgencyId, content: ConsentContent, learned: Consents
) -> Taken:
    ahead = await note_ahead(agent, case, partner)
    known = await find_consents(agent.store, case, partner)
    if ahead is None or is_beyond(known, content):
        return Taken((await keep_out(agent, partner),))
    # A device that was linked while a partner's word was on its way is not among those told of it.
    return await merge_in(agent, case, partner, learned, also=ahead, share=True)


TAKERS: Final[dict[str, Taker]] = {
    "consent.amend": take_consent,
    "consent.grant": take_consent,
    "consent.lift": take_consent,
    "consent.pause": take_consent,
    "consent.preferences": take_consent,
    "consent.resume": take_consent,
    "consent.revoke": take_consent,
    "consent.window": take_consent,
    "purge.attestation": take_attestation,
    "rollback.order": take_order,
}
"""What acts on each type, by its name."""
