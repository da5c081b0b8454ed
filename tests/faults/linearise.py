"""Whether a history can have happened in some order, one operation after the other.

An operation is what somebody saw: when it began, when it ended, and what came of it. A history is
linearisable if there is an order of all its operations in which each has, by a model that does one
thing at a time, the outcome that was seen; and in which none stands before one that had ended
before it began. Tried are all orders, which is much for ten operations and nothing for six.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_State = TypeVar("_State")


@dataclass(frozen=True)
class Operation(Generic[_State]):
    """What was done, and seen.

    Attributes:
        name: What it was.
        began: When it began at the earliest.
        ended: When it had ended at the latest.
        apply: The model: gives what is the case afterwards, or None if what was seen can't be.
    """

    name: str
    began: float
    ended: float
    apply: Callable[[_State], _State | None]


def is_linearisable(history: Sequence[Operation[_State]], state: _State) -> bool:
    """Say whether there is such an order, from this state on."""
    if not history:
        return True
    first_end = min(operation.ended for operation in history)
    for number, operation in enumerate(history):
        if operation.began > first_end:
            continue
        later = operation.apply(state)
        rest = [*history[:number], *history[number + 1 :]]
        if later is not None and is_linearisable(rest, later):
            return True
    return False
