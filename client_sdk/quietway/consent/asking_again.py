"""Asking again: what waits, or was not fetched, where agreements begin, end or are replaced.

An agreement that a party ends early decides about what is on its way too; and so does one that
begins, which limits from then on. What is not allowed any more is stopped before anything else is
handed over, and what still is keeps to the earlier end.

Rules: a message stands on the agreement that it names, and on no other. A process that was started
asks once about everything that agreements limit: what was cut off before is done then.

Spec: docs/spec/agreements.md, "The end"; docs/spec/policy.md, "What waits".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.consent.asking import weigh
from quietway.consent.narrowing import NEVER, list_unfetched
from quietway.consent.questions import find_standing_end, gather_ground
from quietway.consents import Consents, find_consents
from quietway.policy.agreements import find_limiting

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.ports import Put
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


@dataclass(slots=True)
class Agreed:
    """What this process saw of agreements when it asked last.

    Attributes:
        changes: How often the book had changed.
        until: When the next of them begins or ends by itself.
        limits: What limited then, by agency, and whether it was in force.
    """

    changes: int = 0
    until: Instant | None = None
    limits: dict[AgencyId, frozenset[tuple[bytes, bool]]] = field(default_factory=dict)


async def ask_again(agent: Agent) -> tuple[set[bytes], list[Put]]:
    """Find what may not go out any more since agreements changed; gives the others' ends too."""
    fallen: set[bytes] = set()
    rows: list[Put] = []
    for agency in _list_changed(agent):
        for message in await list_unfetched(agent, agency):
            if agent.said_until.is_over(message.key, agent.clock.now()):
                # It ends as was known when it was said, and is stopped by that where it waits.
                continue
            end = await _ask(agent, message, agency)
            if end == NEVER:
                fallen.add(message.key)
            else:
                rows += agent.said_until.shorten(message.key, end)
    return fallen, rows


def _list_changed(agent: Agent) -> list[AgencyId]:
    book, seen, now = agent.agreements, agent.agreed, agent.clock.now()
    if book.changes == seen.changes and (seen.until is None or now < seen.until):
        return []
    before, seen.limits = seen.limits, {}
    for agency in agent.lanes.partners:
        limits = find_limiting(agent.find_agreements(agency), now)
        if limits:
            seen.limits[agency] = frozenset((h.agreement_id, h.is_active(now)) for h in limits)
    seen.changes, seen.until = book.changes, book.find_next_turn(now)
    both = sorted(before.keys() | seen.limits.keys())
    return [held for held in both if before.get(held) != seen.limits.get(held)]


async def _ask(agent: Agent, message: StoredMessage, agency: AgencyId) -> Instant | None:
    answer = await weigh(agent, message.content, agency, conversation=message.conversation)
    vouched = await agent.find_vouched(message.content, agency)
    ends = []
    for case, question, ruling in answer.asked:
        known = Consents() if case is None else await find_consents(agent.store, case, agency)
        ground = gather_ground(agent, case, agency, known, vouched)
        ends.append(find_standing_end(message.content, question, ground, ruling))
    return min((end for end in ends if end is not None), default=None)
