"""How routine sendings to different agencies are kept apart: in no order, with pauses between.

Whoever watches the relay's door sees when requests come. That one device writes to these three
agencies, always in this order and at once, would be easy to read off. So the order is drawn, and a
short time passes between one agency and the next. An alarm waits for nobody, and a person who
looks on for three seconds at most.

Spec: docs/spec/lanes.md, "Connections".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.ports import Clock, Entropy

LONGEST_PAUSE_MS: Final = 2 * SECOND
LONGEST_ALTOGETHER_MS: Final = 3 * SECOND
_DRAWN_BYTES: Final = 4
_Item = TypeVar("_Item")


def shuffle(items: Iterable[_Item], entropy: Entropy) -> list[_Item]:
    """Put things into an order that says nothing; nothing is drawn for fewer than two."""
    left = list(items)
    shuffled: list[_Item] = []
    while len(left) > 1:
        shuffled.append(left.pop(_draw(entropy) % len(left)))
    return shuffled + left


class Spacing:
    """The pauses of one flush."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._left_ms = LONGEST_ALTOGETHER_MS

    async def pause(self) -> None:
        """Let a random time pass, as long as there is any left."""
        if self._left_ms <= 0:
            return
        pause = min(_draw(self._entropy) % (LONGEST_PAUSE_MS + 1), self._left_ms)
        self._left_ms -= pause
        await self._clock.rest(pause / SECOND)


def _draw(entropy: Entropy) -> int:
    return int.from_bytes(entropy.draw(_DRAWN_BYTES), "big")
