"""`make bench`: measure every claim about speed, peers beside us in the same run.

    CLAIM=name     measures that claim alone (several: CLAIM="one two")
    ROUNDS=3       how many rounds; a claim is a median over at least three
    SECONDS=2.5    how long each window of load is

It prints the table, and writes build/bench.json, and build/bench.md for a page. Nothing else of it
stays behind. Exit codes: 0 every floor that was measured is met, 1 a floor is missed, 2 it could
not be measured, 130 it was stopped.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.asked import read_count, read_number
from bench.catalogue import CLAIMS, LATER
from bench.place import BUILD, Place
from bench.processes import NotMeasuredError
from bench.report import render, render_missing, render_page, write_json
from bench.rounds import run_rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.claim import Claim, Row

OUTPUT = BUILD / "bench.json"
PAGE = BUILD / "bench.md"
ENOUGH_ROUNDS = 3
STOPPED = 130


def main() -> int:
    """Measure what the environment asks for, and return the exit code."""
    wanted = os.environ.get("CLAIM", "").split()
    known = {claim.name: claim for claim in CLAIMS}
    if unknown := [name for name in wanted if name not in known]:
        print(f"There is no claim {unknown[0]}. These are:")
        print("\n".join(f"  {claim.name:22} {claim.title}" for claim in CLAIMS))
        return 2
    if not Path("/proc/self/stat").exists():
        print("make bench reads the CPU time of servers from /proc: run it on Linux.")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return measure([known[name] for name in wanted] or list(CLAIMS), complete=not wanted)
    except NotMeasuredError as error:
        print(error)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Nothing was left behind.")
        return STOPPED


def measure(claims: list[Claim], *, complete: bool) -> int:
    """Measure claims, say what came out, and give the exit code."""
    rounds, seconds = read_count("ROUNDS", ENOUGH_ROUNDS), read_number("SECONDS", 2.5)
    print(f"{len(claims)} claims, {rounds} rounds, windows of {seconds:g} s.", flush=True)
    with Place(seconds=seconds) as place:
        rows, missing = run_rounds(
            claims, place, rounds=rounds, say=lambda line: print(line, flush=True)
        )
    write_json(rows, OUTPUT)
    PAGE.write_text(render_page(rows), "utf-8")
    print(f"\n{render(rows)}\n")
    if rounds < ENOUGH_ROUNDS:
        print(f"These are no claims: a claim takes {ENOUGH_ROUNDS} rounds or more.")
    if reasons := {**missing, **(LATER if complete else {})}:
        print(render_missing(reasons))
    return choose_status(rows, is_incomplete=bool(missing) and not complete)


def choose_status(rows: Sequence[Row], *, is_incomplete: bool) -> int:
    """Give the exit code: 2 where what was asked for is missing, else 1 for a missed floor."""
    if not rows or is_incomplete:
        return 2
    return 0 if all(row.met for row in rows if row.claim.floor is not None) else 1


if __name__ == "__main__":
    sys.exit(main())
