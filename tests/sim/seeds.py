"""Play seeds, each in a child of the process that founded the world, and say what came of them."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.sim.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.planted import Plant
    from tests.sim.world import World

PATIENCE_SECONDS = 120
"""Of the processor: a seed that takes longer goes round in circles."""


@dataclass(frozen=True)
class Outcome:
    """What came of a seed.

    Attributes:
        seed: Which.
        digest: The hash of all that happened.
        lines: How much did.
        broken: Which promises were broken, a sentence each.
        last: The last lines.
        seconds: How long it took.
        mood: What the weather was.
        counts: How often there was what it is about.
    """

    seed: int
    digest: str = ""
    lines: int = 0
    broken: tuple[str, ...] = ()
    last: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    mood: str = ""
    counts: dict[str, int] = field(default_factory=dict)


def play(world: World, seed: int, plant: Plant | None = None, *, huddles: bool = False) -> Outcome:
    """Play one seed in a child process.

    Args:
        world: As it was founded; it stays so.
        seed: Which.
        plant: A bug to plant first.
        huddles: Whether there is a huddle in it.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _play_here(lambda: Run(world, seed, huddles=huddles), plant, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        return Outcome(seed, broken=("the seed's process died, or took too long",))
    outcome: Outcome = pickle.loads(told)  # noqa: S301, one's own child's
    return outcome


def _play_here(make: Callable[[], Run], plant: Plant | None, writing: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE_SECONDS)
    began = time.perf_counter()
    try:
        if plant is not None:
            plant.plant(without, pytest.MonkeyPatch())
        run = make()
        history = run.history
        try:
            run.loop.run_until_complete(run.play())
        except Exception as error:  # noqa: BLE001, it is what the seed found
            history.note("".join(traceback.format_exception(error)))
            history.break_promise(f"it ended with {type(error).__name__}: {error}")
        outcome = Outcome(
            run.seed,
            history.digest,
            history.lines,
            tuple(history.broken),
            tuple(history.last),
            time.perf_counter() - began,
            run.weather.mood.name,
            dict(history.counts),
        )
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
    finally:
        os._exit(0)
