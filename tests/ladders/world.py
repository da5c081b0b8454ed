"""The world in which the relay's `step` is explored: a ladder, a database, two relays, a clock.

Theory of operation: all states of a small world are enumerated, by calling the very function that
the relay runs. A relay reads the ladder, steps, and commits if nobody changed it meanwhile; between
the two, anything may happen: the other relay commits, time passes, the clock jumps, either dies.
What a commit says is to be done is done with it, as in one transaction of the store, and counted.

Rules: anybody may send anything again at any time; a look may stay out as long as it likes, which
is downtime. Time is in units of a minute. States are tuples of small numbers: ladders and relays
stand in tables, and each step of a ladder is computed once.

Spec: docs/spec/holds.md; the rules that are checked are in rules.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from quietway_schemas.instants import MINUTE
from quietway_server.core import holds
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT: Final = MINUTE
ACCEPTED: Final = 1_800_000_000_000
FAR: Final = holds.LIFE_MS // UNIT + 1
"""A jump of the clock past the life of a ladder."""
NONE: Final = 0
"""The number of no ladder, in the table of ladders."""


@dataclass(frozen=True)
class Plan:
    """What may happen in a world.

    Attributes:
        tiers: The devices on each tier.
        dues: When each is due, in minutes.
        secrets: Whose secrets are shown by claimants; "?" is nobody's.
        removals: The sets of devices that may be removed.
        jumps: How often the clock jumps.
        skews: To where, in minutes from the right time.
        crashes: How often a relay dies, or both.
    """

    tiers: tuple[str, ...]
    dues: tuple[int, ...]
    secrets: tuple[str, ...]
    removals: tuple[str, ...]
    jumps: int
    skews: tuple[int, ...] = (-2, 0, 2, FAR)
    crashes: int = 1

    @property
    def last_minute(self) -> int:
        """When every tier is due."""
        return self.dues[-1]


Word: TypeAlias = tuple[str | int, ...]
"""An event, small: its kind and which one.

A look: the age by the wall clock, the count of the relay, and for how long that has counted. A
claim: whose secret, and the first two.
"""


class Relay(NamedTuple):
    """One relay's memory: its count less the right age, since when it counts, and what it does."""

    lead: int | None
    since: int
    doing: tuple[Word, int] | None


FRESH: Final = Relay(None, 0, None)
RESTED: Final = 0
"""The number of a relay that has just started."""


class World(NamedTuple):
    """One state. `got` and `claims` count, two bits each, deliveries by place and by claim.

    The ladder and the relays are numbers in tables.
    """

    ladder: int
    was_placed: bool
    got: int
    claims: int
    removed: int
    minute: int
    skew: int
    jumps: int
    crashes: int
    one: int
    two: int


Result: TypeAlias = tuple[int, tuple[holds.Effect, ...]] | str
"""The number of the next ladder and the effects, or the code of a refusal."""


class Ladders:
    """The table of ladders, and of what the product's `step` makes of each."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: list[holds.Ladder | None] = [None]
        self._numbers: dict[holds.Ladder | None, int] = {None: NONE}
        self._results: dict[tuple[int, Word], Result] = {}
        self._tiers = tuple(
            holds.Tier(due * UNIT, tuple(holds.Place(name_of(d), hash_of(d)) for d in devices))
            for due, devices in zip(plan.dues, plan.tiers, strict=True)
        )

    def step(self, ladder: int, word: Word) -> Result:
        """Step a ladder, as the relay does."""
        result = self._results.get((ladder, word))
        if result is None:
            result = self._results[ladder, word] = self._step(self.states[ladder], word)
        return result

    def _step(self, state: holds.Ladder | None, word: Word) -> Result:
        try:
            later, effects = holds.step(state, self.event_of(word))
        except RefusedError as refused:
            return refused.code
        if later not in self._numbers:
            self._numbers[later] = len(self.states)
            self.states.append(later)
        return self._numbers[later], effects

    def event_of(self, word: Word) -> holds.Event:
        """Give the event that a word stands for."""
        match word:
            case ("place", str(body)):
                return holds.Placed(body.encode(), self._tiers, ACCEPTED)
            case ("look", int(wall), int(elapsed), int()):
                return holds.Looked(ACCEPTED + wall * UNIT, elapsed * UNIT)
            case ("claim", str(device), int(wall), int(elapsed)):
                now = ACCEPTED + wall * UNIT
                return holds.Claimed(hash_of(device), device.encode(), now, elapsed * UNIT)
            case ("remove", int(which)):
                return holds.Removed(frozenset(map(name_of, self.plan.removals[which])))
        raise ValueError(word)


def name_of(device: str) -> bytes:
    """Give a device's mailbox."""
    return device.encode()


def hash_of(device: str) -> bytes:
    """Give the cancel hash of a device's places."""
    return b"#" + device.encode()


def begin(plan: Plan) -> World:
    """Give the world before the ladder is handed in."""
    return World(NONE, False, 0, 0, 0, 0, 0, plan.jumps, plan.crashes, RESTED, RESTED)


def words(
    world: World, plan: Plan, relay: Relay, ladder: holds.Ladder | None
) -> Iterator[tuple[Word, Relay]]:
    """Give all that a relay may be asked to do now, with the memory that it has of it."""
    if not world.was_placed:
        yield ("place", "body"), relay
        return
    if ladder is None:
        return
    yield from ((("place", body), relay) for body in ("body", "other"))
    yield from ((("remove", n), relay) for n in range(len(plan.removals)))
    wall = world.minute + world.skew
    seen = None if relay.lead is None else holds.Sight(relay.lead * UNIT, 0)
    steady = world.minute * UNIT
    elapsed = holds.sight(seen, ladder, steady_ms=steady).counted_ms // UNIT
    since = world.minute if relay.lead is None else relay.since
    knows = Relay(elapsed - world.minute, since, None)
    yield ("look", wall, elapsed, world.minute - since), knows
    yield from ((("claim", secret, wall, elapsed), knows) for secret in plan.secrets)
