"""A data-sharing agreement as the rules read it: a matrix of who may get what, for what, how long.

Rules: only what all parties signed becomes a matrix. One that is over allows nothing more, but
goes on limiting: what it did not allow does not come back by its end.

Spec: docs/spec/policy.md, "Agreements".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.policy.question import Question
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of a matrix.

    Attributes:
        categories: Codes of `data_category`.
        recipients: The agencies that may get them.
        roles: Codes of `role`: which devices there; empty for all that work on cases.
        purposes: Codes of `purpose_of_use`.
        retention_days: How long they may keep it.
        identifying: Whether it may be about somebody whom they can name.
    """

    categories: frozenset[str]
    recipients: frozenset[AgencyId]
    roles: frozenset[str]
    purposes: frozenset[str]
    retention_days: int
    identifying: bool

    def allows(self, category: str, question: Question, *, identifying: bool) -> bool:
        """Say whether one category of a question is allowed here."""
        return (
            category in self.categories
            and question.recipient in self.recipients
            and question.purpose in self.purposes
            and (self.identifying or not identifying)
            and self._takes_roles(question.roles_there)
        )

    def _takes_roles(self, roles_there: tuple[frozenset[str], ...]) -> bool:
        if not self.roles:
            return True
        # Whoever is not known can't be said to have a role: what asks for one waits.
        return bool(roles_there) and all(held & self.roles for held in roles_there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """An agreement that all its parties have signed.

    Attributes:
        agreement_id: 16 bytes: what content for this recipient calls it; another recipient's is
            another one.
        cells: Its lines.
        effective: From when it counts.
        expires: Until when.
    """

    agreement_id: bytes
    cells: tuple[Cell, ...]
    effective: Instant
    expires: Instant

    def has_begun(self, now: Instant) -> bool:
        """Say whether it counts, or did."""
        return self.effective <= now

    def is_active(self, now: Instant) -> bool:
        """Say whether it counts now."""
        return self.effective <= now < self.expires

    def list_outside(self, question: Question, *, identifying: bool) -> tuple[str, ...]:
        """Name the categories of a question that no line allows, sorted."""
        return tuple(
            sorted(
                category
                for category in question.categories
                if not self._find(category, question, identifying=identifying)
            )
        )

    def find_retention(self, question: Question, *, identifying: bool) -> int | None:
        """Say for how many days they may keep it: the shortest line counts; None for no limit."""
        days = [
            cell.retention_days
            for category in question.categories
            for cell in self._find(category, question, identifying=identifying)
        ]
        return min(days, default=None)

    def _find(self, category: str, question: Question, *, identifying: bool) -> list[Cell]:
        return [
            cell for cell in self.cells if cell.allows(category, question, identifying=identifying)
        ]


def find_limiting(agreements: Iterable[Matrix], now: Instant) -> tuple[Matrix, ...]:
    """Find the agreements that limit now: those in force; where none is, the last that was."""
    begun = tuple(held for held in agreements if held.has_begun(now))
    last = max((held.expires for held in begun), default=now)
    return tuple(held for held in begun if held.is_active(now) or held.expires == last <= now)
