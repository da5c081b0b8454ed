"""Run seeds: `make sim`, `make sim-long`, `SEED=n make sim`.

Sets of bytes are walked in an order that Python draws anew for each process. So that a seed is one
history everywhere, this program starts itself once more with that draw switched off.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sim.loop import VirtualLoop
from tests.sim.planted import PLANTS, WORLD_AGENCIES
from tests.sim.seeds import Outcome, play
from tests.sim.world import CODES, found_world

if TYPE_CHECKING:
    from tests.sim.world import World

STATE = Path("build/sim.json")
MOST_SEEDS = 40
ADVICE = (
    "Either the model judges less than it did, or what people do in a seed leads there too seldom: "
    "look at `tests/sim/people.py`, then name a seed that finds it in `tests/sim/planted.py`."
)


def main() -> int:
    """Do what the arguments say."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])
    asked = _read_arguments()
    began = time.perf_counter()
    loop = VirtualLoop()
    world = loop.run_until_complete(found_world(loop, agencies=asked.agencies))
    devices = len(world.every())
    print(f"{asked.agencies} agencies, {devices} devices, {time.perf_counter() - began:.1f} s")
    if asked.planted is not None:
        return _find_planted(world, asked.planted, most=asked.most)
    if asked.long:
        return _go_on(world)
    if asked.seed is not None:
        return _replay(world, asked.seed, huddles=asked.huddles)
    return _play_many(world, asked)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--agencies", type=int, default=len(CODES))
    parser.add_argument("--seed", type=int, default=os.environ.get("SEED") or None)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--least", type=int, default=300, help="so many seeds")
    parser.add_argument("--seconds", type=float, default=0, help="and for so long")
    parser.add_argument("--again", type=int, default=10, help="play each nth twice, and compare")
    parser.add_argument("--huddles", action="store_true", help="with a huddle in each")
    parser.add_argument("--long", action="store_true", help="until Ctrl-C")
    parser.add_argument("--planted", type=int, nargs="*", help="find planted bugs: all, or these")
    parser.add_argument("--most", type=int, default=0, help="look for each in so many seeds")
    asked = parser.parse_args()
    if asked.planted is not None:
        asked.agencies = WORLD_AGENCIES
    return asked


def _play_many(world: World, asked: argparse.Namespace) -> int:
    began = time.perf_counter()
    done, failed = 0, 0
    counts: Counter[str] = Counter()
    for seed in count(asked.first):
        if done >= asked.least and time.perf_counter() - began >= asked.seconds:
            break
        outcome = play(world, seed, huddles=asked.huddles)
        done += 1
        counts.update(outcome.counts)
        failed += not _tell(outcome)
        if asked.again and seed % asked.again == 0:
            other = play(world, seed, huddles=asked.huddles)
            if other.digest != outcome.digest:
                print(f"seed {seed} is no single history: {outcome.digest}, then {other.digest}")
                failed += 1
    took = time.perf_counter() - began
    seen = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    print(f"simulation: {done} seeds in {took:.0f} s, {failed} failed ({seen})")
    return bool(failed)


def _replay(world: World, seed: int, *, huddles: bool) -> int:
    outcome = play(world, seed, huddles=huddles)
    print("\n".join(outcome.last))
    return not _tell(outcome)


def _go_on(world: World) -> int:
    state = json.loads(STATE.read_text()) if STATE.exists() else {"next": 1, "failed": []}
    try:
        while True:
            outcome = play(world, state["next"])
            if not _tell(outcome):
                state["failed"].append(outcome.seed)
            state["next"] += 1
            STATE.parent.mkdir(exist_ok=True)
            STATE.write_text(json.dumps(state))
    except KeyboardInterrupt:
        failed = state["failed"]
        print(f"\nsimulation: {state['next'] - 1} seeds in all, {len(failed)} failed {failed[:20]}")
        return bool(failed)


def _find_planted(world: World, numbers: list[int], *, most: int) -> int:
    missed = 0
    for number, plant in enumerate(PLANTS, 1):
        if numbers and number not in numbers:
            continue
        began = time.perf_counter()
        found: Outcome | None = None
        # What changes in the product changes each history: then others find it.
        for seed in dict.fromkeys((*plant.seeds, *range(1, (most or MOST_SEEDS) + 1))):
            outcome = play(world, seed, plant)
            if any(sentence.startswith(plant.promise) for sentence in outcome.broken):
                found = outcome
                break
        took = time.perf_counter() - began
        missed += found is None
        told = f"NOT FOUND. {ADVICE}" if found is None else f"found by seed {found.seed}"
        print(f"planted {number}, {plant.name}: {told} ({took:.1f} s)")
        if found is not None:
            print(f"  {next(held for held in found.broken if held.startswith(plant.promise))}")
        sys.stdout.flush()
    print(f"planted: {missed} not found")
    return bool(missed)


def _tell(outcome: Outcome) -> bool:
    """Say what came of a seed, at length where it broke a promise."""
    if not outcome.broken:
        if os.environ.get("VERBOSE") or os.environ.get("SEED"):
            print(
                f"seed {outcome.seed}: {outcome.digest}, {outcome.lines} lines, "
                f"{outcome.mood}, {outcome.seconds:.1f} s"
            )
        sys.stdout.flush()
        return True
    print(f"seed {outcome.seed} ({outcome.mood}) breaks a promise:")
    for line in outcome.last[-25:]:
        print(f"  {line}")
    for sentence in outcome.broken[:8]:
        print(f"  {sentence}")
    print(f"  Play it again: SEED={outcome.seed} make sim")
    sys.stdout.flush()
    return False


if __name__ == "__main__":
    sys.exit(main())
