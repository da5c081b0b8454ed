"""What becomes of a ladder: one pure function of its state and of what happens.

Theory of operation: a ladder's state is what the store keeps of it, without the sealed bytes. An
event comes with the time; `step` gives the next state and what has to be done in the very commit
that keeps it. So an effect happens once, whoever races and whoever dies in between: who lost the
race reads the new state and steps again. `None` is no ladder.

Rules: late rather than never, each tier once, lowest first. No tier before a clock says so, a
removal leaves nobody below it, or a claim asks for it. A claim deletes nothing. What a refused
event changes is nothing. An event that came before does nothing. A test enumerates this very
function: every order of events, races, crashes and clocks.

Spec: docs/spec/holds.md; docs/decisions/two-clocks-for-a-ladder.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from quietway_schemas.instants import HOUR, MINUTE, round_up_to_minute
from quietway_server.core.quota import QUOTA_RETRY_SECONDS
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway_schemas.instants import Instant

LIFE_MS: Final = 96 * HOUR
"""How old a ladder gets: as old as an envelope of class flash."""
LEAST_WAIT_MS: Final = HOUR
"""How long a released envelope waits for its reader at least, however late it is."""
NOTE_MS: Final = MINUTE
"""How much an age grows before it is written down for its own sake."""
MOST_CLAIMS: Final = 8
"""Different claims with one secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """One device on a tier: where it reads, and the hash of the secret that it is sent."""

    mailbox: bytes
    cancel_hash: bytes


@dataclass(frozen=True, slots=True)
class Tier:
    """Who is called, and when.

    Attributes:
        due_ms: After the acceptance of its ladder.
        places: Those that are left. Without one, a tier counts as released.
        is_released: Whether its envelopes are in their mailboxes.
    """

    due_ms: int
    places: tuple[Place, ...]
    is_released: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One claim: the cancel hash that it showed, and the hash of its body."""

    cancel_hash: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Ladder:
    """The state of a ladder.

    Attributes:
        key: The hash of its body.
        accepted: When, by the wall clock of the relay that took it.
        age_ms: The time since, as far as steady clocks have counted it; only grows.
        tiers: 1 to 4, lowest first.
        claims: In the order in which they came. Where there is one, the ladder is claimed.
    """

    key: bytes
    accepted: Instant
    age_ms: int
    tiers: tuple[Tier, ...]
    claims: tuple[Use, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether a tier is held, so that somebody must look every second."""
        return not all(tier.is_released for tier in self.tiers)

    @property
    def mailboxes(self) -> frozenset[bytes]:
        """Whom it addresses still."""
        return frozenset(place.mailbox for tier in self.tiers for place in tier.places)

    @property
    def cancel_hashes(self) -> frozenset[bytes]:
        """Whose preimages claim it."""
        return frozenset(place.cancel_hash for tier in self.tiers for place in tier.places)


@dataclass(frozen=True, slots=True)
class Placed:
    """A ladder was handed in: the hash of its body, its tiers, and wall time."""

    key: bytes
    tiers: tuple[Tier, ...]
    now: Instant


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody looked whether a tier is due.

    Attributes:
        now: Wall time.
        elapsed_ms: The age as the steady clock of this process counts it (`Ages`); 0 where it has
            not looked before.
    """

    now: Instant
    elapsed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Somebody showed a secret: its hash, the hash of the claim's body, and the time as above."""

    cancel_hash: bytes
    key: bytes
    now: Instant
    elapsed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """Mailboxes were closed."""

    mailboxes: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Release:
    """Put a tier's envelopes into these mailboxes, as the newest there.

    Attributes:
        tier: Which, from 0.
        mailboxes: Whose places it still has.
        wake_in_ms: When each is due to be woken, counted from now; 0 is at once.
    """

    tier: int
    mailboxes: frozenset[bytes]
    wake_in_ms: int


