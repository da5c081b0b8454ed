"""When a mailbox's reader is woken, what is said then, and what follows an attempt.

Rules: pure arithmetic; the time and the chance are arguments. What is said is one constant text,
for an alarm as for a referral. Nothing here gives up: only an endpoint that took it, or a mailbox
in which nothing waits, ends a wake-up.

Spec: docs/spec/wake-ups.md, "When a wake-up is due" and "Trying, and trying again".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_WAKE_ATTEMPT, hash_tagged
from quietway_schemas.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

GRACE_MS: Final = 2 * SECOND
"""A device that is awake has fetched and acknowledged by then."""
CLAIM_MS: Final = 30 * SECOND
ATTEMPT_SECONDS: Final = 10.0
NEXT_MS: Final = 5 * SECOND
TAKEN_MS: Final = 45 * SECOND
ROUND_MS: Final = 30 * SECOND
LONGEST_MS: Final = 30 * MINUTE
NO_MAILBOX: Final = bytes(16)
"""Under this id stands what only tells the wake key: nobody reads there, and nobody is woken."""
LONGEST_WAIT_MS: Final = 300 * MINUTE
"""No due time is further ahead: the last tier of a ladder is called after four hours at most."""
_FIRST_JITTER_MS: Final = 5 * MINUTE
_LATER_JITTER_MS: Final = HOUR
_DOUBLINGS: Final = 6
_KEY_BYTES: Final = 16
CHANCES: Final = 2**32


@dataclass(frozen=True, slots=True)
class Next:
    """What follows an attempt.

    Attributes:
        attempt: How many endpoints were tried by now.
        taken: Whether one of them took it.
        due: When the next one is tried; None where the wake-up is over.
    """

    attempt: int
    taken: bool
    due: Instant | None


def wake_due(*, is_crisis: bool, waiting: int, now: Instant, chance: int) -> Instant:
    """Say when the reader of a mailbox is woken for an envelope that came.

    Args:
        is_crisis: Whether it came through a lane of kind crisis.
        waiting: How many envelopes waited before it.
        now: The time.
        chance: A random number from 0 to below `CHANCES`.
    """
    if is_crisis:
        return now
    widest = _LATER_JITTER_MS if waiting else _FIRST_JITTER_MS
    return now + chance * widest // CHANCES


def plan_next(attempt: int, endpoints: int, *, took: bool, taken: bool, now: Instant) -> Next:
    """Say what follows an attempt.

    Args:
        attempt: How many were tried before this one.
        endpoints: How many endpoints there are, one at least.
        took: Whether this one took it.
        taken: Whether one before took it.
        now: The time.
    """
    tried, taken = attempt + 1, taken or took
    if tried % endpoints:
        return Next(tried, taken, now + (TAKEN_MS if took else NEXT_MS))
    if taken:
        return Next(tried, taken, None)
    doublings = min(tried // endpoints - 1, _DOUBLINGS)
    return Next(tried, taken, now + min(ROUND_MS << doublings, LONGEST_MS))


def attempt_key(wake_id: bytes, place: int) -> bytes:
    """Give what a provider knows this wake-up by at the endpoint of that place, 16 bytes."""
    return hash_tagged(TAG_WAKE_ATTEMPT, wake_id + bytes([place]))[:_KEY_BYTES]
