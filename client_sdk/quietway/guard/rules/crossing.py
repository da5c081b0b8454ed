"""A place told by what it lies at: crossings, corners, what stands beside it, markers of a road.

Two streets are enough where both are written as streets; one word and `and` never are. Something
beside a place counts where that has a sign: a shop, a church, a station.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.guard.places.corners import find_corners
from quietway.guard.places.crossings import find_crossings
from quietway.guard.places.landmarks import find_beside, find_distances
from quietway.guard.places.markers import find_markers
from quietway.guard.places.untyped import find_untyped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View


def find(view: View) -> Iterator[Hit]:
    """Yield crossings, corners, neighbours and markers."""
    text, cased = view.text, view.cased
    for start, end in find_crossings(text, cased):
        yield view.hit("crossing.streets", start, end)
    for start, end in find_untyped(text, cased):
        yield view.hit("crossing.streets", start, end)
    for start, end in find_corners(text, cased):
        yield view.hit("crossing.corner", start, end)
    for start, end in find_beside(text, cased):
        yield view.hit("crossing.beside", start, end)
    for start, end in find_distances(text, cased):
        yield view.hit("crossing.beside", start, end)
    for start, end in find_markers(text):
        yield view.hit("crossing.marker", start, end)
