"""A relay that looks at a ladder each second, by clocks that jump, stand still and are put back.

Theory of operation: one seed draws a ladder and a course of the wall clock: jumps of a second to
ten years, either way, some at a deadline; an hour of summer time, a leap second, a clock that is
frozen. The process may die, be down for a while, and come back with its steady clock at nothing.
Time that is far from anything is passed over in steps of a minute; everywhere else there is a look
each second. What is released is held against an account that knows the right time.

Spec: docs/spec/holds.md, "Clocks".
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND
from quietway_server.core.holds import Ages, Looked, Place, Placed, Release, Tier, step

HOLD: Final = b"hold"
YEAR: Final = 365 * DAY
_BORN: Final = 1_800_000_000_000
_HORIZONS: Final = (5 * MINUTE, 4 * HOUR)
_JUMPS: Final = (SECOND, 30 * SECOND, 2 * MINUTE, HOUR, DAY, YEAR, 10 * YEAR)
_NEAR: Final = 3 * SECOND


@dataclass
class Account:
    """What became of the tiers of all trials.

    Attributes:
        tiers: How many were held.
        missed: How many were never released, or twice.
        premature: How many were released when neither clock said so.
        late: How many were not released by the first look at which a clock said so.
        latest_ms: The longest that a tier was late by the right time, in trials without downtime.
    """

    tiers: int = 0
    missed: int = 0
    premature: int = 0
    late: int = 0
    latest_ms: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.missed or self.premature or self.late)

    def figures(self) -> str:
        """Say it in a line."""
        return (
            f"{self.tiers:,} tiers: missed {self.missed}, premature {self.premature}, "
            f"late {self.late}, at most {self.latest_ms / SECOND:.0f} s by the right time"
        )


@dataclass
class _Clock:
    """A wall clock: how far it is from the right time, and since when it stands still."""

    turns: list[tuple[int, int | None]]
    offset: int = 0
    frozen_at: int | None = None

    def read(self, true: int) -> int:
        while self.turns and self.turns[0][0] <= true:
            at, jump = self.turns.pop(0)
            if jump is None:
                self.frozen_at = at + self.offset if self.frozen_at is None else None
            else:
                self.offset += jump
        return _BORN + (true + self.offset if self.frozen_at is None else self.frozen_at)


class _Trial:
    """One ladder, from its acceptance until all of its tiers should be out."""

    def __init__(self, seed: int, account: Account) -> None:
        random = Random(seed)
        horizon = random.choice(_HORIZONS)
        dues = sorted(random.sample(range(1, horizon // SECOND + 1), random.randint(1, 3)))
        self.dues = [0, *(due * SECOND for due in dues)]
        self.deaths = _draw_deaths(random, horizon)
        self.clock = _Clock(_draw_turns(random, horizon, self.dues))
        self.moments = [at for at, _ in (*self.clock.turns, *self.deaths)]
        self.end = 3 * horizon + sum(down for _, down in self.deaths)
        self.account = account
        self.true = self.started = self.counted = 0
        self.accepted = self.clock.read(0)
        self.ages = Ages()
        self.released: list[int] = []
        account.tiers += len(dues)

    def run(self) -> None:
        """Look until all are out, and add to the account."""
        places = ((Place(bytes([n]), bytes([n])),) for n in range(4))
        tiers = tuple(Tier(due, place) for due, place in zip(self.dues, places, strict=False))
        ladder, effects = step(None, Placed(b"key", tiers, self.accepted))
        self.released += _list_released(effects)
        while ladder is not None and ladder.is_running and self.true <= self.end:
            # The first look comes as soon as the ladder is in.
            elapsed = self.ages.elapsed(HOLD, ladder, steady_ms=self.true - self.started)
            ladder, effects = step(ladder, Looked(self.clock.read(self.true), elapsed))
            self._judge(_list_released(effects))
            self._pass_time()
        self.account.missed += sorted(self.released) != list(range(len(self.dues)))

    def _judge(self, released: list[int]) -> None:
        wall = self.clock.read(self.true) - self.accepted
        self.account.premature += sum(self.dues[n] > max(wall, self.true) for n in released)
        self.released += released
        says = max(wall, self.counted)
        late = [n for n, due in enumerate(self.dues) if due <= says and n not in self.released]
        self.account.late += len(late)
        if not self.started:
            delays = [self.true - self.dues[n] for n in released]
            self.account.latest_ms = max(self.account.latest_ms, *delays, 0)

    def _pass_time(self) -> None:
        wall = self.clock.read(self.true) - self.accepted
        ages = (self.true, wall, self.counted)
        near = [at - self.true for at in self.moments]
        near += [due - age for due in self.dues for age in ages]
        pace = SECOND if any(-_NEAR <= away <= 2 * MINUTE for away in near) else MINUTE
        self.true += pace
        self.counted += pace
        if self.deaths and self.deaths[0][0] <= self.true:
            self.true += self.deaths.pop(0)[1]
            self.ages, self.started = Ages(), self.true
            # What was counted since it was last written down, less than a minute, is lost.
            self.counted = max(0, self.counted - MINUTE)


def run_trial(seed: int, account: Account) -> None:
    """Run the ladder and the clocks of a seed, and add to the account."""
    _Trial(seed, account).run()


def _list_released(effects: tuple[object, ...]) -> list[int]:
    return [effect.tier for effect in effects if isinstance(effect, Release)]


def _draw_deaths(random: Random, horizon: int) -> list[tuple[int, int]]:
    """Draw when the process dies, and for how long it is down then."""
    count = random.choice((0, 0, 1, 2))
    moments = sorted(random.randrange(horizon) for _ in range(count))
    return [(at, random.choice((0, SECOND, MINUTE, HOUR, DAY))) for at in moments]


def _draw_turns(random: Random, horizon: int, dues_ms: list[int]) -> list[tuple[int, int | None]]:
    """Draw when the clock jumps, and how far; None is a clock that stops, or goes on."""
    turns: list[tuple[int, int | None]] = []
    for _ in range(random.randint(1, 4)):
        near_deadline = random.choice(dues_ms) + random.choice((-SECOND, 0, SECOND))
        at = random.choice((random.randrange(horizon), max(1, near_deadline)))
        jump = random.choice(_JUMPS) * random.choice((-1, -1, 1))
        turns.append((at, random.choice((jump, jump, jump, None))))
    return sorted(turns, key=lambda turn: turn[0])
