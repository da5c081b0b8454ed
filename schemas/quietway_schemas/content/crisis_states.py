"""How an event and an action of it may stand, and what may follow what: tables.

    event:   activated ─> huddle_open ─> closed ─> reviewed
                  └──────────────────────^
    action:  open ⇄ done, open ⇄ dropped

That an action is overdue is no state: it is open, and its time has come. Saying a state again
changes nothing and is allowed, for agencies far apart repeat each other.

Spec: docs/spec/crises.md, "States".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError

START: Final = ""
"""Stands for the state of what nobody has heard of yet."""

LEGAL_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "activated": frozenset({START, "activated"}),
        "huddle_open": frozenset({"activated", "huddle_open"}),
        "closed": frozenset({"activated", "huddle_open", "closed"}),
        "reviewed": frozenset({"closed", "reviewed"}),
    }
)
"""Of an event (the list `event_state`)."""

STATES_OF_TYPE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "crisis.activate": "activated",
        "huddle.members": "huddle_open",
        "event.closed": "closed",
        "aar": "reviewed",
    }
)
"""Which state of an event each type brings."""

LEGAL_ACTION_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "open": frozenset({START, "open", "done", "dropped"}),
        "done": frozenset({"open", "done"}),
        "dropped": frozenset({"open", "dropped"}),
    }
)
"""Of an action (the list `action_state`)."""


def check_transition(before: str, after: str) -> str:
    """Let a state of an event pass that may follow the one before.

    Args:
        before: The state that the event is in, or `START`.
        after: The state that a message brings.

    Returns:
        The state after.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    check("event_state", after, "state")
    if before not in LEGAL_PREDECESSORS[after]:
        raise ContentError("state", "does not follow the state that the event is in")
    return after


def check_action_transition(before: str, after: str) -> str:
    """Let a state of an action pass that may follow the one before; see `check_transition`."""
    check("action_state", after, "state")
    if before not in LEGAL_ACTION_PREDECESSORS[after]:
        raise ContentError("state", "does not follow the state that the action is in")
    return after
