"""What a campaign against the relay has shown, and how it is written down."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Verdict:
    """What a campaign has shown.

    Attributes:
        broken: How often each promise was broken; all zero, or the relay has failed.
        kills: How many there were under load.
        stumbles: How many more there were while it started.
        damaged: After how many the files did not pass the check.
        cut_off: In how many of them a submission was under way.
        accepted: Envelopes that the relay has answered for.
        said: Messages of the people.
        wall: Seconds from each spawn to the line that says ready.
        cpu: Seconds of the processor until then.
    """

    broken: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    stumbles: int = 0
    damaged: int = 0
    cut_off: int = 0
    accepted: int = 0
    said: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.broken.values())

    def figures(self) -> str:
        """Write it down in one line."""
        broken = {name: count for name, count in self.broken.items() if count} or "nothing"
        return (
            f"{self.kills} kills, {self.cut_off} with submissions under way, "
            f"and {self.stumbles} while it started; "
            f"{self.accepted} envelopes accepted, {self.said} messages said; broken: {broken}; "
            f"ready after {_show(self.wall)} s, {_show(self.cpu)} s of the processor"
        )


def _show(seconds: list[float]) -> str:
    return "/".join(f"{rank(seconds, share):.2f}" for share in (0.5, 0.99, 1))


def rank(seconds: list[float], share: float) -> float:
    """Give the value that at least this share of the values does not exceed."""
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]
