"""An address, or a part of one that leads to a door: numbered streets, boxes, highways, units.

The readers stand in `quietway.guard.places`; here each is given its rule. A text without a digit
has no number to read on from, and only streets without one are looked for.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.guard.places.announced import find_announced, find_named_houses
from quietway.guard.places.boxes import find_boxes, find_units
from quietway.guard.places.judging import find_numbered
from quietway.guard.places.numbers import list_numbers
from quietway.guard.places.roads import find_highways
from quietway.guard.places.spelled import find_spelled
from quietway.guard.places.type_first import find_type_first
from quietway.guard.places.unnumbered import find_unnumbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View


def find(view: View) -> Iterator[Hit]:
    """Yield addresses and what leads to one."""
    text, cased = view.text, view.cased
    yield from _hits(view, "street.unnumbered", find_unnumbered(text, cased))
    yield from _hits(view, "street.unnumbered", find_named_houses(text, cased))
    yield from _hits(view, "street.numbered", find_spelled(cased))
    numbers = list_numbers(text)
    yield from _hits(view, "street.unit", find_units(text, numbers))
    yield from _hits(view, "street.box", find_boxes(text, numbers))
    if numbers:
        yield from _hits(view, "street.numbered", find_numbered(text, cased))
        yield from _hits(view, "street.numbered", find_announced(text, cased))
        yield from _hits(view, "street.type_first", find_type_first(text, cased, numbers))
        yield from _hits(view, "street.highway", find_highways(text, numbers))


def _hits(view: View, rule: str, spans: Iterable[tuple[int, int]]) -> Iterator[Hit]:
    for start, end in spans:
        yield view.hit(rule, start, end)
