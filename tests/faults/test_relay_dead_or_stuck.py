"""F27: the relay is killed, stops dead, or one of its loops is stuck; the watch outside tells it.

The control is a watch to which silence is good news.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import FIRST_SEED, IS_ALONE, trials
from tests.faults.watched import Watched

from quietway_server.services.alarms import OVER, RELAY_LATE, RELAY_SILENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_SECONDS: Final = 120
_AT_ONCE: Final = 4


def run_trial(folder: Path, seed: int) -> tuple[str, float]:
    """Kill or stop a relay at a random moment; give what was done, and how long until it was told.

    Of a relay that goes on the operator is told that too.
    """
    chance = random.Random(seed)
    fault = "killed" if seed % 2 else "stopped"
    with Watched(folder / str(seed)) as watched:
        time.sleep(chance.random())
        pid = watched.relay.pid
        if fault == "killed":
            watched.relay.kill()
        else:
            os.kill(pid, signal.SIGSTOP)
        seconds = watched.wait_for(RELAY_SILENT, seconds=MOST_SECONDS)
        if fault == "stopped":
            os.kill(pid, signal.SIGCONT)
            watched.wait_for(OVER, seconds=MOST_SECONDS)
    assert watched.ended == 0
    return fault, seconds


def wait_for_late(folder: Path) -> float:
    """Let a loop be stuck; give how long until the operator was told, in seconds."""
    with Watched(folder / "stuck", relay="tests.faults.stuck_loop", every_seconds=20) as watched:
        return watched.wait_for(RELAY_LATE, seconds=2 * MOST_SECONDS)


def test_whoever_is_outside_tells_of_a_relay_that_is_dead_stands_still_or_is_stuck(
    folder: Path, report: Callable[[str], None]
) -> None:
    """The stuck loop is watched with the settings that an operator has by default.

    In `make test`, tests/server/test_canaries.py stands for it, on a clock that is held.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        # It takes a minute until a loop is late, so it is waited for where the folder runs alone.
        late = threads.submit(wait_for_late, folder) if IS_ALONE else None
        seeds = range(FIRST_SEED, FIRST_SEED + trials("F27"))
        told = list(threads.map(lambda seed: run_trial(folder, seed), seeds))
        stuck = late.result() if late else 0.0
    slowest = {
        fault: max((seconds for kind, seconds in told if kind == fault), default=0.0)
        for fault in ("killed", "stopped")
    }
    report(f"F27: {len(told)} trials; slowest alarm after {slowest}, of a stuck loop {stuck:.0f} s")
    assert max(*slowest.values(), stuck) <= MOST_SECONDS


def test_control_a_watch_to_which_silence_is_good_news_tells_nothing(folder: Path) -> None:
    with Watched(folder / "blind", watch="tests.faults.blind_watch") as watched:
        watched.relay.kill()
        with contextlib.suppress(AssertionError):
            watched.wait_for(RELAY_SILENT, seconds=6)
        assert watched.said == []
    with pytest.raises(AssertionError):
        watched.wait_for(RELAY_SILENT, seconds=0.1)
