"""Who was heard last: one word for each device that is on call, and what it means now.

Spec: docs/spec/on-call.md, "Heartbeats".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

BEAT_MS: Final = 15 * MINUTE
JITTER_MS: Final = 2 * MINUTE
AWAKE_MS: Final = 30 * MINUTE
"""Whoever was heard within this time gets beats: it is awake."""
SHOWN_AWAKE_MS: Final = 35 * MINUTE
RETURN_MS: Final = 5 * MINUTE
"""A beat that has not come back by then says that nothing comes."""

CoverState: TypeAlias = Literal["awake", "locked", "locked_unwakeable", "silent", "unheard"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A device's last word.

    Attributes:
        at: The earlier of when it said that it was sent, and when it came.
        locking: Whether it was locked then.
        wakeable: Whether its human can be woken all the same.
        rota: By which versions of the rota it goes, 16 bytes.
    """

    at: Instant
    locking: bool = False
    wakeable: bool = False
    rota: bytes = b""

    def is_awake(self, now: Instant) -> bool:
        """Say whether a beat to it calls nobody."""
        return not self.locking and now < self.at + AWAKE_MS


def tell_state(heard: Heard | None, now: Instant) -> CoverState:
    """Say what a last word means now."""
    if heard is None:
        return "unheard"
    if heard.locking:
        return "locked" if heard.wakeable else "locked_unwakeable"
    return "awake" if now < heard.at + SHOWN_AWAKE_MS else "silent"
