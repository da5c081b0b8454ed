"""Bounding: how much of what one partner says of consent is kept.

A row of consent grows with each version that names no other one, and every colleague is told of
it. And a word about a case that nothing is known of is kept, since a grant may come before what it
is about. A partner's device could fill the store with either, so both have an end.

Rules: a stop that protects more than what is known here is always taken in. What is kept out is
counted, and `doctor` says so.

Spec: docs/spec/consent.md, "What counts".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.consent.changing import list_about
from quietway.consents import Said, find_consents
from quietway.policy.absolute import Stance
from quietway.ports import Delete, Put
from quietway_schemas.content.consent import Withdrawal
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.consents import ConsentContent, Consents, Side

AHEAD: Final = "consent_ahead"
MOST_AHEAD: Final = 256
"""Of so many cases that nothing else is known of one partner's words are kept."""
MOST_VERSIONS: Final = 64
"""So many current versions of a partner's own disclosures are kept of one case."""
MOST_NAMED: Final = 1_024
"""So many names that they let go of."""
MOST_STOPS: Final = 16
"""So many stops of what this agency gives to the partner, said by the partner, of one case."""
_ID_BYTES: Final = 16


def is_beyond(known: Consents, content: ConsentContent) -> bool:
    """Say whether a partner said so much of a case that this is of no use any more."""
    if not isinstance(content, Withdrawal):
        return _is_full(known.got)
    stops = sum(not held.by_us for held in known.given.decisions.current.values())
    if stops < MOST_STOPS and not _is_full(known.got):
        return False
    return not any(_protects_more(side, content) for side in (known.given, known.got))


async def note_ahead(agent: Agent, case: CaseRef, agency: AgencyId) -> list[Put | Delete] | None:
    """Give the rows by which a partner's words about unknown cases are counted.

    Returns:
        None where it spoke of too many: the word is to be kept out.
    """
    if await agent.store.read(AHEAD, agency.value + case.value) is not None:
        return []
    if await _is_known(agent, case, agency):
        return []
    rows = [row.key for row in await agent.store.scan(AHEAD) if row.key[:_ID_BYTES] == agency.value]
    gone: list[Put | Delete] = []
    if len(rows) >= MOST_AHEAD:
        gone = [Delete(AHEAD, key) for key in rows if await _came(agent, key)]
    if len(rows) - len(gone) >= MOST_AHEAD:
        return None
    return [*gone, Put(AHEAD, agency.value + case.value, b"-")]


async def _is_known(agent: Agent, case: CaseRef, agency: AgencyId) -> bool:
    known = await find_consents(agent.store, case, agency)
    # Where consent alone is known without a row, a colleague told of it.
    heard = known.given.decisions.current or known.got.decisions.current
    return bool(heard) or await _is_spoken_of(agent, case, agency)


async def _came(agent: Agent, key: bytes) -> bool:
    return await _is_spoken_of(agent, CaseRef(key[_ID_BYTES:]), AgencyId(key[:_ID_BYTES]))


async def _is_spoken_of(agent: Agent, case: CaseRef, agency: AgencyId) -> bool:
    return agent.cases.find(case, agency) is not None or bool(await list_about(agent, case))


def _is_full(got: Side) -> bool:
    versions = (got.decisions, got.asides)
    current = sum(len(held.current) for held in versions)
    named = sum(len(held.named) for held in versions)
    return current >= MOST_VERSIONS or named >= MOST_NAMED


def _protects_more(side: Side, content: Withdrawal) -> bool:
    """Say whether a stop goes further than what a direction knows of the same."""
    consent_id = content.consent_id
    if consent_id is not None and consent_id not in side.granted:
        return False
    current = side.decisions.current.values()
    return (
        _strictest(held for held in current if held.consent_id in {None, consent_id})
        < Said(content, by_us=False).stance
    )


def _strictest(said: Iterable[Said]) -> Stance:
    return max((held.stance for held in said), default=Stance.GRANTED)
