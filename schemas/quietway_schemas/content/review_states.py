"""How an item of a review may stand, and what may follow what: a table, and nothing hidden in code.

    open ─> under_way ─> done
      │         │          │
      └─────────┴─> done, dropped ─> under_way

Saying a standing again changes nothing and is allowed: devices of one agency repeat each other.

Spec: docs/spec/reviews.md, "Items".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError

START: Final = "open"
"""How an item stands of which its owner has reported nothing."""
OPEN_STATES: Final = frozenset({"open", "under_way"})
CLOSED_STATES: Final = frozenset({"done", "dropped"})

LEGAL_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "open": frozenset({"open"}),
        "under_way": frozenset({"open", "under_way", "done", "dropped"}),
        "done": frozenset({"open", "under_way", "done"}),
        "dropped": frozenset({"open", "under_way", "dropped"}),
    }
)


def check_transition(before: str, after: str) -> str:
    """Let a state pass that may follow the one before.

    Args:
        before: The state that the item is in; `START` at first.
        after: The state that its owner reports.

    Returns:
        The state after.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    check("aar_item_state", after, "state")
    if before not in LEGAL_PREDECESSORS[after]:
        raise ContentError("state", "does not follow the state that the item is in")
    return after
