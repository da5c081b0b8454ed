"""What a bench says: a table for people, build/bench.json for programs, build/bench.md for a page.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.claim import Row

HEADS = ("claim", "ours", "peer", "unit", "judged", "spread", "floor", "goal", "")


def to_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Give the list that build/bench.json holds."""
    return [
        {
            "name": row.claim.name,
            "value": row.value,
            "unit": row.claim.unit,
            "peer": row.peer,
            "ratio": row.ratio,
            "floor": row.claim.floor,
            "goal": row.claim.goal,
            "met": row.met,
        }
        for row in rows
    ]


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the file, making its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(to_json(rows), indent=2) + "\n", "utf-8")


def render(rows: Sequence[Row]) -> str:
    """Write the table."""
    lines = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, 3, 8} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def render_page(rows: Sequence[Row]) -> str:
    """Write the table as a page has it, with what each claim says in place of its name."""
    heads = ("what", *HEADS[1:-1], "met")
    lines = [heads, ("---",) * len(heads)]
    lines += [(row.claim.title, *_cells(row)[1:]) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def render_missing(reasons: Mapping[str, str]) -> str:
    """Write what was not measured, and why."""
    return "\n".join(f"Not measured: {name}: {reason}." for name, reason in reasons.items())


def show(figure: float) -> str:
    """Write a figure with three digits that count, and no more than a stopwatch can give."""
    if abs(figure) >= 100:  # noqa: PLR2004 - three digits
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def _cells(row: Row) -> tuple[str, ...]:
    claim = row.claim
    times = "x" if row.ratio is not None else ""
    judged = row.value if row.ratio is None else row.ratio
    sign = "<=" if claim.lower_is_better else ">="
    return (
        claim.name,
        show(row.value),
        "" if row.peer is None else show(row.peer),
        claim.unit,
        show(judged) + times,
        f"{show(row.least)}-{show(row.most)}",
        "" if claim.floor is None else f"{sign} {show(claim.floor)}{times}",
        f"{sign} {show(claim.goal)}{times}",
        _verdict(row),
    )


def _verdict(row: Row) -> str:
    if row.goal_met:
        return "goal met"
    if row.claim.floor is None:
        return "goal missed"
    return "floor met" if row.met else "FLOOR MISSED"
