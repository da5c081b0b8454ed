"""The states of a referral, and which may follow which: a table, and nothing hidden in code.

    sent ─> pending ─> accepted ─> scheduled ─> completed
     │         │          │            └─> not attended ─> scheduled, completed
     │         │          └─> waitlisted, completed, failed
     │         └─> declined, waitlisted ─> accepted, declined
     └─> accepted, declined, waitlisted

    any open state ─> declined by survivor, failed, cancel requested, cancelled
    any closed state but entered in error ─(reopen)─> sent
    any state ─> entered in error

Agencies far apart speak at the same time, so the table lets crossing messages pass: a service may
complete, decline or fail what the sender has meanwhile asked to cancel. Saying a standing state
again changes nothing and is allowed where a report may repeat itself.

Spec: schemas/README.md, "Referrals".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError

OPEN_STATES: Final = frozenset(
    {"sent", "pending", "accepted", "waitlisted", "scheduled", "not_attended", "cancel_requested"}
)
CLOSED_STATES: Final = frozenset(
    {"declined", "declined_by_survivor", "cancelled", "completed", "failed", "entered_in_error"}
)
STATES_WITH_REASON: Final = frozenset(
    {"declined", "declined_by_survivor", "waitlisted", "cancel_requested", "cancelled", "failed"}
)
"""A message that brings one of these says why, and whose reason it is."""

START: Final = ""
"""Stands for the state of a referral that nobody has heard of yet."""

_UNDER_WAY: Final = OPEN_STATES - {"sent"}
_REOPENABLE: Final = CLOSED_STATES - {"entered_in_error"}

LEGAL_PREDECESSORS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "draft": frozenset({START}),
        "sent": frozenset({START, "draft"}) | _REOPENABLE,
        "pending": frozenset({"sent", "pending"}),
        "accepted": frozenset({"sent", "pending", "waitlisted", "accepted"}),
        "declined": frozenset({"sent", "pending", "waitlisted", "cancel_requested"}),
        "declined_by_survivor": OPEN_STATES,
        "waitlisted": frozenset({"sent", "pending", "accepted", "waitlisted"}),
        "scheduled": frozenset({"accepted", "not_attended", "scheduled"}),
        "not_attended": frozenset({"scheduled"}),
        "cancel_requested": OPEN_STATES,
        "cancelled": OPEN_STATES,
        "completed": frozenset({"accepted", "scheduled", "not_attended", "cancel_requested"}),
        "failed": _UNDER_WAY | {"sent"},
        "entered_in_error": OPEN_STATES | CLOSED_STATES - {"entered_in_error"},
    }
)

STATES_OF_TYPE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "referral.packet": frozenset({"sent"}),
        "referral.ack": frozenset({"pending", "accepted"}),
        "referral.outcome": frozenset(
            {"pending", "accepted", "declined", "declined_by_survivor", "waitlisted", "failed"}
        ),
        "referral.feedback": frozenset(
            {
                "accepted",
                "declined_by_survivor",
                "waitlisted",
                "scheduled",
                "not_attended",
                "completed",
                "failed",
            }
        ),
        "referral.cancel": frozenset({"cancel_requested", "cancelled", "entered_in_error"}),
        "referral.reopen": frozenset({"sent"}),
    }
)
"""Which states each type of message may bring."""


def check_transition(before: str, after: str) -> str:
    """Let a state pass that may follow the one before.

    Args:
        before: The state that the referral is in, or `START`.
        after: The state that a message brings.

    Returns:
        The state after.

    Raises:
        UnknownCodeError: No such state.
        ContentError: It does not follow.
    """
    check("referral_state", after, "state")
    if before not in LEGAL_PREDECESSORS[after]:
        raise ContentError("state", "does not follow the state that the referral is in")
    return after
