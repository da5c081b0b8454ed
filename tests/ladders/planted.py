"""Faults that are planted into `step`, each with the rule by which the exploration finds it.

Each stands in the place of one function of the product, as it would be if somebody had written it
without that thought.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import MINUTE
from quietway_server.core import holds
from quietway_server.core.holds import Claimed, Forget, Ladder, Looked, Placed, Sight, Tier, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quietway_schemas.instants import Instant
    from quietway_server.core.holds import Outcome, Release, Removed

_claim: Final = holds.claim
_open: Final = holds.open_tiers
_look: Final = holds.look
_place: Final = holds.place
_drop: Final = holds.drop_places


@dataclass(frozen=True)
class Planted:
    """A fault: what it does, the function it stands in for, and the rules that may find it."""

    name: str
    function: str
    fault: Callable[..., object]
    rules: str

    @property
    def defence(self) -> str:
        """The name of the function, for `without`."""
        return f"quietway_server.core.holds:{self.function}"


def _due_a_minute_early(tier: Tier, age_ms: int) -> bool:
    return not tier.is_released and tier.due_ms <= age_ms + MINUTE


def _only_the_newest(state: Ladder, *, age_ms: int) -> tuple[Ladder, tuple[Release, ...]]:
    due = [n for n, tier in enumerate(state.tiers) if holds.is_due(tier, age_ms)]
    later, effects = _open(state, due)
    return later, effects[-1:]


def _one_a_look(state: Ladder, *, age_ms: int) -> tuple[Ladder, tuple[Release, ...]]:
    due = [n for n, tier in enumerate(state.tiers) if holds.is_due(tier, age_ms)]
    return _open(state, due[:1])


def _opened_and_not_noted(
    state: Ladder, numbers: Iterable[int], *, quiet_at: int | None = None
) -> tuple[Ladder, tuple[Release, ...]]:
    return state, _open(state, numbers, quiet_at=quiet_at)[1]


def _opened_to_nobody(
    state: Ladder, numbers: Iterable[int], *, quiet_at: int | None = None
) -> tuple[Ladder, tuple[Release, ...]]:
    later, effects = _open(state, numbers, quiet_at=quiet_at)
    if quiet_at is None:
        return later, effects
    return later, tuple(replace(effect, mailboxes=frozenset()) for effect in effects)


def _woken_at_once(
    state: Ladder, numbers: Iterable[int], *, quiet_at: int | None = None
) -> tuple[Ladder, tuple[Release, ...]]:
    del quiet_at
    return _open(state, numbers)


def _woken_late(
    state: Ladder, numbers: Iterable[int], *, quiet_at: int | None = None
) -> tuple[Ladder, tuple[Release, ...]]:
    return _open(state, numbers, quiet_at=None if quiet_at is None else quiet_at - MINUTE)


def _deletes_what_is_held(state: Ladder | None, event: Claimed) -> Outcome:
    later, effects = _claim(state, event)
    return later, effects[:1]


def _leaves_what_is_held(state: Ladder | None, event: Claimed) -> Outcome:
    later, effects = _claim(state, event)
    if state is None or later is None or state.claims:
        return later, effects
    return replace(later, tiers=state.tiers), effects[:1]


def _believes_anybody(state: Ladder | None, event: Claimed) -> Outcome:
    if state is not None and event.cancel_hash not in state.cancel_hashes:
        event = replace(event, cancel_hash=min(state.cancel_hashes, default=b""))
    return _claim(state, event)


def _delivers_each_time(state: Ladder | None, event: Claimed) -> Outcome:
    known = state is not None and Use(event.cancel_hash, event.key) in state.claims
    return _claim(replace(state, claims=()) if known and state is not None else state, event)


def _hears_the_first_alone(state: Ladder | None, event: Claimed) -> Outcome:
    later, effects = _claim(state, event)
    return (state, ()) if state is not None and state.claims else (later, effects)


def claim_behind_the_alert(state: Ladder | None, event: Claimed) -> Outcome:
    """Deliver the words of a claim behind what it releases."""
    later, effects = _claim(state, event)
    return later, (*effects[1:], *effects[:1])


def _forgets_what_is_held(state: Ladder, event: Looked) -> Outcome:
    if holds.age_of(state, now=event.now, elapsed_ms=event.elapsed_ms) >= holds.LIFE_MS:
        return None, (Forget(),)
    return holds.release(state, age_ms=holds.age_of(state, now=event.now, elapsed_ms=0))


def _forgets_with_the_last_tier(state: Ladder, event: Looked) -> Outcome:
    later, effects = _look(state, event)
    if later is None or later.is_running:
        return later, effects
    return None, (*effects, Forget())


def _keeps_the_place(tier: Tier, gone: frozenset[bytes]) -> Tier:
    later = _drop(tier, gone)
    return tier if later.places else later


def _calls_everybody(state: Ladder, event: Removed) -> Outcome:
    gone = event.mailboxes & state.mailboxes
    left = replace(state, tiers=tuple(holds.drop_places(tier, gone) for tier in state.tiers))
    if left == state:
        return state, ()
    later, effects = _open(left, [n for n, tier in enumerate(left.tiers) if not tier.is_released])
    return later, (holds.DropPlaces(gone), *effects)


def _nobody_is_next(state: Ladder, below: int) -> int | None:
    del state, below


def _age_since_the_start(state: Ladder, *, now: Instant, elapsed_ms: int) -> int:
    del state, now
    return elapsed_ms


def wall_clock_alone(seen: Sight | None, state: Ladder, *, steady_ms: int) -> Sight:
    """Count nothing, as a relay without a steady clock."""
    del seen
    return Sight(state.age_ms, steady_ms)


def _mixes_the_clocks(state: Ladder, event: Looked) -> Outcome:
    age = holds.age_of(state, now=event.now, elapsed_ms=event.elapsed_ms)
    return _look(state, replace(event, elapsed_ms=age))


def _age_not_written(state: Ladder, elapsed_ms: int) -> Ladder:
    del elapsed_ms
    return state


def _takes_the_place(state: Ladder | None, event: Placed) -> Outcome:
    return _place(None if state is not None and state.key != event.key else state, event)


PLANTED: Final = (
    Planted("releases early", "is_due", _due_a_minute_early, "I4"),
    Planted("skips a tier after downtime", "release", _only_the_newest, "I1"),
    Planted("releases one overdue tier a look", "release", _one_a_look, "I1"),
    Planted("releases again", "open_tiers", _opened_and_not_noted, "I2"),
    Planted("restarts the ladder after a crash", "age_of", _age_since_the_start, "I3"),
    Planted("goes by the wall clock alone", "sight", wall_clock_alone, "I3"),
    Planted("counts on from what the wall clock said", "look", _mixes_the_clocks, "I4"),
    Planted("does not write ages down", "note_age", _age_not_written, "I3"),
    Planted("deletes on claim", "claim", _deletes_what_is_held, "I1"),
    Planted("leaves what is held for its time", "claim", _leaves_what_is_held, "I5"),
    Planted("is quiet without delivery", "open_tiers", _opened_to_nobody, "I1"),
    Planted("wakes everybody on a claim", "open_tiers", _woken_at_once, "I4"),
    Planted("puts wake-ups off on a claim", "open_tiers", _woken_late, "I1"),
    Planted("believes a wrong or removed secret", "claim", _believes_anybody, "I6"),
    Planted("delivers a repeated claim", "claim", _delivers_each_time, "I2"),
    Planted("swallows later claims", "claim", _hears_the_first_alone, "I5"),
    Planted("puts the claim behind the alert", "claim", claim_behind_the_alert, "I5"),
    Planted("forgets what is held", "look", _forgets_what_is_held, "I1"),
    Planted("forgets with the last tier", "look", _forgets_with_the_last_tier, "I7"),
    Planted("keeps a removed device's place", "drop_places", _keeps_the_place, "I8"),
    Planted("does not go on from an empty tier", "next_tier", _nobody_is_next, "I3"),
    Planted("calls everybody on a removal", "remove", _calls_everybody, "I4"),
    Planted("takes other bytes under an id", "place", _takes_the_place, "I2"),
)
