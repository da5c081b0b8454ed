"""What happens in a trial of a crisis, by a seed: who is called, reacts, and is killed when."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SENDER: Final = "sender"
DEVICES: Final = ("primary", "backup")
RELAY: Final = "relay"
BEYOND_SECONDS: Final = 0.5
"""For how long after the last tier somebody may still be killed."""
MOST_DOWN_SECONDS: Final = 1.0
RACES: Final = 0.25
"""In how many trials both devices claim at the same time."""


@dataclass(frozen=True)
class Plan:
    """What happens in a trial, drawn by its seed.

    Attributes:
        ladder: After how many seconds each tier is called.
        reacts: After how many seconds each device's person claims; None for never.
        kills: Who is killed, after how many seconds, and for how many.
        since: The note of the sender that these seconds count from.
        controls: What everybody is subject to.
    """

    ladder: tuple[int, ...]
    reacts: Mapping[str, float | None]
    kills: tuple[tuple[str, float, float], ...]
    since: str = "open"
    controls: tuple[str, ...] = ()

    @classmethod
    def draw(cls, seed: int) -> Plan:
        """Draw a plan."""
        draw = Random(f"{seed} crisis")
        victims = (RELAY, SENDER, *DEVICES)
        ladder = draw.choice(((0, 1), (0, 2)))
        reacts = {
            name: draw.uniform(0.0, 2.0) if draw.random() < share else None
            for name, share in zip(DEVICES, (0.4, 0.6), strict=True)
        }
        if draw.random() < RACES:
            # Both claim at much the same moment: that at which the second is called.
            reacts = {DEVICES[0]: ladder[-1] + draw.uniform(0, 0.1), DEVICES[1]: 0.0}
        return cls(
            ladder=ladder,
            reacts=reacts,
            kills=tuple(
                (
                    draw.choice(victims),
                    draw.uniform(0, ladder[-1] + BEYOND_SECONDS),
                    draw.uniform(0.05, MOST_DOWN_SECONDS),
                )
                for _ in range(draw.randint(1, 3))
            ),
        )
