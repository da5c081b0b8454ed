"""Enumerate every state of a world of ladders, and judge each step.

Rules: breadth first, so that the way to a broken rule is a shortest one; the two relays are alike,
so of two worlds that differ in who is who one is explored.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.ladders.rules import BrokenRuleError, Judge
from tests.ladders.world import FRESH, NONE, RESTED, Ladders, Plan, Relay, World, begin, words

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Explored:
    """What an exploration came to."""

    states: int
    transitions: int
    ladders: int
    is_closed: bool

    def figures(self) -> str:
        """Say it in a line."""
        closed = "all" if self.is_closed else "the first"
        return (
            f"{closed} {self.states:,} states, {self.transitions:,} transitions, "
            f"{self.ladders:,} ladders"
        )


class Explorer:
    """Explores one world.

    Args:
        plan: What may happen in it.
        is_isolated: Whether the store refuses to commit over a ladder that was changed; False is
            the control.
    """

    def __init__(self, plan: Plan, *, is_isolated: bool = True) -> None:
        self._plan = plan
        self._is_isolated = is_isolated
        self._ladders = Ladders(plan)
        self._judge = Judge(plan, self._ladders)
        self._relays = [FRESH]
        self._numbers = {FRESH: RESTED}
        # What was judged once, for all that the judgement depends on.
        self._reads: dict[tuple[int, ...], list[int]] = {}
        self._commits: dict[tuple[int, ...], tuple[int, int, int, int, int]] = {}

    def explore(self, *, most: int | None = None) -> Explored:
        """Enumerate the states, all of them or the first `most`.

        Raises:
            BrokenRuleError: A rule does not hold; `path` says how to get there.
        """
        start = begin(self._plan)
        origin: dict[World, World | None] = {start: None}
        waiting = deque([start])
        transitions = 0
        while waiting and (most is None or len(origin) < most):
            world = waiting.popleft()
            try:
                for later in self._successors(world):
                    transitions += 1
                    if later not in origin:
                        origin[later] = world
                        waiting.append(later)
            except BrokenRuleError as broken:
                broken.path = self._trace(world, origin)
                broken.add_note("\n".join(broken.path))
                raise
        return Explored(len(origin), transitions, len(self._ladders.states), not waiting)

    def _successors(self, world: World) -> Iterator[World]:
        if world.ladder != NONE:
            yield from self._time_passes(world)
        one, two = world.one, world.two
        for relay, other in ((one, two),) if one == two else ((one, two), (two, one)):
            if self._relays[relay].doing is not None:
                yield self._commit(world, relay, other)
            else:
                for later in self._read(world, relay):
                    yield _pair(world, later, other)
            if world.crashes and relay != RESTED:
                yield _pair(world._replace(crashes=world.crashes - 1), RESTED, other)
        if world.crashes and RESTED not in (one, two):
            yield _pair(world._replace(crashes=world.crashes - 1), RESTED, RESTED)

    def _time_passes(self, world: World) -> Iterator[World]:
        if world.minute < self._plan.last_minute:
            yield world._replace(minute=world.minute + 1)
        if world.jumps:
            for skew in self._plan.skews:
                if skew != world.skew:
                    yield world._replace(skew=skew, jumps=world.jumps - 1)

    def _read(self, world: World, relay: int) -> list[int]:
        """A relay reads the ladder and steps; what changes nothing is judged, and done with.

        Returns:
            The relay, about to commit, for each word that changes something; and as it is after a
            look that changed nothing.
        """
        moment = (world.was_placed, world.minute, world.skew)
        key = (relay, world.ladder, *moment, world.removed, world.claims)
        known = self._reads.get(key)
        if known is None:
            known = self._reads[key] = list(self._step_all(world, relay))
        return known

    def _step_all(self, world: World, relay: int) -> Iterator[int]:
        ladder, idle = self._ladders.states[world.ladder], self._relays[relay]
        for word, knows in words(world, self._plan, idle, ladder):
            result = self._ladders.step(world.ladder, word)
            if isinstance(result, str):
                self._judge.stillness(world, word, result)
            elif result == (world.ladder, ()):
                self._judge.stillness(world, word, None)
                if knows != idle:
                    yield self._number(knows)
            else:
                yield self._number(knows._replace(doing=(word, world.ladder)))

    def _commit(self, world: World, relay: int, other: int) -> World:
        """A relay commits what it read and stepped: the first to do so wins."""
        key = (relay, world.ladder, world.got, world.claims, world.removed, world.minute)
        known = self._commits.get(key)
        if known is None:
            known = self._commits[key] = self._judge_commit(world, self._relays[relay])
        ladder, got, claims, removed, rested = known
        later = world._replace(
            ladder=ladder, was_placed=True, got=got, claims=claims, removed=removed
        )
        # What the other relay read is gone now: its commit can only fail, so it has failed already.
        busy = self._relays[other]
        if self._is_isolated and busy.doing is not None:
            other = self._number(busy._replace(doing=None))
        return _pair(later, rested, other)

    def _judge_commit(self, world: World, relay: Relay) -> tuple[int, int, int, int, int]:
        assert relay.doing is not None
        word, read = relay.doing
        result = self._ladders.step(read, word)
        assert not isinstance(result, str)
        ladder, effects = result
        got, claims, removed = self._judge.commit(world, word, ladder, effects)
        rested = Relay(0, 0, None) if word[0] == "place" else relay._replace(doing=None)
        return ladder, got, claims, removed, self._number(rested)

    def _number(self, relay: Relay) -> int:
        number = self._numbers.setdefault(relay, len(self._relays))
        if number == len(self._relays):
            self._relays.append(relay)
        return number

    def _trace(self, world: World | None, origin: dict[World, World | None]) -> list[str]:
        path = []
        while world is not None:
            ladder, one, two = self._ladders.states[world.ladder], world.one, world.two
            path.append(f"{world} {ladder} {self._relays[one]} {self._relays[two]}")
            world = origin[world]
        return path[::-1]


def _pair(world: World, relay: int, other: int) -> World:
    """Put two relays into a world, in the one order that they have."""
    one, two = (relay, other) if relay <= other else (other, relay)
    return world._replace(one=one, two=two)