@dataclass(frozen=True, slots=True)
class DeliverClaim:
    """Put a claim's records into those of these mailboxes that it names; wake nobody."""

    key: bytes
    mailboxes: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DropPlaces:
    """Delete the places of these mailboxes, with the records that are held for them."""

    mailboxes: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete all that is left of the ladder."""


Event: TypeAlias = Placed | Looked | Claimed | Removed
Effect: TypeAlias = Release | DeliverClaim | DropPlaces | Forget
Outcome: TypeAlias = tuple[Ladder | None, tuple[Effect, ...]]


def step(state: Ladder | None, event: Event) -> Outcome:
    """Tell what a ladder becomes, and what must be done in the same commit, in this order.

    Where the state comes back as it was (the same object), there is nothing to write or to do.

    Args:
        state: The ladder, or None where there is none by this id.
        event: What happened.

    Returns:
        The next state, None where the ladder is forgotten, and the effects.

    Raises:
        RefusedError: `conflict`, `not_found` or `over_quota`: nothing has changed.
    """
    match event:
        case Placed():
            return place(state, event)
        case Looked():
            return (None, ()) if state is None else look(state, event)
        case Claimed():
            return claim(state, event)
        case Removed():
            return (None, ()) if state is None else remove(state, event)
        case _:
            assert_never(event)


def place(state: Ladder | None, event: Placed) -> Outcome:
    """Begin a ladder, or recognise the one that is here."""
    if state is None:
        return release(Ladder(event.key, event.now, 0, event.tiers), age_ms=0)
    if state.key != event.key:
        raise RefusedError("conflict")
    return state, ()


def look(state: Ladder, event: Looked) -> Outcome:
    """Release what is due; forget what is over, and never while something is held."""
    age = age_of(state, now=event.now, elapsed_ms=event.elapsed_ms)
    later, effects = release(state, age_ms=age)
    if age >= LIFE_MS:
        return None, (*effects, Forget())
    if effects:
        return count_on(later, event.elapsed_ms), effects
    return note_age(state, event.elapsed_ms), ()


def claim(state: Ladder | None, event: Claimed) -> Outcome:
    """Deliver a claim, and with the first one all that is held."""
    if state is None or event.cancel_hash not in state.cancel_hashes:
        raise RefusedError("not_found")
    use = Use(event.cancel_hash, event.key)
    if use in state.claims:
        return state, ()
    if sum(known.cancel_hash == use.cancel_hash for known in state.claims) >= MOST_CLAIMS:
        raise RefusedError("over_quota", retry_after=QUOTA_RETRY_SECONDS)
    age = age_of(state, now=event.now, elapsed_ms=event.elapsed_ms)
    # After the first claim nothing is held any more, so a later one finds nothing to release.
    held = [n for n, tier in enumerate(state.tiers) if not tier.is_released]
    later, effects = open_tiers(state, held, quiet_at=age)
    delivered = DeliverClaim(event.key, state.mailboxes)
    claimed = replace(count_on(later, event.elapsed_ms), claims=(*state.claims, use))
    return claimed, (delivered, *effects)


def remove(state: Ladder, event: Removed) -> Outcome:
    """Drop the places of mailboxes that were closed; where a tier is left empty, go on."""
    gone = event.mailboxes & state.mailboxes
    if not gone:
        return state, ()
    tiers = tuple(drop_places(tier, gone) for tier in state.tiers)
    emptied = [n for n, tier in enumerate(state.tiers) if tier.places and not tiers[n].places]
    left = replace(state, tiers=tiers)
    due = {n for below in emptied if (n := next_tier(left, below)) is not None}
    later, effects = open_tiers(left, sorted(due))
    return later, (DropPlaces(gone), *effects)


def age_of(state: Ladder, *, now: Instant, elapsed_ms: int) -> int:
    """Give the age of a ladder: the more of what the wall clock and the steady clocks say now."""
    return max(now - state.accepted, state.age_ms, elapsed_ms)


def is_first(state: Ladder, key: bytes) -> bool:
    """Tell whether the claim with this hash is the one that stopped the ladder."""
    return bool(state.claims) and state.claims[0].key == key


def release_expiry(state: Ladder, *, now: Instant) -> Instant:
    """Give the minute at which an envelope that is released now is dropped unread."""
    return round_up_to_minute(max(state.accepted + LIFE_MS, now + LEAST_WAIT_MS))


def release(state: Ladder, *, age_ms: int) -> tuple[Ladder, tuple[Release, ...]]:
    """Release every tier whose time has come by this age."""
    due = [n for n, tier in enumerate(state.tiers) if is_due(tier, age_ms)]
    return open_tiers(state, due)


def is_due(tier: Tier, age_ms: int) -> bool:
    """Tell whether a tier is held although its time has come."""
    return not tier.is_released and tier.due_ms <= age_ms


def open_tiers(
    state: Ladder, numbers: Iterable[int], *, quiet_at: int | None = None
) -> tuple[Ladder, tuple[Release, ...]]:
    """Release these tiers, which are held.

    Args:
        state: The ladder.
        numbers: Which tiers.
        quiet_at: The ladder's age, where each is woken only when its own time comes.
    """
    tiers = list(state.tiers)
    effects: list[Release] = []
    for n in numbers:
        tier = tiers[n]
        tiers[n] = replace(tier, is_released=True)
        mailboxes = frozenset(place.mailbox for place in tier.places)
        early = 0 if quiet_at is None else max(0, tier.due_ms - quiet_at)
        effects.append(Release(n, mailboxes, early))
    return replace(state, tiers=tuple(tiers)), tuple(effects)


def count_on(state: Ladder, elapsed_ms: int) -> Ladder:
    """Write down what a steady clock has counted."""
    return replace(state, age_ms=max(state.age_ms, elapsed_ms))


def note_age(state: Ladder, elapsed_ms: int) -> Ladder:
    """Write it down for its own sake, where a tier is held and it has grown by a minute."""
    is_news = elapsed_ms - state.age_ms >= NOTE_MS
    return count_on(state, elapsed_ms) if is_news and state.is_running else state


def drop_places(tier: Tier, gone: Collection[bytes]) -> Tier:
    """Take mailboxes off a tier; one that is left without a place counts as released."""
    places = tuple(place for place in tier.places if place.mailbox not in gone)
    return replace(tier, places=places, is_released=tier.is_released or not places)


def next_tier(state: Ladder, below: int) -> int | None:
    """Give the tier that comes after an empty one, if that is held; empty ones are passed."""
    for n in range(below + 1, len(state.tiers)):
        if state.tiers[n].places:
            return None if state.tiers[n].is_released else n
    return None


@dataclass(frozen=True, slots=True)
class Sight:
    """A look of one process: the age that it had counted, and what its steady clock said, in ms."""

    counted_ms: int
    steady_ms: int


def sight(seen: Sight | None, state: Ladder, *, steady_ms: int) -> Sight:
    """Count a ladder's age on, from this process's look before, or from what is written down.

    The wall clock has no part in it: what that once said, and took back, is never counted.

    Args:
        seen: This process's look before; None where it is the first.
        state: The ladder.
        steady_ms: The steady clock, in milliseconds from any beginning.
    """
    counted = 0 if seen is None else seen.counted_ms + steady_ms - seen.steady_ms
    return Sight(max(state.age_ms, counted), steady_ms)


class Ages:
    """What one process has counted of ladders' ages by its steady clock, while it lives.

    Where the wall clock is put back or stands still, this goes on. A process that looks at a ladder
    as soon as it has taken it in misses nothing of it.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, Sight] = {}

    def elapsed(self, hold: bytes, state: Ladder, *, steady_ms: int) -> int:
        """Count a ladder's age on, for `elapsed_ms` of an event, and remember it."""
        seen = sight(self._seen.get(hold), state, steady_ms=steady_ms)
        self._seen[hold] = seen
        return seen.counted_ms

    def keep_only(self, holds: Collection[bytes]) -> None:
        """Forget all ladders but these."""
        for hold in self._seen.keys() - set(holds):
            del self._seen[hold]
