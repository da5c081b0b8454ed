"""The last door of the outbox: what holds a text goes in only where the guard has read it.

Everything that is said passes `Settler.settle`. So a way of saying something that forgot to ask is
refused there, whoever writes it.

Spec: docs/spec/guard.md, "Where it is asked".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from quietway.engine.inputs import Compose
from quietway.errors import ContentRefused
from quietway.guard.fields import holds_text
from quietway_schemas.content.registry import CONTENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.engine.inputs import Input


@cache
def list_kinds_with_text() -> frozenset[str]:
    """Name the content types that have a field of text."""
    return frozenset(name for name, row in CONTENT_TYPES.items() if holds_text(row.model))


def check_read(given: Iterable[Input]) -> None:
    """Demand that the guard read whatever is to be said in words.

    Raises:
        ContentRefused: It did not.
    """
    for held in given:
        if isinstance(held, Compose) and not held.is_read and held.kind in list_kinds_with_text():
            raise ContentRefused(held.kind, "was not read by the guard: say it through the client.")
