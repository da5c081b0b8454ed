"""How an alert may stand, and how its verification may: tables, and nothing hidden in code.

    raised ─> claimed ─> released, handed off ─(next round)─> raised
       └─> unanswered ─> claimed, raised
    any of them ─> over

    unverified ─> corroborated ─> confirmed
         └───────────┴─> unfounded ─> corroborated

*Unanswered* and *over* are nobody's words: time brings them. Declining changes no state: whoever is
called next is called next. Claiming again is allowed, as two people may claim at once; who holds it
then is the same on every device (docs/spec/alerts.md, "Several claims").

Spec: docs/spec/alerts.md, "States".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError

START: Final = ""
"""Stands for the state of an alert that nobody has heard of yet."""

ALERT_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "raised": frozenset({START, "handed_off", "raised", "released", "unanswered"}),
        "claimed": frozenset({"claimed", "raised", "unanswered"}),
        "released": frozenset({"claimed"}),
        "handed_off": frozenset({"claimed", "raised", "unanswered"}),
        "unanswered": frozenset({"handed_off", "raised", "released"}),
        "over": frozenset({"claimed", "handed_off", "raised", "released", "unanswered"}),
    }
)
OPEN_STATES: Final = frozenset({"raised", "unanswered", "released", "handed_off"})
"""Nobody has it: somebody has to be called."""
ALERT_STATE_OF_TYPE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alert.minimal": "raised",
        "alert.claimed": "claimed",
        "alert.released": "released",
        "alert.handed_off": "handed_off",
    }
)
"""Which state each type of message brings; one that is not here brings none."""

VERIFICATION_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "unverified": frozenset({START}),
        "corroborated": frozenset({"corroborated", "unfounded", "unverified"}),
        "confirmed": frozenset({"confirmed", "corroborated"}),
        "unfounded": frozenset({"corroborated", "unfounded", "unverified"}),
    }
)
VERIFICATION_AFTER: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "supports": MappingProxyType(
            {
                "unverified": "corroborated",
                "corroborated": "confirmed",
                "confirmed": "confirmed",
                "unfounded": "corroborated",
            }
        ),
        "contradicts": MappingProxyType(
            {
                "unverified": "unfounded",
                "corroborated": "unfounded",
                "confirmed": "confirmed",
                "unfounded": "unfounded",
            }
        ),
    }
)
"""Result -> state before -> state after. What was confirmed is not made unfounded by one voice."""
WIDENS: Final = frozenset({"confirmed", "corroborated"})
"""The states in which more than the lead's on-call may be told."""


def check_alert_transition(before: str, after: str) -> str:
    """Let a state of an alert pass that may follow the one before.

    Args:
        before: The state that it is in, or `START`.
        after: The state that a message or the time brings.

    Returns:
        The state after.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    return _check("alert_state", ALERT_PREDECESSORS, before, after)


def check_verification_transition(before: str, after: str) -> str:
    """Let a state of a verification pass that may follow the one before.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    return _check("verification_state", VERIFICATION_PREDECESSORS, before, after)


def _check(list_name: str, table: Mapping[str, frozenset[str]], before: str, after: str) -> str:
    check(list_name, after, "state")
    if before not in table[after]:
        raise ContentError("state", "does not follow the state that the alert is in")
    return after
