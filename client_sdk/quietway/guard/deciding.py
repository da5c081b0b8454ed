"""What stands in the way of a content, after all that the guard found in it. Pure.

Rules: what is blocked has no override. What is held needs a reason; in a crisis it waits for a
countdown, which lets its sender stop, and for a second person at another device. Where an agency
has no other device, a longer countdown stands in for the second person. In a text nothing is taken
out by itself, so what would be taken out of a file is held.

Spec: docs/spec/guard.md, "Overrides".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quietway_schemas.instants import MINUTE, SECOND
from quietway_schemas.locale import ENGLISH, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.guard.finding import Action, Finding
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

COUNTDOWN_MS: Final = 30 * SECOND
"""How long an override in a crisis waits, so that its sender can stop."""
ALONE_COUNTDOWN_MS: Final = 2 * MINUTE
"""The same where there is no second person to ask."""

Need = Literal["other_words", "reason", "second_person", "wait"]
"""What is missing before a content may go."""


@dataclass(frozen=True, slots=True)
class TextFinding:
    """One thing that should not be said, and where it stands in a content. Never the text.

    Attributes:
        field: The field, as `purpose_text` or `slots.0.name`.
        rule: Id of the rule, `class.name`.
        action: What is done about it: `block`, `hold`, `strip` or `warn`.
        start: Where it begins in that field, in code points.
        end: Where it ends, exclusive.
        codes: What says it better, as `list/code` of the codebook.
    """

    field: str
    rule: str
    action: Action
    start: int
    end: int
    codes: tuple[str, ...] = ()

    def explain(self, language: str = ENGLISH) -> str:
        """Say what it is, why it could find her, and what to write instead."""
        return say(f"guard.{self.rule}", language)


@dataclass(frozen=True, slots=True)
class Overriding:
    """A person's word that what is held may go.

    Attributes:
        reason: A code of the list `guard_reason`.
        begun: When it was given.
        second: The device of a colleague that confirmed it, or None.
    """

    reason: str
    begun: Instant
    second: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the guard says about a content.

    Attributes:
        stands: What stands in the way; empty where it may go.
        told: What goes, and its writer is told of.
        overridden: What would be held, and goes by an override.
        needs: What is missing; None where it may go.
        goes_at: From when it may go, where a countdown runs.
        overriding: By whose word `overridden` goes.
    """

    stands: tuple[TextFinding, ...] = ()
    told: tuple[TextFinding, ...] = ()
    overridden: tuple[TextFinding, ...] = ()
    needs: Need | None = None
    goes_at: Instant | None = None
    overriding: Overriding | None = None

    def explain(self, language: str = ENGLISH) -> str:
        """Say why the first of what stands in the way does."""
        return self.stands[0].explain(language) if self.stands else ""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules by which it stands in the way or was overridden, sorted, each once."""
        return tuple(sorted({held.rule for held in (*self.stands, *self.overridden)}))


def place(finding: Finding, path: str) -> TextFinding:
    """Say of a finding in which field it is."""
    return TextFinding(
        path, finding.rule, finding.action, finding.start, finding.end, finding.codes
    )


def judge(
    findings: Iterable[TextFinding],
    overriding: Overriding | None = None,
    *,
    crisis: bool = False,
    alone: bool = False,
    now: Instant,
) -> Decision:
    """Decide whether a content may go.

    Args:
        findings: All that was found in it.
        overriding: A person's word about exactly this content, or None.
        crisis: Whether it is of the crisis tier.
        alone: Whether the agency has no device but this one.
        now: The time by which a countdown is over or not.
    """
    found = tuple(findings)
    told = tuple(held for held in found if held.action == "warn")
    held_back = tuple(held for held in found if held.action in {"hold", "strip"})
    blocked = tuple(held for held in found if held.action == "block")
    if blocked:
        return Decision(blocked + held_back, told, needs="other_words")
    if not held_back:
        return Decision(told=told)
    if overriding is None:
        return Decision(held_back, told, needs="reason")
    goes_at = find_end(overriding.begun, crisis=crisis, alone=alone)
    if crisis and not alone and overriding.second is None:
        return Decision(held_back, told, needs="second_person", goes_at=goes_at)
    if goes_at is not None and now < goes_at:
        return Decision(held_back, told, needs="wait", goes_at=goes_at)
    return Decision(told=told, overridden=held_back, overriding=overriding)


def find_end(begun: Instant, *, crisis: bool, alone: bool) -> Instant | None:
    """Say when the countdown of an override is over; None where there is none."""
    if not crisis:
        return None
    return begun + (ALONE_COUNTDOWN_MS if alone else COUNTDOWN_MS)
