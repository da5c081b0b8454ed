"""Draws the states of a page from the tables that the product goes by.

`python -m quietway_schemas.diagrams docs/explanation/escalation.md` draws, with `--check` it only
compares and ends with status 1 where a drawing differs from its table. A page says which table
stands where, and all between the two marks is written anew:

    <!-- drawn from alert_states.ALERT -->
    <!-- drawn -->

A table maps each state to those that it may follow, as `LEGAL_PREDECESSORS` does. The beginning is
the empty name, or what follows itself alone; an end is what nothing else follows. Every pair is
drawn, and no other.

Spec: schemas/README.md, "Exported".
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

_ROOM: Final = "quietway_schemas.content"
_DRAWING: Final = re.compile(
    r"(?P<begin><!-- drawn from (?P<module>[a-z_]+)\.(?P<table>[A-Z_]+) -->\n).*?"
    r"(?P<end><!-- drawn -->)",
    re.DOTALL,
)
_POINT: Final = "[*]"

Table = Mapping[str, Collection[str]]
"""Each state, with those that it may follow."""


def draw(table: Table) -> str:
    """Draw one table as a state diagram of Mermaid, fences included."""
    return "\n".join(("```mermaid", "stateDiagram-v2", *_list_arrows(table), "```\n"))


def draw_page(page: str) -> str:
    """Draw every table anew that a page names.

    Raises:
        LookupError: It names none, or one that is not there.
    """
    drawn, count = _DRAWING.subn(_draw_named, page)
    if not count:
        raise LookupError("The page names no table.")
    return drawn


def _draw_named(found: re.Match[str]) -> str:
    module = import_module(f"{_ROOM}.{found['module']}")
    table = getattr(module, found["table"], None)
    if isinstance(table, Mapping):
        return f"{found['begin']}\n{draw(table)}\n{found['end']}"
    raise LookupError(f"{found['module']} has no table {found['table']}.")


def _list_arrows(table: Table) -> Iterator[str]:
    order = list(table)
    for after, befores in table.items():
        if set(befores) <= {after}:
            yield f"    {_POINT} --> {after}"
        # A frozen set has no order: that of the table is the page's.
        for before in sorted(befores, key=lambda state: order.index(state) if state else -1):
            yield f"    {before or _POINT} --> {after}"
    followed = {before for after, befores in table.items() for before in befores if before != after}
    yield from (f"    {state} --> {_POINT}" for state in order if state not in followed)


def main(arguments: Sequence[str]) -> int:
    """Draw a page's diagrams, or with `--check` compare them.

    Returns:
        0, or 1 where a drawing differs, or 2 for a call that makes no sense.
    """
    pages = [argument for argument in arguments if argument != "--check"]
    if len(pages) != 1:
        sys.stderr.write("Name one page, for instance: docs/explanation/escalation.md\n")
        return 2
    page = Path(pages[0])
    written = page.read_text(encoding="utf-8")
    drawn = draw_page(written)
    if "--check" not in arguments:
        page.write_text(drawn, encoding="utf-8")
    elif drawn != written:
        sys.stderr.write(f"{page.name} differs from the tables: run this again without --check.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
