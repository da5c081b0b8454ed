"""The sequence in which agencies are called: one step after the other, each with its time (C44).

Spec: docs/spec/crises.md, "Activation".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

USUAL_STEP_MS: Final = 10 * MINUTE
StepState: TypeAlias = Literal[
    "waiting", "held", "told", "answered", "declined", "unanswered", "refused"
]
"""`held`: no second source supports the alert yet. `refused`: policy, or no way to it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One agency that is to be called.

    Attributes:
        agency: Which.
        within_ms: In which time somebody there has to answer.
        state: How far it is.
        told_at: When it was told; None before.
        rule: Why it was not told, as a code; empty where it was, or waits.
    """

    agency: AgencyId
    within_ms: int = USUAL_STEP_MS
    state: StepState = "waiting"
    told_at: Instant | None = None
    rule: str = ""

    @property
    def due_at(self) -> Instant | None:
        """When its time is over; None before it was told."""
        return None if self.told_at is None else self.told_at + self.within_ms


def settle_steps(
    steps: Sequence[Step], answers: Mapping[AgencyId, str], *, now: Instant
) -> tuple[Step, ...]:
    """Take in what was answered, and whose time is over."""
    return tuple(_settle(step, answers.get(step.agency), now) for step in steps)


def find_next(steps: Sequence[Step]) -> Step | None:
    """Find whom to tell now: the first that waits, where nobody before still has time."""
    for step in steps:
        if step.state == "told":
            return None
        if step.state in {"held", "waiting"}:
            return step
    return None


def find_turn(steps: Sequence[Step]) -> Instant | None:
    """Say when the time of the step that was told is over; None where none has time."""
    ends = [step.due_at for step in steps if step.state == "told" and step.due_at is not None]
    return min(ends, default=None)


def replace_step(steps: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """Put a step in the place of the one of its agency."""
    return tuple(step if held.agency == step.agency else held for held in steps)


def _settle(step: Step, answer: str | None, now: Instant) -> Step:
    if step.state not in {"told", "unanswered"}:
        return step
    if answer is not None:
        return replace(step, state="declined" if answer == "decline" else "answered")
    is_over = step.due_at is not None and step.due_at <= now
    return replace(step, state="unanswered") if is_over else step
