"""How a case may stand, and which standing may follow which: a table, and nothing hidden in code.

    active ⇄ inactive_monitoring ─> closed ─> reopened ─> active, inactive_monitoring, closed
    active ─> closed

Saying a standing again changes nothing and is allowed: agencies far apart repeat each other.

Spec: schemas/README.md, "Cases".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError

START: Final = ""
"""Stands for the state of a case that nobody has said anything of yet."""

LEGAL_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "active": frozenset({START, "active", "inactive_monitoring", "reopened"}),
        "inactive_monitoring": frozenset({"active", "inactive_monitoring", "reopened"}),
        "closed": frozenset({"active", "closed", "inactive_monitoring", "reopened"}),
        "reopened": frozenset({"closed", "reopened"}),
    }
)


def check_transition(before: str, after: str) -> str:
    """Let a state pass that may follow the one before.

    Args:
        before: The state that the case is in, or `START`.
        after: The state that it is said to be in now.

    Returns:
        The state after.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    check("case_status", after, "state")
    if before not in LEGAL_PREDECESSORS[after]:
        raise ContentError("state", "does not follow the state that the case is in")
    return after
