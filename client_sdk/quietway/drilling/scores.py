"""Scores of drills: kept by every device of the agency that ran one, and told to no partner.

Rules: the score that was said first counts. It names no person and no device.

Spec: docs/spec/drills.md, "Score".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.drilling.drill import DRILL_SCORE
from quietway.engine.codec import Fields, write_row
from quietway.own.taken import Taken
from quietway.own.telling import tell_own
from quietway.ports import Put
from quietway_schemas.content.debrief import AgencyDrillScore
from quietway_schemas.content.registry import encode_content, parse_content
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.drilling.drill import Drill
    from quietway.drilling.scoring import DrillScore
    from quietway.own.taken import Told
    from quietway_schemas.instants import Instant


def write_score(drill: Drill, score: DrillScore, *, at: Instant) -> AgencyDrillScore:
    """Write a score as it is told to colleagues."""
    return AgencyDrillScore(
        exercise=True,
        drill_id=drill.drill_id,
        scenario=score.scenario,
        outcome=score.outcome,
        at=at,
        expected_people=score.expected_people,
        missed_people=score.missed_people,
        unexpected_people=score.unexpected_people,
        tiers_reached=score.part("tiers").actual or 0,
        guard_findings=score.guard_findings,
        actions_expected=score.part("actions").expected,
        actions_set=score.part("actions").actual or 0,
        claimed_s=score.part("claim").actual,
        verified_s=score.part("verification").actual if score.has("verification") else None,
        activated_s=score.part("activation").actual,
        closed_s=score.part("closing").actual,
        verified_first=score.part("verified_before_broadcast").verdict == "met",
    )


async def keep_score(agent: Agent, drill: Drill, score: DrillScore) -> AgencyDrillScore:
    """Keep a score, and tell it to the agency's other devices; the first one stays."""
    held = await read_score(agent, drill.drill_id)
    if held is not None:
        return held
    content = write_score(drill, score, at=agent.clock.now())
    await tell_own(agent, content, also=[_to_row(content)])
    return content


async def list_scores(agent: Agent) -> list[AgencyDrillScore]:
    """List the scores that are kept here, oldest first."""
    held = [_read(row.value) for row in await agent.store.scan(DRILL_SCORE)]
    return sorted(held, key=lambda score: (score.at, score.drill_id))


async def read_score(agent: Agent, drill_id: bytes) -> AgencyDrillScore | None:
    """Read the score that is kept of a drill, if one is."""
    held = await agent.store.read(DRILL_SCORE, drill_id)
    return None if held is None else _read(held)


async def take_score(agent: Agent, told: Told) -> Taken:
    """Take in a score that another device of this agency told."""
    content = told.content
    if not isinstance(content, AgencyDrillScore) or await read_score(agent, content.drill_id):
        return Taken()
    return Taken((_to_row(content),))


def _to_row(content: AgencyDrillScore) -> Put:
    return Put(DRILL_SCORE, content.drill_id, write_row(content=encode_content(content)))


def _read(raw: bytes) -> AgencyDrillScore:
    content = parse_content(Fields(raw).raw("content"), EnvelopeClass.CASE)
    assert isinstance(content, AgencyDrillScore)  # noqa: S101 - this room writes nothing else
    return content
