"""The rounds: every piece of work once, in turn, then again, so that all see the same machine.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from bench.processes import NotMeasuredError
from bench.report import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.claim import Claim, Row, Seen, Work
    from bench.place import Place


def run_rounds(
    claims: Sequence[Claim], place: Place, *, rounds: int, say: Callable[[str], None]
) -> tuple[list[Row], dict[str, str]]:
    """Measure claims.

    Args:
        claims: Which.
        place: Where.
        rounds: How many rounds.
        say: Called with a line after each piece of work.

    Returns:
        The claims that were measured, judged; and for the others the reason, by name.
    """
    works = list(dict.fromkeys(work for claim in claims for work in claim.needs))
    failed: dict[Work, str] = {}
    seen = [
        _run_round(works, place, failed, lambda line, number=number: say(f"[{number}] {line}"))
        for number in range(1, rounds + 1)
    ]
    rows, missing = [], {}
    for claim in claims:
        reasons = [failed[work] for work in claim.needs if work in failed]
        if reasons:
            missing[claim.name] = reasons[0]
        else:
            rows.append(claim.judge(seen))
    return rows, missing


def _run_round(
    works: Sequence[Work], place: Place, failed: dict[Work, str], say: Callable[[str], None]
) -> Seen:
    seen: dict[Work, object] = {}
    for work in works:
        if work in failed:
            continue
        # What the one before left unwritten would be written at the cost of this one.
        os.sync()
        began = time.perf_counter()
        try:
            seen[work] = work.run(place)
        except NotMeasuredError as error:
            failed[work] = str(error).rstrip(".")
            say(f"{work}: not measured: {error}")
        else:
            say(f"{work}: {_show(seen[work])} ({time.perf_counter() - began:.0f} s)")
    return seen


def _show(seen: object) -> str:
    return show(seen) if isinstance(seen, float) else str(seen)
