"""What a drill came to: of an arrangement, and never of a person. A function of what happened.

It counts people, and names none: who was expected and who was reached are sets of devices that this
room compares and lets go of. What it gives holds agencies' numbers, seconds and codes.

Spec: docs/spec/drills.md, "Score".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from quietway.drilling.scenario import Scenario
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

Verdict: TypeAlias = Literal["met", "not_met", "not_reached"]
DrillOutcome: TypeAlias = Literal["passed", "to_improve", "failed"]

PEOPLE: Final = "right_people"
GUARD: Final = "guard"
VERIFIED: Final = "verified_before_broadcast"


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """What happened in a drill, as far as its score needs it.

    Attributes:
        began_at: Milliseconds since 1970-01-01T00:00:00Z.
        expected: The devices that were to be told: who is on call first at the agency that leads.
        told: The devices that anything of the drill was sealed to, besides the one that runs it.
        allowed: The devices that may be told besides: on call later, or in a role of the script.
        claimed_at: When the alert was first claimed; None where it never was.
        verified_at: When it was verified with the result that the script expects; None where it
            never was.
        supported_at: When a second source, or a judgement by two, first supported it; None where
            none did.
        activated_at: When the event was activated; None where it never was.
        closed_at: When it was closed; None where it never was.
        broadcast_at: When more agencies than the alerted ones were told; None where none was.
        tiers_reached: How many tiers had their time when it was claimed, or until now.
        guard_findings: Texts of the drill in which the guard finds something, and refusals.
        actions: Codes of the actions that were set.
    """

    began_at: Instant
    expected: frozenset[DeviceId]
    told: frozenset[DeviceId]
    allowed: frozenset[DeviceId] = frozenset()
    claimed_at: Instant | None = None
    verified_at: Instant | None = None
    supported_at: Instant | None = None
    activated_at: Instant | None = None
    closed_at: Instant | None = None
    broadcast_at: Instant | None = None
    tiers_reached: int = 1
    guard_findings: int = 0
    actions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One thing that a drill is measured by.

    Attributes:
        name: What: `right_people`, `claim`, `verification`, `activation`, `closing`, `tiers`,
            `guard`, `verified_before_broadcast`, `actions`.
        verdict: Whether it is as it should be; `not_reached` where it did not happen.
        expected: How much was expected: seconds, people, tiers, actions.
        actual: How much it was; None where it did not happen.
    """

    name: str
    verdict: Verdict
    expected: int
    actual: int | None


@dataclass(frozen=True, slots=True)
class DrillScore:
    """What a drill came to.

    Attributes:
        scenario: Which one was run.
        outcome: Of the list `drill_outcome`.
        parts: What it was measured by.
        expected_people: How many devices were to be told.
        missed_people: How many of them were not.
        unexpected_people: How many others were: a breach of privacy.
        guard_findings: How often the guard found something.
    """

    scenario: str
    outcome: DrillOutcome
    parts: tuple[ScorePart, ...]
    expected_people: int
    missed_people: int
    unexpected_people: int
    guard_findings: int
    exercise: Literal[True] = True

    def has(self, name: str) -> bool:
        """Say whether this was measured at all."""
        return any(held.name == name for held in self.parts)

    def part(self, name: str) -> ScorePart:
        """Give one part by its name.

        Raises:
            KeyError: There is no such part in this score.
        """
        return {held.name: held for held in self.parts}[name]


def score_drill(scenario: Scenario, facts: DrillFacts) -> DrillScore:
    """Score a drill.

    Args:
        scenario: That was run.
        facts: What happened.
    """
    expected = scenario.expected
    parts = [
        _score_people(facts),
        _score_time("claim", facts, facts.claimed_at, expected.claim_s),
        _score_time("activation", facts, facts.activated_at, expected.activate_s),
        _score_time("closing", facts, facts.closed_at, expected.close_s),
        _score_most("tiers", expected.tiers, facts.tiers_reached),
        _score_most(GUARD, 0, facts.guard_findings),
        _score_broadcast(facts),
        _score_actions(scenario, facts),
    ]
    if expected.verify_s is not None:
        parts.insert(2, _score_time("verification", facts, facts.verified_at, expected.verify_s))
    return DrillScore(
        scenario=scenario.name,
        outcome=_judge(parts, facts),
        parts=tuple(parts),
        expected_people=len(facts.expected),
        missed_people=len(facts.expected - facts.told),
        unexpected_people=len(find_unexpected(facts)),
        guard_findings=facts.guard_findings,
    )


def find_unexpected(facts: DrillFacts) -> frozenset[DeviceId]:
    """Find who was told, and is neither expected to be nor allowed to."""
    return facts.told - facts.expected - facts.allowed


def is_broadcast_verified(facts: DrillFacts) -> bool:
    """Say whether more agencies were told only after a second source, or on two people's word."""
    if facts.broadcast_at is None:
        return True
    return facts.supported_at is not None and facts.supported_at <= facts.broadcast_at


def _judge(parts: list[ScorePart], facts: DrillFacts) -> DrillOutcome:
    breached = find_unexpected(facts) or facts.guard_findings or not is_broadcast_verified(facts)
    if breached:
        return "failed"
    return "passed" if all(part.verdict == "met" for part in parts) else "to_improve"


def _score_people(facts: DrillFacts) -> ScorePart:
    met = facts.expected and facts.expected <= facts.told and not find_unexpected(facts)
    verdict: Verdict = "met" if met else "not_met"
    if not facts.told:
        verdict = "not_reached"
    reached = len(facts.expected & facts.told)
    return ScorePart(PEOPLE, verdict, len(facts.expected), reached)


def _score_time(name: str, facts: DrillFacts, at: Instant | None, expected_s: int) -> ScorePart:
    if at is None:
        return ScorePart(name, "not_reached", expected_s, None)
    seconds = count_seconds(facts.began_at, at)
    return ScorePart(name, "met" if seconds <= expected_s else "not_met", expected_s, seconds)


def count_seconds(began_at: Instant, at: Instant) -> int:
    """Count the seconds from the beginning, rounded up: what came a moment late came late."""
    return max(0, -(-(at - began_at) // SECOND))


def _score_most(name: str, most: int, actual: int) -> ScorePart:
    return ScorePart(name, "met" if actual <= most else "not_met", most, actual)


def _score_broadcast(facts: DrillFacts) -> ScorePart:
    if facts.broadcast_at is None:
        return ScorePart(VERIFIED, "met", 0, None)
    verified = is_broadcast_verified(facts)
    return ScorePart(VERIFIED, "met" if verified else "not_met", 1, int(verified))


def _score_actions(scenario: Scenario, facts: DrillFacts) -> ScorePart:
    wanted = frozenset(scenario.expected.actions)
    done = len(wanted & facts.actions)
    return ScorePart("actions", "met" if done == len(wanted) else "not_met", len(wanted), done)
