"""A claim about speed: what is measured for it, what stands beside it, what it must reach.

Theory of operation: a claim names the pieces of work that it needs; claims that name an equal piece
share it. A round does each piece once, one after the other, so that a round's figures were taken
within the same minutes of the same machine. Where there is a peer, the ratio is taken in each
round, and the median of the rounds is what is judged; where there is none, the median of the values
is.

Rules: only medians are judged, of three rounds or more; a minimum or a best round is never quoted.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.place import Place


class Work(Protocol):
    """A piece of work of a round. Equal ones are done once."""

    def __hash__(self) -> int: ...

    def run(self, place: Place) -> object:
        """Do it, and give what was seen.

        Raises:
            NotMeasuredError: It can't be done here.
        """


Seen: TypeAlias = Mapping[Any, Any]
"""What one round has seen, by piece of work."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the table.

    Attributes:
        name: As in `make bench CLAIM=name`.
        title: What it says.
        unit: Of the value, and of the peer's.
        needs: The pieces of work that it is made of.
        value: Reads our figure out of a round.
        peer: Reads the figure that ours is divided by; None where the value itself is judged.
        floor: What must be reached; None where there is only a goal.
        goal: What should be.
        lower_is_better: Which way is better.
    """

    name: str
    title: str
    unit: str
    needs: tuple[Work, ...]
    value: Callable[[Seen], float]
    goal: float
    floor: float | None
    peer: Callable[[Seen], float] | None = None
    lower_is_better: bool = False

    def reaches(self, judged: float, bound: float) -> bool:
        """Tell whether a figure is as good as a bound, or better."""
        return judged <= bound if self.lower_is_better else judged >= bound

    def judge(self, rounds: Sequence[Seen]) -> Row:
        """Judge it on the rounds that were seen."""
        values = [self.value(seen) for seen in rounds]
        peers = [self.peer(seen) for seen in rounds] if self.peer else []
        ratios = [ours / theirs for ours, theirs in zip(values, peers, strict=False)]
        judged = ratios or values
        bound = self.goal if self.floor is None else self.floor
        return Row(
            claim=self,
            value=median(values),
            peer=median(peers) if peers else None,
            ratio=median(ratios) if ratios else None,
            least=min(judged),
            most=max(judged),
            met=self.reaches(median(judged), bound),
            goal_met=self.reaches(median(judged), self.goal),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A claim, judged.

    Attributes:
        claim: Which.
        value: Median of ours.
        peer: Median of the peer's.
        ratio: Median of the ratios of the rounds, which is not the ratio of the medians.
        least: Of what is judged, the least of the rounds.
        most: The same, the most.
        met: Whether the floor is reached, or the goal where there is no floor.
        goal_met: Whether the goal is reached.
    """

    claim: Claim
    value: float
    peer: float | None
    ratio: float | None
    least: float
    most: float
    met: bool
    goal_met: bool
